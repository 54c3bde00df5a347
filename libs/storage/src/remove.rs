//! Removing directory trees that others may have filled.
//!
//! A checkout or an upper directory may be thousands of directories deep. Nothing here recurses
//! or holds more than two descriptors: a directory that is not empty is first renamed to the top
//! of the tree that is removed.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
};

use crate::error::{Result, StoreError};

/// Removes `path` and all below it; nothing there is no error.
///
/// # Errors
/// The first failure; `EBUSY` when something is mounted below.
pub(crate) fn tree(path: &Path) -> Result<()> {
    let fail = |source| StoreError::io("removing", path)(source);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
        Ok(meta) if !meta.is_dir() => return fs::remove_file(path).map_err(fail),
        Ok(_) => {}
    }
    let mut queue = VecDeque::from([path.to_owned()]);
    let mut lifted = 0_u64;
    while let Some(dir) = queue.pop_front() {
        empty(path, &dir, &mut queue, &mut lifted).map_err(fail)?;
        if dir != path {
            fs::remove_dir(&dir).map_err(fail)?;
        }
    }
    fs::remove_dir(path).map_err(fail)
}

fn empty(
    top: &Path,
    dir: &Path,
    queue: &mut VecDeque<PathBuf>,
    lifted: &mut u64,
) -> io::Result<()> {
    // Without root, a directory of an image may forbid its owner to change it.
    let mut permissions = fs::symlink_metadata(dir)?.permissions();
    if std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o700 != 0o700 {
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o700);
        fs::set_permissions(dir, permissions)?;
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if !entry.file_type()?.is_dir() {
            fs::remove_file(&path)?;
        } else if dir == top {
            if !queue.contains(&path) {
                queue.push_back(path);
            }
        } else {
            // A name that no image can have chosen below our own top directory is not needed:
            // an existing one is passed over.
            let to = loop {
                *lifted += 1;
                let to = top.join(format!(".lifted-{lifted}"));
                if fs::symlink_metadata(&to).is_err() {
                    break to;
                }
            };
            fs::rename(&path, &to)?;
            queue.push_back(to);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_trees_go() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir(&top).unwrap();
        let mut at = fs::File::open(&top).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "d", rustix::fs::Mode::RWXU).unwrap();
            fs::write(
                format!("/proc/self/fd/{}/f", std::os::fd::AsRawFd::as_raw_fd(&at)),
                "x",
            )
            .unwrap();
            at = rustix::fs::openat(
                &at,
                "d",
                rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
                rustix::fs::Mode::empty(),
            )
            .unwrap()
            .into();
        }
        tree(&top).unwrap();
        assert!(!top.exists());
        tree(&top).unwrap();
    }

    #[test]
    fn locked_directories_and_links_go() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir_all(top.join("a/b")).unwrap();
        fs::write(dir.path().join("kept"), "x").unwrap();
        std::os::unix::fs::symlink("../../kept", top.join("a/l")).unwrap();
        std::os::unix::fs::symlink(dir.path(), top.join("a/up")).unwrap();
        fs::set_permissions(
            top.join("a"),
            std::os::unix::fs::PermissionsExt::from_mode(0o500),
        )
        .unwrap();
        tree(&top).unwrap();
        assert!(dir.path().join("kept").exists());
        assert!(!top.exists());
    }
}
