//! Tar and compression, read as what they are: other people's bytes.
//!
//! | module | owns |
//! | --- | --- |
//! | [`layer`] | the strict streaming reader of one layer |
//! | [`tarfile`] | tar files with a few plain members: docker and OCI archives, read and written |
//! | [`compress`] | gzip, zstd, bzip2 and xz streams |
//!
//! Below them lie `member` (one tar entry with its overrides), `header` (the 512 bytes), `pax`
//! (extended records) and `sparse` (maps of holes). There is one reader of tar headers, so that
//! one input has one meaning; where common readers disagree the input is refused.
//!
//! Nothing here creates, opens or changes a file: bytes come from a [`std::io::Read`] and leave
//! through a slice. Every limit is a named constant beside what it limits.
#![forbid(unsafe_code)]

pub mod compress;
pub mod layer;
pub mod tarfile;

mod header;
mod member;
mod pax;
mod source;
mod sparse;
#[cfg(feature = "testing")]
pub mod testing;

pub use member::{Offence, Rule};
