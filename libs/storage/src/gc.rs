//! Collecting garbage: what no image and no container needs.
//!
//! Two phases, so that a pull hardly ever waits:
//!
//! 1. *Mark*, without a lock: from the records of images and containers, and from the locks of
//!    layers that a running transaction holds, to layers, trees, objects and blobs; everything
//!    else is a candidate.
//! 2. *Move*, under the exclusive commit lock: the records are read again, candidates that are
//!    needed by now are let go, the others are renamed into `trash/ID`: records first, then
//!    symlinks, then objects and blobs.
//!
//! Where the disk is so full that the trash has no place, files are removed in that order at once.
//!
//! Then, without a lock, the trash is deleted. A transaction that found an object present has a
//! hard link to it in its staging directory and puts it back when it commits, so the pull wins.
//!
//! Crash points: while moving, garbage that still has its name (the next collection takes it) and
//! a trash directory (the next open deletes it). A record is moved before what it needs, so none
//! ever names what is gone.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use oci::{ChainId, DiffId, Digest};

use crate::{
    Store,
    error::{Result, StoreError},
    in_use::Of,
    layout::sync_dir,
    lock::{Held, Kind, LayerLocks},
    object::ObjectId,
    record::{self, BlobRecord, ContainerRecord, ImageRecord, LayerRecord},
    splitstream::StreamReader,
    staging::{clear_abandoned, unique},
    tree::Tree,
};

/// What a collection may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcOptions {
    /// Only counts.
    pub dry_run: bool,
}

/// What a collection removed, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Layers.
    pub layers: u64,
    /// Objects: file contents, streams and trees.
    pub objects: u64,
    /// Manifests, configurations, signatures and kept layer blobs.
    pub blobs: u64,
    /// Copies of trees.
    pub copies: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// What is no longer wanted and could not be deleted, in words; the next open tries again.
    pub notes: Vec<String>,
}

/// What is needed.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) layers: BTreeSet<DiffId>,
    pub(crate) chains: BTreeSet<ChainId>,
    pub(crate) trees: BTreeSet<ObjectId>,
    pub(crate) blobs: BTreeSet<Digest>,
    pub(crate) objects: HashSet<ObjectId>,
    /// Locks of the layers that nothing needs: while they are held, no transaction can begin to
    /// count on one.
    _locks: Option<LayerLocks>,
}

impl Store {
    /// Removes what nothing needs.
    ///
    /// # Errors
    /// A record or stream that can not be read: then nothing is removed. Failures of the file
    /// system.
    pub fn gc(&self, options: &GcOptions) -> Result<GcReport> {
        if options.dry_run {
            let live = self.mark()?;
            return Ok(self.candidates(&live)?.report());
        }
        self.check_writable()?;
        // The long part, reading streams, is done before the lock; what it read is still right
        // afterwards, as streams never change.
        let mut seen = BTreeMap::new();
        self.mark_with(&mut seen)?;
        let trash = self.make_trash()?;
        let mut report = {
            let _commit = self.lock_commit(Kind::Exclusive)?;
            let live = self.mark_with(&mut seen)?;
            let garbage = self.candidates(&live)?;
            garbage.move_to(trash.as_ref().map(|(path, _)| path.as_path()), self)?;
            let mut report = garbage.report();
            report.notes.extend(self.clear_mount_points()?);
            report
        };
        // Without its owner the trash is as any that was left behind.
        drop(trash);
        report.notes.extend(clear_abandoned(self.layout())?);
        Ok(report)
    }

    /// Makes a directory for what is moved away, and takes its lock. There is none where the file
    /// system has no place for it: a collection has to work there most of all.
    fn make_trash(&self) -> Result<Option<(PathBuf, Held)>> {
        loop {
            let id = unique();
            let lock = self.layout().lock(&format!("trash-{id}.lock"));
            let owner = match Held::attempt(&lock, Kind::Exclusive) {
                Ok(Some(owner)) => owner,
                Ok(None) => continue,
                Err(error) if error.is_no_space() => return Ok(None),
                Err(error) => return Err(error),
            };
            let trash = self.layout().trash().join(&id);
            let made = fs::DirBuilder::new().mode(0o700).create(&trash);
            match made.map_err(StoreError::io("creating", &trash)) {
                Ok(()) => return Ok(Some((trash, owner))),
                Err(error) if error.is_no_space() => {
                    owner.remove();
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Finds what is needed.
    pub(crate) fn mark(&self) -> Result<Live> {
        self.mark_with(&mut BTreeMap::new())
    }

    /// As [`Store::mark`], remembering the objects of each stream and tree in `seen`.
    fn mark_with(&self, seen: &mut BTreeMap<ObjectId, Vec<ObjectId>>) -> Result<Live> {
        let layout = self.layout();
        let mut live = Live::default();
        let locks = if self.inner.read_only {
            None
        } else {
            Some(LayerLocks::new(layout)?)
        };
        for image in record::read_all::<ImageRecord>(&layout.image_records())? {
            live.layers
                .extend(image.layers.iter().map(|layer| layer.diff_id));
            live.blobs
                .extend(image.layers.into_iter().map(|layer| layer.blob));
            live.blobs.extend(image.signatures);
            live.blobs.extend([image.manifest, image.config]);
            live.chains.insert(image.chain);
            live.trees.insert(image.tree);
        }
        for container in self.container_records()? {
            let ContainerRecord { chain, tree, .. } = container;
            live.chains.insert(chain);
            live.trees.insert(tree);
        }
        for layer in self.layers()? {
            // A layer whose lock is held is one that a running transaction counts on.
            if !live.layers.contains(&layer.diff_id)
                && let Some(locks) = &locks
                && !locks.attempt(&layer.diff_id, Kind::Exclusive)?
            {
                live.layers.insert(layer.diff_id);
                live.blobs.insert(layer.blob);
            }
            if live.layers.contains(&layer.diff_id) {
                live.objects.insert(layer.stream);
                let objects = match seen.entry(layer.stream) {
                    std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        let stream = StreamReader::open(&self.objects(), &layer.stream)?;
                        entry.insert(stream.refs().to_vec())
                    }
                };
                live.objects.extend(objects.iter().copied());
            }
        }
        // A container may outlive the layers of its image: its tree names what it needs.
        for tree in &live.trees {
            live.objects.insert(*tree);
        }
        for container in self.container_records()? {
            let objects = match seen.entry(container.tree) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    let tree = Tree::open(self.objects(), &container.tree)?;
                    entry.insert(tree.objects().map(|(id, _)| id).collect())
                }
            };
            live.objects.extend(objects.iter().copied());
        }
        live._locks = locks;
        Ok(live)
    }

    /// Lists what is there and not needed.
    fn candidates(&self, live: &Live) -> Result<Garbage> {
        let layout = self.layout();
        let mut garbage = Garbage::default();
        for path in record::files(&layout.layer_records())? {
            let layer: Option<LayerRecord> = record::read(&path)?;
            if layer.is_some_and(|layer| !live.layers.contains(&layer.diff_id)) {
                garbage.layers += 1;
                garbage.records.push(path);
            }
        }
        for path in record::files(&layout.blob_records())? {
            let blob: Option<BlobRecord> = record::read(&path)?;
            if blob.is_some_and(|blob| !live.layers.contains(&blob.diff_id)) {
                garbage.records.push(path);
            }
        }
        for (dir, keeps) in [
            ("streams", true),
            ("streams/refs/storetool", true),
            ("images", false),
            ("images/refs/storetool", false),
        ] {
            let dir = layout.root().join(dir);
            for path in list(&dir)? {
                let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                    continue;
                };
                let kept = if name == "refs" {
                    true
                } else if keeps {
                    let id = name.strip_prefix("oci-layer-").unwrap_or(name);
                    Digest::parse(id).is_ok_and(|id| live.layers.contains(&DiffId(id)))
                } else {
                    name.parse()
                        .is_ok_and(|id: ObjectId| live.trees.contains(&id))
                        || Digest::parse(name).is_ok_and(|id| live.chains.contains(&ChainId(id)))
                };
                if !kept {
                    garbage.links.push(path);
                }
            }
        }
        for algorithm in ["sha256", "sha512"] {
            for path in list(&layout.root().join("blobs").join(algorithm))? {
                let digest = Digest::parse(&format!("{algorithm}:{}", file_name(&path)));
                if !digest.is_ok_and(|digest| live.blobs.contains(&digest)) {
                    garbage.blobs += 1;
                    garbage.add_content(path);
                }
            }
        }
        for dir in layout.object_dirs()? {
            for path in list(&dir)? {
                let id = ObjectId::from_object_path(&path);
                if !id.is_some_and(|id| live.objects.contains(&id)) {
                    garbage.objects += 1;
                    garbage.add_content(path);
                }
            }
        }
        let mut copies = list(&layout.vfs())?;
        copies.retain(|path| {
            let hex = file_name(path);
            let chain = Digest::parse(&format!("sha256:{hex}")).map(ChainId);
            !chain.is_ok_and(|chain| live.chains.contains(&chain))
        });
        if !copies.is_empty() {
            let uses = self.uses()?;
            copies.retain(|path| {
                let is_it = |of: &Of| matches!(of, Of::Copy(hex) if hex == file_name(path));
                uses.placed && uses.by(is_it).is_empty()
            });
        }
        garbage.copies = copies.len() as u64;
        garbage.contents.extend(copies);
        Ok(garbage)
    }
}

/// What nothing needs.
#[derive(Debug, Default)]
struct Garbage {
    records: Vec<PathBuf>,
    links: Vec<PathBuf>,
    contents: Vec<PathBuf>,
    layers: u64,
    objects: u64,
    blobs: u64,
    copies: u64,
    bytes: u64,
}

impl Garbage {
    fn add_content(&mut self, path: PathBuf) {
        self.bytes += fs::symlink_metadata(&path).map_or(0, |meta| meta.blocks() * 512);
        self.contents.push(path);
    }

    fn report(&self) -> GcReport {
        GcReport {
            layers: self.layers,
            objects: self.objects,
            blobs: self.blobs,
            copies: self.copies,
            bytes: self.bytes,
            notes: Vec::new(),
        }
    }

    /// Moves everything away, what names others first. A sync between keeps that order on disk.
    /// Without a place for it, or where that is full, files are removed at once; a copy, whose name
    /// says that it is complete, still leaves its name in one step.
    fn move_to(&self, trash: Option<&Path>, store: &Store) -> Result<()> {
        let mut number = 0_u64;
        let mut take = |path: &PathBuf| {
            number += 1;
            let failed = StoreError::io("renaming", path);
            let moved = match trash {
                Some(trash) => fs::rename(path, trash.join(number.to_string())).map_err(failed),
                None => Err(failed(ErrorKind::StorageFull.into())),
            };
            match moved {
                Err(error) if error.is_no_space() && path.is_dir() && !path.is_symlink() => {
                    fs::rename(path, store.layout().trash().join(unique()))
                        .map_err(StoreError::io("renaming", path))
                }
                Err(error) if error.is_no_space() => {
                    fs::remove_file(path).map_err(StoreError::io("removing", path))
                }
                moved => moved,
            }
        };
        self.records.iter().try_for_each(&mut take)?;
        if !self.records.is_empty() {
            sync_dir(&store.layout().layer_records())?;
            sync_dir(&store.layout().blob_records())?;
        }
        self.links.iter().try_for_each(&mut take)?;
        self.contents.iter().try_for_each(&mut take)
    }
}

/// The last part of a path; empty when it is not UTF-8.
fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Lists a directory, which may be missing.
fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("listing", dir)(error)),
    };
    entries
        .map(|entry| Ok(entry.map_err(StoreError::io("listing", dir))?.path()))
        .collect()
}
