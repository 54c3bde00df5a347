//! A buffer over the reader that a tar comes from: it lends its bytes and counts them.

use std::fmt;
use std::io::{self, Read};

/// Bytes per read. Large enough that a system call or a step of inflating costs little against
/// it, small enough to stay in the processor's cache until the content has been hashed.
const BUFFER_BYTES: usize = 256 << 10;

/// Reads ahead, lends, and knows where it is.
pub(crate) struct Source<R> {
    reader: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    offset: u64,
}

impl<R> Source<R> {
    pub(crate) fn new(reader: R) -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self {
            reader,
            buffer,
            start: 0,
            end: 0,
            offset: 0,
        }
    }

    /// Bytes of the stream that were consumed.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// What was read and not yet consumed.
    pub(crate) fn available(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Lends the next `count` bytes, which must be available, and consumes them.
    pub(crate) fn take(&mut self, count: usize) -> &[u8] {
        let from = self.start;
        self.start += count;
        self.offset += count as u64;
        &self.buffer[from..from + count]
    }

    /// Forgets what is available and counts `count` bytes as consumed: the caller has moved the
    /// reader behind them.
    pub(crate) fn jump(&mut self, count: u64) {
        self.start = 0;
        self.end = 0;
        self.offset += count;
    }
}

impl<R: Read> Source<R> {
    /// Reads until `count` bytes are available or the stream ends; returns how many are.
    pub(crate) fn want(&mut self, count: usize) -> io::Result<usize> {
        if self.end - self.start >= count {
            return Ok(self.end - self.start);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < count {
            match read(&mut self.reader, &mut self.buffer[self.end..])? {
                0 => break,
                n => self.end += n,
            }
        }
        Ok(self.end)
    }

    /// Copies what is available, or reads straight into a large `out`; 0 at the end.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && out.len() >= BUFFER_BYTES / 4 {
            let count = read(&mut self.reader, out)?;
            self.offset += count as u64;
            return Ok(count);
        }
        let count = self.want(1)?.min(out.len());
        out[..count].copy_from_slice(self.take(count));
        Ok(count)
    }
}

/// Reads once, however often a signal comes in between.
fn read(reader: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A reader that claims more than it was lent would have us panic later.
            Ok(count) => return Ok(count.min(out.len())),
            Err(error) => return Err(error),
        }
    }
}

impl<R> fmt::Debug for Source<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
