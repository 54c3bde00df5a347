//! System calls that the standard library lacks, one thin wrapper each.
//!
//! The only crate of the project that may say `unsafe`. A wrapper carries the name of its system
//! call, adds `O_CLOEXEC`, and fails with a [`SysError`] that prints the call as strace would.
//! What rustix has is taken from rustix; what it lacks (locks of open file descriptions,
//! `mount_setattr`, loop devices) is called through libc, one call per `unsafe` block.
//!
//! | module | owns |
//! | --- | --- |
//! | [`open`] | opens that can not leave a directory (`openat2`) |
//! | [`file`](mod@file) | links, renames, syncs, clones, free space |
//! | [`inherited`](mod@inherited) | descriptors that are known by their numbers |
//! | [`stoppable`] | reads that a flag ends |
//! | [`lock`] | open-file-description locks, with a deadline |
//! | [`xattr`] | extended attributes of files and symlinks |
//! | [`mount`] | the file-descriptor based mount calls |
//! | [`mountinfo`] | the table of mounts, parsed |
//! | [`namespaces`] | the mounts of all mount namespaces |
//! | [`loopdev`] | loop devices, for kernels whose erofs wants a block device |

mod error;
pub mod file;
pub mod inherited;
pub mod lock;
pub mod loopdev;
pub mod mount;
pub mod mountinfo;
pub mod namespaces;
pub mod open;
pub mod stoppable;
pub mod xattr;

pub use error::{Result, SysError};
pub use lock::{ByteLocks, OfdLock};
pub use stoppable::StoppableReader;
