//! Builds tars, good ones and every kind of bad one, for tests and fuzz seeds.
//!
//! [`RawHeader`] sets any bytes of a header, [`TarBuilder`] puts headers, content and whatever
//! else one after another and checks nothing.
//!
//! ```
//! use archive::testing::{RawHeader, TarBuilder};
//!
//! let tar = TarBuilder::new()
//!     .pax(&[("path", b"x")])
//!     .entry(&RawHeader::file("y", 3).uid_text(b"root"), b"abc")
//!     .end();
//! assert_eq!(tar.len(), 512 * 6);
//! ```

use std::ops::Range;

const BLOCK: usize = 512;

/// Where the header's fields lie.
pub mod field {
    use std::ops::Range;

    /// Name.
    pub const NAME: Range<usize> = 0..100;
    /// Permissions.
    pub const MODE: Range<usize> = 100..108;
    /// Owner.
    pub const UID: Range<usize> = 108..116;
    /// Group.
    pub const GID: Range<usize> = 116..124;
    /// Bytes of content.
    pub const SIZE: Range<usize> = 124..136;
    /// Modification time.
    pub const MTIME: Range<usize> = 136..148;
    /// Sum of the header.
    pub const CHECKSUM: Range<usize> = 148..156;
    /// Link target.
    pub const LINK: Range<usize> = 157..257;
    /// Magic and version.
    pub const MAGIC: Range<usize> = 257..265;
    /// Device major.
    pub const MAJOR: Range<usize> = 329..337;
    /// Device minor.
    pub const MINOR: Range<usize> = 337..345;
    /// ustar's prefix.
    pub const PREFIX: Range<usize> = 345..500;
    /// GNU's access time.
    pub const GNU_ATIME: Range<usize> = 345..357;
    /// GNU's four sparse fragments.
    pub const GNU_SPARSE: Range<usize> = 386..482;
    /// GNU's size of a sparse file.
    pub const GNU_REAL_SIZE: Range<usize> = 483..495;
}

/// A header of which every byte can be set.
#[derive(Clone, Debug)]
pub struct RawHeader {
    block: [u8; BLOCK],
    bad_checksum: bool,
}

impl RawHeader {
    /// A ustar header with this type flag: mode 0644, owner 0, time 0, size 0.
    pub fn new(flag: u8, name: impl AsRef<[u8]>) -> Self {
        let header = Self {
            block: [0; BLOCK],
            bad_checksum: false,
        };
        let mut header = header
            .set(field::NAME, name.as_ref())
            .set(field::MODE, b"0000644")
            .set(field::UID, b"0000000")
            .set(field::GID, b"0000000")
            .set(field::SIZE, b"00000000000")
            .set(field::MTIME, b"00000000000")
            .set(field::MAGIC, b"ustar\x0000")
            .set(field::MAJOR, b"0000000")
            .set(field::MINOR, b"0000000");
        header.block[156] = flag;
        header
    }

    /// A file of `size` bytes.
    pub fn file(name: impl AsRef<[u8]>, size: u64) -> Self {
        Self::new(b'0', name).size(size)
    }

    /// A directory.
    pub fn dir(name: impl AsRef<[u8]>) -> Self {
        Self::new(b'5', name).set(field::MODE, b"0000755")
    }

    /// A symbolic link.
    pub fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self::new(b'2', name).link(target)
    }

    /// A hard link.
    pub fn hardlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self::new(b'1', name).link(target)
    }

    /// A character (`3`) or block (`4`) device.
    pub fn device(flag: u8, name: impl AsRef<[u8]>, major: u32, minor: u32) -> Self {
        Self::new(flag, name)
            .set(field::MAJOR, format!("{major:07o}").as_bytes())
            .set(field::MINOR, format!("{minor:07o}").as_bytes())
    }

    /// A named pipe.
    pub fn fifo(name: impl AsRef<[u8]>) -> Self {
        Self::new(b'6', name)
    }

    /// Sets a field to `bytes`, the rest of it to NUL; what does not fit is cut off.
    #[must_use]
    pub fn set(mut self, field: Range<usize>, bytes: &[u8]) -> Self {
        let field = &mut self.block[field];
        field.fill(0);
        let count = bytes.len().min(field.len());
        field[..count].copy_from_slice(&bytes[..count]);
        self
    }

    /// Sets the type flag.
    #[must_use]
    pub fn flag(mut self, flag: u8) -> Self {
        self.block[156] = flag;
        self
    }

    /// Sets the size, in octal or, where that is too short, in base-256.
    #[must_use]
    pub fn size(self, size: u64) -> Self {
        if size < 1 << 33 {
            return self.set(field::SIZE, format!("{size:011o}").as_bytes());
        }
        self.base256(field::SIZE, i128::from(size))
    }

    /// Sets permissions.
    #[must_use]
    pub fn mode(self, mode: u32) -> Self {
        self.set(field::MODE, format!("{mode:07o}").as_bytes())
    }

    /// Sets the owner, in octal or base-256.
    #[must_use]
    pub fn uid(self, uid: i128) -> Self {
        self.base256(field::UID, uid)
    }

    /// Sets the owner to any text.
    #[must_use]
    pub fn uid_text(self, text: &[u8]) -> Self {
        self.set(field::UID, text)
    }

    /// Sets the group, in base-256.
    #[must_use]
    pub fn gid(self, gid: i128) -> Self {
        self.base256(field::GID, gid)
    }

    /// Sets the time, in base-256.
    #[must_use]
    pub fn mtime(self, secs: i128) -> Self {
        self.base256(field::MTIME, secs)
    }

    /// Sets the link target.
    #[must_use]
    pub fn link(self, target: impl AsRef<[u8]>) -> Self {
        self.set(field::LINK, target.as_ref())
    }

    /// Makes it a v7 header: no magic.
    #[must_use]
    pub fn v7(self) -> Self {
        self.set(field::MAGIC, b"")
    }

    /// Makes it a GNU header.
    #[must_use]
    pub fn gnu(self) -> Self {
        self.set(field::MAGIC, b"ustar  \0")
    }

    /// Sets a number field in base-256, cut to the field's size.
    #[must_use]
    pub fn base256(mut self, field: Range<usize>, value: i128) -> Self {
        let field = &mut self.block[field];
        let bytes = value.to_be_bytes();
        let from = bytes.len() - field.len();
        field.copy_from_slice(&bytes[from..]);
        field[0] = if value < 0 { 0xff } else { field[0] | 0x80 };
        self
    }

    /// Spoils the checksum.
    #[must_use]
    pub fn bad_checksum(mut self) -> Self {
        self.bad_checksum = true;
        self
    }

    /// Returns the header's bytes, summed.
    pub fn bytes(&self) -> [u8; BLOCK] {
        let mut block = self.block;
        block[field::CHECKSUM].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        let sum = sum + u32::from(self.bad_checksum);
        block[field::CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

/// A tar in the making.
#[derive(Clone, Debug, Default)]
pub struct TarBuilder {
    bytes: Vec<u8>,
}

/// Offsets and lengths of the fragments of a sparse file.
pub type Fragments<'a> = &'a [(u64, u64)];

impl TarBuilder {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Adds a header and content, padded; the header's size is whatever it says.
    #[must_use]
    pub fn entry(self, header: &RawHeader, content: &[u8]) -> Self {
        self.raw(&header.bytes()).raw(content).pad()
    }

    /// Fills the last block with zeros.
    #[must_use]
    pub fn pad(mut self) -> Self {
        self.bytes
            .resize(self.bytes.len().next_multiple_of(BLOCK), 0);
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        self.entry(&RawHeader::file(name, content.len() as u64), content)
    }

    /// Adds a directory.
    #[must_use]
    pub fn dir(self, name: impl AsRef<[u8]>) -> Self {
        self.entry(&RawHeader::dir(name), b"")
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entry(&RawHeader::symlink(name, target), b"")
    }

    /// Adds a hard link.
    #[must_use]
    pub fn hardlink(self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.entry(&RawHeader::hardlink(name, target), b"")
    }

    /// Adds an extension of this type flag with any content.
    #[must_use]
    pub fn extension(self, flag: u8, content: &[u8]) -> Self {
        self.entry(
            &RawHeader::new(flag, "extension").size(content.len() as u64),
            content,
        )
    }

    /// Adds a PAX header for the next entry.
    #[must_use]
    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        self.extension(b'x', &pax_records(records))
    }

    /// Adds a global PAX header.
    #[must_use]
    pub fn global(self, records: &[(&str, &[u8])]) -> Self {
        self.extension(b'g', &pax_records(records))
    }

    /// Adds a GNU long name, with its NUL.
    #[must_use]
    pub fn long_name(self, name: impl AsRef<[u8]>) -> Self {
        self.extension(b'L', &[name.as_ref(), b"\0"].concat())
    }

    /// Adds a GNU long link target, with its NUL.
    #[must_use]
    pub fn long_link(self, target: impl AsRef<[u8]>) -> Self {
        self.extension(b'K', &[target.as_ref(), b"\0"].concat())
    }

    /// Adds an old GNU sparse file.
    #[must_use]
    pub fn gnu_sparse(self, name: &str, map: Fragments<'_>, real_size: u64, data: &[u8]) -> Self {
        let fragment =
            |&(offset, length): &(u64, u64)| format!("{offset:011o}\0{length:011o}\0").into_bytes();
        let mut fragments: Vec<u8> = map.iter().flat_map(fragment).collect();
        let rest = fragments.split_off(fragments.len().min(96));
        let mut header = RawHeader::file(name, data.len() as u64)
            .gnu()
            .flag(b'S')
            .set(field::GNU_SPARSE, &fragments)
            .set(field::GNU_REAL_SIZE, format!("{real_size:011o}").as_bytes());
        header.block[482] = u8::from(!rest.is_empty());
        let mut tar = self.raw(&header.bytes());
        let blocks = rest.chunks(504).count();
        for (at, chunk) in rest.chunks(504).enumerate() {
            let mut block = [0; BLOCK];
            block[..chunk.len()].copy_from_slice(chunk);
            block[504] = u8::from(at + 1 < blocks);
            tar = tar.raw(&block);
        }
        tar.raw(data).pad()
    }

    /// Adds a PAX sparse file of form 0.0: a pair of records per fragment.
    #[must_use]
    pub fn pax_sparse_0_0(self, name: &str, map: Fragments<'_>, size: u64, data: &[u8]) -> Self {
        let (size, count) = (size.to_string(), map.len().to_string());
        let mut records = pax_records(&[
            ("GNU.sparse.size", size.as_bytes()),
            ("GNU.sparse.numblocks", count.as_bytes()),
        ]);
        for (offset, length) in map {
            let (offset, length) = (offset.to_string(), length.to_string());
            records.extend(pax_records(&[
                ("GNU.sparse.offset", offset.as_bytes()),
                ("GNU.sparse.numbytes", length.as_bytes()),
            ]));
        }
        self.extension(b'x', &records).file(name, data)
    }

    /// Adds a PAX sparse file of form 0.1: all fragments in one record.
    #[must_use]
    pub fn pax_sparse_0_1(self, name: &str, map: Fragments<'_>, size: u64, data: &[u8]) -> Self {
        let numbers: Vec<String> = map
            .iter()
            .map(|(offset, length)| format!("{offset},{length}"))
            .collect();
        self.pax(&[
            ("GNU.sparse.size", size.to_string().as_bytes()),
            ("GNU.sparse.numblocks", map.len().to_string().as_bytes()),
            ("GNU.sparse.map", numbers.join(",").as_bytes()),
            ("GNU.sparse.name", name.as_bytes()),
        ])
        .file("GNUSparseFile.0/f", data)
    }

    /// Adds a PAX sparse file of form 1.0: the fragments in front of the content.
    #[must_use]
    pub fn pax_sparse_1_0(self, name: &str, map: Fragments<'_>, size: u64, data: &[u8]) -> Self {
        let mut content = format!("{}\n", map.len()).into_bytes();
        for (offset, length) in map {
            content.extend_from_slice(format!("{offset}\n{length}\n").as_bytes());
        }
        content.resize(content.len().next_multiple_of(BLOCK), 0);
        content.extend_from_slice(data);
        self.pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", name.as_bytes()),
            ("GNU.sparse.realsize", size.to_string().as_bytes()),
        ])
        .file("GNUSparseFile.0/f", &content)
    }

    /// Returns the tar with its two zero blocks.
    pub fn end(self) -> Vec<u8> {
        self.raw(&[0; 2 * BLOCK]).bytes
    }

    /// Returns the tar as it is.
    pub fn cut(self) -> Vec<u8> {
        self.bytes
    }
}

/// Returns well-formed PAX records.
pub fn pax_records(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while rest + length.to_string().len() > length {
            length += 1;
        }
        bytes.extend_from_slice(format!("{length} {key}=").as_bytes());
        bytes.extend_from_slice(value);
        bytes.push(b'\n');
    }
    bytes
}
