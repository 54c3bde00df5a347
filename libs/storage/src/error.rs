//! Why the store could not do what was asked.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use archive::layer::LayerError;
use oci::{DiffId, Digest};
use sys::SysError;

use crate::object::ObjectId;

/// Most bytes that one attribute takes (xattr(7)): where more are free, the disk is not full.
const ATTRIBUTE_BYTES: u64 = 64 << 10;

/// The result of work on the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file of the store could not be read or written.
    #[error("{act} {}", path.display())]
    Io {
        /// What was being done, for example `reading`.
        act: &'static str,
        /// With which file.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
    /// The file system is full, or a quota is used up.
    #[error(
        "{act} {}, where {free_bytes} bytes and {free_inodes} inodes are free",
        path.display()
    )]
    NoSpace {
        /// What was being done.
        act: &'static str,
        /// With which file.
        path: PathBuf,
        /// Bytes that are left.
        free_bytes: u64,
        /// Inodes that are left.
        free_inodes: u64,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file system has less room than an image takes in any case.
    #[error(
        "the image takes more than the {free_bytes} bytes and {free_inodes} inodes that are free at {}: \
         {needed_bytes} bytes at least",
        path.display()
    )]
    TooSmall {
        /// Where the store lies.
        path: PathBuf,
        /// Bytes of the layers that are to come, compressed.
        needed_bytes: u64,
        /// Bytes that are left.
        free_bytes: u64,
        /// Inodes that are left.
        free_inodes: u64,
    },
    /// A file has more extended attributes than the file system keeps with one file.
    #[error(
        "setting attributes of {}: the file system does not keep that many bytes of attributes",
        path.display()
    )]
    Attributes {
        /// Which file.
        path: PathBuf,
    },
    /// A mount call failed.
    #[error("mounting")]
    Mount(#[from] SysError),
    /// The directory holds something, and it is no store.
    #[error("{} is not a store, and not empty", path.display())]
    NotAStore {
        /// The directory.
        path: PathBuf,
    },
    /// The store does not exist and may not be made.
    #[error("there is no store at {}", path.display())]
    NoStore {
        /// The directory.
        path: PathBuf,
    },
    /// The store was written by a later version of this software.
    #[error("{}: format {found} is newer than {known}", path.display())]
    Format {
        /// The file that says so.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The newest that is known.
        known: u64,
    },
    /// Another driver was asked for than the one the store was made with.
    #[error("the store uses the driver {actual}, not {wanted}")]
    OtherDriver {
        /// What the store was made with.
        actual: crate::DriverKind,
        /// What was asked for.
        wanted: crate::DriverKind,
    },
    /// The store was opened for reading only.
    #[error("the store was opened read-only")]
    ReadOnly,
    /// Nothing has that name, digest or prefix.
    #[error("{kind} {wanted} is not in the store")]
    NotFound {
        /// What was looked for: `image`, `layer`, `container`, `blob`, `mount`.
        kind: &'static str,
        /// Under which name.
        wanted: String,
    },
    /// A prefix, or the digest of a configuration or index, fits more than one.
    #[error("{wanted} is ambiguous: {}", candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// What it fits.
        candidates: Vec<String>,
    },
    /// Something is still needed.
    #[error("{what} is in use by {}", by.join(", "))]
    InUse {
        /// What was to be removed.
        what: String,
        /// Who needs it.
        by: Vec<String>,
    },
    /// A container of that name exists.
    #[error("the container name {name} is taken by {id}")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        id: String,
    },
    /// A name of a container that is none.
    #[error("{name:?} is no container name: letters, digits, `_`, `.` and `-`, at most 128")]
    BadName {
        /// The name.
        name: String,
    },
    /// A lock was not to be had in time.
    #[error("{} is locked{}", path.display(), Holder(*holder))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that wrote itself into it.
        holder: Option<u32>,
    },
    /// The blob of a layer could not be read or inflated.
    #[error("reading layer blob {blob}")]
    Blob {
        /// Which blob.
        blob: Digest,
        /// How it failed.
        source: io::Error,
    },
    /// The tar of a layer breaks a rule.
    #[error("layer {blob}")]
    Layer {
        /// Which blob.
        blob: Digest,
        /// What it breaks.
        source: Box<LayerError>,
    },
    /// The uncompressed layer is not what the configuration says.
    #[error("layer {blob}: its tar hashes to {actual}, the configuration says {expected}")]
    DiffId {
        /// The compressed blob.
        blob: Box<Digest>,
        /// What the configuration says.
        expected: Box<DiffId>,
        /// What came.
        actual: Box<DiffId>,
    },
    /// Manifest and configuration do not have the same number of layers.
    #[error("the manifest has {manifest} layers, the configuration has {config}")]
    LayerCount {
        /// Layers of the manifest.
        manifest: usize,
        /// Diff ids of the configuration.
        config: usize,
    },
    /// What is committed is not what the transaction was begun with.
    #[error("layer {place} is {actual}, the transaction was begun for {expected}")]
    OtherLayer {
        /// Which layer, the lowest being 0.
        place: usize,
        /// What the transaction was begun with.
        expected: String,
        /// What the configuration or manifest has.
        actual: String,
    },
    /// A layer was neither in the store nor imported.
    #[error("layer {diff_id} is missing")]
    LayerMissing {
        /// Which layer.
        diff_id: DiffId,
    },
    /// A manifest without layers of a root file system: an index or schema 1.
    #[error("manifest {digest} is no image manifest")]
    NoImageManifest {
        /// Which manifest.
        digest: Digest,
    },
    /// The configuration is not what the manifest names.
    #[error("the configuration has the digest {actual}, the manifest names {expected}")]
    ConfigDigest {
        /// What the manifest names.
        expected: Box<Digest>,
        /// What came.
        actual: Box<Digest>,
    },
    /// The configuration can not be read.
    #[error("image configuration {digest}")]
    Config {
        /// Which.
        digest: Digest,
        /// Why not.
        source: Box<oci::image_config::ConfigError>,
    },
    /// A signature can not be stored.
    #[error("storing a signature")]
    Signature(#[from] signing::StoredError),
    /// A layer does not fit onto those below it.
    #[error("layer {diff_id}: {path}: {rule}")]
    Tree {
        /// Which layer.
        diff_id: DiffId,
        /// Which entry, escaped.
        path: String,
        /// What it breaks.
        rule: TreeRule,
    },
    /// The erofs writer refused a tree.
    #[error("writing the image tree: {reason}")]
    TreeWriter {
        /// What it said.
        reason: String,
    },
    /// An erofs tree of the store can not be read.
    #[error("reading the image tree {id}: {reason}")]
    TreeReader {
        /// Which.
        id: ObjectId,
        /// Why not.
        reason: String,
    },
    /// A split stream of the store can not be read.
    #[error("split stream {id}: {reason}")]
    Stream {
        /// Which.
        id: ObjectId,
        /// Why not.
        reason: &'static str,
    },
    /// An object that something needs is gone.
    #[error("object {id} is missing")]
    ObjectMissing {
        /// Which.
        id: ObjectId,
    },
    /// A record can not be read.
    #[error("record {}", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// The kernel can not mount the store's trees in any way that was tried.
    #[error("the composefs driver does not work here: {}; the driver `vfs` works anywhere", attempts.join("; "))]
    NoComposefs {
        /// What was tried, and how it failed.
        attempts: Vec<String>,
    },
    /// Somebody asked the work to stop.
    #[error("interrupted")]
    Interrupted,
    /// A path within an image leads nowhere.
    #[error("{path} is not in the image")]
    NoSuchPath {
        /// The path, escaped.
        path: String,
    },
    /// A path within an image is not of the type that was asked for.
    #[error("{path} is not a {wanted}")]
    OtherType {
        /// The path, escaped.
        path: String,
        /// What was asked for.
        wanted: &'static str,
    },
}

/// How a layer does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeRule {
    /// A component of its path is a symlink, file or device of the same layer.
    ParentIsNoDirectory,
    /// A hard link whose target neither this layer has before it nor a lower one.
    LinkTargetMissing,
    /// A hard link to a directory.
    LinkToDirectory,
    /// The root is something else than a directory.
    RootIsNoDirectory,
    /// More extended attributes than a file can have.
    AttributesTooLarge,
    /// A symlink's target is empty or longer than 4,095 bytes.
    SymlinkTarget,
    /// The stream of the layer does not have the content of a file.
    ContentMissing,
}

impl fmt::Display for TreeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ParentIsNoDirectory => {
                "lies below something of the same layer that is no directory"
            }
            Self::LinkTargetMissing => {
                "links to a file that neither this layer has before it nor a lower one"
            }
            Self::LinkToDirectory => "is a hard link to a directory",
            Self::RootIsNoDirectory => "replaces the root directory",
            Self::AttributesTooLarge => {
                "has more extended attributes than 250, or of more than 64 KiB"
            }
            Self::SymlinkTarget => "has an empty or too long target",
            Self::ContentMissing => "has no content in the layer's stream",
        })
    }
}

struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, " by process {pid}"),
            None => Ok(()),
        }
    }
}

impl StoreError {
    /// Makes the error of a failed system call with a file; a full disk gets its own variant.
    pub(crate) fn io(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| {
            if matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ) {
                let (free_bytes, free_inodes) = free_space_near(&path);
                Self::NoSpace {
                    act,
                    path,
                    free_bytes,
                    free_inodes,
                    source,
                }
            } else {
                Self::Io { act, path, source }
            }
        }
    }

    /// As [`StoreError::io`], for a wrapper of `sys`.
    pub(crate) fn sys(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(SysError) -> Self {
        let make = Self::io(act, path);
        move |error| make(error.source)
    }

    /// Makes the error of an extended attribute that could not be set. The kernel says that the
    /// disk is full also when one file alone has no room for more attributes.
    pub(crate) fn attribute(path: PathBuf, error: SysError) -> Self {
        let (free_bytes, free_inodes) = free_space_near(&path);
        match error.source.kind() {
            io::ErrorKind::ArgumentListTooLong => Self::Attributes { path },
            io::ErrorKind::StorageFull if free_bytes > ATTRIBUTE_BYTES && free_inodes > 0 => {
                Self::Attributes { path }
            }
            _ => Self::sys("setting attributes of", path)(error),
        }
    }

    /// As [`StoreError::io`], for a call of rustix.
    pub(crate) fn errno(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(rustix::io::Errno) -> Self {
        let make = Self::io(act, path);
        move |errno| make(errno.into())
    }

    /// Tells whether what was asked for is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. } | Self::NoSuchPath { .. } | Self::NoStore { .. }
        )
    }

    /// Tells whether something has to be removed or unmounted first.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::InUse { .. } | Self::Locked { .. })
    }

    /// Finds the error of the store that an error was caused by, whatever wraps it.
    pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |error| error.source()).find_map(|cause| {
            let boxed = cause.downcast_ref::<Box<Self>>();
            cause.downcast_ref().or(boxed.map(AsRef::as_ref))
        })
    }

    /// Returns what can be done about it, where that is known.
    pub fn advice(&self) -> Option<&'static str> {
        self.is_no_space()
            .then_some("`storetool gc` gives back what nothing uses, `storetool rm` removes images")
    }

    /// Tells whether the disk is full.
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. } | Self::TooSmall { .. })
    }

    /// Tells whether the layer or image itself is at fault.
    pub fn is_bad_image(&self) -> bool {
        matches!(
            self,
            Self::Layer { .. }
                | Self::DiffId { .. }
                | Self::LayerCount { .. }
                | Self::ConfigDigest { .. }
                | Self::Config { .. }
                | Self::Tree { .. }
                | Self::NoImageManifest { .. }
                | Self::Blob { .. }
        )
    }
}

/// What is left where `path` is, or was to be.
fn free_space_near(path: &Path) -> (u64, u64) {
    path.ancestors()
        .find_map(|dir| std::fs::File::open(dir).ok())
        .and_then(|dir| sys::file::free_space(dir).ok())
        .map_or((0, 0), |free| (free.bytes, free.inodes))
}
