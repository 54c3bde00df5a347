//! From members of a tar to entries of a layer.

use std::io::{self, Read};

use super::entry::{Entry, EntryKind};
use super::path::LayerPath;
use super::{Chunk, LayerError, LayerLimits, RawSink, whiteout, xattr};
use crate::member::{Kind, Limits, Member, MemberReader, Rule};
use crate::sparse::Map;

/// Longest target of a symbolic link, in bytes (Linux's `PATH_MAX` with its NUL).
const TARGET_BYTES: usize = 4095;
/// Largest numbers of a device that Linux has.
const MAJOR_MOST: u64 = (1 << 12) - 1;
const MINOR_MOST: u64 = (1 << 20) - 1;

/// Reads one layer, entry by entry. See the module's documentation for what it accepts.
///
/// ```
/// use archive::layer::{Chunk, Discard, LayerLimits, LayerReader};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tar: &[u8] = &[0; 1024];
/// let mut layer = LayerReader::new(tar, LayerLimits::default());
/// while let Some(entry) = layer.next_entry(&mut Discard)? {
///     while let Some(chunk) = layer.content_chunk()? {
///         match chunk {
///             Chunk::Data(bytes) => println!("{}: {} bytes", entry.path, bytes.len()),
///             Chunk::Hole(zeros) => println!("{}: {zeros} zeros", entry.path),
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LayerReader<R> {
    members: MemberReader<R>,
    sparse: Option<Walk>,
    failed: bool,
}

/// Where in a sparse file the reader is.
#[derive(Debug)]
struct Walk {
    map: Map,
    /// The fragment that is read or comes next.
    next: usize,
    /// The next byte of the file.
    at: u64,
}

/// What comes next in the content.
enum Piece {
    Data(u64),
    Hole(u64),
}

impl Walk {
    fn piece(&self) -> Option<Piece> {
        let until = match self.map.fragments.get(self.next) {
            Some(fragment) if fragment.offset <= self.at => {
                return Some(Piece::Data(fragment.offset + fragment.length - self.at));
            }
            Some(fragment) => fragment.offset,
            None => self.map.real_size,
        };
        (until > self.at).then(|| Piece::Hole(until - self.at))
    }

    fn advance(&mut self, bytes: u64) {
        self.at += bytes;
        let done = self
            .map
            .fragments
            .get(self.next)
            .is_some_and(|fragment| fragment.offset + fragment.length <= self.at);
        if done {
            self.next += 1;
        }
    }
}

impl<R: Read> LayerReader<R> {
    /// Starts reading; `reader` needs no buffer of its own.
    pub fn new(reader: R, limits: LayerLimits) -> Self {
        let LayerLimits {
            file_bytes,
            layer_bytes,
            entries,
        } = limits;
        let limits = Limits {
            file_bytes,
            total_bytes: layer_bytes,
            entries,
        };
        Self {
            members: MemberReader::new(reader, limits),
            sparse: None,
            failed: false,
        }
    }

    /// Reads the next entry. At the end it reads the stream to its end and says `None`.
    ///
    /// `raw` gets everything in front of the entry's content that it did not get before.
    ///
    /// # Errors
    /// Besides I/O, every [`Rule`], truncation, and [`LayerError::Unread`] when content of the
    /// last entry is left. After an error the reader says `None`.
    pub fn next_entry(&mut self, raw: &mut dyn RawSink) -> Result<Option<Entry>, LayerError> {
        if self.failed {
            return Ok(None);
        }
        let entry = self.read_entry(raw);
        self.failed = entry.is_err();
        entry
    }

    fn read_entry(&mut self, raw: &mut dyn RawSink) -> Result<Option<Entry>, LayerError> {
        if let Some(Piece::Hole(bytes)) = self.piece() {
            return Err(LayerError::Unread { bytes });
        }
        let Some(mut member) = self.members.next(raw)? else {
            return Ok(None);
        };
        self.sparse = member.sparse.take().map(|map| Walk {
            map,
            next: 0,
            at: 0,
        });
        let real_size = self.sparse.as_ref().map(|walk| walk.map.real_size);
        let entry = entry(&mut member, real_size).map_err(|rule| member.offence(rule))?;
        Ok(Some(entry))
    }

    fn piece(&self) -> Option<Piece> {
        match (&self.sparse, self.members.remaining()) {
            (Some(walk), _) => walk.piece(),
            (None, 0) => None,
            (None, bytes) => Some(Piece::Data(bytes)),
        }
    }

    fn advance(&mut self, bytes: u64) {
        if let Some(walk) = &mut self.sparse {
            walk.advance(bytes);
        }
    }

    /// Lends the next piece of the current file's content; `None` at its end.
    ///
    /// The pieces are as large as the buffer has them, 256 KiB mostly. The `Data` of a sparse
    /// file is what stands in the tar; a consumer that replaces content in the tar by a
    /// reference must keep those bytes.
    ///
    /// # Errors
    /// I/O, truncation.
    pub fn content_chunk(&mut self) -> Result<Option<Chunk<'_>>, LayerError> {
        match self.piece() {
            None => Ok(None),
            Some(Piece::Hole(bytes)) => {
                self.advance(bytes);
                Ok(Some(Chunk::Hole(bytes)))
            }
            Some(Piece::Data(most)) => {
                let bytes = match self.members.chunk(most) {
                    Ok(bytes) => bytes,
                    Err(error) => {
                        self.failed = true;
                        return Err(error);
                    }
                };
                if let Some(walk) = &mut self.sparse {
                    walk.advance(bytes.len() as u64);
                }
                Ok(Some(Chunk::Data(bytes)))
            }
        }
    }

    /// Returns a reader of the rest of the current file's content, holes filled with zeros.
    ///
    /// It ends where the file ends. What it leaves unread stays to be read.
    pub fn content(&mut self) -> impl Read + '_ {
        Content(self)
    }

    /// Reads past the rest of the current file's content; it reaches no sink.
    ///
    /// # Errors
    /// I/O, truncation.
    pub fn skip(&mut self) -> Result<(), LayerError> {
        while self.content_chunk()?.is_some() {}
        Ok(())
    }

    /// Lets `seek` move the reader behind the rest of the current file's content, of which it gets
    /// the bytes that were not read ahead; `false` from it says that the stream ends before. What
    /// stands in the tar of a sparse file is read instead.
    ///
    /// # Errors
    /// I/O, truncation.
    pub fn seek_over(
        &mut self,
        seek: impl FnOnce(&mut R, u64) -> io::Result<bool>,
    ) -> Result<(), LayerError> {
        if self.sparse.is_some() || self.members.remaining() == 0 {
            return self.skip();
        }
        let passed = self.members.seek_over(seek);
        self.failed = passed.is_err();
        passed
    }

    /// Returns how many bytes of the tar were consumed.
    pub fn position(&self) -> u64 {
        self.members.source().offset()
    }
}

struct Content<'a, R>(&'a mut LayerReader<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = match self.0.piece() {
            None => 0,
            Some(Piece::Hole(bytes)) => {
                let count = usize::try_from(bytes).unwrap_or(usize::MAX).min(out.len());
                out[..count].fill(0);
                count
            }
            Some(Piece::Data(most)) => match self.0.members.read(out, most) {
                Ok(count) => count,
                Err(error) => {
                    self.0.failed = true;
                    return Err(error.into());
                }
            },
        };
        self.0.advance(count as u64);
        Ok(count)
    }
}

/// Checks a member as an entry of a layer; `real_size` is that of a sparse file.
fn entry(member: &mut Member, real_size: Option<u64>) -> Result<Entry, Rule> {
    let path = LayerPath::parse(&member.name)?;
    if path.is_root() && member.kind != Kind::Directory {
        return Err(Rule::RootReplaced);
    }
    let plain = member.kind == Kind::Regular && member.stored == 0 && real_size.is_none();
    let (path, kind) = match whiteout::read(&path, plain)? {
        Some(whiteout) => whiteout,
        None => {
            let kind = kind(member, &path, real_size)?;
            (path, kind)
        }
    };
    let (xattrs, dropped_xattrs) = xattr::sort(std::mem::take(&mut member.xattrs), &kind)?;
    Ok(Entry {
        path,
        kind,
        mode: member.mode,
        uid: member.uid,
        gid: member.gid,
        mtime: member.mtime,
        xattrs,
        dropped_xattrs,
    })
}

fn kind(member: &mut Member, path: &LayerPath, real_size: Option<u64>) -> Result<EntryKind, Rule> {
    Ok(match member.kind {
        Kind::Regular => match real_size {
            Some(size) => EntryKind::Sparse {
                size,
                stored: member.stored,
            },
            None => EntryKind::Regular {
                size: member.stored,
            },
        },
        Kind::Directory => EntryKind::Directory,
        Kind::Fifo => EntryKind::Fifo,
        Kind::Symlink => {
            let target = std::mem::take(&mut member.link);
            if target.is_empty() {
                return Err(Rule::EmptyTarget);
            }
            if target.len() > TARGET_BYTES {
                return Err(Rule::LongTarget {
                    bytes: target.len(),
                });
            }
            EntryKind::Symlink { target }
        }
        Kind::Hardlink => {
            if member.link.is_empty() {
                return Err(Rule::EmptyTarget);
            }
            let target = LayerPath::parse(&member.link)?;
            whiteout::check_target(&target)?;
            if target.is_root() || target == *path {
                return Err(Rule::HardlinkTarget);
            }
            EntryKind::Hardlink { target }
        }
        Kind::CharDevice | Kind::BlockDevice => {
            let (major, minor) = member.device;
            let major = in_range(major, MAJOR_MOST, "device major")?;
            let minor = in_range(minor, MINOR_MOST, "device minor")?;
            match member.kind {
                Kind::CharDevice if (major, minor) == (0, 0) => return Err(Rule::OverlayWhiteout),
                Kind::CharDevice => EntryKind::CharDevice { major, minor },
                _ => EntryKind::BlockDevice { major, minor },
            }
        }
    })
}

fn in_range(value: u64, most: u64, field: &'static str) -> Result<u32, Rule> {
    match u32::try_from(value) {
        Ok(small) if value <= most => Ok(small),
        _ => Err(Rule::OutOfRange { field }),
    }
}
