//! Split streams: a tar without the contents of its files, and which objects those are.
//!
//! The format is composefs's (its `splitstream_format` documents it; a test reads ours with its
//! reader and the other way round). All integers are little-endian.
//!
//! ```text
//! 0    magic "SplitStream", version 0 (u8), flags 0 (u16), algorithm 1 (u8), lg(block) 12 (u8)
//! 16   info: start u64, end u64
//! 32   info section: stream refs, object refs, stream, named refs (start u64, end u64 each),
//!      content type u64, size of the tar u64
//! 112  object refs: 32 bytes each, in the order of first use
//! …    named refs: empty, zstd-compressed
//! …    stream, zstd-compressed: i64 n < 0: -n bytes follow; n >= 0: the content of object ref n
//! ```
//! An inline run of more than 1 MiB is written as several, so that no reader has to hold more.
//! A sparse file of a tar is inline as it stands there; the object with its holes filled is among
//! the object refs but not in the stream.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Take, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    error::{Result, StoreError},
    object::{ObjectId, VerityHasher},
    object_file::{OBJECT_MODE, Objects},
};

const MAGIC: &[u8; 11] = b"SplitStream";
const HEADER_BYTES: u64 = 32;
const INFO_BYTES: u64 = 80;
const REF_BYTES: u64 = 32;
/// composefs-oci's content type of a tar layer.
pub const TAR_LAYER_CONTENT_TYPE: u64 = u64::from_le_bytes(*b"ocilayer");
/// Longest inline run that is written.
const RUN_BYTES: usize = 1 << 20;
/// Most object refs that are read: 10,000,000 entries is the limit of a layer.
const MOST_REFS: u64 = 10_000_000;
/// How much of an inline run is lent at once.
const PIECE_BYTES: usize = 64 << 10;

/// Writes a split stream; the compressed part waits in a file until its place is known.
pub(crate) struct StreamWriter {
    refs: Vec<ObjectId>,
    index: HashMap<ObjectId, u64>,
    run: Vec<u8>,
    tar_bytes: u64,
    encoder: zstd::Encoder<'static, BufWriter<File>>,
    path: PathBuf,
}

impl StreamWriter {
    /// Starts a stream; `path` must be free, and `path` with `.stream` as well.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let part = part_path(&path);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&part)
            .map_err(StoreError::io("creating", &part))?;
        let encoder = zstd::Encoder::new(BufWriter::new(file), 0)
            .map_err(StoreError::io("writing", &part))?;
        Ok(Self {
            refs: Vec::new(),
            index: HashMap::new(),
            run: Vec::new(),
            tar_bytes: 0,
            encoder,
            path,
        })
    }

    /// Takes bytes of the tar that are no file's content.
    pub(crate) fn inline(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tar_bytes += bytes.len() as u64;
        self.run.extend_from_slice(bytes);
        if self.run.len() >= RUN_BYTES {
            self.flush_run()?;
        }
        Ok(())
    }

    /// Takes the content of a file, which is the object `id`.
    pub(crate) fn external(&mut self, id: ObjectId, size_bytes: u64) -> io::Result<()> {
        self.flush_run()?;
        self.tar_bytes += size_bytes;
        let number = self.reference(id);
        self.encoder.write_all(&number.to_le_bytes())
    }

    /// Names an object that the stream's reader needs without being part of the tar.
    pub(crate) fn reference(&mut self, id: ObjectId) -> u64 {
        *self.index.entry(id).or_insert_with(|| {
            self.refs.push(id);
            self.refs.len() as u64 - 1
        })
    }

    fn flush_run(&mut self) -> io::Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        let length = i64::try_from(self.run.len()).unwrap_or(i64::MAX);
        self.encoder.write_all(&(-length).to_le_bytes())?;
        self.encoder.write_all(&self.run)?;
        self.run.clear();
        Ok(())
    }

    /// Writes the stream as one file at the path that it was created with; returns its digest,
    /// its size and the size of the tar.
    pub(crate) fn finish(mut self) -> Result<(ObjectId, u64, u64)> {
        let path = self.path.clone();
        let fail = || StoreError::io("writing", path.clone());
        self.flush_run().map_err(fail())?;
        let buffered = self.encoder.finish().map_err(fail())?;
        let mut part = buffered
            .into_inner()
            .map_err(|error| fail()(error.into_error()))?;
        let stream_bytes = part.stream_position().map_err(fail())?;
        part.seek(SeekFrom::Start(0)).map_err(fail())?;
        let named = zstd::encode_all(io::empty(), 0).map_err(fail())?;

        let refs_start = HEADER_BYTES + INFO_BYTES;
        let refs_end = refs_start + self.refs.len() as u64 * REF_BYTES;
        let named_end = refs_end + named.len() as u64;
        let stream_end = named_end + stream_bytes;
        let mut head = Vec::with_capacity(usize::try_from(refs_end).unwrap_or_default());
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&[0, 0, 0, 1, 12]);
        for number in [
            HEADER_BYTES,
            refs_start, // info
            refs_start,
            refs_start, // stream refs: none
            refs_start,
            refs_end, // object refs
            named_end,
            stream_end, // stream
            refs_end,
            named_end, // named refs
            TAR_LAYER_CONTENT_TYPE,
            self.tar_bytes,
        ] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        for id in &self.refs {
            head.extend_from_slice(id.as_bytes());
        }
        head.extend_from_slice(&named);

        let mut out = File::options()
            .write(true)
            .create_new(true)
            .mode(OBJECT_MODE)
            .open(&path)
            .map_err(fail())?;
        let mut hasher = VerityHasher::new();
        let mut put = |bytes: &[u8]| {
            hasher.update(bytes);
            out.write_all(bytes)
        };
        put(&head).map_err(fail())?;
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let length = part.read(&mut buffer).map_err(fail())?;
            if length == 0 {
                break;
            }
            put(buffer.get(..length).unwrap_or_default()).map_err(fail())?;
        }
        drop(part);
        let part = part_path(&path);
        std::fs::remove_file(&part).map_err(StoreError::io("removing", part))?;
        Ok((hasher.finish(), stream_end, self.tar_bytes))
    }
}

fn part_path(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".stream");
    part.into()
}

/// Part of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Bytes of the tar.
    Inline(&'a [u8]),
    /// The content of an object.
    External(ObjectId),
}

/// Reads a split stream.
pub(crate) struct StreamReader {
    id: ObjectId,
    refs: Vec<ObjectId>,
    tar_bytes: u64,
    decoder: zstd::Decoder<'static, BufReader<Take<File>>>,
    /// Bytes of the current inline run that are still to come.
    run_bytes: u64,
    buffer: Vec<u8>,
}

impl StreamReader {
    /// Opens the stream that is the object `id`.
    pub(crate) fn open(objects: &Objects, id: &ObjectId) -> Result<Self> {
        Self::new(objects.open(id)?, *id)
    }

    /// Reads the head of a stream.
    pub(crate) fn new(mut file: File, id: ObjectId) -> Result<Self> {
        let wrong = |reason| StoreError::Stream { id, reason };
        let short = |_| wrong("it ends within its head");
        let mut header = [0_u8; HEADER_BYTES as usize];
        file.read_exact(&mut header).map_err(short)?;
        let (magic, rest) = header.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(wrong("it is no split stream"));
        }
        let Some((&[version, _, _, algorithm, block], rest)) = rest.split_first_chunk::<5>() else {
            return Err(wrong("it ends within its head"));
        };
        if (version, algorithm, block) != (0, 1, 12) {
            return Err(wrong("its version or digest algorithm is unknown"));
        }
        let file_bytes = file.metadata().map_err(short)?.len();
        let (info_start, info_end) = (number(rest, 0), number(rest, 1));
        if info_end
            .checked_sub(info_start)
            .is_none_or(|bytes| bytes < INFO_BYTES || info_end > file_bytes)
        {
            return Err(wrong("its info section has an impossible size"));
        }
        let mut info = [0_u8; INFO_BYTES as usize];
        file.seek(SeekFrom::Start(info_start)).map_err(short)?;
        file.read_exact(&mut info).map_err(short)?;
        let (refs_start, refs_end) = (number(&info, 2), number(&info, 3));
        let (stream_start, stream_end) = (number(&info, 4), number(&info, 5));
        let refs_bytes = refs_end
            .checked_sub(refs_start)
            .filter(|bytes| bytes % REF_BYTES == 0 && bytes / REF_BYTES <= MOST_REFS)
            .ok_or_else(|| wrong("its object refs have an impossible size"))?;
        let stream_bytes = stream_end
            .checked_sub(stream_start)
            .filter(|_| stream_end <= file_bytes)
            .ok_or_else(|| wrong("its stream has an impossible size"))?;
        file.seek(SeekFrom::Start(refs_start)).map_err(short)?;
        let mut refs = Vec::new();
        let mut reader = BufReader::new((&file).take(refs_bytes));
        for _ in 0..refs_bytes / REF_BYTES {
            let mut bytes = [0_u8; 32];
            reader.read_exact(&mut bytes).map_err(short)?;
            refs.push(ObjectId::from_bytes(bytes));
        }
        drop(reader);
        file.seek(SeekFrom::Start(stream_start)).map_err(short)?;
        let decoder = zstd::Decoder::new(file.take(stream_bytes))
            .map_err(|_| wrong("its stream can not be inflated"))?;
        Ok(Self {
            id,
            refs,
            tar_bytes: number(&info, 9),
            decoder,
            run_bytes: 0,
            buffer: Vec::new(),
        })
    }

    /// Returns the objects that the stream refers to.
    pub(crate) fn refs(&self) -> &[ObjectId] {
        &self.refs
    }

    /// Returns the bytes of the whole tar.
    pub(crate) fn tar_bytes(&self) -> u64 {
        self.tar_bytes
    }

    /// Reads the next piece; `None` at the end.
    pub(crate) fn next_piece(&mut self) -> Result<Option<Piece<'_>>> {
        let id = self.id;
        let wrong = move |reason| StoreError::Stream { id, reason };
        if self.run_bytes == 0 {
            let mut word = [0_u8; 8];
            if !read_whole(&mut self.decoder, &mut word)
                .map_err(|_| wrong("its stream can not be inflated"))?
            {
                return Ok(None);
            }
            let word = i64::from_le_bytes(word);
            if word >= 0 {
                let object = usize::try_from(word)
                    .ok()
                    .and_then(|place| self.refs.get(place))
                    .ok_or_else(|| wrong("it names an object that it does not list"))?;
                return Ok(Some(Piece::External(*object)));
            }
            self.run_bytes = word.unsigned_abs();
        }
        let length = self.run_bytes.min(PIECE_BYTES as u64);
        self.run_bytes -= length;
        self.buffer
            .resize(usize::try_from(length).unwrap_or_default(), 0);
        self.decoder
            .read_exact(&mut self.buffer)
            .map_err(|_| wrong("it ends within an inline run"))?;
        Ok(Some(Piece::Inline(&self.buffer)))
    }
}

fn number(bytes: &[u8], place: usize) -> u64 {
    bytes
        .chunks_exact(8)
        .nth(place)
        .and_then(|chunk| chunk.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// Reads all of `buffer`, or nothing at the end.
fn read_whole(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest)? {
            0 if filled == 0 => return Ok(false),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => filled += length,
        }
    }
    Ok(true)
}

/// The tar of a layer, bit for bit.
pub struct TarReader {
    stream: StreamReader,
    objects: Objects,
    file: Option<File>,
    inline: Vec<u8>,
    inline_start: usize,
}

impl TarReader {
    pub(crate) fn open(objects: Objects, id: &ObjectId) -> Result<Self> {
        Ok(Self {
            stream: StreamReader::open(&objects, id)?,
            objects,
            file: None,
            inline: Vec::new(),
            inline_start: 0,
        })
    }

    /// Returns the bytes of the whole tar.
    pub fn tar_bytes(&self) -> u64 {
        self.stream.tar_bytes()
    }
}

impl Read for TarReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(file) = &mut self.file {
                let length = file.read(buffer)?;
                if length > 0 {
                    return Ok(length);
                }
                self.file = None;
            }
            let rest = self.inline.get(self.inline_start..).unwrap_or_default();
            if !rest.is_empty() {
                let length = rest.len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(rest) {
                    *to = *from;
                }
                self.inline_start += length;
                return Ok(length);
            }
            match self.stream.next_piece().map_err(io::Error::other)? {
                None => return Ok(0),
                Some(Piece::Inline(bytes)) => {
                    self.inline.clear();
                    self.inline.extend_from_slice(bytes);
                    self.inline_start = 0;
                }
                Some(Piece::External(id)) => {
                    self.file = Some(self.objects.open(&id).map_err(io::Error::other)?);
                }
            }
        }
    }
}

/// The objects that a [`SkeletonReader`] has passed, in order.
pub(crate) type Passed = Arc<Mutex<VecDeque<ObjectId>>>;

/// The tar of a layer without the contents that are objects: enough to read its headers again.
/// Where an object stands the reader of the tar has to call [`SkeletonReader::seek_over`].
pub(crate) struct SkeletonReader {
    stream: StreamReader,
    passed: Passed,
    inline: Vec<u8>,
    inline_start: usize,
    /// The object that comes next; what is read ends in front of it.
    object: Option<ObjectId>,
}

impl SkeletonReader {
    pub(crate) fn open(objects: &Objects, id: &ObjectId) -> Result<Self> {
        Ok(Self {
            stream: StreamReader::open(objects, id)?,
            passed: Passed::default(),
            inline: Vec::new(),
            inline_start: 0,
            object: None,
        })
    }

    /// Returns the queue of the objects that were passed.
    pub(crate) fn passed(&self) -> Passed {
        Arc::clone(&self.passed)
    }

    /// Passes the object that comes next; `false` when there is none.
    pub(crate) fn seek_over(&mut self) -> io::Result<bool> {
        if self.inline_start < self.inline.len() {
            return Ok(false);
        }
        if self.object.is_none() {
            self.fetch()?;
        }
        let Some(id) = self.object.take() else {
            return Ok(false);
        };
        self.passed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(id);
        Ok(true)
    }

    /// Fetches the next piece; `false` at the end of the stream.
    fn fetch(&mut self) -> io::Result<bool> {
        match self.stream.next_piece().map_err(io::Error::other)? {
            None => return Ok(false),
            Some(Piece::Inline(bytes)) => {
                self.inline.clear();
                self.inline.extend_from_slice(bytes);
                self.inline_start = 0;
            }
            Some(Piece::External(id)) => self.object = Some(id),
        }
        Ok(true)
    }
}

impl Read for SkeletonReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.inline_start == self.inline.len() {
            if self.object.is_some() || !self.fetch()? {
                return Ok(0);
            }
        }
        let rest = self.inline.get(self.inline_start..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        self.inline_start += length;
        Ok(length)
    }
}
