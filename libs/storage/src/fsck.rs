//! Checking everything: objects, streams, trees, blobs, records, links, copies.
//!
//! Nothing is changed and no lock is taken, so what a pull or collection moves meanwhile may be
//! reported missing; check a store that is at rest. Every byte is read, objects even twice: once
//! by their own name and once as part of the layers that they belong to.

mod copy;
mod manifest;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use oci::{Algorithm, ChainId, DiffId, Digest, Digester};
use serde::Serialize;

use crate::{
    Store,
    error::{Result, StoreError},
    layout::is_object_dir,
    merge::{self, MergeLayer},
    object::{ObjectId, VerityHasher},
    object_file::digest_of,
    record::{self, BlobRecord, ContainerRecord, ImageRecord, LayerRecord, NameRecord},
    splitstream::{StreamReader, TarReader},
    tree::Tree,
};

const BUFFER_BYTES: usize = 256 << 10;

/// How to check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FsckOptions {
    /// Threads that read at once; by default one for each core.
    pub threads: Option<usize>,
}

/// What was checked, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FsckReport {
    /// What is wrong, sorted.
    pub findings: Vec<Finding>,
    /// Objects whose digest was computed.
    pub objects: u64,
    /// Layers whose tar was hashed.
    pub layers: u64,
    /// Images whose tree was built again.
    pub images: u64,
    /// Blobs that were hashed.
    pub blobs: u64,
    /// Bytes that were read.
    pub bytes: u64,
}

impl FsckReport {
    /// Tells whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Finding {
    /// An object does not have the content that its name says.
    ObjectCorrupt {
        /// Its name.
        object: String,
        /// The digest of what is there.
        actual: String,
    },
    /// An object is missing.
    ObjectMissing {
        /// Its name.
        object: String,
        /// Who needs it.
        needed_by: String,
    },
    /// A layer's stream can not be read.
    LayerDamaged {
        /// The diff id.
        layer: String,
        /// Why.
        reason: String,
    },
    /// A layer's tar does not have its diff id.
    LayerCorrupt {
        /// The diff id.
        layer: String,
        /// The digest of the tar that came back.
        actual: String,
    },
    /// A layer that an image needs has no record.
    LayerMissing {
        /// The diff id.
        layer: String,
        /// The image.
        image: String,
    },
    /// The tree of an image is not what its layers give.
    TreeDiffers {
        /// The image.
        image: String,
        /// The tree that it has.
        tree: String,
        /// The tree that its layers give.
        expected: String,
    },
    /// The tree of an image can not be built or read.
    TreeDamaged {
        /// The image or container.
        image: String,
        /// Why.
        reason: String,
    },
    /// A blob does not have its digest.
    BlobCorrupt {
        /// Its digest.
        blob: String,
    },
    /// A manifest, configuration or signature is missing.
    BlobMissing {
        /// Its digest.
        blob: String,
        /// The image.
        image: String,
    },
    /// A record can not be read, or says what can not be.
    RecordDamaged {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A symlink of `streams` or `images` is missing or points elsewhere.
    LinkWrong {
        /// The symlink.
        path: String,
    },
    /// A name or container of an image that is not there.
    ImageMissing {
        /// The image.
        image: String,
        /// The name or container.
        needed_by: String,
    },
    /// A file of a copy that the driver vfs made is not what the tree of the image says.
    CopyDiffers {
        /// The file.
        path: String,
        /// What is another.
        reason: String,
    },
    /// A file that has no business where it is.
    Stray {
        /// The file.
        path: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ObjectCorrupt { object, actual } => {
                write!(
                    f,
                    "object {object} is corrupt: its content hashes to {actual}"
                )
            }
            Self::ObjectMissing { object, needed_by } => {
                write!(f, "object {object} is missing, {needed_by} needs it")
            }
            Self::LayerDamaged { layer, reason } => write!(f, "layer {layer} is damaged: {reason}"),
            Self::LayerCorrupt { layer, actual } => {
                write!(f, "layer {layer} is corrupt: its tar hashes to {actual}")
            }
            Self::LayerMissing { layer, image } => {
                write!(f, "layer {layer} of image {image} is missing")
            }
            Self::TreeDiffers {
                image,
                tree,
                expected,
            } => write!(
                f,
                "image {image} has the tree {tree}, its layers give {expected}"
            ),
            Self::TreeDamaged { image, reason } => {
                write!(f, "the tree of {image} is damaged: {reason}")
            }
            Self::BlobCorrupt { blob } => write!(f, "blob {blob} is corrupt"),
            Self::BlobMissing { blob, image } => {
                write!(f, "blob {blob} of image {image} is missing")
            }
            Self::RecordDamaged { path, reason } => write!(f, "record {path} is damaged: {reason}"),
            Self::LinkWrong { path } => write!(f, "the link {path} is missing or wrong"),
            Self::ImageMissing { image, needed_by } => {
                write!(f, "image {image} of {needed_by} is missing")
            }
            Self::CopyDiffers { path, reason } => {
                write!(f, "{path} differs from the image: {reason}")
            }
            Self::Stray { path } => write!(f, "{path} does not belong here"),
        }
    }
}

impl Store {
    /// Checks the whole store; see the documentation of this module.
    ///
    /// # Errors
    /// Only when a directory of the store can not be listed; what is wrong within is a finding.
    pub fn fsck(&self, options: &FsckOptions) -> Result<FsckReport> {
        let threads = options.threads.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
        });
        let check = Check {
            store: self,
            threads: threads.clamp(1, 64),
            findings: Mutex::default(),
            bytes: AtomicU64::new(0),
        };
        let objects = check.objects()?;
        let images: Vec<ImageRecord> = check
            .records(&self.layout().image_records(), |image: &ImageRecord| {
                self.layout().image_record(&image.manifest)
            })?;
        let layers: Vec<LayerRecord> = check
            .records(&self.layout().layer_records(), |layer: &LayerRecord| {
                self.layout().layer_record(&layer.diff_id)
            })?;
        check.layers(&layers);
        check.images(&images, &layers);
        let blobs = check.blobs()?;
        check.names(&images)?;
        let mut trees: BTreeMap<ChainId, ObjectId> = images
            .iter()
            .map(|image| (image.chain, image.tree))
            .collect();
        for container in check.containers(&images)? {
            trees.entry(container.chain).or_insert(container.tree);
        }
        check.copies(&trees)?;
        let mut findings = check
            .findings
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        findings.sort();
        findings.dedup();
        Ok(FsckReport {
            findings,
            objects,
            layers: layers.len() as u64,
            images: images.len() as u64,
            blobs,
            bytes: check.bytes.into_inner(),
        })
    }
}

struct Check<'a> {
    store: &'a Store,
    threads: usize,
    findings: Mutex<Vec<Finding>>,
    bytes: AtomicU64,
}

/// Whether a file that was listed could not be read because a collection took it since. Who needs it
/// says that it is missing.
pub(crate) fn has_gone(path: &Path, error: &std::io::Error) -> bool {
    let is_missing = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    // A link to nothing is still there, and wrong.
    is_missing(error) && fs::symlink_metadata(path).is_err_and(|error| is_missing(&error))
}

impl Check<'_> {
    fn found(&self, finding: Finding) {
        self.findings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(finding);
    }

    /// Works on `items` with all threads.
    fn each<T: Sync>(&self, items: &[T], work: impl Fn(&T) + Sync) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.threads.min(items.len()) {
                scope.spawn(|| {
                    while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                        work(item);
                    }
                });
            }
        });
    }

    /// Computes the digest of every object.
    fn objects(&self) -> Result<u64> {
        let layout = self.store.layout();
        let mut paths = Vec::new();
        for dir in layout.object_dirs()? {
            paths.extend(list(&dir)?);
        }
        for path in list(&layout.objects())? {
            if !path.file_name().is_some_and(is_object_dir) {
                self.found(Finding::Stray { path: text(&path) });
            }
        }
        self.each(&paths, |path| {
            let Some(id) = ObjectId::from_object_path(path) else {
                return self.found(Finding::Stray { path: text(path) });
            };
            let mut buffer = vec![0; BUFFER_BYTES];
            let actual = match fs::File::open(path).and_then(|mut file| {
                self.bytes
                    .fetch_add(file.metadata()?.len(), Ordering::Relaxed);
                digest_of(&mut file, &mut buffer)
            }) {
                Ok(actual) if actual == id => return,
                Ok(actual) => actual.hex(),
                Err(error) if has_gone(path, &error) => return,
                Err(error) => error.to_string(),
            };
            self.found(Finding::ObjectCorrupt {
                object: id.hex(),
                actual,
            });
        });
        Ok(paths.len() as u64)
    }

    /// Reads the records of a directory; `place` says where each belongs.
    fn records<T: serde::de::DeserializeOwned>(
        &self,
        dir: &Path,
        place: impl Fn(&T) -> PathBuf,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for path in list(dir)? {
            match record::read::<T>(&path) {
                Ok(Some(record)) if place(&record) == path => all.push(record),
                Ok(Some(_)) => self.found(Finding::RecordDamaged {
                    path: text(&path),
                    reason: "its content belongs to another file name".to_owned(),
                }),
                Ok(None) => {}
                Err(error) => self.found(Finding::RecordDamaged {
                    path: text(&path),
                    reason: chain_of(&error),
                }),
            }
        }
        Ok(all)
    }

    /// Hashes the tar of every layer.
    fn layers(&self, layers: &[LayerRecord]) {
        let layout = self.store.layout();
        self.each(layers, |layer| {
            let object = Path::new("../objects").join(layer.stream.path());
            self.link(&layout.stream(&layer.diff_id), &object);
            let name = format!("../../oci-layer-{}", layer.diff_id);
            self.link(&layout.stream_ref(&layer.diff_id), Path::new(&name));
            if let Err(error) = self.layer(layer) {
                self.found(match error {
                    StoreError::ObjectMissing { id } => Finding::ObjectMissing {
                        object: id.hex(),
                        needed_by: format!("layer {}", layer.diff_id),
                    },
                    error => Finding::LayerDamaged {
                        layer: layer.diff_id.to_string(),
                        reason: chain_of(&error),
                    },
                });
            }
        });
    }

    fn layer(&self, layer: &LayerRecord) -> Result<()> {
        let objects = self.store.objects();
        // All that are missing, and not only the first.
        for id in StreamReader::open(&objects, &layer.stream)?.refs() {
            if objects.size(id).is_err() {
                self.found(Finding::ObjectMissing {
                    object: id.hex(),
                    needed_by: format!("layer {}", layer.diff_id),
                });
            }
        }
        let mut tar = TarReader::open(objects, &layer.stream)?;
        let mut digester = Digester::new(Algorithm::Sha256);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut tar_bytes = 0;
        loop {
            let length =
                tar.read(&mut buffer)
                    .map_err(|error| match error.downcast::<StoreError>() {
                        Ok(error) => error,
                        Err(error) => StoreError::io("reading", layer.stream.path())(error),
                    })?;
            if length == 0 {
                break;
            }
            self.bytes.fetch_add(length as u64, Ordering::Relaxed);
            tar_bytes += length as u64;
            digester.update(buffer.get(..length).unwrap_or_default());
        }
        let actual = DiffId(digester.finish());
        if actual != layer.diff_id {
            self.found(Finding::LayerCorrupt {
                layer: layer.diff_id.to_string(),
                actual: actual.to_string(),
            });
        }
        if tar_bytes != layer.tar_bytes {
            self.found(Finding::RecordDamaged {
                path: text(&self.store.layout().layer_record(&layer.diff_id)),
                reason: format!("its tar has {tar_bytes} bytes"),
            });
        }
        Ok(())
    }

    fn images(&self, images: &[ImageRecord], layers: &[LayerRecord]) {
        let layout = self.store.layout();
        self.each(images, |image| {
            let name = image.manifest.to_string();
            let mut merged = Vec::new();
            let mut tar_bytes = 0;
            for wanted in &image.layers {
                match layers.iter().find(|layer| layer.diff_id == wanted.diff_id) {
                    Some(layer) => {
                        tar_bytes += layer.tar_bytes;
                        merged.push(MergeLayer {
                            diff_id: layer.diff_id,
                            stream: layer.stream,
                        });
                    }
                    None => self.found(Finding::LayerMissing {
                        layer: wanted.diff_id.to_string(),
                        image: name.clone(),
                    }),
                }
            }
            let diff_ids: Vec<DiffId> = image.layers.iter().map(|layer| layer.diff_id).collect();
            if ChainId::of(&diff_ids) != image.chain {
                self.record_damaged(image, "its chain is not that of its layers".to_owned());
            }
            self.link(
                &layout.image(&image.tree),
                &Path::new("../objects").join(image.tree.path()),
            );
            self.link(
                &layout.image_ref(&image.chain),
                &Path::new("../..").join(image.tree.hex()),
            );
            let whole = merged.len() == image.layers.len();
            if whole {
                self.tree(image, &merged);
            }
            self.sources(image, whole.then_some(tar_bytes));
            let blobs = [&image.manifest, &image.config]
                .into_iter()
                .chain(&image.signatures);
            for blob in blobs {
                if !layout.blob(blob).exists() {
                    self.found(Finding::BlobMissing {
                        blob: blob.to_string(),
                        image: name.clone(),
                    });
                }
            }
        });
    }

    fn record_damaged(&self, image: &ImageRecord, reason: String) {
        self.found(Finding::RecordDamaged {
            path: text(&self.store.layout().image_record(&image.manifest)),
            reason,
        });
    }

    /// Builds the tree of an image again, and looks for the objects of the one it has.
    fn tree(&self, image: &ImageRecord, layers: &[MergeLayer]) {
        let objects = self.store.objects();
        let name = image.manifest.to_string();
        let mut hasher = VerityHasher::new();
        let built = merge::write_tree(&objects, layers, &mut |bytes| {
            hasher.update(bytes);
            Ok(())
        });
        match built {
            Ok(_) => {
                let expected = hasher.finish();
                if expected != image.tree {
                    self.found(Finding::TreeDiffers {
                        image: name.clone(),
                        tree: image.tree.hex(),
                        expected: expected.hex(),
                    });
                }
            }
            Err(error) => self.found(Finding::TreeDamaged {
                image: name.clone(),
                reason: chain_of(&error),
            }),
        }
        self.tree_objects(&image.tree, &format!("image {name}"));
    }

    fn tree_objects(&self, tree: &ObjectId, needed_by: &str) {
        let objects = self.store.objects();
        match Tree::open(objects.clone(), tree) {
            Ok(tree) => {
                let mut seen = HashSet::new();
                for (id, _) in tree.objects().filter(|(id, _)| seen.insert(*id)) {
                    if objects.size(&id).is_err() {
                        self.found(Finding::ObjectMissing {
                            object: id.hex(),
                            needed_by: needed_by.to_owned(),
                        });
                    }
                }
            }
            Err(StoreError::ObjectMissing { id }) => self.found(Finding::ObjectMissing {
                object: id.hex(),
                needed_by: needed_by.to_owned(),
            }),
            Err(error) => self.found(Finding::TreeDamaged {
                image: needed_by.to_owned(),
                reason: chain_of(&error),
            }),
        }
    }

    /// Hashes every blob.
    fn blobs(&self) -> Result<u64> {
        let mut paths = Vec::new();
        for algorithm in ["sha256", "sha512"] {
            paths.extend(list(&self.store.root().join("blobs").join(algorithm))?);
        }
        self.each(&paths, |path| {
            let digest = path
                .file_name()
                .zip(path.parent().and_then(Path::file_name))
                .and_then(|(hex, algorithm)| {
                    Digest::parse(&format!("{}:{}", algorithm.to_str()?, hex.to_str()?)).ok()
                });
            let Some(digest) = digest else {
                return self.found(Finding::Stray { path: text(path) });
            };
            let actual = self.hash(path, digest.algorithm());
            let gone = matches!(&actual, Err(error) if has_gone(path, error));
            if !gone && actual.ok().as_ref() != Some(&digest) {
                self.found(Finding::BlobCorrupt {
                    blob: digest.to_string(),
                });
            }
        });
        Ok(paths.len() as u64)
    }

    fn hash(&self, path: &Path, algorithm: Algorithm) -> std::io::Result<Digest> {
        let mut file = fs::File::open(path)?;
        let mut digester = Digester::new(algorithm);
        let bytes = std::io::copy(&mut file, &mut digester)?;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(digester.finish())
    }

    fn names(&self, images: &[ImageRecord]) -> Result<()> {
        let known: BTreeSet<&Digest> = images.iter().map(|image| &image.manifest).collect();
        let layout = self.store.layout();
        let names = self.records(&layout.name_records(), |name: &NameRecord| {
            layout.name_record(&name.name)
        })?;
        for name in names
            .into_iter()
            .filter(|name| !known.contains(&name.image))
        {
            self.found(Finding::ImageMissing {
                image: name.image.to_string(),
                needed_by: format!("the name {}", name.name),
            });
        }
        self.records(&layout.blob_records(), |blob: &BlobRecord| {
            layout.blob_record(&blob.blob)
        })?;
        Ok(())
    }

    /// Checks the containers, and returns those that can be read.
    fn containers(&self, images: &[ImageRecord]) -> Result<Vec<ContainerRecord>> {
        let mut containers = Vec::new();
        for dir in list(&self.store.layout().containers())? {
            let path = dir.join("container.json");
            match record::read::<ContainerRecord>(&path) {
                Ok(Some(container)) => {
                    let name = format!("container {}", container.id);
                    if !images.iter().any(|image| image.manifest == container.image) {
                        self.found(Finding::ImageMissing {
                            image: container.image.to_string(),
                            needed_by: name.clone(),
                        });
                    }
                    self.tree_objects(&container.tree, &name);
                    containers.push(container);
                }
                Ok(None) => self.found(Finding::Stray { path: text(&dir) }),
                Err(error) => self.found(Finding::RecordDamaged {
                    path: text(&path),
                    reason: chain_of(&error),
                }),
            }
        }
        Ok(containers)
    }

    fn link(&self, path: &Path, target: &Path) {
        if !fs::read_link(path).is_ok_and(|there| there == target) {
            self.found(Finding::LinkWrong { path: text(path) });
        }
    }
}

/// An error and what caused it, in one line.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(StoreError::io("listing", dir))? {
        paths.push(entry.map_err(StoreError::io("listing", dir))?.path());
    }
    paths.sort();
    Ok(paths)
}
