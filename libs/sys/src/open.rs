//! Opens that can not leave the directory they start from (`openat2(2)`).
//!
//! Both refuse the magic links of procfs. Where the kernel has no `openat2` (before 5.6) they
//! fail: there is no safe way to do the same by hand without a race.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::{Result, SysError};

/// Opens `path` below `root`: no component may be a symlink and none may lead out of `root`.
///
/// # Errors
/// `ELOOP` for a symlink, `EXDEV` for a way out, and what `open(2)` fails with.
pub fn open_beneath(root: impl AsFd, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
    openat2(
        root,
        path,
        flags,
        mode,
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        "RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS",
    )
}

/// Opens `path` as a process would whose root directory is `root`: absolute symlinks and `..`
/// stay inside.
///
/// # Errors
/// What `openat2(2)` fails with.
pub fn open_in_root(root: impl AsFd, path: &Path, flags: OFlags) -> Result<OwnedFd> {
    openat2(
        root,
        path,
        flags,
        Mode::empty(),
        ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        "RESOLVE_IN_ROOT",
    )
}

fn openat2(
    root: impl AsFd,
    path: &Path,
    flags: OFlags,
    mode: Mode,
    resolve: ResolveFlags,
    resolve_name: &str,
) -> Result<OwnedFd> {
    // The kernel restarts by itself only when a rename raced with the walk (EAGAIN).
    for _ in 0..32 {
        match rustix::fs::openat2(&root, path, flags | OFlags::CLOEXEC, mode, resolve) {
            Err(rustix::io::Errno::AGAIN) => {}
            Ok(fd) => return Ok(fd),
            Err(errno) => {
                return Err(SysError::new(
                    format_args!("openat2({path:?}, {flags:?}, {resolve_name})"),
                    errno,
                ));
            }
        }
    }
    Err(SysError::new(
        format_args!("openat2({path:?}, {flags:?}, {resolve_name})"),
        rustix::io::Errno::AGAIN,
    ))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn beneath_refuses_symlinks_and_ways_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/f"), "x").unwrap();
        symlink("a", dir.path().join("l")).unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        let open = |path: &str| {
            open_beneath(&root, Path::new(path), OFlags::RDONLY, Mode::empty())
                .map_err(|error| error.errno().unwrap())
        };
        assert!(open("a/f").is_ok());
        assert_eq!(open("l/f").unwrap_err(), rustix::io::Errno::LOOP);
        assert_eq!(open("../x").unwrap_err(), rustix::io::Errno::XDEV);
    }

    #[test]
    fn descriptors_are_closed_on_exec() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        for fd in [
            open_beneath(&root, Path::new("."), OFlags::RDONLY, Mode::empty()),
            open_in_root(&root, Path::new("/"), OFlags::PATH),
        ] {
            let flags = rustix::io::fcntl_getfd(fd.unwrap()).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        }
    }

    #[test]
    fn in_root_keeps_absolute_links_inside() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("etc/passwd"), "inside").unwrap();
        symlink("/etc/passwd", dir.path().join("link")).unwrap();
        symlink("../../../etc/passwd", dir.path().join("up")).unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        for name in ["link", "up"] {
            let fd = open_in_root(&root, Path::new(name), OFlags::RDONLY).unwrap();
            assert_eq!(
                std::io::read_to_string(fs::File::from(fd)).unwrap(),
                "inside"
            );
        }
    }
}
