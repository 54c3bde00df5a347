//! Writes an archive.

use std::io::{self, Read, Write};

use crate::header::{BLOCK, padding};

/// Longest name that the header itself holds; longer ones get a PAX record.
const NAME_BYTES: usize = 100;
/// Largest size that eleven octal digits hold; larger ones get a PAX record.
const SIZE_MOST: u64 = (1 << 33) - 1;

/// Writes an archive; equal members in equal order give equal bytes.
///
/// Every member has time 0 and owner 0; files have mode 0444 and links 0 as those of skopeo,
/// directories 0755. Headers are ustar, with a PAX header in front where a name or size does not fit.
#[derive(Debug)]
pub struct TarWriter<W> {
    writer: W,
}

struct Fields<'a> {
    flag: u8,
    name: &'a str,
    link: &'a str,
    mode: u32,
    size: u64,
}

impl<W: Write> TarWriter<W> {
    /// Starts an archive.
    pub fn new(writer: W) -> Self {
        Self { writer }
    }

    /// Adds a file of exactly `size` bytes.
    ///
    /// # Errors
    /// Those of `content` and of the writer; a content that is shorter or longer than `size`,
    /// after which the archive is of no use.
    pub fn file(&mut self, name: &str, size: u64, mut content: impl Read) -> io::Result<()> {
        self.header(&Fields {
            flag: b'0',
            name,
            link: "",
            mode: 0o444,
            size,
        })?;
        let copied = io::copy(&mut content.by_ref().take(size), &mut self.writer)?;
        if copied < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // A reader that verifies what it read does so at its end.
        if io::copy(&mut content.take(1), &mut io::sink())? > 0 {
            let text = format!("{name} is longer than the {size} bytes announced");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.pad(size)
    }

    /// Adds a directory.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn directory(&mut self, name: &str) -> io::Result<()> {
        let name = format!("{}/", name.trim_end_matches('/'));
        self.header(&Fields {
            flag: b'5',
            name: &name,
            link: "",
            mode: 0o755,
            size: 0,
        })
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn symlink(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.header(&Fields {
            flag: b'2',
            name,
            link: target,
            mode: 0,
            size: 0,
        })
    }

    /// Ends the archive and returns the writer, flushed.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.write_all(&[0; 2 * BLOCK])?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn header(&mut self, fields: &Fields<'_>) -> io::Result<()> {
        let mut records = Vec::new();
        if fields.name.len() > NAME_BYTES {
            record(&mut records, "path", fields.name);
        }
        if fields.link.len() > NAME_BYTES {
            record(&mut records, "linkpath", fields.link);
        }
        if fields.size > SIZE_MOST {
            record(&mut records, "size", &fields.size.to_string());
        }
        if !records.is_empty() {
            let size = records.len() as u64;
            let name = "PaxHeaders.0/member";
            let pax = Fields {
                flag: b'x',
                name,
                link: "",
                mode: 0o644,
                size,
            };
            self.writer.write_all(&block(&pax))?;
            self.writer.write_all(&records)?;
            self.pad(size)?;
        }
        self.writer.write_all(&block(fields))
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        self.writer.write_all(&[0; BLOCK][..padding(size) as usize])
    }
}

/// Writes `LENGTH KEY=VALUE\n`, the length counting itself.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() > length {
        length += 1;
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

fn block(fields: &Fields<'_>) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    // Where a PAX record says more, the field holds as much as fits; a size that does not is 0,
    // so that no reader takes it for another size.
    put(&mut block[0..100], fields.name.as_bytes());
    put(
        &mut block[100..108],
        format!("{:07o}", fields.mode).as_bytes(),
    );
    put(&mut block[108..116], b"0000000");
    put(&mut block[116..124], b"0000000");
    let size = if fields.size > SIZE_MOST {
        0
    } else {
        fields.size
    };
    put(&mut block[124..136], format!("{size:011o}").as_bytes());
    put(&mut block[136..148], b"00000000000");
    block[156] = fields.flag;
    put(&mut block[157..257], fields.link.as_bytes());
    put(&mut block[257..265], b"ustar\x0000");
    put(&mut block[329..337], b"0000000");
    put(&mut block[337..345], b"0000000");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
    put(&mut block[148..156], format!("{sum:06o}\0").as_bytes());
    block
}

fn put(field: &mut [u8], bytes: &[u8]) {
    let count = bytes.len().min(field.len());
    field[..count].copy_from_slice(&bytes[..count]);
}
