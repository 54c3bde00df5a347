//! The strict streaming reader of one layer.
use std::io::{self, Read};
mod entry;
mod path;
pub use crate::member::{Offence, Rule};
pub use entry::{Entry, EntryKind, Timestamp};
pub use path::{COMPONENT_BYTES, LayerPath, PATH_BYTES};

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
        Self { file_bytes: FILE_BYTES, layer_bytes: LAYER_BYTES, entries: ENTRIES }
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
    /// The tar ends within a header or a file.
    #[error("the tar ends at byte {offset}, within a header or a file")]
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
        /// How many.
        bytes: u64,
    },
}

/// A piece of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// Bytes as they stand in the tar; never empty.
    Data(&'a [u8]),
    /// So many zeros that do not stand in the tar; only [`EntryKind::Sparse`] has them.
    Hole(u64),
}

/// Reads one layer.
#[derive(Debug)]
pub struct LayerReader<R> {
    reader: R,
}

impl<R: Read> LayerReader<R> {
    /// Starts reading.
    pub fn new(reader: R, _limits: LayerLimits) -> Self {
        Self { reader }
    }

    /// Reads the next entry; `None` at the end, when `raw` has had every byte up to the end of the stream.
    pub fn next_entry(&mut self, _raw: &mut dyn RawSink) -> Result<Option<Entry>, LayerError> {
        let _ = &mut self.reader;
        Ok(None)
    }

    /// Lends the next piece of the current file's content; `None` at its end.
    pub fn content_chunk(&mut self) -> Result<Option<Chunk<'_>>, LayerError> {
        Ok(None)
    }

    /// Returns a reader of the rest of the current file's content, holes filled with zeros.
    pub fn content(&mut self) -> impl Read + '_ {
        io::empty()
    }

    /// Reads past the rest of the current file's content; it reaches no sink.
    pub fn skip(&mut self) -> Result<(), LayerError> {
        Ok(())
    }
}
