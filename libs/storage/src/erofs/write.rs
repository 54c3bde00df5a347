//! Emitting the image: a first pass gives every inode its place, a second writes.

use super::{
    BLOCK, INODES, NONE, SLOT, SUPERBLOCK,
    draft::{Draft, Ino, Kind},
    number,
    order::Ordered,
    share::{self, Attr, Shared},
    xattrs::Name,
};
use crate::error::{Result, StoreError};

/// Largest tail of a directory that stands behind its inode.
const TAIL_BYTES: u64 = 2048;
/// Bytes of a directory entry without its name.
const ENTRY_BYTES: u64 = 12;
const COMPACT_BYTES: u64 = 32;
const EXTENDED_BYTES: u64 = 64;
/// Bytes of an inode's attributes before the first.
const XATTR_HEAD_BYTES: u64 = 12;
/// Largest file that one chunk covers: 2^43 bytes.
const CHUNK_BITS: u32 = 43;
/// What is written at once.
const PIECE_BYTES: usize = 64 << 10;

/// How the content of an inode lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// In blocks, or nowhere.
    Plain = 0,
    /// Behind the inode, whole blocks of it in blocks.
    Inline = 4,
    /// A chunk index behind the inode.
    Chunks = 8,
}

/// Everything about an inode that decides its place.
struct Shape {
    extended: bool,
    layout: Layout,
    symlink: bool,
    xattr_bytes: u64,
    size_bytes: u64,
    links: u32,
    /// Bytes behind the attributes.
    tail_bytes: u64,
    blocks: u32,
}

impl Draft {
    /// Writes the tree as an erofs image, piece by piece; returns its size in bytes.
    ///
    /// # Errors
    /// [`StoreError::TreeWriter`] when the tree has more of something than the format can count,
    /// and whatever `sink` returns.
    pub(crate) fn write(self, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<u64> {
        let tree = Ordered::new(self)?;
        let shared = Shared::new(&tree)?;
        let oldest = (tree.order.iter())
            .map(|ino| tree.draft.inode(*ino).time())
            .min();
        let mut writer = Writer {
            tree,
            shared,
            oldest: oldest.unwrap_or_default(),
            inodes: Vec::new(),
            inodes_end: 0,
            blocks_start: 0,
            end: 0,
        };
        writer.lay_out()?;
        let mut out = Out {
            buffer: Vec::with_capacity(PIECE_BYTES),
            passed: 0,
            sink,
        };
        writer.emit(&mut out)?;
        out.flush()?;
        if out.passed == writer.end {
            Ok(writer.end)
        } else {
            Err(StoreError::TreeWriter {
                reason: "the image did not come out as it was laid out".to_owned(),
            })
        }
    }
}

struct Writer {
    tree: Ordered,
    shared: Shared,
    /// The smallest time: inodes that have it need not say it.
    oldest: (u64, u32),
    /// The place of each inode, in slots.
    inodes: Vec<u32>,
    inodes_end: u64,
    blocks_start: u64,
    end: u64,
}

impl Writer {
    fn lay_out(&mut self) -> Result<()> {
        let mut attrs = Vec::new();
        let mut at = INODES;
        let mut blocks = 0_u64;
        let mut inodes = Vec::with_capacity(self.tree.order.len());
        for ino in &self.tree.order {
            self.shared.of(&self.tree.draft, *ino, &mut attrs);
            let shape = self.shape(*ino, &attrs)?;
            at = shape.start(at);
            inodes.push(number(at / SLOT, "files")?);
            at = (at + shape.head() + shape.tail_bytes).next_multiple_of(SLOT);
            blocks += u64::from(shape.blocks);
        }
        self.inodes = inodes;
        self.inodes_end = at;
        self.blocks_start = (at + u64::from(self.shared.bytes)).next_multiple_of(BLOCK);
        self.end = self.blocks_start + blocks * BLOCK;
        number(self.end / BLOCK, "files").map(drop)
    }

    fn emit(&self, out: &mut Out<'_>) -> Result<()> {
        let draft = &self.tree.draft;
        out.put(
            &[0xd078_629a, 1, u32::from(self.shared.has_acl), 1]
                .map(u32::to_le_bytes)
                .concat(),
        )?;
        out.zeros_to(SUPERBLOCK)?;
        self.superblock(out)?;
        let mut attrs = Vec::new();
        let mut block = self.blocks_start / BLOCK;
        for (place, ino) in self.tree.order.iter().enumerate() {
            self.shared.of(draft, *ino, &mut attrs);
            let shape = self.shape(*ino, &attrs)?;
            out.zeros_to(self.slot(*ino) * SLOT)?;
            self.inode(out, place, *ino, &shape, block)?;
            self.attributes(out, &attrs)?;
            self.tail(out, *ino, &shape)?;
            block += u64::from(shape.blocks);
        }
        out.zeros_to(self.inodes_end)?;
        self.shared
            .each(draft, |name, value| out.attribute(name, value))?;
        out.zeros_to(self.blocks_start)?;
        for ino in &self.tree.order {
            self.blocks(out, *ino, &mut attrs)?;
        }
        Ok(())
    }

    fn superblock(&self, out: &mut Out<'_>) -> Result<()> {
        let root = self.slot(Draft::ROOT) as u16;
        let mut block = Vec::with_capacity(128);
        block.extend(0xE0F5_E1E2_u32.to_le_bytes());
        block.extend([0; 4]);
        // Inodes have their own time; attributes have a filter.
        block.extend(6_u32.to_le_bytes());
        block.extend([12, 0]);
        block.extend(root.to_le_bytes());
        block.extend((self.tree.order.len() as u64).to_le_bytes());
        block.extend(self.oldest.0.to_le_bytes());
        block.extend(self.oldest.1.to_le_bytes());
        block.extend(((self.end / BLOCK) as u32).to_le_bytes());
        block.extend([0; 4]);
        block.extend(((self.inodes_end / BLOCK) as u32).to_le_bytes());
        block.resize(128, 0);
        out.put(&block)
    }

    fn inode(
        &self,
        out: &mut Out<'_>,
        place: usize,
        ino: Ino,
        shape: &Shape,
        block: u64,
    ) -> Result<()> {
        let inode = self.tree.draft.inode(ino);
        let (kind, mut word) = match inode.kind {
            Kind::Open { .. } | Kind::Sorted { .. } => (0o040_000, 0),
            Kind::Inline(_) => (0o100_000, 0),
            Kind::External { size_bytes, .. } => (0o100_000, chunk_bits(size_bytes) - 12),
            Kind::Symlink(_) => (0o120_000, 0),
            Kind::CharDevice(device) => (0o020_000, device),
            Kind::BlockDevice(device) => (0o060_000, device),
            Kind::Fifo => (0o010_000, 0),
        };
        if shape.blocks > 0 {
            word = block as u32;
        }
        let words = shape.xattr_bytes.saturating_sub(XATTR_HEAD_BYTES) / 4;
        let xattr_count = u64::from(shape.xattr_bytes > 0) + words;
        let mut head = Vec::with_capacity(64);
        head.extend((shape.layout as u16 | u16::from(shape.extended)).to_le_bytes());
        head.extend((xattr_count as u16).to_le_bytes());
        head.extend((kind | inode.mode).to_le_bytes());
        if shape.extended {
            head.extend([0; 2]);
            head.extend(shape.size_bytes.to_le_bytes());
            head.extend(word.to_le_bytes());
            head.extend((place as u32).to_le_bytes());
            head.extend(inode.uid.to_le_bytes());
            head.extend(inode.gid.to_le_bytes());
            head.extend(inode.mtime_secs.to_le_bytes());
            head.extend(inode.mtime_nanos.to_le_bytes());
            head.extend(shape.links.to_le_bytes());
            head.extend([0; 16]);
        } else {
            head.extend((shape.links as u16).to_le_bytes());
            head.extend((shape.size_bytes as u32).to_le_bytes());
            head.extend([0; 4]);
            head.extend(word.to_le_bytes());
            head.extend((place as u32).to_le_bytes());
            head.extend((inode.uid as u16).to_le_bytes());
            head.extend((inode.gid as u16).to_le_bytes());
            head.extend([0; 4]);
        }
        out.put(&head)
    }

    fn attributes(&self, out: &mut Out<'_>, attrs: &[Attr]) -> Result<()> {
        if attrs.is_empty() {
            return Ok(());
        }
        let draft = &self.tree.draft;
        let mut filter = 0;
        let mut references = Vec::new();
        for attr in attrs {
            filter |= self.shared.filter(draft, *attr);
            if let Some(at) = self.shared.at(draft, *attr) {
                let word = (self.inodes_end % BLOCK + u64::from(at)) / 4;
                references.push(number(word, "extended attributes")?);
            }
        }
        let mut head = [0; XATTR_HEAD_BYTES as usize];
        let start = (!filter).to_le_bytes().into_iter();
        for (to, from) in head.iter_mut().zip(start.chain([references.len() as u8])) {
            *to = from;
        }
        out.put(&head)?;
        for reference in references {
            out.put(&reference.to_le_bytes())?;
        }
        for attr in attrs {
            if self.shared.at(draft, *attr).is_none() {
                share::with(draft, *attr, |name, value| out.attribute(name, value))?;
            }
        }
        Ok(())
    }

    fn tail(&self, out: &mut Out<'_>, ino: Ino, shape: &Shape) -> Result<()> {
        let draft = &self.tree.draft;
        match draft.inode(ino).kind {
            Kind::Sorted { .. } if shape.tail_bytes > 0 => {
                let whole = shape.blocks;
                self.directory(out, ino, |number| number == whole, 1)
            }
            Kind::Inline(bytes) => out.put(draft.bytes(bytes)),
            Kind::Symlink(target) if shape.blocks == 0 => out.put(draft.bytes(target)),
            // No chunk has a place in the image: the content is elsewhere.
            Kind::External { .. } if shape.tail_bytes > 0 => out.put(&[0xff; 4]),
            _ => Ok(()),
        }
    }

    /// Writes the blocks of an inode, if it has any.
    fn blocks(&self, out: &mut Out<'_>, ino: Ino, attrs: &mut Vec<Attr>) -> Result<()> {
        match self.tree.draft.inode(ino).kind {
            Kind::Sorted { .. } => {
                let blocks = self.measure(ino).blocks;
                if blocks > 0 {
                    self.directory(out, ino, |number| number < blocks, BLOCK)?;
                }
                Ok(())
            }
            Kind::Symlink(target) => {
                self.shared.of(&self.tree.draft, ino, attrs);
                if self.shape(ino, attrs)?.blocks > 0 {
                    out.put(self.tree.draft.bytes(target))?;
                    out.pad(BLOCK)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn shape(&self, ino: Ino, attrs: &[Attr]) -> Result<Shape> {
        let draft = &self.tree.draft;
        let inode = draft.inode(ino);
        let mut shape = Shape {
            extended: false,
            layout: Layout::Plain,
            symlink: false,
            xattr_bytes: self.xattr_bytes(attrs),
            size_bytes: 0,
            links: inode.links,
            tail_bytes: 0,
            blocks: 0,
        };
        match inode.kind {
            Kind::Open { .. } | Kind::Sorted { .. } => {
                let measure = self.measure(ino);
                shape.blocks = measure.blocks;
                shape.tail_bytes = measure.tail_bytes;
                shape.size_bytes = u64::from(measure.blocks) * BLOCK + measure.tail_bytes;
                shape.links = measure.links;
                if measure.tail_bytes > 0 {
                    shape.layout = Layout::Inline;
                }
            }
            Kind::Inline(bytes) => {
                shape.size_bytes = bytes.len();
                shape.tail_bytes = bytes.len();
                if bytes.len() > 0 {
                    shape.layout = Layout::Inline;
                }
            }
            Kind::External { size_bytes, .. } => {
                if size_bytes >> CHUNK_BITS > 0 {
                    return Err(super::too_large("bytes in one file"));
                }
                shape.layout = Layout::Chunks;
                shape.size_bytes = size_bytes;
                shape.tail_bytes = if size_bytes > 0 { 4 } else { 0 };
            }
            Kind::Symlink(target) => {
                shape.symlink = true;
                shape.layout = Layout::Inline;
                shape.size_bytes = target.len();
                shape.tail_bytes = target.len();
            }
            Kind::CharDevice(_) | Kind::BlockDevice(_) | Kind::Fifo => {}
        }
        shape.extended = inode.time() != self.oldest
            || [shape.links, inode.uid, inode.gid]
                .iter()
                .any(|value| *value > u32::from(u16::MAX))
            || shape.size_bytes > u64::from(u32::MAX);
        if shape.symlink && shape.head() + shape.tail_bytes >= BLOCK {
            shape.layout = Layout::Plain;
            shape.tail_bytes = 0;
            shape.blocks = 1;
        }
        Ok(shape)
    }

    fn xattr_bytes(&self, attrs: &[Attr]) -> u64 {
        let draft = &self.tree.draft;
        let bytes: u64 = (attrs.iter())
            .map(|attr| match self.shared.at(draft, *attr) {
                Some(_) => 4,
                None => share::entry_bytes(draft, *attr),
            })
            .sum();
        if attrs.is_empty() {
            0
        } else {
            XATTR_HEAD_BYTES + bytes
        }
    }

    fn slot(&self, ino: Ino) -> u64 {
        u64::from(
            self.inodes
                .get(self.tree.place(ino))
                .map_or(NONE, |slot| *slot),
        )
    }

    /// Splits the entries of a directory, `.` and `..` among them, into blocks and a tail.
    fn measure(&self, dir: Ino) -> Measure {
        let mut measure = Measure::default();
        let mut bytes = 0;
        self.each_entry(dir, |name, ino| {
            let entry = ENTRY_BYTES + name.len() as u64;
            measure.links += u32::from(self.tree.draft.inode(ino).is_dir());
            bytes += entry;
            if bytes > BLOCK {
                measure.blocks += 1;
                bytes = entry;
            }
        });
        if bytes > TAIL_BYTES {
            measure.blocks += 1;
            bytes = 0;
        }
        measure.tail_bytes = bytes;
        measure
    }

    /// Writes those of a directory's blocks that `wanted` takes, the tail being the last, each
    /// filled up to a multiple of `align`.
    fn directory(
        &self,
        out: &mut Out<'_>,
        dir: Ino,
        wanted: impl Fn(u32) -> bool,
        align: u64,
    ) -> Result<()> {
        let mut done = Ok(());
        let mut block: Vec<(&[u8], Ino)> = Vec::new();
        let (mut number, mut bytes) = (0, 0);
        let mut write = |number: u32, block: &mut Vec<(&[u8], Ino)>| {
            if wanted(number) && done.is_ok() {
                done = self
                    .directory_block(out, block)
                    .and_then(|()| out.pad(align));
            }
            block.clear();
        };
        self.each_entry(dir, |name, ino| {
            let entry = ENTRY_BYTES + name.len() as u64;
            bytes += entry;
            if bytes > BLOCK {
                write(number, &mut block);
                number += 1;
                bytes = entry;
            }
            block.push((name, ino));
        });
        write(number, &mut block);
        done
    }

    fn directory_block(&self, out: &mut Out<'_>, entries: &[(&[u8], Ino)]) -> Result<()> {
        let mut name_at = entries.len() * ENTRY_BYTES as usize;
        for (name, ino) in entries {
            let kind = match self.tree.draft.inode(*ino).kind {
                Kind::Inline(_) | Kind::External { .. } => 1,
                Kind::Open { .. } | Kind::Sorted { .. } => 2,
                Kind::CharDevice(_) => 3,
                Kind::BlockDevice(_) => 4,
                Kind::Fifo => 5,
                Kind::Symlink(_) => 7,
            };
            out.put(&self.slot(*ino).to_le_bytes())?;
            out.put(&(name_at as u16).to_le_bytes())?;
            out.put(&[kind, 0])?;
            name_at += name.len();
        }
        for (name, _) in entries {
            out.put(name)?;
        }
        Ok(())
    }

    /// Calls `take` with every entry in the order of names, `.` and `..` among them.
    fn each_entry<'a>(&'a self, dir: Ino, mut take: impl FnMut(&'a [u8], Ino)) {
        let parent = match self.tree.draft.inode(dir).kind {
            Kind::Sorted { parent, .. } => parent,
            _ => dir,
        };
        let mut dots = [(&b"."[..], dir), (&b".."[..], parent)]
            .into_iter()
            .peekable();
        for (name, ino) in self.tree.children(dir) {
            while let Some((dot, ino)) = dots.next_if(|(dot, _)| *dot < name) {
                take(dot, ino);
            }
            take(name, ino);
        }
        for (dot, ino) in dots {
            take(dot, ino);
        }
    }
}

/// The parts of a directory.
#[derive(Default)]
struct Measure {
    blocks: u32,
    tail_bytes: u64,
    links: u32,
}

impl Shape {
    /// Bytes of the inode and its attributes.
    fn head(&self) -> u64 {
        self.xattr_bytes
            + if self.extended {
                EXTENDED_BYTES
            } else {
                COMPACT_BYTES
            }
    }

    /// Where the inode stands when `at`, a multiple of a slot, is free: a tail may not reach over
    /// the end of a block, and old kernels want a symlink's inode and target in one.
    fn start(&self, at: u64) -> u64 {
        let next_block = at.next_multiple_of(BLOCK);
        if self.symlink {
            let bytes = self.head() + self.size_bytes;
            return if at % BLOCK + bytes > BLOCK {
                next_block
            } else {
                at
            };
        }
        let room = match (at + self.head()) % BLOCK {
            0 => BLOCK,
            used => BLOCK - used,
        };
        if self.layout != Layout::Plain && self.tail_bytes > room {
            at + room.next_multiple_of(SLOT)
        } else {
            at
        }
    }
}

/// Bits of the chunk that covers a file: as few chunks as possible, at least a block.
fn chunk_bits(size_bytes: u64) -> u32 {
    (u64::BITS - size_bytes.saturating_sub(1).leading_zeros()).clamp(12, CHUNK_BITS)
}

/// Where the image goes.
struct Out<'s> {
    buffer: Vec<u8>,
    passed: u64,
    sink: &'s mut dyn FnMut(&[u8]) -> Result<()>,
}

impl Out<'_> {
    fn at(&self) -> u64 {
        self.passed + self.buffer.len() as u64
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn zeros_to(&mut self, end: u64) -> Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        while self.at() < end {
            let bytes = usize::try_from(end - self.at()).unwrap_or(usize::MAX);
            self.put(ZEROS.get(..bytes.min(ZEROS.len())).unwrap_or_default())?;
        }
        Ok(())
    }

    fn pad(&mut self, to: u64) -> Result<()> {
        self.zeros_to(self.at().next_multiple_of(to))
    }

    fn attribute(&mut self, name: Name<'_>, value: &[u8]) -> Result<()> {
        self.put(&[name.suffix.len() as u8, name.prefix])?;
        self.put(&(value.len() as u16).to_le_bytes())?;
        self.put(name.suffix)?;
        self.put(value)?;
        self.pad(4)
    }

    fn flush(&mut self) -> Result<()> {
        (self.sink)(&self.buffer)?;
        self.passed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
