//! Reads zstd (RFC 8878), frame by frame.
//!
//! The header of each frame is read here as well as by the library, since the window and the
//! dictionary must be known before memory is taken for them.

use std::io::{self, BufRead};

use zstd::stream::raw::{DParameter, Decoder, Operation};
use zstd::zstd_safe::{InBuffer, OutBuffer};

use super::CompressError;
use super::decode::{Engine, byte, bytes, fill};

const FORMAT: &str = "zstd";
const MAGIC: u32 = 0xfd2f_b528;
/// The magics of skippable frames differ in their last four bits.
const SKIPPABLE: u32 = 0x184d_2a50;

/// Longest frame header: magic, descriptor, window, dictionary, size.
const HEADER_BYTES: usize = 4 + 1 + 1 + 4 + 8;

/// One frame after another.
pub(super) struct Zstd {
    decoder: Decoder<'static>,
    window_bytes: u64,
    /// The header that was read here and that the library has still to see.
    header: Vec<u8>,
    within: bool,
    any: bool,
}

fn damaged(error: &io::Error) -> io::Error {
    CompressError::Damaged {
        format: FORMAT,
        reason: error.to_string(),
    }
    .into()
}

impl Zstd {
    pub(super) fn new(window_bytes: u64) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        // The library's own limit stands behind ours; it rounds up to a power of two.
        let log = window_bytes.max(1 << 10).next_power_of_two().ilog2();
        decoder.set_parameter(DParameter::WindowLogMax(log))?;
        Ok(Self {
            decoder,
            window_bytes,
            header: Vec::with_capacity(HEADER_BYTES),
            within: false,
            any: false,
        })
    }

    /// Reads up to the content of the next frame; `false` at the end of the input.
    fn start_frame(&mut self, input: &mut dyn BufRead) -> io::Result<bool> {
        loop {
            if self.any && fill(input)?.is_empty() {
                return Ok(false);
            }
            let magic = bytes(input, FORMAT)?;
            match u32::from_le_bytes(magic) {
                MAGIC => {
                    self.read_header(magic, input)?;
                    return Ok(true);
                }
                other if other & !0xf == SKIPPABLE => {
                    skip(input)?;
                    self.any = true;
                }
                _ if self.any => return Err(CompressError::Trailing { format: FORMAT }.into()),
                _ => return Err(CompressError::NotThisFormat { format: FORMAT }.into()),
            }
        }
    }

    fn read_header(&mut self, magic: [u8; 4], input: &mut dyn BufRead) -> io::Result<()> {
        self.header.clear();
        self.header.extend_from_slice(&magic);
        let mut field = |size: usize| -> io::Result<u64> {
            let mut value = 0;
            for place in 0..size {
                let byte = byte(input, FORMAT)?;
                self.header.push(byte);
                value |= u64::from(byte) << (8 * place);
            }
            Ok(value)
        };
        let descriptor = field(1)?;
        let single_segment = descriptor & 0b10_0000 != 0;
        let window = match single_segment {
            true => None,
            false => {
                let window = field(1)?;
                let base = 1_u64 << (10 + (window >> 3));
                Some(base + base / 8 * (window & 7))
            }
        };
        let dictionary = field([0, 1, 2, 4][(descriptor & 3) as usize])?;
        let size_bytes = match descriptor >> 6 {
            0 => usize::from(single_segment),
            1 => 2,
            2 => 4,
            _ => 8,
        };
        let size = field(size_bytes)?;
        if dictionary != 0 {
            return Err(CompressError::Dictionary {
                id: dictionary as u32,
            }
            .into());
        }
        let wanted = window.unwrap_or(if size_bytes == 2 { size + 256 } else { size });
        if wanted > self.window_bytes {
            let limit = self.window_bytes;
            return Err(CompressError::Memory {
                format: FORMAT,
                wanted,
                limit,
            }
            .into());
        }
        Ok(())
    }
}

/// Reads past a skippable frame.
fn skip(input: &mut dyn BufRead) -> io::Result<()> {
    let mut left = u32::from_le_bytes(bytes(input, FORMAT)?) as usize;
    while left > 0 {
        let there = fill(input)?.len().min(left);
        if there == 0 {
            return Err(CompressError::Truncated { format: FORMAT }.into());
        }
        input.consume(there);
        left -= there;
    }
    Ok(())
}

impl Engine for Zstd {
    fn read(&mut self, input: &mut dyn BufRead, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            if !self.within {
                if !self.start_frame(input)? {
                    break;
                }
                self.within = true;
            }
            let from_header = !self.header.is_empty();
            let compressed = if from_header {
                &self.header[..]
            } else {
                fill(input)?
            };
            let at_end = compressed.is_empty();
            let mut from = InBuffer::around(compressed);
            let mut to = OutBuffer::around(&mut out[filled..]);
            let hint = self
                .decoder
                .run(&mut from, &mut to)
                .map_err(|e| damaged(&e))?;
            let (read, wrote) = (from.pos(), to.pos());
            filled += wrote;
            if from_header {
                self.header.drain(..read);
            } else {
                input.consume(read);
            }
            if hint == 0 {
                self.within = false;
                self.any = true;
            } else if read == 0 && wrote == 0 {
                let stuck = io::Error::other("inflating stands still");
                return Err(match at_end {
                    true => CompressError::Truncated { format: FORMAT }.into(),
                    false => damaged(&stuck),
                });
            }
        }
        Ok(filled)
    }
}
