//! The way of one layer's bytes: counted, stopped when need be, compressed or decompressed.

use std::io::{self, Read, Write};
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
pub(crate) struct Meter<'a, R> {
    inner: R,
    layer: usize,
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
}

impl<'a, R: Read> Meter<'a, R> {
    pub(crate) fn new(
        inner: R,
        layer: usize,
        progress: &'a dyn Progress,
        stop: &'a AtomicBool,
    ) -> Self {
        Self {
            inner,
            layer,
            progress,
            stop,
        }
    }
}

impl<R: Read> Read for Meter<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) || self.progress.cancelled() {
            return Err(io::Error::other(Stopped));
        }
        let count = self.inner.read(buffer)?;
        if count > 0 {
            self.progress.advance(self.layer, count as u64);
        }
        Ok(count)
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
