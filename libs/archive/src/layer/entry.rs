//! What one entry of a layer says.

use super::path::LayerPath;

/// A modification time: seconds since the epoch and the nanoseconds after them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z, rounded down; negative before it.
    pub secs: i64,
    /// Nanoseconds after `secs`, below 1,000,000,000.
    pub nanos: u32,
}

/// An entry of a layer, with every override (PAX, GNU) applied and every rule checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it belongs. Of a whiteout the name that it hides, of an opaque marker the
    /// directory that it empties.
    pub path: LayerPath,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, set-id and sticky bits: 07777.
    pub mode: u32,
    /// Owner by number; names of users in a layer mean nothing here.
    pub uid: u32,
    /// Group by number.
    pub gid: u32,
    /// When it was changed last.
    pub mtime: Timestamp,
    /// Extended attributes that may be set, sorted by name (see [`super::xattr`]).
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Names of the extended attributes that the layer has and nobody shall set.
    pub dropped_xattrs: Vec<Vec<u8>>,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file; its content follows in the stream.
    Regular {
        /// Bytes of content.
        size: u64,
    },
    /// A file of which only the fragments that are no holes follow in the stream.
    Sparse {
        /// Bytes of content with the holes filled.
        size: u64,
        /// Bytes of the fragments, which is what the tar holds.
        stored: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it points to, byte for byte; absolute ones are as good as others.
        target: Vec<u8>,
    },
    /// One more name of a file of this layer.
    Hardlink {
        /// The other name.
        target: LayerPath,
    },
    /// A character device; never 0:0, which overlayfs takes for a whiteout.
    CharDevice {
        /// Below 2^12.
        major: u32,
        /// Below 2^20.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Below 2^12.
        major: u32,
        /// Below 2^20.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// Hides what lower layers have at `path`.
    Whiteout,
    /// Hides what lower layers have below the directory `path`.
    OpaqueDir,
}

impl EntryKind {
    /// Returns the bytes of content as a reader of the file sees them; 0 for all but files.
    pub fn size(&self) -> u64 {
        match self {
            Self::Regular { size } | Self::Sparse { size, .. } => *size,
            _ => 0,
        }
    }
}
