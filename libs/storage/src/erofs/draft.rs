//! The tree while layers are put on top of each other.
//!
//! Everything lies in a few tables: inodes (48 bytes), names in directories (20 bytes), the bytes
//! of names, targets and small files, the ids of objects. A name is found by hashing it with its
//! directory; the names of a directory are a list. What is hidden or replaced stays in the tables
//! and is found from nowhere, so hiding a directory costs nothing.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::{
    NONE, number,
    xattrs::{XattrSet, Xattrs},
};
use crate::{error::Result, object::ObjectId};

/// A file, directory or the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ino(pub(super) u32);

/// Metadata of an inode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    /// Permission bits, set-id and sticky bits: 07777.
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime_secs: i64,
    pub(crate) mtime_nanos: u32,
    pub(crate) xattrs: XattrSet,
}

/// What an inode is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    Directory,
    /// A file of at most 64 bytes.
    Inline(&'a [u8]),
    /// A file whose content is an object.
    External(ObjectId, u64),
    /// A target of 1 to 4,095 bytes.
    Symlink(&'a [u8]),
    /// Linux's packing of the device number; 0 is overlayfs's whiteout, which no layer has.
    CharDevice(u32),
    BlockDevice(u32),
    Fifo,
}

/// Bytes in the arena.
#[derive(Clone, Copy)]
pub(super) struct Span {
    start: u32,
    bytes: u16,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A directory with the number that its names are found by, and the first of them.
    Open {
        id: u32,
        first: u32,
    },
    /// A directory whose names are sorted: `count` of them, from `start` on.
    Sorted {
        start: u32,
        count: u32,
        parent: Ino,
    },
    Inline(Span),
    External {
        object: u32,
        size_bytes: u64,
    },
    Symlink(Span),
    CharDevice(u32),
    BlockDevice(u32),
    Fifo,
}

#[derive(Clone, Copy)]
pub(super) struct Inode {
    pub(super) mtime_secs: i64,
    pub(super) kind: Kind,
    pub(super) mtime_nanos: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) xattrs: XattrSet,
    /// Names; counted when the tree is complete.
    pub(super) links: u32,
    pub(super) mode: u16,
}

/// One name in a directory.
struct Node {
    name: u32,
    dir: u32,
    next: u32,
    /// `NONE` when the name was taken away.
    inode: u32,
    /// The layer that the name is from.
    layer: u16,
    bytes: u8,
}

/// A tree that is still changed.
pub(crate) struct Draft {
    pub(super) inodes: Vec<Inode>,
    nodes: Vec<Node>,
    table: HashTable<u32>,
    arena: Vec<u8>,
    pub(super) objects: Vec<ObjectId>,
    pub(super) xattrs: Xattrs,
    /// The number of the next directory.
    next_dir: u32,
    state: RandomState,
}

impl Draft {
    /// The root directory.
    pub(crate) const ROOT: Ino = Ino(0);

    /// Starts with an empty root, which has the metadata of a directory that no layer names.
    pub(crate) fn new() -> Self {
        Self {
            inodes: vec![Inode::new(
                Stat::implied(),
                Kind::Open { id: 0, first: NONE },
            )],
            nodes: Vec::new(),
            table: HashTable::new(),
            arena: Vec::new(),
            objects: Vec::new(),
            xattrs: Xattrs::new(),
            next_dir: 1,
            state: RandomState::new(),
        }
    }

    /// Finds an entry of a directory.
    pub(crate) fn child(&self, dir: Ino, name: &[u8]) -> Option<Ino> {
        self.child_of_layer(dir, name).map(|(ino, _)| ino)
    }

    /// Finds an entry of a directory and the layer that it is from.
    pub(crate) fn child_of_layer(&self, dir: Ino, name: &[u8]) -> Option<(Ino, u16)> {
        let place = self.node(self.dir(dir)?.0, name)?;
        let node = self.nodes.get(place as usize)?;
        (node.inode != NONE).then_some((Ino(node.inode), node.layer))
    }

    pub(crate) fn is_dir(&self, ino: Ino) -> bool {
        self.dir(ino).is_some()
    }

    /// Finds or makes a set of extended attributes: names of at most 255 bytes, values below
    /// 64 KiB, no name twice.
    pub(crate) fn xattrs(&mut self, xattrs: &[(Vec<u8>, Vec<u8>)]) -> Result<XattrSet> {
        self.xattrs.set(xattrs)
    }

    /// Adds an inode that has no name yet.
    pub(crate) fn add(&mut self, stat: Stat, content: Content<'_>) -> Result<Ino> {
        let ino = number(self.inodes.len(), "files")?;
        let kind = match content {
            Content::Directory => Kind::Open {
                id: self.new_dir()?,
                first: NONE,
            },
            Content::Inline(bytes) => Kind::Inline(self.keep(bytes)?),
            Content::Symlink(target) => Kind::Symlink(self.keep(target)?),
            Content::External(id, size_bytes) => {
                let object = number(self.objects.len(), "files")?;
                self.objects.push(id);
                Kind::External { object, size_bytes }
            }
            Content::CharDevice(device) => Kind::CharDevice(device),
            Content::BlockDevice(device) => Kind::BlockDevice(device),
            Content::Fifo => Kind::Fifo,
        };
        self.inodes.push(Inode::new(stat, kind));
        Ok(Ino(ino))
    }

    /// Gives an inode a name in a directory, in place of what had it.
    pub(crate) fn link(&mut self, dir: Ino, name: &[u8], ino: Ino, layer: u16) -> Result<()> {
        let Some((id, first)) = self.dir(dir) else {
            return Ok(());
        };
        if let Some(place) = self.node(id, name) {
            if let Some(node) = self.nodes.get_mut(place as usize) {
                node.inode = ino.0;
                node.layer = layer;
            }
            return Ok(());
        }
        let place = number(self.nodes.len(), "files")?;
        let span = self.keep(name)?;
        self.nodes.push(Node {
            name: span.start,
            dir: id,
            next: first,
            inode: ino.0,
            layer,
            bytes: span.bytes as u8,
        });
        if let Some(inode) = self.inodes.get_mut(dir.0 as usize) {
            inode.kind = Kind::Open { id, first: place };
        }
        let hash = self.state.hash_one((id, name));
        let (nodes, arena, state) = (&self.nodes, &self.arena, &self.state);
        self.table.insert_unique(hash, place, |place| {
            nodes
                .get(*place as usize)
                .map_or(0, |node| state.hash_one((node.dir, node.name(arena))))
        });
        Ok(())
    }

    /// Takes a name away.
    pub(crate) fn unlink(&mut self, dir: Ino, name: &[u8]) {
        let place = self.dir(dir).and_then(|(id, _)| self.node(id, name));
        if let Some(node) = place.and_then(|place| self.nodes.get_mut(place as usize)) {
            node.inode = NONE;
        }
    }

    /// Takes all names of a directory away.
    pub(crate) fn clear(&mut self, dir: Ino) -> Result<()> {
        if self.is_dir(dir) {
            let id = self.new_dir()?;
            if let Some(inode) = self.inodes.get_mut(dir.0 as usize) {
                inode.kind = Kind::Open { id, first: NONE };
            }
        }
        Ok(())
    }

    /// Changes the metadata of an inode.
    pub(crate) fn set_stat(&mut self, ino: Ino, stat: Stat) {
        if let Some(inode) = self.inodes.get_mut(ino.0 as usize) {
            *inode = Inode::new(stat, inode.kind);
        }
    }

    /// The names of a directory, in no order, as places for [`Draft::entry`].
    pub(super) fn names(&self, dir: Ino) -> impl Iterator<Item = u32> {
        let first = self.dir(dir).map_or(NONE, |(_, first)| first);
        let next = |place: &u32| {
            let next = self.nodes.get(*place as usize)?.next;
            (next != NONE).then_some(next)
        };
        std::iter::successors((first != NONE).then_some(first), next)
            .filter(|place| self.entry(*place).1.0 != NONE)
    }

    /// The name and the inode at a place.
    pub(super) fn entry(&self, place: u32) -> (&[u8], Ino) {
        match self.nodes.get(place as usize) {
            Some(node) => (node.name(&self.arena), Ino(node.inode)),
            None => (&[], Ino(NONE)),
        }
    }

    pub(super) fn inode(&self, ino: Ino) -> Inode {
        let inode = self.inodes.get(ino.0 as usize).copied();
        inode.unwrap_or_else(|| Inode::new(Stat::implied(), Kind::Fifo))
    }

    pub(super) fn object(&self, object: u32) -> ObjectId {
        let id = self.objects.get(object as usize).copied();
        id.unwrap_or_else(|| ObjectId::from_bytes([0; 32]))
    }

    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.arena
            .get(start..start + usize::from(span.bytes))
            .unwrap_or_default()
    }

    /// Forgets what only lookups need.
    pub(super) fn close(&mut self) {
        self.table = HashTable::new();
    }

    fn dir(&self, ino: Ino) -> Option<(u32, u32)> {
        match self.inodes.get(ino.0 as usize)?.kind {
            Kind::Open { id, first } => Some((id, first)),
            _ => None,
        }
    }

    fn node(&self, dir: u32, name: &[u8]) -> Option<u32> {
        let hash = self.state.hash_one((dir, name));
        let same = |place: &u32| {
            self.nodes
                .get(*place as usize)
                .is_some_and(|node| node.dir == dir && node.name(&self.arena) == name)
        };
        self.table.find(hash, same).copied()
    }

    fn new_dir(&mut self) -> Result<u32> {
        let id = number(self.next_dir, "directories")?;
        self.next_dir += 1;
        Ok(id)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<Span> {
        let start = number(self.arena.len(), "names")?;
        self.arena.extend_from_slice(bytes);
        Ok(Span {
            start,
            bytes: number(bytes.len(), "names")? as u16,
        })
    }
}

impl Stat {
    /// The metadata of a directory that no layer names.
    pub(crate) fn implied() -> Self {
        Self {
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime_secs: 0,
            mtime_nanos: 0,
            xattrs: XattrSet::default(),
        }
    }
}

impl Inode {
    fn new(stat: Stat, kind: Kind) -> Self {
        Self {
            mtime_secs: stat.mtime_secs,
            kind,
            mtime_nanos: stat.mtime_nanos,
            uid: stat.uid,
            gid: stat.gid,
            xattrs: stat.xattrs,
            links: 0,
            mode: stat.mode,
        }
    }

    pub(super) fn stat(&self) -> Stat {
        Stat {
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            mtime_secs: self.mtime_secs,
            mtime_nanos: self.mtime_nanos,
            xattrs: self.xattrs,
        }
    }

    pub(super) fn is_dir(&self) -> bool {
        matches!(self.kind, Kind::Open { .. } | Kind::Sorted { .. })
    }

    /// The time as composefs compares it.
    pub(super) fn time(&self) -> (u64, u32) {
        (self.mtime_secs.cast_unsigned(), self.mtime_nanos)
    }
}

impl Span {
    pub(super) fn len(self) -> u64 {
        u64::from(self.bytes)
    }
}

impl Node {
    fn name<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let start = self.name as usize;
        arena
            .get(start..start + usize::from(self.bytes))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_small() {
        assert_eq!((size_of::<Inode>(), size_of::<Node>()), (48, 20));
    }
}
