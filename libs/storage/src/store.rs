//! The store itself: opening it, looking things up, naming and removing images.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use oci::{ChainId, DiffId, Digest, Reference};
use serde::{Deserialize, Serialize};

use crate::{
    driver::{self, Ways},
    error::{Result, StoreError},
    in_use::Of,
    layout::{Layout, STORE_FORMAT, StoreFile, sync_dir, write_synced},
    lock::{Held, Kind, SHORT},
    object_file::{Objects, enable_verity},
    record::{
        self, BlobRecord, ContainerRecord, ImageRecord, LayerRecord, NameRecord, RECORD_FORMAT,
    },
    splitstream::TarReader,
    staging::{self, Staging},
};

/// The default place of the store.
pub const DEFAULT_ROOT: &str = "/var/lib/storetool";
/// Shortest prefix of a digest that stands for an image.
const PREFIX_DIGITS: usize = 4;
/// Largest blob that is read into memory: a manifest, configuration or signature.
const BLOB_BYTES: u64 = 16 << 20;

/// How root file systems are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverKind {
    /// The erofs tree below an overlay whose data are the objects: no copy, and mounted in
    /// milliseconds. Linux 5.19 or later, root.
    Composefs,
    /// A plain copy of the tree, with reflinks where the file system has them. Works anywhere.
    Vfs,
}

impl fmt::Display for DriverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Composefs => "composefs",
            Self::Vfs => "vfs",
        })
    }
}

impl std::str::FromStr for DriverKind {
    type Err = UnknownDriver;

    fn from_str(text: &str) -> std::result::Result<Self, UnknownDriver> {
        match text {
            "composefs" => Ok(Self::Composefs),
            "vfs" => Ok(Self::Vfs),
            _ => Err(UnknownDriver),
        }
    }
}

/// Text that names no driver.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no driver of that name; there are composefs and vfs")]
pub struct UnknownDriver;

/// Which store to open, and how.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The directory of the store.
    pub root: PathBuf,
    /// The driver of a new store; of an existing one, the driver that it must have. By default a
    /// new store takes what the machine can do.
    pub driver: Option<DriverKind>,
    /// Changes nothing, takes no lock, and makes no store.
    pub read_only: bool,
    /// Makes the store when it does not exist.
    pub create: bool,
}

impl StoreOptions {
    /// Names the store at `root`, to read and write.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            driver: None,
            read_only: false,
            create: true,
        }
    }
}

/// A store. Cheap to clone; all clones are one store.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) layout: Layout,
    pub(crate) driver: DriverKind,
    pub(crate) verity: bool,
    pub(crate) read_only: bool,
    pub(crate) driver_reason: Option<String>,
    /// This open made the store.
    new: bool,
    pub(crate) ways: Ways,
}

impl Store {
    /// Opens the store, making it when it does not exist, and removes what killed processes left
    /// in `staging` and `trash`.
    ///
    /// A store keeps the driver that it was made with. Crash points while one is made: before
    /// `store.json` has its name there is no store, and the next open starts again.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`], [`StoreError::NoStore`], [`StoreError::OtherDriver`],
    /// [`StoreError::Format`], and failures of the file system.
    pub fn open(options: &StoreOptions) -> Result<Self> {
        Self::open_with(options, Ways::ALL)
    }

    /// Opens the store as on a machine that can mount in the given ways.
    pub(crate) fn open_with(options: &StoreOptions, ways: Ways) -> Result<Self> {
        let root =
            std::path::absolute(&options.root).map_err(StoreError::io("finding", &options.root))?;
        let layout = Layout::new(&root);
        let path = layout.store_file();
        let (file, new) = match record::read::<StoreFile>(&path)? {
            Some(file) => (file, false),
            None if options.read_only || !options.create => {
                return Err(StoreError::NoStore { path: root });
            }
            None => (create(&layout, options.driver, ways)?, true),
        };
        if file.format > STORE_FORMAT {
            return Err(StoreError::Format {
                path,
                found: file.format,
                known: STORE_FORMAT,
            });
        }
        if let Some(wanted) = options.driver.filter(|wanted| *wanted != file.driver) {
            return Err(StoreError::OtherDriver {
                actual: file.driver,
                wanted,
            });
        }
        if !options.read_only {
            staging::clear_abandoned(&layout)?;
        }
        Ok(Self {
            inner: Arc::new(Inner {
                layout,
                driver: file.driver,
                verity: file.verity,
                read_only: options.read_only,
                driver_reason: file.driver_reason,
                new,
                ways,
            }),
        })
    }

    /// Returns the directory of the store.
    pub fn root(&self) -> &Path {
        self.inner.layout.root()
    }

    /// Returns the driver of the store.
    pub fn driver(&self) -> DriverKind {
        self.inner.driver
    }

    /// Returns why the store that was just made does not have the driver composefs, when nobody
    /// asked for another: what was tried and how it failed.
    pub fn fell_back(&self) -> Option<&str> {
        let reason = self.inner.driver_reason.as_deref();
        reason.filter(|_| self.inner.new)
    }

    /// Tells whether objects carry fs-verity, so that the kernel checks each read.
    pub fn has_verity(&self) -> bool {
        self.inner.verity
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    pub(crate) fn objects(&self) -> Objects {
        Objects::of_store(self.layout())
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.inner.read_only {
            return Err(StoreError::ReadOnly);
        }
        Ok(())
    }

    /// Lists the images, sorted by digest, with their names.
    ///
    /// # Errors
    /// A record that can not be read.
    pub fn images(&self) -> Result<Vec<ImageRecord>> {
        let mut images: Vec<ImageRecord> = record::read_all(&self.layout().image_records())?;
        let mut names: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
        for name in self.name_records()? {
            names.entry(name.image).or_default().push(name.name);
        }
        for image in &mut images {
            image.names = names.remove(&image.manifest).unwrap_or_default();
            image.names.sort();
        }
        Ok(images)
    }

    /// Finds an image by a name, the digest of its manifest, configuration or index, or a prefix
    /// of at least four digits of the first two. Several images may have one configuration or come
    /// from one index; its digest then names none of them.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Ambiguous`] with the candidates.
    pub fn image(&self, wanted: &str) -> Result<ImageRecord> {
        let images = self.images()?;
        let not_found = || StoreError::NotFound {
            kind: "image",
            wanted: wanted.to_owned(),
        };
        if let Ok(digest) = Digest::parse(wanted) {
            let ways: [fn(&ImageRecord, &Digest) -> bool; 3] = [
                |image, digest| image.manifest == *digest,
                |image, digest| image.config == *digest,
                |image, digest| image.aliases.contains(digest),
            ];
            return ways
                .into_iter()
                .find_map(|way| only(wanted, &images, |image| way(image, &digest)).transpose())
                .unwrap_or_else(|| Err(not_found()));
        }
        if let Ok(reference) = Reference::parse(wanted) {
            if let Some(digest) = reference.digest() {
                return self.image(&digest.to_string());
            }
            let name = reference.with_default_tag().to_string();
            if let Some(image) = images.iter().find(|image| image.names.contains(&name)) {
                return Ok(image.clone());
            }
        }
        let prefix = wanted.strip_prefix("sha256:").unwrap_or(wanted);
        if prefix.len() < PREFIX_DIGITS
            || !prefix
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(not_found());
        }
        only(wanted, &images, |image| {
            image.manifest.hex().starts_with(prefix) || image.config.hex().starts_with(prefix)
        })?
        .ok_or_else(not_found)
    }

    /// Lists the layers, sorted by diff id.
    ///
    /// # Errors
    /// A record that can not be read.
    pub fn layers(&self) -> Result<Vec<LayerRecord>> {
        record::read_all(&self.layout().layer_records())
    }

    /// Finds a layer by the digest of its uncompressed tar.
    ///
    /// # Errors
    /// A record that can not be read.
    pub fn layer(&self, diff_id: &DiffId) -> Result<Option<LayerRecord>> {
        record::read(&self.layout().layer_record(diff_id))
    }

    /// Finds a layer by the digest of a compressed blob that it came from.
    ///
    /// # Errors
    /// A record that can not be read.
    pub fn layer_by_blob(&self, blob: &Digest) -> Result<Option<LayerRecord>> {
        match record::read::<BlobRecord>(&self.layout().blob_record(blob))? {
            Some(known) => self.layer(&known.diff_id),
            None => Ok(None),
        }
    }

    /// Reads a manifest, configuration or stored signature.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; a blob of more than 16 MiB, which is a layer.
    pub fn blob_raw(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.layout().blob(digest);
        match record::read_bounded(&path, BLOB_BYTES) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(StoreError::NotFound {
                    kind: "blob",
                    wanted: digest.to_string(),
                })
            }
            Err(error) => Err(StoreError::io("reading", path)(error)),
        }
    }

    /// Reads the stored signatures of an image.
    ///
    /// # Errors
    /// As [`Store::blob_raw`], and a signature of an unknown form.
    pub fn signatures(&self, image: &ImageRecord) -> Result<Vec<signing::Signature>> {
        image
            .signatures
            .iter()
            .map(|digest| Ok(signing::Signature::from_stored(&self.blob_raw(digest)?)?))
            .collect()
    }

    /// Opens the tar of a layer, which comes back bit for bit.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub fn layer_tar(&self, diff_id: &DiffId) -> Result<TarReader> {
        let layer = self.layer(diff_id)?.ok_or_else(|| StoreError::NotFound {
            kind: "layer",
            wanted: diff_id.to_string(),
        })?;
        TarReader::open(self.objects(), &layer.stream)
    }

    /// Opens the compressed blob of a layer, if it was kept.
    ///
    /// # Errors
    /// Failures of the file system.
    pub fn kept_blob(&self, blob: &Digest) -> Result<Option<fs::File>> {
        let path = self.layout().blob(blob);
        match fs::File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("opening", path)(error)),
        }
    }

    /// Gives an image one more name; the name is taken from the image that had it.
    ///
    /// Crash points: before the rename the old state holds and a staging directory is left, which
    /// the next open removes; after it the new one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ReadOnly`], failures of the file system.
    pub fn tag(&self, image: &str, name: &Reference) -> Result<ImageRecord> {
        self.check_writable()?;
        // Made before the lock is taken and removed after it was given back.
        let staging = Staging::create(self.layout())?;
        let _lock = self.lock_names()?;
        let found = self.image(image)?;
        let name = name.with_default_tag().to_string();
        let path = self.layout().name_record(&name);
        let staged = staging.sub("rec").join("name");
        let record = NameRecord {
            format: RECORD_FORMAT,
            name,
            image: found.manifest,
        };
        write_synced(&staged, &record::to_bytes(&record, &path)?)?;
        fs::rename(&staged, &path).map_err(StoreError::io("renaming", &staged))?;
        sync_dir(&self.layout().name_records())?;
        self.image(&found.manifest.to_string())
    }

    /// Removes a name; the image stays. Returns the digest of its manifest.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ReadOnly`], failures of the file system.
    pub fn untag(&self, name: &Reference) -> Result<Digest> {
        self.check_writable()?;
        let _lock = self.lock_names()?;
        let name = name.with_default_tag().to_string();
        let path = self.layout().name_record(&name);
        let Some(record) = record::read::<NameRecord>(&path)? else {
            return Err(StoreError::NotFound {
                kind: "image",
                wanted: name,
            });
        };
        fs::remove_file(&path).map_err(StoreError::io("removing", path))?;
        sync_dir(&self.layout().name_records())?;
        Ok(record.image)
    }

    /// Removes an image with all its names. Its content goes with the next [`Store::gc`].
    ///
    /// Crash points: names go first, so a killed removal leaves an image without some names; the
    /// image is gone when its record is.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when a container is made of it or it is mounted.
    pub fn remove_image(&self, image: &str) -> Result<ImageRecord> {
        self.check_writable()?;
        let _commit = self.lock_commit(Kind::Shared)?;
        let _names = self.lock_names()?;
        let found = self.image(image)?;
        let mut by: Vec<String> = self
            .containers()?
            .into_iter()
            .filter(|container| container.image == found.manifest)
            .map(|container| format!("container {}", container.name))
            .collect();
        // Another store may have the same image, but not the same mount.
        let is_it = |of: &Of| match of {
            Of::Mount(id) => {
                id.split_once('.').map(|(hex, _)| hex) == Some(&found.manifest.hex())
                    && self.layout().mounts().join(id).exists()
            }
            _ => false,
        };
        by.extend(self.lasting_uses(is_it)?.by(is_it));
        if !by.is_empty() {
            return Err(StoreError::InUse {
                what: format!("image {}", found.manifest),
                by,
            });
        }
        for name in &found.names {
            let path = self.layout().name_record(name);
            fs::remove_file(&path).map_err(StoreError::io("removing", path))?;
        }
        sync_dir(&self.layout().name_records())?;
        let path = self.layout().image_record(&found.manifest);
        fs::remove_file(&path).map_err(StoreError::io("removing", path))?;
        sync_dir(&self.layout().image_records())?;
        Ok(found)
    }

    pub(crate) fn name_records(&self) -> Result<Vec<NameRecord>> {
        record::read_all(&self.layout().name_records())
    }

    pub(crate) fn container_records(&self) -> Result<Vec<ContainerRecord>> {
        let dir = self.layout().containers();
        let mut all = Vec::new();
        for entry in fs::read_dir(&dir).map_err(StoreError::io("listing", &dir))? {
            let path = entry.map_err(StoreError::io("listing", &dir))?.path();
            if let Some(container) = record::read(&path.join("container.json"))? {
                all.push(container);
            }
        }
        Ok(all)
    }

    pub(crate) fn lock_commit(&self, kind: Kind) -> Result<Held> {
        Held::wait(&self.layout().lock("commit.lock"), kind, SHORT, &|_| {})
    }

    pub(crate) fn lock_names(&self) -> Result<Held> {
        Held::wait(
            &self.layout().lock("names.lock"),
            Kind::Exclusive,
            SHORT,
            &|_| {},
        )
    }

    /// Returns where the copy of a tree lies, for the driver `vfs`.
    pub(crate) fn vfs_root(&self, chain: &ChainId) -> PathBuf {
        self.layout().vfs_copy(chain).join("root")
    }
}

/// Finds the image that `fits`, if it is the only one.
fn only(
    wanted: &str,
    images: &[ImageRecord],
    fits: impl Fn(&ImageRecord) -> bool,
) -> Result<Option<ImageRecord>> {
    let fitting: Vec<&ImageRecord> = images.iter().filter(|image| fits(image)).collect();
    match fitting.as_slice() {
        [] => Ok(None),
        [image] => Ok(Some((*image).clone())),
        several => Err(StoreError::Ambiguous {
            wanted: wanted.to_owned(),
            candidates: several
                .iter()
                .map(|image| image.manifest.to_string())
                .collect(),
        }),
    }
}

/// Makes a store, or finds that another process just did.
fn create(layout: &Layout, driver: Option<DriverKind>, ways: Ways) -> Result<StoreFile> {
    layout.check_free()?;
    layout.create_root()?;
    let _lock = Held::wait(&layout.lock("store.lock"), Kind::Exclusive, SHORT, &|_| {})?;
    let path = layout.store_file();
    if let Some(made) = record::read::<StoreFile>(&path)? {
        return Ok(made);
    }
    layout.create_directories()?;
    let mut verity = has_verity(layout)?;
    let mut driver_reason = None;
    let driver = if driver == Some(DriverKind::Vfs) {
        DriverKind::Vfs
    } else {
        // Before Linux 6.6 overlayfs can not ask for verity: then the store has none.
        verity = verity && driver::probe(&layout.staging(), true, ways).is_ok();
        let tried = if verity {
            Ok(())
        } else {
            driver::probe(&layout.staging(), false, ways).map(drop)
        };
        match tried {
            Ok(()) => DriverKind::Composefs,
            Err(error) if driver.is_none() => {
                driver_reason = Some(match error {
                    StoreError::NoComposefs { attempts } => attempts.join("; "),
                    other => other.to_string(),
                });
                DriverKind::Vfs
            }
            Err(error) => return Err(error),
        }
    };
    let file = StoreFile {
        format: STORE_FORMAT,
        driver,
        verity,
        driver_reason,
    };
    layout.create_files(&file)?;
    Ok(file)
}

/// Tries whether the file system has fs-verity.
fn has_verity(layout: &Layout) -> Result<bool> {
    let path = layout.staging().join(".verity");
    fs::write(&path, "x").map_err(StoreError::io("writing", &path))?;
    let file = fs::File::open(&path).map_err(StoreError::io("opening", &path))?;
    let works = enable_verity(&file, &path).is_ok();
    fs::remove_file(&path).map_err(StoreError::io("removing", &path))?;
    Ok(works)
}
