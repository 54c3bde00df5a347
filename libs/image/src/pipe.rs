//! Bounded byte pipes between the threads that work on one layer.
//!
//! Chunks are handed over whole, so a byte is copied once into a chunk and once out of it, and
//! a lock is taken per chunk. The writing side that goes away without [`PipeWriter::finish`]
//! makes the reading side fail: a stream that was cut short never looks complete.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::blob::CHUNK;

/// Chunks in flight; with [`CHUNK`] this bounds the memory of a pipe to 1 MiB.
const DEPTH: usize = 4;

enum Message {
    Chunk(Vec<u8>),
    End(io::Result<()>),
}

/// Makes a pipe.
pub(crate) fn pipe() -> (PipeWriter, PipeReader) {
    let (sender, receiver) = sync_channel(DEPTH);
    let writer = PipeWriter {
        sender,
        chunk: Vec::new(),
    };
    (
        writer,
        PipeReader {
            receiver,
            chunk: Vec::new(),
            at: 0,
            ended: false,
        },
    )
}

/// The end that bytes go into.
pub(crate) struct PipeWriter {
    sender: SyncSender<Message>,
    chunk: Vec<u8>,
}

impl PipeWriter {
    /// Ends the stream: with `Ok` the reader sees its end, with an error it gets the error.
    pub(crate) fn finish(mut self, result: io::Result<()>) {
        let result = result.and_then(|()| self.send_chunk());
        // A reader that went away has its own reason, which it reports itself.
        let _ = self.sender.send(Message::End(result));
    }

    fn send_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.chunk);
        self.sender
            .send(Message::Chunk(chunk))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.capacity() == 0 {
            self.chunk.reserve_exact(CHUNK);
        }
        let count = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        if self.chunk.len() == CHUNK {
            self.send_chunk()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The end that bytes come out of.
pub(crate) struct PipeReader {
    receiver: Receiver<Message>,
    chunk: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() {
            if self.ended {
                return Ok(0);
            }
            match self.receiver.recv() {
                Ok(Message::Chunk(chunk)) => (self.chunk, self.at) = (chunk, 0),
                Ok(Message::End(result)) => {
                    self.ended = true;
                    result?;
                }
                Err(_) => {
                    self.ended = true;
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        let count = buffer.len().min(self.chunk.len() - self.at);
        buffer[..count].copy_from_slice(&self.chunk[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_the_end_arrive() {
        let (mut writer, mut reader) = pipe();
        let sent: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
        let mut got = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                writer.write_all(&sent).unwrap();
                writer.finish(Ok(()));
            });
            reader.read_to_end(&mut got).unwrap();
        });
        assert!(got == sent);
    }

    #[test]
    fn a_cut_stream_never_looks_complete() {
        let (mut writer, mut reader) = pipe();
        writer.write_all(b"half").unwrap();
        drop(writer);
        assert!(reader.read_to_end(&mut Vec::new()).is_err());

        let (writer, mut reader) = pipe();
        writer.finish(Err(io::Error::other("broken")));
        assert_eq!(
            reader.read_to_end(&mut Vec::new()).unwrap_err().to_string(),
            "broken"
        );
    }
}
