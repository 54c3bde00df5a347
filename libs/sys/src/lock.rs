//! Locks of open file descriptions (`fcntl(F_OFD_SETLK)`).
//!
//! Such a lock belongs to the open file, not to the process: it works between threads, is freed
//! by the kernel when its holder dies, and is not lost when some other code of the process closes
//! the same file. A waiter with a deadline polls, as the kernel has no timed form.
#![expect(
    unsafe_code,
    reason = "rustix has neither OFD locks nor close_range with flags"
)]

use std::{
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    time::{Duration, Instant},
};

use crate::{Result, SysError};

/// A lock on an open file, held until it is dropped.
#[derive(Debug)]
pub struct OfdLock {
    file: File,
}

impl OfdLock {
    /// Waits for the exclusive lock of `file`, which must be open for writing.
    ///
    /// # Errors
    /// `TimedOut` after `deadline`, and what `fcntl(2)` fails with.
    pub fn exclusive(file: File, deadline: Option<Duration>) -> Result<Self> {
        Self::wait(file, libc::F_WRLCK, deadline)
    }

    /// Waits for a shared lock of `file`, which must be open for reading.
    ///
    /// # Errors
    /// As [`OfdLock::exclusive`].
    pub fn shared(file: File, deadline: Option<Duration>) -> Result<Self> {
        Self::wait(file, libc::F_RDLCK, deadline)
    }

    /// Takes the exclusive lock if nobody holds one; gives the file back otherwise.
    ///
    /// # Errors
    /// What `fcntl(2)` fails with, other than that the lock is held.
    pub fn try_exclusive(file: File) -> Result<std::result::Result<Self, File>> {
        Self::attempt(file, libc::F_WRLCK)
    }

    /// Takes a shared lock if nobody holds an exclusive one; gives the file back otherwise.
    ///
    /// # Errors
    /// As [`OfdLock::try_exclusive`].
    pub fn try_shared(file: File) -> Result<std::result::Result<Self, File>> {
        Self::attempt(file, libc::F_RDLCK)
    }

    /// Turns an exclusive lock into a shared one, without a moment in which it is free.
    ///
    /// # Errors
    /// What `fcntl(2)` fails with.
    pub fn downgrade(&self) -> Result<()> {
        if setlk(&self.file, libc::F_RDLCK)? {
            Ok(())
        } else {
            Err(SysError::new(
                "fcntl(F_OFD_SETLK, F_RDLCK)",
                rustix::io::Errno::AGAIN,
            ))
        }
    }

    /// Turns a shared lock into an exclusive one if nobody else shares it; says whether it did.
    ///
    /// # Errors
    /// What `fcntl(2)` fails with.
    pub fn try_upgrade(&self) -> Result<bool> {
        setlk(&self.file, libc::F_WRLCK)
    }

    /// Returns the locked file.
    pub fn file(&self) -> &File {
        &self.file
    }

    fn attempt(file: File, kind: libc::c_int) -> Result<std::result::Result<Self, File>> {
        Ok(if setlk(&file, kind)? {
            Ok(Self { file })
        } else {
            Err(file)
        })
    }

    fn wait(file: File, kind: libc::c_int, deadline: Option<Duration>) -> Result<Self> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            if setlk(&file, kind)? {
                return Ok(Self { file });
            }
            if deadline.is_some_and(|limit| start.elapsed() >= limit) {
                return Err(SysError {
                    call: "fcntl(F_OFD_SETLK)".to_owned(),
                    source: io::Error::new(
                        io::ErrorKind::TimedOut,
                        "another process holds the lock",
                    ),
                });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

/// Locks of single bytes of one file: many locks for one descriptor. All are freed when it is
/// dropped. The bytes need not exist.
#[derive(Debug)]
pub struct ByteLocks {
    file: File,
}

impl ByteLocks {
    /// Takes a file that is open for reading and writing.
    pub fn new(file: File) -> Self {
        Self { file }
    }

    /// Takes the exclusive lock of the byte at `offset` if nobody else holds one.
    ///
    /// # Errors
    /// What `fcntl(2)` fails with, other than that the lock is held.
    pub fn try_exclusive(&self, offset: u64) -> Result<bool> {
        set_byte(&self.file, libc::F_WRLCK, offset)
    }

    /// Takes a shared lock of the byte at `offset`, or turns an exclusive one into it, if nobody
    /// else holds an exclusive one.
    ///
    /// # Errors
    /// As [`ByteLocks::try_exclusive`].
    pub fn try_shared(&self, offset: u64) -> Result<bool> {
        set_byte(&self.file, libc::F_RDLCK, offset)
    }

    /// Frees the byte at `offset`.
    ///
    /// # Errors
    /// What `fcntl(2)` fails with.
    pub fn unlock(&self, offset: u64) -> Result<()> {
        set_byte(&self.file, libc::F_UNLCK, offset).map(drop)
    }
}

fn set_byte(file: &File, kind: libc::c_int, offset: u64) -> Result<bool> {
    let Ok(start) = libc::off_t::try_from(offset) else {
        return Err(SysError::new(
            format_args!("fcntl(F_OFD_SETLK, {{l_start={offset}}})"),
            rustix::io::Errno::OVERFLOW,
        ));
    };
    set(
        file,
        libc::flock {
            l_start: start,
            l_len: 1,
            ..whole_file(kind)
        },
    )
}

/// Asks whether somebody holds a lock on `file` that an exclusive lock would have to wait for.
///
/// # Errors
/// What `fcntl(2)` fails with.
pub fn is_locked(file: &File) -> Result<bool> {
    let mut lock = whole_file(libc::F_WRLCK);
    // SAFETY: the descriptor is open for the length of the borrow, and `lock` is a valid flock
    // that the kernel may write to.
    let status = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) };
    if status == -1 {
        return Err(SysError::last("fcntl(F_OFD_GETLK)"));
    }
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

/// Sets a lock without waiting; `false` when it is held.
fn setlk(file: &File, kind: libc::c_int) -> Result<bool> {
    set(file, whole_file(kind))
}

fn set(file: &File, lock: libc::flock) -> Result<bool> {
    loop {
        // SAFETY: the descriptor is open for the length of the borrow, and `lock` is a valid
        // flock that the kernel only reads.
        let status = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
        if status == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => return Ok(false),
            Some(libc::EINTR) => {}
            _ => {
                return Err(SysError {
                    call: "fcntl(F_OFD_SETLK)".to_owned(),
                    source: error,
                });
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lock kinds and SEEK_SET are 0, 1 and 2"
)]
fn whole_file(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        // The kernel wants zero here for a lock of an open file description.
        l_pid: 0,
    }
}

/// See [`crate::file::close_range_on_exec`].
pub(crate) fn close_range_cloexec(first: u32) -> Result<()> {
    // SAFETY: the call only sets a flag on descriptors; no memory is handed over.
    let status = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if status == -1 {
        return Err(SysError::last(format_args!(
            "close_range({first}, ~0U, CLOSE_RANGE_CLOEXEC)"
        )));
    }
    Ok(())
}

impl AsFd for OfdLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &std::path::Path) -> File {
        File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .unwrap()
    }

    #[test]
    fn exclusive_excludes_within_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = OfdLock::exclusive(open(&path), None).unwrap();
        assert!(OfdLock::try_shared(open(&path)).unwrap().is_err());
        assert!(is_locked(&open(&path)).unwrap());
        let late = OfdLock::exclusive(open(&path), Some(Duration::from_millis(20))).unwrap_err();
        assert_eq!(late.source.kind(), io::ErrorKind::TimedOut);
        held.downgrade().unwrap();
        let second = OfdLock::try_shared(open(&path)).unwrap().unwrap();
        assert!(!second.try_upgrade().unwrap());
        drop(held);
        assert!(second.try_upgrade().unwrap());
        drop(second);
        assert!(!is_locked(&open(&path)).unwrap());
    }

    #[test]
    fn bytes_are_locked_each_on_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let one = ByteLocks::new(open(&path));
        let other = ByteLocks::new(open(&path));
        let far = (1 << 62) - 1;
        assert!(one.try_exclusive(far).unwrap());
        assert!(!other.try_shared(far).unwrap());
        assert!(other.try_exclusive(far - 1).unwrap());
        assert!(one.try_shared(far).unwrap());
        assert!(other.try_shared(far).unwrap());
        assert!(!one.try_exclusive(far).unwrap());
        other.unlock(far).unwrap();
        assert!(one.try_exclusive(far).unwrap());
        drop(one);
        assert!(other.try_exclusive(far).unwrap());
        assert!(other.try_shared(u64::MAX).is_err());
    }
}
