//! Image trees: a compact tree in memory, and the erofs image that is written from it.
//!
//! The image is byte for byte the one of composefs (its format V1, `mkcomposefs --min-version=1`);
//! composefs's own writer keeps three copies of the tree and the whole image in memory, about
//! 1.4 KiB a file. Here a file takes about 150 bytes, the image streams out, and nothing recurses.
//!
//! ```text
//! 0      composefs header (32 bytes), zeros
//! 1024   superblock (128 bytes)
//! 1152   inodes in breadth-first order, each at a multiple of 32:
//!          header 32 (compact) or 64 bytes (extended)
//!          extended attributes: header 12 bytes, references to shared ones, own ones
//!          tail: a symlink's target, a small file, the end of a directory, a chunk index
//!        attributes that more than one inode has, in descending order, from a multiple of 32
//!        blocks of 4,096 bytes: directories that need them, long symlinks
//! ```
//! Integers are little-endian. `docs/formats/store.md` says what a reader finds in it.
//!
//! The root has 256 more entries `00` to `ff`, character devices 0:0, where the image has no such
//! name: composefs's stand-ins for the directories of `objects/`.

mod draft;
mod order;
mod share;
mod write;
mod xattrs;

pub(crate) use draft::{Content, Draft, Ino, Stat};

use crate::error::StoreError;

/// Bytes of a block.
const BLOCK: u64 = 4096;
/// What the place of an inode is a multiple of, in bytes.
const SLOT: u64 = 32;
/// Where the superblock stands.
const SUPERBLOCK: u64 = 1024;
/// Where the first inode stands.
const INODES: u64 = SUPERBLOCK + 128;
/// No number.
const NONE: u32 = u32::MAX;

/// Makes the error of a tree that has more of something than 32 bits can count.
fn too_large(what: &str) -> StoreError {
    StoreError::TreeWriter {
        reason: format!("the tree has too many {what}"),
    }
}

/// Turns a count or place into the 32 bits that it is kept in; [`NONE`] stays free.
fn number(of: impl TryInto<u32>, what: &str) -> crate::Result<u32> {
    of.try_into()
        .ok()
        .filter(|number| *number != NONE)
        .ok_or_else(|| too_large(what))
}
