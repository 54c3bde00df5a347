//! The one writer for all formats that are written.

use std::fmt;
use std::io::{self, Write};

use oci::media_type::Compression;

use super::CompressError;
use super::gzip_encode::GzipWriter;

/// gzip's level unless told.
pub const GZIP_LEVEL: i32 = 6;
/// zstd's level unless told.
pub const ZSTD_LEVEL: i32 = 3;

/// Deflates a stream as it is written.
///
/// The output depends on the input, the format and the level alone, not on the number of
/// threads. [`Encoder::finish`] must be called; a stream without its end is no stream.
pub struct Encoder<W: Write>(Engine<W>);

enum Engine<W: Write> {
    Plain(W),
    Gzip(GzipWriter<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    /// Starts writing to `writer`, deflating with `threads` threads (with one: gzip in the
    /// caller's own). `level` is the format's own, 0 to 9 or 1 to 22; `None` is
    /// [`GZIP_LEVEL`] or [`ZSTD_LEVEL`].
    ///
    /// # Errors
    /// A format that is only read, a level that the format has not, a thread that cannot be
    /// started, and errors of `writer`.
    pub fn new(
        writer: W,
        compression: Compression,
        level: Option<i32>,
        threads: usize,
    ) -> io::Result<Self> {
        let engine = match compression {
            Compression::None => Engine::Plain(writer),
            Compression::Gzip => {
                let level = in_range(level.unwrap_or(GZIP_LEVEL), 0, 9, "gzip")?;
                Engine::Gzip(GzipWriter::new(writer, level.unsigned_abs(), threads)?)
            }
            Compression::Zstd => {
                let level = in_range(level.unwrap_or(ZSTD_LEVEL), 1, 22, "zstd")?;
                let mut encoder = zstd::stream::write::Encoder::new(writer, level)?;
                encoder.include_checksum(true)?;
                // One worker and none at all give different bytes.
                encoder.multithread(u32::try_from(threads).unwrap_or(u32::MAX).clamp(1, 64))?;
                Engine::Zstd(encoder)
            }
            Compression::Bzip2 => return Err(CompressError::ReadOnly { format: "bzip2" }.into()),
            Compression::Xz => return Err(CompressError::ReadOnly { format: "xz" }.into()),
        };
        Ok(Self(engine))
    }

    /// Ends the stream and returns the writer.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Engine::Plain(mut writer) => {
                writer.flush()?;
                Ok(writer)
            }
            Engine::Gzip(writer) => writer.finish(),
            Engine::Zstd(encoder) => encoder.finish(),
        }
    }
}

fn in_range(level: i32, least: i32, most: i32, format: &'static str) -> io::Result<i32> {
    if (least..=most).contains(&level) {
        return Ok(level);
    }
    Err(CompressError::Level {
        format,
        level,
        least,
        most,
    }
    .into())
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Engine::Plain(writer) => writer.write(bytes),
            Engine::Gzip(writer) => writer.write(bytes),
            Engine::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Engine::Plain(writer) => writer.flush(),
            Engine::Gzip(writer) => writer.flush(),
            Engine::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl<W: Write> fmt::Debug for Encoder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.0 {
            Engine::Plain(_) => "none",
            Engine::Gzip(_) => "gzip",
            Engine::Zstd(_) => "zstd",
        };
        f.debug_tuple("Encoder").field(&name).finish()
    }
}
