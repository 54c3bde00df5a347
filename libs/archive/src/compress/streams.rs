//! Reads bzip2 and xz, which only old images and archives come in.

use std::io::{self, BufRead};

use bzip2::Decompress;
use liblzma::stream::{Action, CONCATENATED, Status, Stream};

use super::decode::{Engine, fill};
use super::{CompressError, XZ_MEMORY_BYTES};

fn damaged(format: &'static str, reason: impl ToString) -> io::Error {
    CompressError::Damaged {
        format,
        reason: reason.to_string(),
    }
    .into()
}

/// One bzip2 stream after another, as pbzip2 writes them.
pub(super) struct Bzip2 {
    inflate: Decompress,
    within: bool,
    any: bool,
}

impl Bzip2 {
    const FORMAT: &str = "bzip2";

    pub(super) fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            within: false,
            any: false,
        }
    }
}

impl Engine for Bzip2 {
    fn read(&mut self, input: &mut dyn BufRead, out: &mut [u8]) -> io::Result<usize> {
        let format = Self::FORMAT;
        let mut filled = 0;
        while filled < out.len() {
            let compressed = fill(input)?;
            let at_end = compressed.is_empty();
            if !self.within {
                if at_end && self.any {
                    break;
                }
                if self.any && compressed[0] != b'B' {
                    return Err(CompressError::Trailing { format }.into());
                }
                self.inflate = Decompress::new(false);
                self.within = true;
            }
            let (read, wrote) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(compressed, &mut out[filled..])
                .map_err(|error| damaged(format, error))?;
            let read = (self.inflate.total_in() - read) as usize;
            let wrote = (self.inflate.total_out() - wrote) as usize;
            input.consume(read);
            filled += wrote;
            if status == bzip2::Status::StreamEnd {
                self.within = false;
                self.any = true;
            } else if read == 0 && wrote == 0 {
                return Err(match at_end {
                    true => CompressError::Truncated { format }.into(),
                    false => damaged(format, "inflating stands still"),
                });
            }
        }
        Ok(filled)
    }
}

/// xz; the library itself goes from stream to stream and over their padding.
pub(super) struct Xz {
    inflate: Stream,
    ended: bool,
}

impl Xz {
    const FORMAT: &str = "xz";

    pub(super) fn new() -> io::Result<Self> {
        let inflate = Stream::new_stream_decoder(XZ_MEMORY_BYTES, CONCATENATED)?;
        Ok(Self {
            inflate,
            ended: false,
        })
    }
}

impl Engine for Xz {
    fn read(&mut self, input: &mut dyn BufRead, out: &mut [u8]) -> io::Result<usize> {
        let format = Self::FORMAT;
        let mut filled = 0;
        while filled < out.len() && !self.ended {
            let compressed = fill(input)?;
            let at_end = compressed.is_empty();
            let action = if at_end { Action::Finish } else { Action::Run };
            let (read, wrote) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.process(compressed, &mut out[filled..], action);
            let read = (self.inflate.total_in() - read) as usize;
            let wrote = (self.inflate.total_out() - wrote) as usize;
            input.consume(read);
            filled += wrote;
            match status {
                Ok(Status::StreamEnd) => self.ended = true,
                Err(liblzma::stream::Error::MemLimit) => {
                    let (wanted, limit) = (XZ_MEMORY_BYTES + 1, XZ_MEMORY_BYTES);
                    return Err(CompressError::Memory {
                        format,
                        wanted,
                        limit,
                    }
                    .into());
                }
                Err(error) => return Err(damaged(format, error)),
                Ok(_) if read == 0 && wrote == 0 && at_end => {
                    return Err(CompressError::Truncated { format }.into());
                }
                Ok(_) => {}
            }
        }
        Ok(filled)
    }
}
