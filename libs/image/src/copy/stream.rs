//! The way of one layer's bytes: counted, stopped when need be, compressed or decompressed.

use std::io::{self, Cursor, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use archive::compress::{DecodeLimits, Decoder, Encoder};
use oci::Compression;

use crate::blob::{CHUNK, fill};
use crate::pipe::{PipeReader, pipe};
use crate::progress::Progress;

/// Why a read was cut off: not for a fault of its own.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Stopped;

/// Counts bytes and looks at each read whether the work shall stop.
pub(crate) struct Meter<'a> {
    inner: Box<dyn Read + Send>,
    layer: usize,
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
    /// How far the reader is, and how far it ever was: what is read again is told once.
    at: u64,
    told: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(
        inner: Box<dyn Read + Send>,
        layer: usize,
        progress: &'a dyn Progress,
        stop: &'a AtomicBool,
    ) -> Self {
        Self {
            inner,
            layer,
            progress,
            stop,
            at: 0,
            told: 0,
        }
    }
}

impl Read for Meter<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) || self.progress.cancelled() {
            return Err(io::Error::other(Stopped));
        }
        let count = self.inner.read(buffer)?;
        self.at += count as u64;
        if self.at > self.told {
            self.progress.advance(self.layer, self.at - self.told);
            self.told = self.at;
        }
        Ok(count)
    }
}

/// A layer of which the first bytes were looked at, and which can start anew.
pub(crate) struct Content<'a>(Mutex<(Cursor<Vec<u8>>, Meter<'a>)>);

impl<'a> Content<'a> {
    /// Puts `start` back in front of what `meter` gives.
    pub(crate) fn new(start: Vec<u8>, meter: Meter<'a>) -> Self {
        Self(Mutex::new((Cursor::new(start), meter)))
    }

    /// Ends the reader, and then opens another: each may hold a connection.
    pub(crate) fn restart(
        &self,
        open: impl FnOnce() -> io::Result<Box<dyn Read + Send>>,
    ) -> io::Result<()> {
        let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, meter) = &mut *content;
        *start = Cursor::default();
        meter.inner = Box::new(io::empty());
        meter.inner = open()?;
        meter.at = 0;
        Ok(())
    }
}

impl Read for &Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, meter) = &mut *content;
        match start.read(buffer)? {
            0 => meter.read(buffer),
            count => Ok(count),
        }
    }
}

/// Gives the content of a compressed stream, and reads the stream to its very end: whoever
/// checks the compressed bytes speaks only there.
pub(crate) struct Decompressed<R> {
    decoder: Decoder<Shared<R>>,
    rest: Shared<R>,
}

impl<R: Read> Decompressed<R> {
    pub(crate) fn new(reader: R, compression: Compression) -> io::Result<Self> {
        let rest = Shared(Arc::new(Mutex::new(reader)));
        let decoder = Decoder::new(rest.clone(), compression, DecodeLimits::default())?;
        Ok(Self { decoder, rest })
    }
}

/// A reader with two owners that never read at the same time.
struct Shared<R>(Arc<Mutex<R>>);

impl<R> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Read> Read for Shared<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .read(buffer)
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            io::copy(&mut self.rest, &mut io::sink())?;
        }
        Ok(count)
    }
}

/// Compresses `reader` on threads of its own and lets `take` read the result here.
pub(crate) fn compressed<T, E: From<io::Error>>(
    reader: &mut (dyn Read + Send),
    compression: Compression,
    level: Option<i32>,
    take: impl FnOnce(&mut PipeReader) -> Result<T, E>,
) -> Result<T, E> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (writer, mut output) = pipe();
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || -> io::Result<()> {
            let mut encoder = Encoder::new(writer, compression, level, threads)?;
            let mut buffer = vec![0; CHUNK];
            loop {
                let count = fill(reader, &mut buffer)?;
                encoder.write_all(&buffer[..count])?;
                if count < buffer.len() {
                    break;
                }
            }
            encoder.finish()?.finish(Ok(()));
            Ok(())
        });
        let taken = take(&mut output);
        drop(output);
        match (worker.join(), taken) {
            // A reader that gave up makes the writer fail with a broken pipe: its reason counts.
            (Ok(Err(error)), Err(_)) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(error.into())
            }
            (Ok(Err(error)), Ok(_)) => Err(error.into()),
            (Err(_), _) => Err(io::Error::other("the compressing thread died").into()),
            (Ok(_), taken) => taken,
        }
    })
}
