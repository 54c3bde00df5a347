//! Where everything lies below the root of a store, and how a store is made and recognised.
//!
//! ```text
//! ROOT/                 0700
//!   meta.json           composefs's own, so that cfsctl opens the store
//!   store.json          {"format":1,"driver":"composefs","verity":false}; written last
//!   objects/xx/yyyy…    see `object`
//!   streams/ images/    symlinks to objects, and refs/storetool/ for composefs's tools
//!   blobs/sha256/HEX    manifests, configurations, signatures, kept layer blobs: raw bytes
//!   records/{images,layers,blobs,names}/   see `record`
//!   containers/ID/      container.json, upper, work, rootfs
//!   vfs/                copies of trees, by chain (driver `vfs`)
//!   mounts/             mounts for looking
//!   staging/ trash/     work that is not finished, or no longer wanted
//!   locks/              lock files; none of them holds anything but a process id
//! ```
//! A directory with a `store.json` is a store. Making one is repeated from the start until that
//! file is there: every step before it may have been done already.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use composefs::{fsverity::Sha256HashValue, repository::RepoMetadata};
use oci::{ChainId, DiffId, Digest};
use serde::{Deserialize, Serialize};

use crate::{
    DriverKind,
    error::{Result, StoreError},
    names,
    object::ObjectId,
    record,
};

/// The form of a store that this software makes, and the newest that it opens.
pub(crate) const STORE_FORMAT: u64 = 1;

/// The owner of our refs, below `streams/refs` and `images/refs`.
const REFS: &str = "refs/storetool";

/// Directories of a new store, parents first.
const DIRECTORIES: [&str; 20] = [
    "locks",
    "objects",
    "streams",
    "streams/refs",
    "streams/refs/storetool",
    "images",
    "images/refs",
    "images/refs/storetool",
    "blobs",
    "blobs/sha256",
    "blobs/sha512",
    "records",
    "records/images",
    "records/layers",
    "records/blobs",
    "records/names",
    "containers",
    "vfs",
    "mounts",
    "staging",
];

/// What `store.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoreFile {
    pub(crate) format: u64,
    pub(crate) driver: DriverKind,
    /// Objects carry fs-verity.
    pub(crate) verity: bool,
    /// Why the driver is not composefs, when nobody asked for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) driver_reason: Option<String>,
}

/// The paths of one store.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn store_file(&self) -> PathBuf {
        self.root.join("store.json")
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// The directories of objects that there are. One that was made is never removed.
    pub(crate) fn object_dirs(&self) -> Result<Vec<PathBuf>> {
        let objects = self.objects();
        let mut dirs = Vec::new();
        for entry in fs::read_dir(&objects).map_err(StoreError::io("listing", &objects))? {
            let entry = entry.map_err(StoreError::io("listing", &objects))?;
            if is_object_dir(&entry.file_name()) {
                dirs.push(entry.path());
            }
        }
        dirs.sort();
        Ok(dirs)
    }

    pub(crate) fn object(&self, id: &ObjectId) -> PathBuf {
        self.objects().join(id.path())
    }

    /// `streams/oci-layer-DIFFID`, composefs's name for the stream of a layer.
    pub(crate) fn stream(&self, diff_id: &DiffId) -> PathBuf {
        self.root
            .join("streams")
            .join(format!("oci-layer-{diff_id}"))
    }

    pub(crate) fn stream_ref(&self, diff_id: &DiffId) -> PathBuf {
        self.root
            .join("streams")
            .join(REFS)
            .join(diff_id.to_string())
    }

    pub(crate) fn image(&self, tree: &ObjectId) -> PathBuf {
        self.root.join("images").join(tree.hex())
    }

    /// The ref that keys a tree by its chain of layers.
    pub(crate) fn image_ref(&self, chain: &ChainId) -> PathBuf {
        self.root.join("images").join(REFS).join(chain.to_string())
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.root
            .join("blobs")
            .join(digest.algorithm().name())
            .join(digest.hex())
    }

    pub(crate) fn image_records(&self) -> PathBuf {
        self.root.join("records/images")
    }

    pub(crate) fn image_record(&self, manifest: &Digest) -> PathBuf {
        self.image_records().join(record::digest_file(manifest))
    }

    pub(crate) fn layer_records(&self) -> PathBuf {
        self.root.join("records/layers")
    }

    pub(crate) fn layer_record(&self, diff_id: &DiffId) -> PathBuf {
        self.layer_records().join(record::digest_file(&diff_id.0))
    }

    pub(crate) fn blob_records(&self) -> PathBuf {
        self.root.join("records/blobs")
    }

    pub(crate) fn blob_record(&self, blob: &Digest) -> PathBuf {
        self.blob_records().join(record::digest_file(blob))
    }

    pub(crate) fn name_records(&self) -> PathBuf {
        self.root.join("records/names")
    }

    pub(crate) fn name_record(&self, name: &str) -> PathBuf {
        self.name_records().join(names::file_name(name))
    }

    pub(crate) fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    pub(crate) fn container(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }

    pub(crate) fn vfs(&self) -> PathBuf {
        self.root.join("vfs")
    }

    pub(crate) fn vfs_copy(&self, chain: &ChainId) -> PathBuf {
        self.vfs().join(chain.0.hex())
    }

    pub(crate) fn mounts(&self) -> PathBuf {
        self.root.join("mounts")
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    pub(crate) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    pub(crate) fn lock(&self, name: &str) -> PathBuf {
        self.root.join("locks").join(name)
    }

    /// Tells whether the directory may become a store: it is empty, missing, or one half made.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`].
    pub(crate) fn check_free(&self) -> Result<()> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(StoreError::io("listing", &self.root)(error)),
        };
        for entry in entries {
            let name = entry
                .map_err(StoreError::io("listing", &self.root))?
                .file_name();
            let known = name.to_str().is_some_and(|name| {
                DIRECTORIES.contains(&name)
                    || [
                        "trash",
                        "lost+found",
                        "meta.json",
                        "meta.json.new",
                        "store.json.new",
                    ]
                    .contains(&name)
            });
            if !known {
                return Err(StoreError::NotAStore {
                    path: self.root.clone(),
                });
            }
        }
        Ok(())
    }

    /// Makes the root and the directory of the lock files; a root that is there is closed to others.
    pub(crate) fn create_root(&self) -> Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(self.root.join("locks"))
            .map_err(StoreError::io("creating", &self.root))?;
        let wrong = || StoreError::io("closing to others", &self.root);
        let mode = fs::metadata(&self.root).map_err(wrong())?.mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(&self.root, fs::Permissions::from_mode(0o700)).map_err(wrong())?;
        }
        Ok(())
    }

    /// Makes the rest of the directories.
    pub(crate) fn create_directories(&self) -> Result<()> {
        for dir in DIRECTORIES.iter().chain(&["trash"]) {
            make_dir(&self.root.join(dir))?;
        }
        // They stay; so a pull and its removal leave the same files behind.
        for lock in ["layers.lock", "commit.lock", "names.lock"] {
            let path = self.lock(lock);
            write_synced(&path, b"")?;
        }
        Ok(())
    }

    /// Writes `meta.json` and then `store.json`, each synced before it gets its name.
    pub(crate) fn create_files(&self, store: &StoreFile) -> Result<()> {
        let meta = self.root.join("meta.json");
        let text = RepoMetadata::for_hash::<Sha256HashValue>()
            .to_json()
            .map_err(|error| StoreError::TreeWriter {
                reason: error.to_string(),
            })?;
        write_synced(&meta, &text)?;
        if store.verity {
            let file = fs::File::open(&meta).map_err(StoreError::io("opening", &meta))?;
            // Tells composefs's tools that every object has fs-verity.
            crate::object_file::enable_verity(&file, &meta)?;
        }
        let path = self.store_file();
        write_synced(&path, &record::to_bytes(store, &path)?)?;
        sync_dir(&self.root)
    }
}

/// Whether this is a name of a directory of objects: two digits.
pub(crate) fn is_object_dir(name: &OsStr) -> bool {
    let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    name.len() == 2 && name.as_encoded_bytes().iter().all(digit)
}

/// Makes a directory that only the store's owner may enter, unless it is there.
pub(crate) fn make_dir(path: &Path) -> Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(StoreError::io("creating", path)(error))
        }
        _ => Ok(()),
    }
}

/// Writes `path` through a temporary name beside it: fsync, then rename. The directory is the
/// caller's to sync.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let mut file = fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(StoreError::io("creating", &temporary))?;
    file.write_all(bytes)
        .map_err(StoreError::io("writing", &temporary))?;
    sync(&file).map_err(StoreError::io("syncing", &temporary))?;
    fs::rename(&temporary, path).map_err(StoreError::io("renaming", &temporary))
}

/// Syncs a directory, so that the names in it survive a power cut.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    fs::File::open(path)
        .and_then(|dir| sync(&dir))
        .map_err(StoreError::io("syncing", path))
}

fn sync(file: &fs::File) -> std::io::Result<()> {
    if cfg!(feature = "fault-skip-all-syncs") {
        return Ok(());
    }
    file.sync_all()
}
