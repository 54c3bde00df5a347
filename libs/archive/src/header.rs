//! The 512 bytes in front of every tar member.
//!
//! ```text
//!   0 name[100]  100 mode[8]  108 uid[8]  116 gid[8]  124 size[12]  136 mtime[12]
//! 148 checksum[8]  156 type flag  157 link name[100]  257 magic[6]  263 version[2]
//! 265 uname[32]  297 gname[32]  329 device major[8]  337 device minor[8]
//! 345 prefix[155]                                  ustar
//! 345 prefix[131] 476 atime[12] 488 ctime[12] 508 "tar\0"                       star
//! 345 atime[12] 357 ctime[12] 386 sparse[4][24] 482 more? 483 real size[12]      GNU
//! ```
//!
//! Numbers are octal text or, with the first byte 0x80 or 0xff, big-endian two's complement
//! ("base-256"). Text is read as Go's archive/tar reads it, less its guesses: what Go and
//! Python read differently is refused.

use crate::member::Rule;

/// Size of a header and of every block of a tar.
pub(crate) const BLOCK: usize = 512;
/// The same, to count stream positions with.
pub(crate) const BLOCK_BYTES: u64 = BLOCK as u64;

/// Which of the header's variants this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

/// A header whose checksum and format were checked.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    block: [u8; BLOCK],
    format: Format,
}

/// Bytes of padding behind `size` bytes of content.
pub(crate) fn padding(size: u64) -> u64 {
    (BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES
}

impl Header {
    /// Checks a block that is not all zeros.
    pub(crate) fn parse(block: &[u8; BLOCK]) -> Result<Self, Rule> {
        check_sum(block)?;
        let format = format(block)?;
        let header = Self {
            block: *block,
            format,
        };
        if format == Format::Gnu {
            // Go before 1.8 wrote a ustar prefix here, and Go still looks for one.
            for range in [345..357, 357..369] {
                let field = &header.block[range];
                if field[0] != 0 && number(field, "time").is_err() {
                    return Err(Rule::AmbiguousPrefix);
                }
            }
        }
        Ok(header)
    }

    pub(crate) fn type_flag(&self) -> u8 {
        self.block[156]
    }

    /// The name as the header alone has it, prefix included.
    pub(crate) fn name(&self) -> Vec<u8> {
        let name = text(&self.block[0..100]);
        let prefix = match self.format {
            Format::V7 | Format::Gnu => &[][..],
            Format::Ustar => text(&self.block[345..500]),
            Format::Star => text(&self.block[345..476]),
        };
        if prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    pub(crate) fn link_name(&self) -> &[u8] {
        text(&self.block[157..257])
    }

    pub(crate) fn mode(&self) -> Result<u32, Rule> {
        let mode = number(&self.block[100..108], "mode")?;
        if mode < 0 {
            return Err(Rule::OutOfRange { field: "mode" });
        }
        // Some writers keep the type in the upper bits; the flag alone says what it is.
        Ok((mode & 0o7777) as u32)
    }

    pub(crate) fn uid(&self) -> Result<i64, Rule> {
        number(&self.block[108..116], "uid")
    }

    pub(crate) fn gid(&self) -> Result<i64, Rule> {
        number(&self.block[116..124], "gid")
    }

    pub(crate) fn size(&self) -> Result<u64, Rule> {
        unsigned(&self.block[124..136], "size")
    }

    pub(crate) fn mtime(&self) -> Result<i64, Rule> {
        number(&self.block[136..148], "mtime")
    }

    pub(crate) fn device(&self) -> Result<(u64, u64), Rule> {
        Ok((
            unsigned(&self.block[329..337], "device major")?,
            unsigned(&self.block[337..345], "device minor")?,
        ))
    }

    pub(crate) fn is_gnu(&self) -> bool {
        self.format == Format::Gnu
    }

    /// The four fragments of an old GNU sparse file that fit into the header.
    pub(crate) fn gnu_sparse(&self) -> &[u8] {
        &self.block[386..482]
    }

    pub(crate) fn gnu_sparse_continues(&self) -> bool {
        self.block[482] != 0
    }

    pub(crate) fn gnu_real_size(&self) -> Result<u64, Rule> {
        unsigned(&self.block[483..495], "real size")
    }
}

fn check_sum(block: &[u8; BLOCK]) -> Result<(), Rule> {
    let want = octal(&block[148..156]).ok_or(Rule::Checksum)?;
    let mut unsigned_sum = 0_u64;
    let mut signed_sum = 0_i64;
    for (at, &byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) { b' ' } else { byte };
        unsigned_sum += u64::from(byte);
        // Sun's old tar summed signed characters.
        signed_sum += i64::from(byte.cast_signed());
    }
    if want == unsigned_sum || i64::try_from(want) == Ok(signed_sum) {
        return Ok(());
    }
    Err(Rule::Checksum)
}

fn format(block: &[u8; BLOCK]) -> Result<Format, Rule> {
    match &block[257..265] {
        b"ustar  \0" => Ok(Format::Gnu),
        [b'u', b's', b't', b'a', b'r', 0, ..] if &block[508..512] == b"tar\0" => {
            // Without a NUL the next field would be read as part of the prefix by some.
            match block[475] {
                0 => Ok(Format::Star),
                _ => Err(Rule::UnknownFormat),
            }
        }
        [b'u', b's', b't', b'a', b'r', 0, ..] => Ok(Format::Ustar),
        // Python takes a prefix from here whatever the magic, others do not.
        [0, 0, 0, 0, 0, 0, 0, 0] if block[345..500].iter().all(|&b| b == 0) => Ok(Format::V7),
        _ => Err(Rule::UnknownFormat),
    }
}

/// A text field: up to the first NUL, or all of it.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    &field[..end]
}

/// Spaces, octal digits, then only NULs and spaces. A blank field is 0.
fn octal(field: &[u8]) -> Option<u64> {
    let start = field.iter().position(|&b| b != b' ').unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits
        .iter()
        .position(|&b| b == 0 || b == b' ')
        .unwrap_or(digits.len());
    if digits[end..].iter().any(|&b| b != 0 && b != b' ') {
        return None;
    }
    let mut value = 0_u64;
    for &digit in &digits[..end] {
        if !matches!(digit, b'0'..=b'7') {
            return None;
        }
        value = value.checked_mul(8)?.checked_add(u64::from(digit - b'0'))?;
    }
    Some(value)
}

/// A number field in either form.
pub(crate) fn number(field: &[u8], name: &'static str) -> Result<i64, Rule> {
    let fill = match field.first() {
        Some(0x80) => 0,
        Some(0xff) => 0xff,
        Some(0x81..) => return Err(Rule::BadNumber { field: name }),
        _ => {
            let value = octal(field).ok_or(Rule::BadNumber { field: name })?;
            return i64::try_from(value).map_err(|_| Rule::OutOfRange { field: name });
        }
    };
    let (head, tail) = field[1..].split_at(field.len().saturating_sub(9));
    if head.iter().any(|&b| b != fill) {
        return Err(Rule::OutOfRange { field: name });
    }
    let mut bytes = [fill; 8];
    bytes[8 - tail.len()..].copy_from_slice(tail);
    let value = i64::from_be_bytes(bytes);
    if (value < 0) != (fill == 0xff) {
        return Err(Rule::OutOfRange { field: name });
    }
    Ok(value)
}

/// A number field that is not negative.
pub(crate) fn unsigned(field: &[u8], name: &'static str) -> Result<u64, Rule> {
    u64::try_from(number(field, name)?).map_err(|_| Rule::OutOfRange { field: name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_both_forms() {
        let good: &[(&[u8], i64)] = &[
            (b"0000644\0", 0o644),
            (b"   644 \0", 0o644),
            (b"77777777", 0o77777777),
            (b"\0\0\0\0\0\0\0\0", 0),
            (b"        ", 0),
            (b"\x80\0\0\0\0\0\0\x01", 1),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", -1),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", i64::MAX),
            (b"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", i64::MIN),
        ];
        for (field, want) in good {
            assert_eq!(number(field, "f"), Ok(*want), "{field:?}");
        }
        let bad: &[&[u8]] = &[
            b"-000001\0",
            b"0000648\0",
            b"root\0\0\0\0",
            b"1\x002\0\0\0\0\0",
            b"\x000000644",
            b"\x81\0\0\0\0\0\0\x01",
            b"\xfe\xff\xff\xff\xff\xff\xff\xff",
            b"\x80\0\0\0\x80\0\0\0\0\0\0\0",
            b"\x80\0\0\x01\0\0\0\0\0\0\0\0",
            b"\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
        ];
        for field in bad {
            assert!(number(field, "f").is_err(), "{field:?}");
        }
        assert!(unsigned(b"\xff\xff\xff\xff\xff\xff\xff\xff", "f").is_err());
    }

    #[test]
    fn padding_fills_the_block() {
        for (size, want) in [(0, 0), (1, 511), (511, 1), (512, 0), (u64::MAX, 1)] {
            assert_eq!(padding(size), want);
        }
    }
}
