//! Writes gzip with several threads.
//!
//! The input is cut into blocks of a fixed size. Each is deflated by itself, with the last
//! 32 KiB of the block before it as its dictionary, and ends on a byte boundary (a sync flush);
//! joined they are one deflate stream and one gzip member, as pigz makes them. The bytes depend
//! on the input and the level alone: neither on the number of threads nor on how the input was
//! cut into writes.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Input of one block. Larger ones compress no better, and each thread has two in memory.
const BLOCK_BYTES: usize = 256 << 10;
/// How far deflate looks back.
const DICTIONARY_BYTES: usize = 32 << 10;
/// No time, no name, no system: what Go writes, so that equal layers are equal blobs.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A block on its way to a thread.
struct Job {
    data: Vec<u8>,
    dictionary: Vec<u8>,
    last: bool,
    reply: SyncSender<io::Result<Deflated>>,
}

struct Deflated {
    bytes: Vec<u8>,
    crc: Crc,
    length: usize,
}

/// Deflates one block with a state of its own: one that was reset still holds its last block, which
/// changes what it finds in the next, and so the bytes with which thread took which block.
fn deflate(level: u32, data: &[u8], dictionary: &[u8], last: bool) -> io::Result<Deflated> {
    let mut state = Compress::new(Compression::new(level), false);
    if !dictionary.is_empty() {
        state.set_dictionary(dictionary)?;
    }
    let flush = if last {
        FlushCompress::Finish
    } else {
        FlushCompress::Sync
    };
    let mut bytes = Vec::with_capacity(data.len() + data.len() / 16 + 1024);
    let mut done = 0;
    loop {
        let before = state.total_in();
        let status = state.compress_vec(&data[done..], &mut bytes, flush)?;
        done += (state.total_in() - before) as usize;
        let room = bytes.len() < bytes.capacity();
        if status == Status::StreamEnd || !last && done == data.len() && room {
            break;
        }
        bytes.reserve(4096);
    }
    let mut crc = Crc::new();
    crc.update(data);
    Ok(Deflated {
        bytes,
        crc,
        length: data.len(),
    })
}

/// The threads; they end when their jobs' sender is dropped.
struct Pool {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    fn new(threads: usize, level: u32) -> io::Result<Self> {
        let (sender, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        let mut pool = Self {
            jobs: Some(sender),
            threads: Vec::with_capacity(threads),
        };
        for _ in 0..threads {
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new().name("gzip".to_owned());
            pool.threads
                .push(thread.spawn(move || work(&receiver, level))?);
        }
        Ok(pool)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, level: u32) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else {
            return;
        };
        let deflated = deflate(level, &job.data, &job.dictionary, job.last);
        // An encoder that was dropped waits for nothing.
        drop(job.reply.send(deflated));
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has been reported by the channel it left open.
            drop(thread.join());
        }
    }
}

enum Workers {
    /// The level.
    Here(u32),
    Pool(Pool),
}

/// One gzip member on its way to `writer`.
pub(super) struct GzipWriter<W> {
    writer: W,
    workers: Workers,
    /// Blocks that may be with the threads at once.
    most_pending: usize,
    pending: VecDeque<Receiver<io::Result<Deflated>>>,
    block: Vec<u8>,
    dictionary: Vec<u8>,
    crc: Crc,
    length: u32,
}

impl<W: Write> GzipWriter<W> {
    pub(super) fn new(mut writer: W, level: u32, threads: usize) -> io::Result<Self> {
        let workers = match threads {
            0 | 1 => Workers::Here(level),
            _ => Workers::Pool(Pool::new(threads, level)?),
        };
        writer.write_all(&HEADER)?;
        Ok(Self {
            writer,
            workers,
            most_pending: threads * 2,
            pending: VecDeque::new(),
            block: Vec::with_capacity(BLOCK_BYTES),
            dictionary: Vec::new(),
            crc: Crc::new(),
            length: 0,
        })
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        self.dispatch(true)?;
        while !self.pending.is_empty() {
            self.collect()?;
        }
        self.writer.write_all(&self.crc.sum().to_le_bytes())?;
        self.writer.write_all(&self.length.to_le_bytes())?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    /// Hands the block over.
    fn dispatch(&mut self, last: bool) -> io::Result<()> {
        let data = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_BYTES));
        let tail = data[data.len().saturating_sub(DICTIONARY_BYTES)..].to_vec();
        let dictionary = std::mem::replace(&mut self.dictionary, tail);
        match &self.workers {
            Workers::Here(level) => {
                let deflated = deflate(*level, &data, &dictionary, last)?;
                self.write_block(&deflated)
            }
            Workers::Pool(pool) => {
                let (reply, receiver) = sync_channel(1);
                let job = Job {
                    data,
                    dictionary,
                    last,
                    reply,
                };
                let jobs = pool.jobs.as_ref().ok_or_else(thread_lost)?;
                jobs.send(job).map_err(|_| thread_lost())?;
                self.pending.push_back(receiver);
                if self.pending.len() > self.most_pending {
                    self.collect()?;
                }
                Ok(())
            }
        }
    }

    /// Waits for the oldest block.
    fn collect(&mut self) -> io::Result<()> {
        let Some(receiver) = self.pending.pop_front() else {
            return Ok(());
        };
        let deflated = receiver.recv().map_err(|_| thread_lost())??;
        self.write_block(&deflated)
    }

    fn write_block(&mut self, deflated: &Deflated) -> io::Result<()> {
        self.writer.write_all(&deflated.bytes)?;
        self.crc.combine(&deflated.crc);
        // The trailer holds the length modulo 2^32.
        self.length = self.length.wrapping_add(deflated.length as u32);
        Ok(())
    }
}

fn thread_lost() -> io::Error {
    io::Error::other("a compressing thread ended early")
}

impl<W: Write> Write for GzipWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(BLOCK_BYTES - self.block.len());
        self.block.extend_from_slice(&bytes[..count]);
        if self.block.len() == BLOCK_BYTES {
            self.dispatch(false)?;
        }
        Ok(count)
    }

    /// Flushes what is written; a block that is not full stays, or the bytes would depend on it.
    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl<W> fmt::Debug for GzipWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GzipWriter")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
