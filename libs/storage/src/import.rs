//! One layer, from its compressed blob to objects and a split stream in a staging directory.
//!
//! ```text
//! caller's thread: blob -> inflate ─┬─> thread: SHA-256 of the tar (the diff id)
//!                                   └─> thread: strict tar reader -> split -> objects, stream
//! ```
//! Pieces of 128 KiB are shared between the two threads and at most [`QUEUE`] of them wait, so
//! memory does not depend on the size of anything. The caller's thread alone touches the blob's
//! reader and the progress callback. Any of the three may fail; the others then stop at once.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufWriter, Read, Write},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use archive::{
    compress::{DecodeLimits, Decoder},
    layer::{Chunk, EntryKind, LayerError, LayerLimits, LayerReader, RawSink},
};
use composefs::INLINE_CONTENT_MAX_V0;
use oci::{Algorithm, Compression, DiffId, Digest, Digester};

use crate::{
    error::{Result, StoreError},
    object::ObjectId,
    object_file::{BUFFER_BYTES, ObjectStream, ObjectWriter, Stored},
    splitstream::StreamWriter,
    staging::Staging,
};

/// Contents of at most this many bytes stay in the stream and in the tree: composefs's limit.
pub(crate) const INLINE_BYTES: u64 = INLINE_CONTENT_MAX_V0 as u64;
const PIECE_BYTES: usize = 128 << 10;
/// Pieces that may wait for each thread.
const QUEUE: usize = 4;

/// What came out of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Imported {
    pub(crate) diff_id: DiffId,
    pub(crate) stream: ObjectId,
    pub(crate) tar_bytes: u64,
    pub(crate) entries: u64,
    pub(crate) files: u64,
    pub(crate) content_bytes: u64,
    pub(crate) new_bytes: u64,
    pub(crate) shared_bytes: u64,
    pub(crate) whiteouts: u64,
}

/// Where the pieces of the tar go.
pub(crate) struct Import<'a> {
    pub(crate) blob: &'a Digest,
    pub(crate) objects: &'a ObjectWriter,
    pub(crate) staging: &'a Staging,
    /// Keeps the compressed bytes.
    pub(crate) keep: Option<&'a mut BufWriter<File>>,
}

type Piece = Arc<Vec<u8>>;
/// `None` says that the tar ended; a channel that ends without it, that the sender failed.
type Message = Option<Piece>;

impl Import<'_> {
    /// Reads the blob to its end; `progress` is told how many bytes of it came.
    pub(crate) fn run(
        mut self,
        blob: impl Read,
        compression: Compression,
        progress: &dyn Fn(u64),
    ) -> Result<Imported> {
        let digest = *self.blob;
        let fail = |source| StoreError::Blob {
            blob: digest,
            source,
        };
        let (to_hash, from_hash) = sync_channel::<Message>(QUEUE);
        let (to_split, from_split) = sync_channel::<Message>(QUEUE);
        let (blob_digest, objects, staging) = (self.blob, self.objects, self.staging);
        std::thread::scope(|scope| {
            let hash = std::thread::Builder::new()
                .name("diff-id".to_owned())
                .spawn_scoped(scope, move || hash_tar(&from_hash))
                .map_err(StoreError::io("starting a thread for", staging.path()))?;
            let split = std::thread::Builder::new()
                .name("split".to_owned())
                .spawn_scoped(scope, move || {
                    split_tar(from_split, blob_digest, objects, staging)
                })
                .map_err(StoreError::io("starting a thread for", staging.path()))?;
            let pumped = self.pump(blob, compression, progress, [&to_hash, &to_split]);
            drop(to_hash);
            drop(to_split);
            // A thread that panicked is an error of ours; it is reported as the end of its work.
            let gone = || fail(io::Error::other("a worker thread ended early"));
            let diff_id = hash.join().map_err(|_| gone())?;
            let split = split.join().map_err(|_| gone())?;
            // When the blob failed, the tar was cut short: that error is the cause of the others.
            match (pumped, split) {
                // A kept blob is written on the way.
                (Err(error), _) if error.kind() == io::ErrorKind::StorageFull => {
                    Err(StoreError::io("writing", staging.path())(error))
                }
                (Err(error), _) => Err(fail(error)),
                (Ok(_), Err(error)) => Err(error),
                (Ok(()), Ok(mut imported)) => {
                    imported.diff_id = diff_id.ok_or_else(gone)?;
                    Ok(imported)
                }
            }
        })
    }

    /// Inflates the blob into both channels, and reads it to its end so that its reader can
    /// verify it.
    fn pump(
        &mut self,
        blob: impl Read,
        compression: Compression,
        progress: &dyn Fn(u64),
        sinks: [&SyncSender<Message>; 2],
    ) -> io::Result<()> {
        let mut blob = Watched {
            inner: blob,
            keep: self.keep.take(),
            progress,
        };
        let mut decoder = Decoder::new(&mut blob, compression, DecodeLimits::default())?;
        let mut pool = Pool::default();
        loop {
            let (mut shared, mut filled) = (pool.piece(), 0);
            // Nobody else has it: that is what the pool gives.
            let Some(piece) = Arc::get_mut(&mut shared) else {
                continue;
            };
            while let Some(rest) = piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                match decoder.read(rest) {
                    Ok(0) => break,
                    Ok(length) => filled += length,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            piece.truncate(filled);
            for sink in sinks {
                // A sink that is gone has an error of its own, which is reported instead.
                if sink.send(Some(Arc::clone(&shared))).is_err() {
                    return Ok(());
                }
            }
            if filled < PIECE_BYTES {
                break;
            }
            pool.lent(shared);
        }
        drop(decoder);
        io::copy(&mut blob, &mut io::sink())?;
        for sink in sinks {
            if sink.send(None).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The pieces that were sent, to be filled again when both threads are done with them.
#[derive(Default)]
struct Pool(VecDeque<Piece>);

impl Pool {
    /// Returns a piece that nobody else has.
    fn piece(&mut self) -> Piece {
        match self.0.front() {
            Some(oldest) if Arc::strong_count(oldest) == 1 => self.0.pop_front(),
            _ => None,
        }
        .unwrap_or_else(|| Arc::new(vec![0; PIECE_BYTES]))
    }

    fn lent(&mut self, piece: Piece) {
        self.0.push_back(piece);
    }
}

/// The blob's reader, with an eye on what passes.
struct Watched<'a, R> {
    inner: R,
    keep: Option<&'a mut BufWriter<File>>,
    progress: &'a dyn Fn(u64),
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        if let Some(keep) = &mut self.keep {
            keep.write_all(buffer.get(..length).unwrap_or_default())?;
        }
        (self.progress)(length as u64);
        Ok(length)
    }
}

/// Hashes the tar; `None` when it was cut short.
fn hash_tar(pieces: &Receiver<Message>) -> Option<DiffId> {
    let mut digester = Digester::new(Algorithm::Sha256);
    while let Some(piece) = pieces.recv().ok()? {
        digester.update(&piece);
    }
    Some(DiffId(digester.finish()))
}

/// The tar as the splitting thread reads it.
struct Pieces {
    receiver: Receiver<Message>,
    piece: Piece,
    start: usize,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.start == self.piece.len() {
            if self.ended {
                return Ok(0);
            }
            match self.receiver.recv() {
                Ok(Some(piece)) => {
                    self.piece = piece;
                    self.start = 0;
                }
                Ok(None) => self.ended = true,
                Err(_) => return Err(io::Error::other("the blob was cut short")),
            }
        }
        let rest = self.piece.get(self.start..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        self.start += length;
        Ok(length)
    }
}

struct Headers<'a>(&'a mut StreamWriter);

impl RawSink for Headers<'_> {
    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.inline(bytes)
    }
}

/// Reads the tar, splits it and stores what it holds. The diff id is filled in by the caller.
fn split_tar(
    receiver: Receiver<Message>,
    blob: &Digest,
    objects: &ObjectWriter,
    staging: &Staging,
) -> Result<Imported> {
    let refused = |source| StoreError::Layer {
        blob: *blob,
        source: Box::new(source),
    };
    let mut reader = LayerReader::new(
        Pieces {
            receiver,
            piece: Piece::default(),
            start: 0,
            ended: false,
        },
        LayerLimits::default(),
    );
    let path = staging.temporary();
    let writing = || StoreError::io("writing", path.clone());
    let mut stream = StreamWriter::create(path.clone())?;
    let mut buffer = Vec::new();
    let mut sum = Imported {
        diff_id: DiffId(*blob),
        stream: ObjectId::from_bytes([0; 32]),
        tar_bytes: 0,
        entries: 0,
        files: 0,
        content_bytes: 0,
        new_bytes: 0,
        shared_bytes: 0,
        whiteouts: 0,
    };
    loop {
        let entry = match reader.next_entry(&mut Headers(&mut stream)) {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(LayerError::Sink(source)) => return Err(writing()(source)),
            Err(source) => return Err(refused(source)),
        };
        sum.entries += 1;
        let (size, sparse) = match entry.kind {
            EntryKind::Regular { size } => (size, false),
            EntryKind::Sparse { size, .. } => (size, true),
            EntryKind::Whiteout | EntryKind::OpaqueDir => {
                sum.whiteouts += 1;
                continue;
            }
            _ => continue,
        };
        sum.files += 1;
        sum.content_bytes += size;
        if size <= INLINE_BYTES {
            while let Some(chunk) = reader.content_chunk().map_err(refused)? {
                if let Chunk::Data(bytes) = chunk {
                    stream.inline(bytes).map_err(writing())?;
                }
            }
            continue;
        }
        let (id, stored) = if size <= BUFFER_BYTES {
            buffer.clear();
            while let Some(chunk) = reader.content_chunk().map_err(refused)? {
                match chunk {
                    Chunk::Data(bytes) => {
                        buffer.extend_from_slice(bytes);
                        if sparse {
                            stream.inline(bytes).map_err(writing())?;
                        }
                    }
                    Chunk::Hole(bytes) => {
                        let filled = buffer.len() as u64 + bytes;
                        buffer.resize(usize::try_from(filled.min(size)).unwrap_or_default(), 0);
                    }
                }
            }
            objects.store(&buffer)?
        } else {
            let mut file = ObjectStream::create(staging)?;
            while let Some(chunk) = reader.content_chunk().map_err(refused)? {
                match chunk {
                    Chunk::Data(bytes) => {
                        file.data(bytes)?;
                        if sparse {
                            stream.inline(bytes).map_err(writing())?;
                        }
                    }
                    Chunk::Hole(bytes) => file.hole(bytes),
                }
            }
            file.finish(objects)?
        };
        match stored {
            Stored::New => sum.new_bytes += size,
            Stored::Shared => sum.shared_bytes += size,
        }
        if sparse {
            stream.reference(id);
        } else {
            stream.external(id, size).map_err(writing())?;
        }
    }
    let (id, _, tar_bytes) = stream.finish()?;
    objects.adopt(&path, id)?;
    sum.stream = id;
    sum.tar_bytes = tar_bytes;
    Ok(sum)
}
