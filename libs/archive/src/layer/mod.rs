//! The strict streaming reader of one layer.
//!
//! A layer is a tar that somebody else made and that root will act on. [`LayerReader`] gives
//! its entries one by one, each of them checked, and the bytes between the contents, so that
//! these and the contents together are the tar again, bit for bit:
//!
//! ```text
//! header | PAX … | header      → RawSink            (next_entry)
//! content                      → content_chunk, content
//! padding | header …           → RawSink            (next_entry)
//! zero blocks, whatever is behind them → RawSink    (next_entry, which then says None)
//! ```
//!
//! What is accepted: v7, ustar, star, GNU and PAX headers; long names of either kind; sparse
//! files in all four forms; names that are absolute, not UTF-8 or begin with `./`; one or no end
//! block; anything behind the end. What is refused stands in [`Rule`], one variant per reason.
//! Where readers that are in use disagree (Go's, GNU tar's, Python's), an entry is refused or
//! read as Go reads it. Duplicate entries, missing parents and links to what is not there are
//! the store's business: they need the tree.
//!
//! **Whiteouts.** `.wh.NAME`, an empty regular file, hides NAME; `.wh..wh..opq` hides what lower
//! layers have in its directory. Other `.wh..wh.` names are aufs's bookkeeping (`plnk`, `aufs`,
//! `orph`): refused, since the image specification gives them no meaning, docker resolves hard
//! links through them and others extract them as files.
//!
//! **Memory** is one buffer and one entry: at most 1 MiB of extended headers and 4,096 fragments.

mod entry;
mod path;
mod reader;
mod whiteout;
pub mod xattr;

use std::io;

pub use crate::member::{Offence, Rule};
pub use entry::{Entry, EntryKind, Timestamp};
pub use path::{COMPONENT_BYTES, LayerPath, PATH_BYTES};
pub use reader::LayerReader;

/// Largest file of a layer, in bytes, holes filled.
pub const FILE_BYTES: u64 = 16 << 30;
/// Largest layer, in bytes, holes filled.
pub const LAYER_BYTES: u64 = 64 << 30;
/// Most entries of a layer.
pub const ENTRIES: u64 = 10_000_000;

/// How much one layer may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerLimits {
    /// Largest file, in bytes, holes filled.
    pub file_bytes: u64,
    /// The whole tar, in bytes, holes filled.
    pub layer_bytes: u64,
    /// Most entries.
    pub entries: u64,
}

impl Default for LayerLimits {
    fn default() -> Self {
        Self {
            file_bytes: FILE_BYTES,
            layer_bytes: LAYER_BYTES,
            entries: ENTRIES,
        }
    }
}

/// Takes the bytes of the tar that are no file content.
pub trait RawSink {
    /// Takes `bytes`, the next in order.
    ///
    /// # Errors
    /// Whatever the sink has; the reader gives it back as [`LayerError::Sink`].
    fn raw(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl RawSink for Vec<u8> {
    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// A [`RawSink`] for who does not need the tar back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl RawSink for Discard {
    fn raw(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Why a layer could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The reader below failed.
    #[error("reading the tar at byte {offset}")]
    Read {
        /// Where.
        offset: u64,
        /// How.
        source: io::Error,
    },
    /// The sink of the raw bytes failed.
    #[error("keeping the tar's headers")]
    Sink(#[source] io::Error),
    /// The tar ends within a header, a file or its padding.
    #[error("the tar ends at byte {offset}, within an entry")]
    Truncated {
        /// Where.
        offset: u64,
    },
    /// One zero block and then something else; readers disagree about what it is.
    #[error("a lone zero block before byte {offset}")]
    LoneZeroBlock {
        /// Where the something else begins.
        offset: u64,
    },
    /// An entry broke a rule.
    #[error(transparent)]
    Refused(#[from] Offence),
    /// The caller asked for the next entry before it had read or skipped the content.
    #[error("{bytes} bytes of content were left unread")]
    Unread {
        /// How many, as far as they stand in the tar.
        bytes: u64,
    },
}

impl LayerError {
    /// Returns the rule that the tar broke, if that is what is wrong.
    pub fn rule(&self) -> Option<&Rule> {
        match self {
            Self::Refused(offence) => Some(&offence.rule),
            _ => None,
        }
    }
}

impl From<LayerError> for io::Error {
    fn from(error: LayerError) -> Self {
        let kind = match &error {
            LayerError::Read { source, .. } | LayerError::Sink(source) => source.kind(),
            LayerError::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            LayerError::LoneZeroBlock { .. } | LayerError::Refused(_) => io::ErrorKind::InvalidData,
            LayerError::Unread { .. } => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

/// A piece of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// Bytes as they stand in the tar; never empty.
    Data(&'a [u8]),
    /// So many zeros that do not stand in the tar; only [`EntryKind::Sparse`] has them.
    Hole(u64),
}
