//! gzip, zstd, bzip2 and xz streams: inflated within limits, deflated with threads.
//!
//! No program is ever run for this: one found in `PATH`, or in a container, has been an attack.
//!
//! What a blob inflates to must be the same for every reader, so what they disagree about is an
//! error: bytes behind the last gzip member (Go refuses them, gzip(1) warns), zstd frames that
//! want a dictionary, frames of zstd's old formats. An end that is missing is an error too.
//! Several gzip members and several zstd frames, skippable ones between them, are one stream.

mod decode;
mod encode;
mod gzip;
mod gzip_encode;
mod streams;
mod zstd_frames;

use oci::media_type::Compression;

pub use decode::{DecodeLimits, Decoder};
pub use encode::{Encoder, GZIP_LEVEL, ZSTD_LEVEL};

/// How many first bytes [`detect`] wants to see.
pub const DETECT_BYTES: usize = 10;

/// Largest zstd window that is accepted unless the caller allows more: what RFC 8878, section
/// 3.1.1.1.2, recommends every decoder to have.
pub const WINDOW_BYTES: u64 = 8 << 20;
/// Largest zstd window that a caller can allow.
pub const WINDOW_BYTES_MOST: u64 = 128 << 20;
/// Most memory for inflating xz; `xz -9` wants 65 MiB.
pub const XZ_MEMORY_BYTES: u64 = 128 << 20;
/// Longest optional field of a gzip header.
pub const GZIP_FIELD_BYTES: usize = 64 << 10;

/// Tells how a stream is compressed from its first [`DETECT_BYTES`] bytes.
pub fn detect(prefix: &[u8]) -> Compression {
    match prefix {
        [0x1f, 0x8b, 8, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
        // A block or the end of the stream; the name of a tar's first file may be "BZh1" too.
        [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            0x31,
            0x41,
            0x59,
            0x26,
            0x53,
            0x59,
            ..,
        ]
        | [
            b'B',
            b'Z',
            b'h',
            b'1'..=b'9',
            0x17,
            0x72,
            0x45,
            0x38,
            0x50,
            0x90,
            ..,
        ] => Compression::Bzip2,
        _ => Compression::None,
    }
}

/// What is wrong with a compressed stream. Readers and writers give it inside of a
/// [`std::io::Error`]; [`CompressError::of`] finds it there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressError {
    /// The stream ends before its end.
    #[error("{format} stream is cut short")]
    Truncated {
        /// The format.
        format: &'static str,
    },
    /// The stream does not begin like one.
    #[error("not a {format} stream")]
    NotThisFormat {
        /// The format.
        format: &'static str,
    },
    /// Something follows the stream that is no further part of it.
    #[error("garbage behind the {format} stream")]
    Trailing {
        /// The format.
        format: &'static str,
    },
    /// The content cannot be inflated, or is not what its checksum says.
    #[error("damaged {format} stream: {reason}")]
    Damaged {
        /// The format.
        format: &'static str,
        /// What is wrong with it, in the library's words or ours.
        reason: String,
    },
    /// More comes out than the limit.
    #[error("more than {limit} bytes uncompressed")]
    OutputLimit {
        /// The limit.
        limit: u64,
    },
    /// A window or dictionary that takes more memory than the limit.
    #[error("{format} stream wants {wanted} bytes of memory, {limit} is the limit")]
    Memory {
        /// The format.
        format: &'static str,
        /// What it wants; of xz only that it is more than the limit.
        wanted: u64,
        /// The limit.
        limit: u64,
    },
    /// A zstd frame that needs a dictionary.
    #[error("zstd frame needs dictionary {id}")]
    Dictionary {
        /// Its number.
        id: u32,
    },
    /// A level that the format has not.
    #[error("{format} has levels {least} to {most}, not {level}")]
    Level {
        /// The format.
        format: &'static str,
        /// What was asked for.
        level: i32,
        /// Its lowest.
        least: i32,
        /// Its highest.
        most: i32,
    },
    /// A format that is only read.
    #[error("{format} is read, not written")]
    ReadOnly {
        /// The format.
        format: &'static str,
    },
}

impl CompressError {
    /// Finds the error that a [`Decoder`] or [`Encoder`] put into `error`.
    pub fn of(error: &std::io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

impl From<CompressError> for std::io::Error {
    fn from(error: CompressError) -> Self {
        let kind = match error {
            CompressError::Truncated { .. } => std::io::ErrorKind::UnexpectedEof,
            CompressError::ReadOnly { .. } => std::io::ErrorKind::Unsupported,
            CompressError::Level { .. } => std::io::ErrorKind::InvalidInput,
            _ => std::io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let cases: &[(&[u8], Compression)] = &[
            (b"\x1f\x8b\x08\0", Compression::Gzip),
            (b"\x1f\x8b\x07\0", Compression::None),
            (b"\x28\xb5\x2f\xfd", Compression::Zstd),
            (b"\x50\x2a\x4d\x18\0", Compression::Zstd),
            (b"\x5f\x2a\x4d\x18\0", Compression::Zstd),
            (b"\xfd7zXZ\0", Compression::Xz),
            (b"BZh91AY&SY", Compression::Bzip2),
            (b"BZh1file\0\0", Compression::None),
            (b"", Compression::None),
            (b"\x1f", Compression::None),
        ];
        for (prefix, want) in cases {
            assert_eq!(detect(prefix), *want, "{prefix:?}");
        }
    }
}
