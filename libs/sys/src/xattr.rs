//! Extended attributes of open files, and of paths without following a symlink.

use std::{
    ffi::OsString,
    os::{fd::AsFd, unix::ffi::OsStringExt},
    path::Path,
};

use rustix::{buffer::spare_capacity, fs::XattrFlags, io::Errno};

use crate::{Result, SysError};

/// Most bytes that Linux allows for a list of names or a value (`XATTR_LIST_MAX`).
const LIMIT: usize = 64 << 10;

/// Names and values of the attributes of `path`, in byte order of the names; a symlink is not
/// followed. A file system without attributes has none.
///
/// # Errors
/// What `llistxattr(2)` and `lgetxattr(2)` fail with.
pub fn llistxattr(path: &Path) -> Result<Vec<(OsString, Vec<u8>)>> {
    let mut names = Vec::with_capacity(LIMIT);
    match rustix::fs::llistxattr(path, spare_capacity(&mut names)) {
        Ok(_) => {}
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(errno) => return Err(SysError::new(format_args!("llistxattr({path:?})"), errno)),
    }
    let mut all = Vec::new();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let name = OsString::from_vec(name.to_vec());
        let mut value = Vec::with_capacity(LIMIT);
        match rustix::fs::lgetxattr(path, &name, spare_capacity(&mut value)) {
            Ok(_) => all.push((name, value)),
            // Removed since it was listed.
            Err(Errno::NODATA) => {}
            Err(errno) => {
                return Err(SysError::new(
                    format_args!("lgetxattr({path:?}, {name:?})"),
                    errno,
                ));
            }
        }
    }
    all.sort();
    Ok(all)
}

/// Sets one attribute of an open file.
///
/// # Errors
/// What `fsetxattr(2)` fails with.
pub fn fsetxattr(fd: impl AsFd, name: &std::ffi::OsStr, value: &[u8]) -> Result<()> {
    rustix::fs::fsetxattr(fd, name, value, XattrFlags::empty())
        .map_err(|errno| SysError::new(format_args!("fsetxattr({name:?})"), errno))
}

/// Sets one attribute of `path` itself, also when it is a symlink.
///
/// # Errors
/// What `lsetxattr(2)` fails with.
pub fn lsetxattr(path: &Path, name: &std::ffi::OsStr, value: &[u8]) -> Result<()> {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty())
        .map_err(|errno| SysError::new(format_args!("lsetxattr({path:?}, {name:?})"), errno))
}
