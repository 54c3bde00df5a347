//! Descriptors that the parent of the process opened for it, known by their numbers.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Returns a descriptor of our own for the open file behind number `fd`. The number itself stays
/// open.
///
/// # Errors
/// It is not open.
pub fn inherited(fd: u32) -> io::Result<OwnedFd> {
    let number = i32::try_from(fd).map_err(|_| io::Error::from(rustix::io::Errno::BADF))?;
    #[expect(
        unsafe_code,
        reason = "nobody but the caller knows what a number stands for"
    )]
    // SAFETY: the number is used for one call, which fails where nothing is open behind it. -1,
    // which must not be borrowed, is none of the numbers that fit.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(rustix::io::fcntl_dupfd_cloexec(borrowed, 3)?)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn what_is_open_is_shared() {
        let file = tempfile::tempfile().unwrap();
        let number = u32::try_from(file.as_raw_fd()).unwrap();
        assert_ne!(inherited(number).unwrap().as_raw_fd(), file.as_raw_fd());
        assert!(inherited(100_000).is_err() && inherited(u32::MAX).is_err());
    }
}
