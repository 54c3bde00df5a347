//! The one reader for all formats.

use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use oci::media_type::Compression;

use super::gzip::Gzip;
use super::streams::{Bzip2, Xz};
use super::zstd_frames::Zstd;
use super::{CompressError, DETECT_BYTES, WINDOW_BYTES, WINDOW_BYTES_MOST, detect};
use crate::layer::LAYER_BYTES;

/// Bytes of input per read.
const INPUT_BYTES: usize = 256 << 10;

/// How much a [`Decoder`] gives and takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most bytes that come out; [`LAYER_BYTES`] unless told.
    pub output_bytes: u64,
    /// Largest zstd window; [`WINDOW_BYTES`] unless told, never above [`WINDOW_BYTES_MOST`].
    pub window_bytes: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            output_bytes: LAYER_BYTES,
            window_bytes: WINDOW_BYTES,
        }
    }
}

/// A format's state: takes input from a buffer and fills `out`.
pub(super) trait Engine {
    /// Writes to `out` and returns how much; 0 only at the end of the stream and of the input.
    /// `out` is not empty.
    fn read(&mut self, input: &mut dyn BufRead, out: &mut [u8]) -> io::Result<usize>;
}

struct Plain;

impl Engine for Plain {
    fn read(&mut self, input: &mut dyn BufRead, out: &mut [u8]) -> io::Result<usize> {
        input.read(out)
    }
}

/// Inflates a stream as it is read.
///
/// At its end the reader below has been read to its end too, so a digest that is checked there
/// has been checked. Every fault of the stream is a [`CompressError`] within the
/// [`io::Error`]; what came out before it has not been verified by the format's checksum.
pub struct Decoder<R> {
    input: BufReader<Counted<io::Chain<Cursor<Vec<u8>>, R>>>,
    engine: Box<dyn Engine + Send>,
    compression: Compression,
    output_bytes: u64,
    limit: u64,
}

struct Counted<R> {
    reader: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(out)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

impl<R: Read> Decoder<R> {
    /// Starts reading `reader` as `compression`.
    ///
    /// # Errors
    /// When a library has no memory for its state.
    pub fn new(reader: R, compression: Compression, limits: DecodeLimits) -> io::Result<Self> {
        Self::start(Vec::new(), reader, compression, limits)
    }

    /// Starts reading `reader`, whose first bytes tell the compression.
    ///
    /// # Errors
    /// As [`Decoder::new`], and when the first bytes cannot be read.
    pub fn detecting(mut reader: R, limits: DecodeLimits) -> io::Result<Self> {
        let mut prefix = Vec::with_capacity(DETECT_BYTES);
        reader
            .by_ref()
            .take(DETECT_BYTES as u64)
            .read_to_end(&mut prefix)?;
        let compression = detect(&prefix);
        Self::start(prefix, reader, compression, limits)
    }

    fn start(
        prefix: Vec<u8>,
        reader: R,
        compression: Compression,
        limits: DecodeLimits,
    ) -> io::Result<Self> {
        let engine: Box<dyn Engine + Send> = match compression {
            Compression::None => Box::new(Plain),
            Compression::Gzip => Box::new(Gzip::new()),
            Compression::Zstd => Box::new(Zstd::new(limits.window_bytes.min(WINDOW_BYTES_MOST))?),
            Compression::Bzip2 => Box::new(Bzip2::new()),
            Compression::Xz => Box::new(Xz::new()?),
        };
        let reader = Counted {
            reader: Cursor::new(prefix).chain(reader),
            bytes: 0,
        };
        Ok(Self {
            input: BufReader::with_capacity(INPUT_BYTES, reader),
            engine,
            compression,
            output_bytes: 0,
            limit: limits.output_bytes,
        })
    }

    /// Returns the compression.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Returns how many compressed bytes were read so far, what is buffered included.
    pub fn input_bytes(&self) -> u64 {
        self.input.get_ref().bytes
    }

    /// Returns how many bytes came out so far; over [`Decoder::input_bytes`] that is the ratio.
    pub fn output_bytes(&self) -> u64 {
        self.output_bytes
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // One byte above the limit is asked for, to tell an end from too much.
        let most = (self.limit - self.output_bytes).saturating_add(1);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(out.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.engine.read(&mut self.input, &mut out[..most])?;
        if count as u64 > self.limit - self.output_bytes {
            return Err(CompressError::OutputLimit { limit: self.limit }.into());
        }
        self.output_bytes += count as u64;
        Ok(count)
    }
}

impl<R> fmt::Debug for Decoder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("compression", &self.compression)
            .field("output_bytes", &self.output_bytes)
            .finish_non_exhaustive()
    }
}

/// Borrows what is buffered, reading on when nothing is; empty at the end.
pub(super) fn fill(input: &mut dyn BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // Buffered now; asked again because the borrow checker cannot follow the loop.
    input.fill_buf()
}

/// Reads the next byte.
pub(super) fn byte(input: &mut dyn BufRead, format: &'static str) -> io::Result<u8> {
    let byte = fill(input)?
        .first()
        .copied()
        .ok_or(CompressError::Truncated { format })?;
    input.consume(1);
    Ok(byte)
}

/// Reads the next bytes.
pub(super) fn bytes<const N: usize>(
    input: &mut dyn BufRead,
    format: &'static str,
) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    for slot in &mut bytes {
        *slot = byte(input, format)?;
    }
    Ok(bytes)
}
