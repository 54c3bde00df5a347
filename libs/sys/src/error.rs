//! The error of a system call: the call as strace prints it, and its errno.

use std::{fmt, io};

use rustix::io::Errno;

/// The result of a system call.
pub type Result<T> = std::result::Result<T, SysError>;

/// A system call that failed.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {source}")]
pub struct SysError {
    /// The call with its arguments.
    pub call: String,
    /// Why it failed.
    pub source: io::Error,
}

impl SysError {
    /// Wraps the `errno` of the call that `call` describes.
    pub(crate) fn new(call: impl fmt::Display, errno: Errno) -> Self {
        Self {
            call: call.to_string(),
            source: errno.into(),
        }
    }

    /// Wraps what libc left in `errno`.
    pub(crate) fn last(call: impl fmt::Display) -> Self {
        Self {
            call: call.to_string(),
            source: io::Error::last_os_error(),
        }
    }

    /// Returns the error number of the kernel.
    pub fn errno(&self) -> Option<Errno> {
        Errno::from_io_error(&self.source)
    }
}

impl From<SysError> for io::Error {
    fn from(error: SysError) -> Self {
        io::Error::new(error.source.kind(), error)
    }
}
