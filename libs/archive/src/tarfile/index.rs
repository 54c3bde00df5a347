//! Members of an archive by name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use super::TarError;
use crate::layer::{Discard, LayerPath, Rule};
use crate::member::{Kind, Limits, Member, MemberReader};

/// Most members of an archive.
pub const MEMBERS: u64 = 100_000;
/// Largest archive, in bytes.
pub const TOTAL_BYTES: u64 = 1 << 40;
/// Most links that are followed to a member.
const LINKS: usize = 8;

/// A file that many read at once, each at its own place.
pub trait ReadAt: Send + Sync {
    /// Reads into `out` from `offset` on; 0 at the end.
    ///
    /// # Errors
    /// Those of the file.
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, out, offset)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.len());
        let count = out.len().min(self.len() - start);
        out[..count].copy_from_slice(&self[start..start + count]);
        Ok(count)
    }
}

/// How much an archive may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TarLimits {
    /// Most members.
    pub members: u64,
    /// Largest archive, in bytes.
    pub total_bytes: u64,
}

impl Default for TarLimits {
    fn default() -> Self {
        Self {
            members: MEMBERS,
            total_bytes: TOTAL_BYTES,
        }
    }
}

#[derive(Clone, Debug)]
enum Node {
    File { offset: u64, size: u64 },
    Directory,
    Symlink { target: Vec<u8> },
    Hardlink { target: LayerPath },
}

/// The members of an archive by name, their contents left where they are.
#[derive(Debug)]
pub struct TarIndex<F> {
    file: Arc<F>,
    nodes: BTreeMap<LayerPath, Node>,
}

/// Reads `file` from `offset` on.
struct Cursor<'a, F> {
    file: &'a F,
    offset: u64,
}

impl<F: ReadAt> Read for Cursor<'_, F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(out, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl<F: ReadAt> Cursor<'_, F> {
    /// Moves on; `false` when the file ends before.
    fn seek_over(&mut self, bytes: u64) -> io::Result<bool> {
        let last = self.offset + bytes - 1;
        loop {
            match self.file.read_at(&mut [0], last) {
                Ok(0) => return Ok(false),
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.offset = last + 1;
        Ok(true)
    }
}

impl<F: ReadAt> TarIndex<F> {
    /// Reads all headers of an uncompressed archive.
    ///
    /// # Errors
    /// I/O, every rule of a tar entry, and besides: a sparse file, a device, a fifo; a second
    /// file or link of one name; a link that leaves the archive, by `..` or as an absolute path.
    pub fn scan(file: F, limits: TarLimits) -> Result<Self, TarError> {
        let limits = Limits {
            file_bytes: limits.total_bytes,
            total_bytes: limits.total_bytes,
            entries: limits.members,
        };
        let mut nodes = BTreeMap::new();
        let mut reader = MemberReader::new(
            Cursor {
                file: &file,
                offset: 0,
            },
            limits,
        );
        while let Some(member) = reader.next(&mut Discard)? {
            let (path, node) =
                node(&member, reader.source().offset()).map_err(|rule| member.offence(rule))?;
            let directory = matches!(node, Node::Directory);
            match nodes.insert(path, node) {
                None => {}
                Some(Node::Directory) if directory => {}
                // Some take the first of two, some the last.
                Some(_) => return Err(member.offence(Rule::MemberTwice).into()),
            }
            reader.seek_over(Cursor::seek_over)?;
        }
        Ok(Self {
            file: Arc::new(file),
            nodes,
        })
    }

    /// Returns the names of the files, and of links whether they lead to one or not, sorted.
    pub fn names(&self) -> impl Iterator<Item = &LayerPath> {
        self.nodes
            .iter()
            .filter(|(_, node)| !matches!(node, Node::Directory))
            .map(|(name, _)| name)
    }

    /// Returns a file's size in bytes, links followed; `None` when there is no such file.
    pub fn size(&self, name: &str) -> Option<u64> {
        self.resolve(name).map(|(_, size)| size)
    }

    /// Opens a file, links followed; `None` when there is no such file.
    pub fn open(&self, name: &str) -> Option<TarFile<F>> {
        let (offset, size) = self.resolve(name)?;
        Some(TarFile {
            file: Arc::clone(&self.file),
            offset,
            left: size,
        })
    }

    /// Where the content of `name` lies. Only the last component can be a link: what lies below
    /// a linked directory has no name in these archives.
    fn resolve(&self, name: &str) -> Option<(u64, u64)> {
        let mut path = LayerPath::parse(name.as_bytes()).ok()?;
        for _ in 0..=LINKS {
            path = match self.nodes.get(&path)? {
                Node::File { offset, size } => return Some((*offset, *size)),
                Node::Directory => return None,
                Node::Hardlink { target } => target.clone(),
                Node::Symlink { target } => beside(&path, target).ok()?,
            };
        }
        None
    }
}

/// Where a symbolic link leads, within the archive. docker's legacy layers are links to
/// `../OTHER/layer.tar`, so here alone `..` is followed, as text.
fn beside(link: &LayerPath, target: &[u8]) -> Result<LayerPath, Rule> {
    if target.is_empty() {
        return Err(Rule::EmptyTarget);
    }
    if target[0] == b'/' {
        return Err(Rule::LinkLeaves);
    }
    let parent = link.parent().unwrap_or_default();
    let mut components: Vec<&[u8]> = parent.components().collect();
    for component in target.split(|&b| b == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                components.pop().ok_or(Rule::LinkLeaves)?;
            }
            _ => components.push(component),
        }
    }
    let path = components.join(&b'/');
    if path.is_empty() {
        return Ok(LayerPath::root());
    }
    LayerPath::parse(&path)
}

fn node(member: &Member, content: u64) -> Result<(LayerPath, Node), Rule> {
    let path = LayerPath::parse(&member.name)?;
    if path.is_root() && member.kind != Kind::Directory {
        return Err(Rule::RootReplaced);
    }
    if member.sparse.is_some() {
        return Err(Rule::Sparse);
    }
    let node = match member.kind {
        Kind::Regular => Node::File {
            offset: content,
            size: member.stored,
        },
        Kind::Directory => Node::Directory,
        Kind::Symlink => {
            beside(&path, &member.link)?;
            Node::Symlink {
                target: member.link.clone(),
            }
        }
        Kind::Hardlink if member.link.is_empty() => return Err(Rule::EmptyTarget),
        Kind::Hardlink => Node::Hardlink {
            target: LayerPath::parse(&member.link)?,
        },
        Kind::CharDevice | Kind::BlockDevice | Kind::Fifo => return Err(Rule::MemberKind),
    };
    Ok((path, node))
}

/// Reads one file of an archive; any number of them at once.
#[derive(Debug)]
pub struct TarFile<F> {
    file: Arc<F>,
    offset: u64,
    left: u64,
}

impl<F> TarFile<F> {
    /// Returns how many bytes are left to read.
    pub fn left(&self) -> u64 {
        self.left
    }
}

impl<F: ReadAt> Read for TarFile<F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(out.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut out[..most], self.offset)?.min(most);
        if count == 0 {
            // The archive was whole when it was scanned.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}
