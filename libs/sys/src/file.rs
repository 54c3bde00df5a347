//! Links, renames, syncs, clones and free space.

use std::{
    ops::Range,
    os::fd::{AsFd, AsRawFd},
    path::Path,
};

use rustix::fs::{AtFlags, CWD, RenameFlags};

use crate::{Result, SysError};

/// `syncfs(2)`: writes everything of the file system of `fd`, and reports a write error that
/// happened since `fd` was opened (Linux 5.8).
///
/// # Errors
/// `EIO`, `ENOSPC`, `EDQUOT` of an earlier write: what was written is then lost, and a second
/// call would not say so again.
pub fn syncfs(fd: impl AsFd) -> Result<()> {
    rustix::fs::syncfs(&fd)
        .map_err(|errno| SysError::new(format_args!("syncfs({})", fd.as_fd().as_raw_fd()), errno))
}

/// `fsync(2)` of an open file or directory.
///
/// # Errors
/// As [`syncfs`].
pub fn fsync(fd: impl AsFd, path: &Path) -> Result<()> {
    rustix::fs::fsync(&fd).map_err(|errno| SysError::new(format_args!("fsync({path:?})"), errno))
}

/// `renameat2(2)` with `RENAME_NOREPLACE`; where the file system does not know the flag, a link
/// and an unlink, which refuse an existing target as well.
///
/// # Errors
/// `EEXIST` when `to` exists.
pub fn rename_noreplace(
    from_dir: impl AsFd,
    from: &Path,
    to_dir: impl AsFd,
    to: &Path,
) -> Result<()> {
    let call = || format!("renameat2({from:?}, {to:?}, RENAME_NOREPLACE)");
    match rustix::fs::renameat_with(&from_dir, from, &to_dir, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            rustix::fs::linkat(&from_dir, from, &to_dir, to, AtFlags::empty())
                .map_err(|errno| SysError::new(format_args!("linkat({from:?}, {to:?})"), errno))?;
            rustix::fs::unlinkat(&from_dir, from, AtFlags::empty())
                .map_err(|errno| SysError::new(format_args!("unlinkat({from:?})"), errno))
        }
        other => other.map_err(|errno| SysError::new(call(), errno)),
    }
}

/// `renameat2(2)` with `RENAME_EXCHANGE`: swaps two entries in one step.
///
/// # Errors
/// `EINVAL` where the file system can not.
pub fn rename_exchange(one: &Path, other: &Path) -> Result<()> {
    rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(|errno| {
        SysError::new(
            format_args!("renameat2({one:?}, {other:?}, RENAME_EXCHANGE)"),
            errno,
        )
    })
}

/// `linkat(2)` of the file `from` itself (a symlink is not followed).
///
/// # Errors
/// `EEXIST`, `EMLINK`, `EPERM` (file systems without hard links).
pub fn linkat(from_dir: impl AsFd, from: &Path, to_dir: impl AsFd, to: &Path) -> Result<()> {
    rustix::fs::linkat(from_dir, from, to_dir, to, AtFlags::empty())
        .map_err(|errno| SysError::new(format_args!("linkat({from:?}, {to:?})"), errno))
}

/// Gives the nameless file `fd` (`O_TMPFILE`) the name `to`, through procfs.
///
/// # Errors
/// `EEXIST` when `to` exists, `ENOENT` without a mounted `/proc`.
pub fn linkat_tmpfile(fd: impl AsFd, to_dir: impl AsFd, to: &Path) -> Result<()> {
    let from = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    rustix::fs::linkat(CWD, &from, to_dir, to, AtFlags::SYMLINK_FOLLOW)
        .map_err(|errno| SysError::new(format_args!("linkat({from:?}, {to:?})"), errno))
}

/// `ioctl(FICLONE)`: lets `to` share the blocks of `from`; says whether the file system did.
///
/// # Errors
/// Only real failures: a file system without reflinks gives `false`.
pub fn ficlone(to: impl AsFd, from: impl AsFd) -> Result<bool> {
    use rustix::io::Errno;
    match rustix::fs::ioctl_ficlone(&to, &from) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::XDEV | Errno::INVAL | Errno::NOTTY | Errno::NOSYS) => {
            Ok(false)
        }
        Err(errno) => Err(SysError::new("ioctl(FICLONE)", errno)),
    }
}

/// What a file system has left for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeSpace {
    /// Free bytes.
    pub bytes: u64,
    /// Free inodes; `u64::MAX` where the file system does not count them.
    pub inodes: u64,
}

/// `fstatfs(2)`: how much space is left.
///
/// # Errors
/// What the call fails with.
pub fn free_space(fd: impl AsFd) -> Result<FreeSpace> {
    let stat = rustix::fs::fstatvfs(&fd).map_err(|errno| SysError::new("fstatvfs()", errno))?;
    Ok(FreeSpace {
        bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        inodes: if stat.f_files == 0 {
            u64::MAX
        } else {
            stat.f_favail
        },
    })
}

/// `close_range(2)`: closes every descriptor from `first` on when the next program starts.
///
/// # Errors
/// What the call fails with (`ENOSYS` before Linux 5.9).
pub fn close_range_on_exec(first: u32) -> Result<()> {
    crate::lock::close_range_cloexec(first)
}

/// `sync_file_range(2)` with `SYNC_FILE_RANGE_WRITE`: has the disk begin with what was written to
/// `bytes` of `file`. Nothing is durable by it.
///
/// # Errors
/// `ENOSPC` and what else keeps the kernel from beginning; `ESPIPE` for what is no file.
#[expect(unsafe_code, reason = "rustix has no sync_file_range")]
pub fn begin_writeback(file: impl AsFd, bytes: Range<u64>) -> Result<()> {
    let number = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open as long as `file` is borrowed; no pointers are passed.
    let status = unsafe {
        libc::sync_file_range(
            fd,
            number(bytes.start),
            number(bytes.end.saturating_sub(bytes.start)),
            libc::SYNC_FILE_RANGE_WRITE,
        )
    };
    match status {
        0 => Ok(()),
        _ => Err(SysError {
            call: format!("sync_file_range({fd}, {bytes:?})"),
            source: std::io::Error::last_os_error(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn writeback_begins_on_files_alone() {
        let file = tempfile::tempfile().unwrap();
        begin_writeback(&file, 0..8192).unwrap();
        let (pipe, _writer) = std::io::pipe().unwrap();
        let error = begin_writeback(&pipe, 0..1).unwrap_err();
        assert_eq!(error.errno(), Some(rustix::io::Errno::SPIPE));
    }

    #[test]
    fn rename_noreplace_keeps_the_target() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "a").unwrap();
        fs::write(dir.path().join("b"), "b").unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        let error = rename_noreplace(&root, Path::new("a"), &root, Path::new("b")).unwrap_err();
        assert_eq!(error.errno(), Some(rustix::io::Errno::EXIST));
        assert_eq!(fs::read(dir.path().join("b")).unwrap(), b"b");
        rename_noreplace(&root, Path::new("a"), &root, Path::new("c")).unwrap();
        assert_eq!(fs::read(dir.path().join("c")).unwrap(), b"a");
    }

    #[test]
    fn free_space_is_not_zero() {
        let dir = tempfile::tempdir().unwrap();
        let free = free_space(fs::File::open(dir.path()).unwrap()).unwrap();
        assert!(free.bytes > 0 && free.inodes > 0);
    }

    #[test]
    fn inodes_in_use_are_not_free() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        let all = rustix::fs::fstatvfs(&root).unwrap().f_files;
        let free = free_space(&root).unwrap().inodes;
        assert!(
            free < all || (all, free) == (0, u64::MAX),
            "{free} of {all}"
        );
    }
}
