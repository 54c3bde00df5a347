//! gzip, zstd, bzip2 and xz streams.
use std::io::{self, Read, Write};
use std::marker::PhantomData;

use oci::media_type::Compression;

/// How many first bytes [`detect`] wants to see.
pub const DETECT_BYTES: usize = 10;

/// Tells how a stream is compressed from its first bytes.
pub fn detect(_prefix: &[u8]) -> Compression {
    Compression::None
}

/// How much a [`Decoder`] gives and takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most bytes that come out.
    pub output_bytes: u64,
    /// Largest zstd window.
    pub window_bytes: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { output_bytes: 64 << 30, window_bytes: 8 << 20 }
    }
}

/// Inflates a stream.
#[derive(Debug)]
pub struct Decoder<R> {
    reader: R,
}

impl<R: Read> Decoder<R> {
    /// Starts reading `reader`.
    pub fn new(reader: R, _compression: Compression, _limits: DecodeLimits) -> io::Result<Self> {
        Ok(Self { reader })
    }
    /// Starts reading `reader`, whose first bytes tell the compression.
    pub fn detecting(reader: R, _limits: DecodeLimits) -> io::Result<Self> {
        Ok(Self { reader })
    }
    /// Returns the compression.
    pub fn compression(&self) -> Compression {
        Compression::None
    }
    /// Returns how many compressed bytes were read.
    pub fn input_bytes(&self) -> u64 {
        0
    }
    /// Returns how many bytes came out.
    pub fn output_bytes(&self) -> u64 {
        0
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reader.read(out)
    }
}

/// Deflates a stream.
#[derive(Debug)]
pub struct Encoder<W: Write> {
    writer: W,
    _kind: PhantomData<()>,
}

impl<W: Write> Encoder<W> {
    /// Starts writing to `writer` with so many threads; `level` is the format's own, `None` its default.
    pub fn new(writer: W, _compression: Compression, _level: Option<i32>, _threads: usize) -> io::Result<Self> {
        Ok(Self { writer, _kind: PhantomData })
    }
    /// Ends the stream and returns the writer.
    pub fn finish(self) -> io::Result<W> {
        Ok(self.writer)
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
