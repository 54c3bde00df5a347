//! Reads gzip (RFC 1952).
//!
//! ```text
//! { 1f 8b 08 FLAGS MTIME[4] XFL OS  [LEN[2] EXTRA]  [NAME 0]  [COMMENT 0]  [CRC16]
//!   deflate stream  CRC32[4]  LENGTH[4] }…
//! ```

use std::io::{self, BufRead};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::decode::{Engine, byte, bytes, fill};
use super::{CompressError, GZIP_FIELD_BYTES};

const FORMAT: &str = "gzip";

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// One member after another.
pub(super) struct Gzip {
    inflate: Decompress,
    crc: Crc,
    length: u32,
    within: bool,
    /// Members that have ended.
    any: bool,
}

fn damaged(reason: impl Into<String>) -> io::Error {
    CompressError::Damaged {
        format: FORMAT,
        reason: reason.into(),
    }
    .into()
}

/// Reads header bytes and sums them.
struct Header<'a> {
    input: &'a mut dyn BufRead,
    crc: Crc,
}

impl Header<'_> {
    fn byte(&mut self) -> io::Result<u8> {
        let byte = byte(self.input, FORMAT)?;
        self.crc.update(&[byte]);
        Ok(byte)
    }

    fn string(&mut self) -> io::Result<()> {
        for _ in 0..GZIP_FIELD_BYTES {
            if self.byte()? == 0 {
                return Ok(());
            }
        }
        Err(damaged("a name or comment without an end"))
    }
}

fn read_header(input: &mut dyn BufRead, first: bool) -> io::Result<()> {
    let mut header = Header {
        input,
        crc: Crc::new(),
    };
    for want in [0x1f, 0x8b] {
        if header.byte()? != want {
            return Err(match first {
                true => CompressError::NotThisFormat { format: FORMAT },
                false => CompressError::Trailing { format: FORMAT },
            }
            .into());
        }
    }
    if header.byte()? != 8 {
        return Err(damaged("unknown method"));
    }
    let flags = header.byte()?;
    if flags & RESERVED != 0 {
        return Err(damaged("reserved flags"));
    }
    for _ in 0..6 {
        header.byte()?;
    }
    if flags & EXTRA != 0 {
        let length = u16::from_le_bytes([header.byte()?, header.byte()?]);
        for _ in 0..length {
            header.byte()?;
        }
    }
    for flag in [NAME, COMMENT] {
        if flags & flag != 0 {
            header.string()?;
        }
    }
    if flags & HEADER_CRC != 0 {
        let want = header.crc.sum() & 0xffff;
        if u32::from(u16::from_le_bytes(bytes(header.input, FORMAT)?)) != want {
            return Err(damaged("wrong header checksum"));
        }
    }
    Ok(())
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            crc: Crc::new(),
            length: 0,
            within: false,
            any: false,
        }
    }

    fn read_trailer(&mut self, input: &mut dyn BufRead) -> io::Result<()> {
        if u32::from_le_bytes(bytes(input, FORMAT)?) != self.crc.sum() {
            return Err(damaged("wrong checksum"));
        }
        if u32::from_le_bytes(bytes(input, FORMAT)?) != self.length {
            return Err(damaged("wrong length"));
        }
        self.inflate.reset(false);
        self.crc.reset();
        self.length = 0;
        self.within = false;
        self.any = true;
        Ok(())
    }
}

impl Engine for Gzip {
    fn read(&mut self, input: &mut dyn BufRead, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            if !self.within {
                if self.any && fill(input)?.is_empty() {
                    break;
                }
                read_header(input, !self.any)?;
                self.within = true;
            }
            let compressed = fill(input)?;
            let at_end = compressed.is_empty();
            let (read, wrote) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(compressed, &mut out[filled..], FlushDecompress::None)
                .map_err(|error| damaged(error.message().unwrap_or("no deflate stream")))?;
            let read = (self.inflate.total_in() - read) as usize;
            let wrote = (self.inflate.total_out() - wrote) as usize;
            input.consume(read);
            let fresh = &out[filled..filled + wrote];
            self.crc.update(fresh);
            // The trailer holds the length modulo 2^32.
            self.length = self.length.wrapping_add(wrote as u32);
            filled += wrote;
            match status {
                Status::StreamEnd => self.read_trailer(input)?,
                _ if read == 0 && wrote == 0 && at_end => {
                    return Err(CompressError::Truncated { format: FORMAT }.into());
                }
                _ if read == 0 && wrote == 0 => return Err(damaged("inflating stands still")),
                _ => {}
            }
        }
        Ok(filled)
    }
}
