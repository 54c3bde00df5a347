//! One image arriving: layers are imported into a staging directory, and a commit makes the image
//! appear in one step.
//!
//! # Order of writes, and what a crash leaves
//! | step | after a crash here |
//! | --- | --- |
//! | 1. objects, streams, tree, blobs and records are written to `staging/ID` | staging only: removed by the next open |
//! | 2. one `syncfs` brings all of that to disk | the same |
//! | 3. under the shared commit lock: objects get their names, then symlinks and blobs | objects that nothing refers to: the next pull uses them, a collection removes them |
//! | 4. a second `syncfs` brings these names to disk | the same |
//! | 5. records of layers and blobs are renamed into place, their directories synced | layers that no image has: as above |
//! | 6. the record of the image, with what an older one knew, is renamed, its directory synced | the image is there, without its name |
//! | 7. the name is renamed, its directory synced | all of it |
//!
//! A name is only ever given to what is on disk, and each step is on disk before the next begins.
//! A sync that fails ends the transaction; nothing is synced twice in the hope of a better answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use oci::{ChainId, Compression, DiffId, Digest, ImageConfig, Manifest, Reference, limits};
use signing::{Signature, TrustedManifest};

use crate::{
    Store,
    error::{Result, StoreError},
    import::{Import, Imported},
    layout::{sync_dir, write_synced},
    lock::{Kind, LayerLocks},
    merge::{self, MergeLayer},
    object::ObjectId,
    object_file::{ObjectStream, ObjectWriter, Objects},
    record::{
        self, BlobRecord, ImageLayer, ImageRecord, LayerRecord, NameRecord, RECORD_FORMAT,
        compression_word,
    },
    staging::Staging,
};

mod place;

/// Most indexes that are remembered to name an image: one that is rebuilt daily is found by those of
/// a year, and its record stays small.
const ALIASES: usize = 400;

/// A layer that an image needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedLayer {
    /// The blob that the manifest names.
    pub blob: Digest,
    /// The digest of its tar, from the configuration.
    pub diff_id: DiffId,
    /// Bytes of the blob.
    pub size: u64,
}

/// Why [`Store::begin`] waits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitEvent {
    /// Another process fetches this layer.
    Layer {
        /// Which layer.
        diff_id: DiffId,
        /// The process, if it left its id.
        holder: Option<u32>,
    },
}

/// What became of one imported layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerImport {
    /// The digest of the tar, which was the expected one.
    pub diff_id: DiffId,
    /// Bytes of the tar.
    pub bytes: u64,
    /// Bytes of file contents that the store did not have.
    pub new_bytes: u64,
    /// Bytes of file contents that it had.
    pub shared_bytes: u64,
    /// Files of the layer.
    pub files: u64,
}

/// Everything about an image that is not in its layers.
#[derive(Debug)]
pub struct NewImage {
    /// The manifest, which the policy accepted.
    pub trusted: TrustedManifest,
    /// The configuration that the manifest names.
    pub config: Vec<u8>,
    /// The signatures of the manifest, to be given back on export.
    pub signatures: Vec<Signature>,
    /// The names that the image gets; a tag is added where there is none.
    pub names: Vec<Reference>,
    /// More digests that name the image: of the index that it was chosen from.
    pub aliases: Vec<Digest>,
    /// Where it came from, for example `docker://r.example/app:1`.
    pub origin: String,
    /// The time now (RFC 3339).
    pub now: String,
}

/// What a transaction did, all layers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Layers that were imported.
    pub layers_new: usize,
    /// Layers that the store had.
    pub layers_shared: usize,
    /// Bytes of file contents that were written.
    pub new_bytes: u64,
    /// Bytes of file contents that the store had.
    pub shared_bytes: u64,
    /// Files of the imported layers.
    pub files: u64,
}

/// One image arriving. Dropped before its commit it leaves nothing.
#[derive(Debug)]
pub struct Transaction {
    store: Store,
    wanted: Vec<WantedLayer>,
    /// Places of the first layer of each diff id that is not in the store, and of the first of
    /// each blob that is to be kept and is not there.
    missing: Vec<usize>,
    imported: Mutex<Done>,
    objects: ObjectWriter,
    keep_blobs: bool,
    staging: Staging,
    /// Held until the staging directory is gone.
    _locks: LayerLocks,
}

/// The layers that were imported, with the blobs that each came from.
type Done = BTreeMap<DiffId, (Imported, BTreeMap<Digest, Compression>)>;

impl Store {
    /// Begins a transaction: takes the lock of each layer in the order of diff ids, waiting for
    /// whoever fetches one, and finds out which are there already. `wait` is told once per layer
    /// that is waited for.
    ///
    /// Layers that are there stay until the transaction ends, whatever a collection does.
    ///
    /// # Errors
    /// [`StoreError::TooSmall`] when the blobs alone would not fit, [`StoreError::Locked`],
    /// [`StoreError::ReadOnly`], failures of the file system.
    pub fn begin(&self, wanted: &[WantedLayer], wait: &dyn Fn(WaitEvent)) -> Result<Transaction> {
        self.check_writable()?;
        let locks = LayerLocks::new(self.layout())?;
        let mut absent = BTreeSet::new();
        let ids: BTreeSet<&DiffId> = wanted.iter().map(|layer| &layer.diff_id).collect();
        for diff_id in ids {
            if !self.lock_layer(&locks, diff_id, wait)? {
                absent.insert(diff_id);
            }
        }
        let mut missing = Vec::new();
        for (place, layer) in wanted.iter().enumerate() {
            if absent.remove(&layer.diff_id) {
                missing.push(place);
            }
        }
        self.check_space(wanted, &missing)?;
        let staging = Staging::create(self.layout())?;
        Ok(Transaction {
            objects: ObjectWriter::new(self.layout(), &staging, self.has_verity())?,
            store: self.clone(),
            wanted: wanted.to_vec(),
            missing,
            imported: Mutex::default(),
            keep_blobs: false,
            staging,
            _locks: locks,
        })
    }

    /// Locks a layer: shared when the store has it, else exclusively; says whether it has it.
    fn lock_layer(
        &self,
        locks: &LayerLocks,
        diff_id: &DiffId,
        wait: &dyn Fn(WaitEvent),
    ) -> Result<bool> {
        let told = |holder| {
            wait(WaitEvent::Layer {
                diff_id: *diff_id,
                holder,
            });
        };
        locks.wait(diff_id, Kind::Shared, &told)?;
        if self.layer(diff_id)?.is_some() {
            return Ok(true);
        }
        locks.unlock(diff_id)?;
        locks.wait(diff_id, Kind::Exclusive, &told)?;
        // Whoever was waited for may have brought it.
        let there = self.layer(diff_id)?.is_some();
        if there {
            locks.attempt(diff_id, Kind::Shared)?;
        }
        Ok(there)
    }

    fn check_space(&self, wanted: &[WantedLayer], missing: &[usize]) -> Result<()> {
        let needed: u64 = missing
            .iter()
            .filter_map(|place| wanted.get(*place))
            .fold(0, |sum, layer| sum.saturating_add(layer.size));
        let root = self.root();
        let free = fs::File::open(root)
            .map_err(StoreError::io("opening", root))
            .and_then(|dir| {
                sys::file::free_space(dir)
                    .map_err(StoreError::sys("asking for free space at", root))
            })?;
        if needed > free.bytes || free.inodes < 16 {
            return Err(StoreError::TooSmall {
                path: root.to_owned(),
                needed_bytes: needed,
                free_bytes: free.bytes,
                free_inodes: free.inodes,
            });
        }
        Ok(())
    }
}

impl Transaction {
    /// Keeps the compressed blobs of layers as well, so that the manifest can be exported as it
    /// is. Those that are not there have to be imported, also of layers that are.
    #[must_use]
    pub fn keep_blobs(mut self, keep: bool) -> Self {
        self.keep_blobs = keep;
        if keep {
            let wanted = &self.wanted;
            let is_missing = |place: &usize| self.missing.contains(place);
            let mut seen: BTreeSet<Digest> = wanted
                .iter()
                .enumerate()
                .filter(|(place, _)| is_missing(place))
                .map(|(_, layer)| layer.blob)
                .collect();
            let layout = self.store.layout();
            self.missing.extend(
                wanted
                    .iter()
                    .enumerate()
                    .filter(|(_, layer)| seen.insert(layer.blob))
                    .filter(|(_, layer)| !layout.blob(&layer.blob).exists())
                    .map(|(place, _)| place),
            );
            self.missing.sort_unstable();
        }
        self
    }

    /// Returns the layers that were wanted.
    pub fn wanted(&self) -> &[WantedLayer] {
        &self.wanted
    }

    /// Returns the places of the layers that have to be imported. A layer that occurs twice is
    /// named once, unless two blobs of it are to be kept.
    pub fn missing(&self) -> Vec<usize> {
        self.missing.clone()
    }

    /// Imports one layer from its compressed blob, whose reader fails at its end when the blob is
    /// not what was asked for. `progress` is told how many more bytes of the blob were read.
    ///
    /// Several threads may import at once, and a layer that failed may be tried again.
    ///
    /// # Errors
    /// [`StoreError::Blob`], [`StoreError::Layer`], [`StoreError::DiffId`],
    /// [`StoreError::NoSpace`], failures of the file system.
    pub fn import_layer(
        &self,
        index: usize,
        blob: impl Read,
        compression: Compression,
        progress: &dyn Fn(u64),
    ) -> Result<LayerImport> {
        let wanted = self.wanted.get(index).ok_or_else(|| StoreError::NotFound {
            kind: "layer",
            wanted: index.to_string(),
        })?;
        let kept = self.staged_blob(&wanted.blob);
        let mut keep = if self.keep_blobs {
            let file = fs::File::create(&kept).map_err(StoreError::io("creating", &kept))?;
            Some(std::io::BufWriter::new(file))
        } else {
            None
        };
        let imported = Import {
            blob: &wanted.blob,
            objects: &self.objects,
            staging: &self.staging,
            keep: keep.as_mut(),
        }
        .run(blob, compression, progress)?;
        if let Some(mut file) = keep {
            file.flush().map_err(StoreError::io("writing", kept))?;
        }
        if imported.diff_id != wanted.diff_id {
            return Err(StoreError::DiffId {
                blob: Box::new(wanted.blob),
                expected: Box::new(wanted.diff_id),
                actual: Box::new(imported.diff_id),
            });
        }
        let result = LayerImport {
            diff_id: imported.diff_id,
            bytes: imported.tar_bytes,
            new_bytes: imported.new_bytes,
            shared_bytes: imported.shared_bytes,
            files: imported.files,
        };
        self.done()
            .entry(imported.diff_id)
            .or_insert_with(|| (imported, BTreeMap::new()))
            .1
            .insert(wanted.blob, compression);
        Ok(result)
    }

    /// Makes the image appear. When this returns, it survives a power cut. The steps and their
    /// crash points are listed in the documentation of this module.
    ///
    /// # Errors
    /// What is wrong with the image ([`StoreError::is_bad_image`]), [`StoreError::LayerMissing`],
    /// [`StoreError::NoSpace`], failures of the file system.
    pub fn commit(self, image: NewImage) -> Result<(ImageRecord, Totals)> {
        let layers = self.check(&image)?;
        let config = parse_config(&image)?;
        let chain = ChainId::of(&config.rootfs.diff_ids);
        self.staging.writeback().begin();
        let (tree, tree_bytes) = self.store_tree(&chain, &layers)?;
        let totals = self.totals();

        let names: Vec<String> = image
            .names
            .iter()
            .map(|name| name.with_default_tag().to_string())
            .collect();
        let mut signatures = Vec::new();
        for signature in &image.signatures {
            signatures.push(self.stage_blob(&signature.to_stored()?)?);
        }
        let manifest = image.trusted.manifest();
        self.stage_named_blob(manifest.digest(), manifest.bytes())?;
        let config_digest = self.config_digest(&image)?;
        self.stage_named_blob(&config_digest, &image.config)?;
        let mut record = ImageRecord {
            format: RECORD_FORMAT,
            manifest: *manifest.digest(),
            media_type: manifest.media_type().as_str().to_owned(),
            config: config_digest,
            aliases: image.aliases.clone(),
            layers: self
                .wanted
                .iter()
                .map(|layer| ImageLayer {
                    diff_id: layer.diff_id,
                    blob: layer.blob,
                    size_bytes: layer.size,
                })
                .collect(),
            chain,
            tree,
            tree_bytes,
            created: config.created.clone(),
            architecture: config.architecture.clone(),
            os: config.os.clone(),
            variant: config.variant,
            stored: image.now.clone(),
            origin: image.origin.clone(),
            verdict: image.trusted.verdict().clone(),
            signatures,
            size_bytes: layers.iter().map(|layer| layer.tar_bytes).sum(),
            names: Vec::new(),
        };
        let layout = self.store.layout();
        let layer_records = self.stage_layer_records()?;
        let image_record = self.stage_record(&layout.image_record(&record.manifest), &record)?;
        let name_records = names
            .iter()
            .map(|name| {
                let record = NameRecord {
                    format: RECORD_FORMAT,
                    name: name.clone(),
                    image: record.manifest,
                };
                self.stage_record(&layout.name_record(name), &record)
            })
            .collect::<Result<Vec<_>>>()?;
        self.staging.sync()?;

        let _commit = self.store.lock_commit(Kind::Shared)?;
        self.place_objects()?;
        self.place_links(&layers, &chain, &tree)?;
        self.place_blobs()?;
        self.sync_placed(&layers, &tree)?;
        for (from, to) in &layer_records {
            rename(from, to)?;
        }
        sync_dir(&layout.layer_records())?;
        sync_dir(&layout.blob_records())?;
        let _names = self.store.lock_names()?;
        if let Some(before) = record::read::<ImageRecord>(&image_record.1)? {
            keep_known(&mut record, before);
            write_synced(
                &image_record.0,
                &record::to_bytes(&record, &image_record.1)?,
            )?;
        }
        rename(&image_record.0, &image_record.1)?;
        sync_dir(&layout.image_records())?;
        for (from, to) in &name_records {
            rename(from, to)?;
        }
        sync_dir(&layout.name_records())?;
        record.names = names;
        Ok((record, totals))
    }

    /// Compares manifest and configuration with each other and with what the transaction was
    /// begun for, and finds the record of each layer.
    fn check(&self, image: &NewImage) -> Result<Vec<LayerRecord>> {
        let manifest = image.trusted.manifest();
        let Manifest::Image(parsed) = manifest.manifest() else {
            return Err(StoreError::NoImageManifest {
                digest: *manifest.digest(),
            });
        };
        let config = parse_config(image)?;
        let diff_ids = &config.rootfs.diff_ids;
        if diff_ids.len() != parsed.layers.len() {
            return Err(StoreError::LayerCount {
                manifest: parsed.layers.len(),
                config: diff_ids.len(),
            });
        }
        if self.wanted.len() != diff_ids.len() {
            return Err(StoreError::OtherLayer {
                place: self.wanted.len().min(diff_ids.len()),
                expected: format!("{} layers", self.wanted.len()),
                actual: format!("{} layers", diff_ids.len()),
            });
        }
        let done = self.done();
        let mut records = Vec::new();
        for (place, ((wanted, diff_id), descriptor)) in self
            .wanted
            .iter()
            .zip(diff_ids)
            .zip(&parsed.layers)
            .enumerate()
        {
            if wanted.diff_id != *diff_id || wanted.blob != descriptor.digest {
                return Err(StoreError::OtherLayer {
                    place,
                    expected: format!("{} in {}", wanted.diff_id, wanted.blob),
                    actual: format!("{diff_id} in {}", descriptor.digest),
                });
            }
            records.push(match done.get(diff_id) {
                Some((imported, _)) => layer_record(imported, wanted),
                None => self
                    .store
                    .layer(diff_id)?
                    .ok_or(StoreError::LayerMissing { diff_id: *diff_id })?,
            });
        }
        Ok(records)
    }

    fn config_digest(&self, image: &NewImage) -> Result<Digest> {
        let Manifest::Image(parsed) = image.trusted.manifest().manifest() else {
            return Err(StoreError::NoImageManifest {
                digest: *image.trusted.manifest().digest(),
            });
        };
        let expected = &parsed.config.digest;
        if !expected.matches(&image.config) {
            return Err(StoreError::ConfigDigest {
                expected: Box::new(*expected),
                actual: Box::new(Digest::of(expected.algorithm(), &image.config)),
            });
        }
        Ok(*expected)
    }

    /// Finds the tree of the chain, or merges the layers and stages it.
    fn store_tree(&self, chain: &ChainId, layers: &[LayerRecord]) -> Result<(ObjectId, u64)> {
        let layout = self.store.layout();
        let objects = Objects::with_staging(layout, self.staging.path());
        if let Some(tree) = self.store.tree_of_chain(chain)?
            && self.objects.pin(&tree)?
        {
            return Ok((tree, objects.size(&tree)?));
        }
        let layers: Vec<MergeLayer> = layers
            .iter()
            .map(|layer| MergeLayer {
                diff_id: layer.diff_id,
                stream: layer.stream,
            })
            .collect();
        let mut object = ObjectStream::create(&self.staging)?;
        let bytes = merge::write_tree(&objects, &layers, &mut |piece| object.data(piece))?;
        let (id, _) = object.finish(&self.objects)?;
        Ok((id, bytes))
    }

    fn totals(&self) -> Totals {
        let done = self.done();
        let ids: BTreeSet<&DiffId> = self.wanted.iter().map(|layer| &layer.diff_id).collect();
        done.values().fold(
            Totals {
                layers_new: done.len(),
                layers_shared: ids.len().saturating_sub(done.len()),
                ..Totals::default()
            },
            |sum, (layer, _)| Totals {
                new_bytes: sum.new_bytes + layer.new_bytes,
                shared_bytes: sum.shared_bytes + layer.shared_bytes,
                files: sum.files + layer.files,
                ..sum
            },
        )
    }

    fn stage_layer_records(&self) -> Result<Vec<(PathBuf, PathBuf)>> {
        let layout = self.store.layout();
        let done = self.done();
        let mut staged = Vec::new();
        let mut seen = BTreeSet::new();
        for wanted in &self.wanted {
            // Into the blob of a layer that the store had from another one nobody looked.
            let Some((imported, blobs)) = done.get(&wanted.diff_id) else {
                continue;
            };
            let Some(compression) = blobs.get(&wanted.blob) else {
                continue;
            };
            if seen.insert(&wanted.diff_id) {
                let to = layout.layer_record(&wanted.diff_id);
                staged.push(self.stage_record(&to, &layer_record(imported, wanted))?);
            }
            let blob = BlobRecord {
                format: RECORD_FORMAT,
                blob: wanted.blob,
                size_bytes: wanted.size,
                compression: compression_word(*compression).to_owned(),
                diff_id: wanted.diff_id,
            };
            staged.push(self.stage_record(&layout.blob_record(&wanted.blob), &blob)?);
        }
        Ok(staged)
    }

    /// Writes a record to the staging directory; returns where it lies and where it belongs.
    fn stage_record<T: serde::Serialize>(
        &self,
        to: &Path,
        record: &T,
    ) -> Result<(PathBuf, PathBuf)> {
        let from = self.staging.sub("rec").join(crate::staging::unique());
        let bytes = record::to_bytes(record, to)?;
        fs::write(&from, bytes).map_err(StoreError::io("writing", &from))?;
        Ok((from, to.to_owned()))
    }

    fn stage_blob(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::sha256(bytes);
        self.stage_named_blob(&digest, bytes)?;
        Ok(digest)
    }

    fn stage_named_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let path = self.staged_blob(digest);
        fs::write(&path, bytes).map_err(StoreError::io("writing", path))
    }

    fn staged_blob(&self, digest: &Digest) -> PathBuf {
        self.staging
            .sub("blob")
            .join(format!("{}-{}", digest.algorithm().name(), digest.hex()))
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.imported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Finds the tree of a chain of layers, if the store has it.
    pub(crate) fn tree_of_chain(&self, chain: &ChainId) -> Result<Option<ObjectId>> {
        let path = self.layout().image_ref(chain);
        match fs::read_link(&path) {
            Ok(target) => Ok(target
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.parse().ok())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("reading", path)(error)),
        }
    }
}

fn parse_config(image: &NewImage) -> Result<oci::image_config::Parsed> {
    match ImageConfig::parse(&image.config) {
        Ok(config) => Ok((*config).clone()),
        Err(source) => Err(StoreError::Config {
            digest: Digest::sha256(&image.config),
            source: Box::new(source),
        }),
    }
}

/// Adds to the record of an image what the store knew when it was pulled before: other indexes
/// that name it, signatures that this source lacks, and who signed for it.
fn keep_known(record: &mut ImageRecord, before: ImageRecord) {
    let add = |known: &mut Vec<Digest>, more: Vec<Digest>, limit| {
        for digest in more {
            if known.len() < limit && !known.contains(&digest) {
                known.push(digest);
            }
        }
    };
    add(&mut record.aliases, before.aliases, ALIASES);
    add(
        &mut record.signatures,
        before.signatures,
        limits::SIGNATURES,
    );
    if record.verdict.signer().is_none() && before.verdict.signer().is_some() {
        record.verdict = before.verdict;
    }
}

fn layer_record(imported: &Imported, wanted: &WantedLayer) -> LayerRecord {
    LayerRecord {
        format: RECORD_FORMAT,
        diff_id: imported.diff_id,
        stream: imported.stream,
        tar_bytes: imported.tar_bytes,
        entries: imported.entries,
        files: imported.files,
        content_bytes: imported.content_bytes,
        whiteouts: imported.whiteouts,
        blob: wanted.blob,
        blob_bytes: wanted.size,
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(StoreError::io("renaming", from))
}
