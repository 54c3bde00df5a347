//! Tar archives made byte by byte, also those that no honest writer makes.

use crate::walk::STAMP;

/// An archive in the making.
#[derive(Clone, Debug, Default)]
pub struct Tarball {
    bytes: Vec<u8>,
}

/// One header, with every field open to lies. Start from [`Header::file`] and its kin.
#[derive(Clone, Debug)]
pub struct Header {
    /// The name field, at most 100 bytes.
    pub name: Vec<u8>,
    /// The ustar prefix field, at most 155 bytes.
    pub prefix: Vec<u8>,
    /// The type flag.
    pub kind: u8,
    /// Permission bits.
    pub mode: u32,
    /// The owner field as it is written.
    pub uid: Vec<u8>,
    /// The group field as it is written.
    pub gid: Vec<u8>,
    /// The size field as it is written.
    pub size: Vec<u8>,
    /// The time field as it is written.
    pub mtime: Vec<u8>,
    /// The link field.
    pub link: Vec<u8>,
    /// Device numbers.
    pub device: (u32, u32),
    /// Adds to the right checksum.
    pub checksum_off_by: u32,
}

impl Header {
    fn new(name: &str, kind: u8, mode: u32) -> Self {
        Self {
            name: name.as_bytes().to_vec(),
            prefix: Vec::new(),
            kind,
            mode,
            uid: octal(0, 8),
            gid: octal(0, 8),
            size: octal(0, 12),
            mtime: octal(STAMP.unsigned_abs(), 12),
            link: Vec::new(),
            device: (0, 0),
            checksum_off_by: 0,
        }
    }

    /// A regular file of `size` bytes, 0644.
    pub fn file(name: &str, size: usize) -> Self {
        let mut header = Self::new(name, b'0', 0o644);
        header.size = octal(size as u64, 12);
        header
    }

    /// A directory, 0755.
    pub fn dir(name: &str) -> Self {
        Self::new(name, b'5', 0o755)
    }

    /// A symbolic link.
    pub fn symlink(name: &str, target: &str) -> Self {
        let mut header = Self::new(name, b'2', 0o777);
        header.link = target.as_bytes().to_vec();
        header
    }

    /// A hard link.
    pub fn hardlink(name: &str, target: &str) -> Self {
        let mut header = Self::new(name, b'1', 0o644);
        header.link = target.as_bytes().to_vec();
        header
    }

    /// A device (`b'3'` or `b'4'`) or a fifo (`b'6'`).
    pub fn special(name: &str, kind: u8, device: (u32, u32)) -> Self {
        let mut header = Self::new(name, kind, 0o644);
        header.device = device;
        header
    }

    /// Sets the permission bits.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    fn block(&self) -> [u8; 512] {
        let mut block = [0u8; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.name);
        put(100, &octal(u64::from(self.mode), 8));
        put(108, &self.uid);
        put(116, &self.gid);
        put(124, &self.size);
        put(136, &self.mtime);
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, &self.link);
        put(257, b"ustar\x0000");
        put(329, &octal(u64::from(self.device.0), 8));
        put(337, &octal(u64::from(self.device.1), 8));
        put(345, &self.prefix);
        let sum = block.iter().map(|&byte| u32::from(byte)).sum::<u32>() + self.checksum_off_by;
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

/// Writes `value` as a NUL-terminated octal field of `width` bytes.
pub fn octal(value: u64, width: usize) -> Vec<u8> {
    format!("{value:0digits$o}\0", digits = width - 1).into_bytes()
}

/// Writes `value` as a base-256 field of `width` bytes.
pub fn base256(value: i128, width: usize) -> Vec<u8> {
    let mut field = value.to_be_bytes()[16 - width.min(16)..].to_vec();
    field[0] |= 0x80;
    field
}

impl Tarball {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a header and `content`, padded to full blocks.
    #[must_use]
    pub fn entry(mut self, header: &Header, content: &[u8]) -> Self {
        self.bytes.extend(header.block());
        self.padded(content)
    }

    /// Appends bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    fn padded(mut self, content: &[u8]) -> Self {
        self.bytes.extend(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// Appends a regular file, 0644.
    #[must_use]
    pub fn file(self, name: &str, content: &str) -> Self {
        self.entry(&Header::file(name, content.len()), content.as_bytes())
    }

    /// Appends a directory, 0755.
    #[must_use]
    pub fn dir(self, name: &str) -> Self {
        self.entry(&Header::dir(name), b"")
    }

    /// Appends a symbolic link.
    #[must_use]
    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(&Header::symlink(name, target), b"")
    }

    /// Appends a hard link.
    #[must_use]
    pub fn hardlink(self, name: &str, target: &str) -> Self {
        self.entry(&Header::hardlink(name, target), b"")
    }

    /// Appends a PAX header for the next entry.
    #[must_use]
    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        self.pax_records(
            b'x',
            &records
                .iter()
                .flat_map(|(k, v)| pax_record(k, v))
                .collect::<Vec<_>>(),
        )
    }

    /// Appends a global PAX header.
    #[must_use]
    pub fn pax_global(self, records: &[(&str, &[u8])]) -> Self {
        self.pax_records(
            b'g',
            &records
                .iter()
                .flat_map(|(k, v)| pax_record(k, v))
                .collect::<Vec<_>>(),
        )
    }

    /// Appends a PAX header (`b'x'` or `b'g'`) with these bytes as its records.
    #[must_use]
    pub fn pax_records(self, kind: u8, records: &[u8]) -> Self {
        let mut header = Header::file("PaxHeader", records.len());
        header.kind = kind;
        self.entry(&header, records)
    }

    /// Appends a GNU long name (`b'L'`) or long link (`b'K'`) for the next entry.
    #[must_use]
    pub fn gnu_long(self, kind: u8, name: &str) -> Self {
        let mut header = Header::file("././@LongLink", name.len() + 1);
        header.kind = kind;
        self.entry(&header, format!("{name}\0").as_bytes())
    }

    /// Returns the archive without an end.
    pub fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    /// Ends the archive with two zero blocks.
    pub fn done(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self.bytes
    }
}

/// One PAX record, `LENGTH KEY=VALUE\n`.
pub fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    let mut record = format!("{length} {key}=").into_bytes();
    record.extend(value);
    record.push(b'\n');
    record
}
