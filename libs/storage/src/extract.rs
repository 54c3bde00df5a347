//! Files of an image as files of one's own.
//!
//! A directory gets its name when all is in it. Until then it is
//!
//! ```text
//! .NAME.storetool-part     beside NAME, 0700, locked by flock(2) by who fills it
//! ```
//!
//! and whoever extracts to the same name after a kill removes what the kill left.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use rustix::{
    fs::{CWD, FlockOperation, Mode, OFlags},
    io::Errno,
};
use sys::file;

use crate::{
    checkout,
    error::{Result, StoreError},
    remove,
};

impl crate::Tree {
    /// Writes the directory at `path` and all that is in it as the directory `target`, which must
    /// not exist.
    ///
    /// Returns what had to be left out, in words. `target` appears with all that is in it;
    /// nothing waits for the disk.
    ///
    /// # Errors
    /// [`StoreError::NoSuchPath`], [`StoreError::OtherType`], [`StoreError::InUse`] while another
    /// process extracts to `target`, [`StoreError::Interrupted`] when `stop` was set meanwhile,
    /// failures of the file system; then nothing stays.
    pub fn extract(&self, path: &Path, target: &Path, stop: &AtomicBool) -> Result<Vec<String>> {
        let entry = self.lookup(path, true)?;
        if !entry.is_dir() {
            return Err(StoreError::OtherType {
                path: path.display().to_string(),
                wanted: "directory",
            });
        }
        let part = Part::of(target)?;
        let left_out = checkout::write(self, entry, &part.path, stop)?;
        part.become_whole(target)?;
        Ok(left_out.notes())
    }
}

/// A directory that is filled, and goes with the value unless it became whole.
struct Part {
    path: PathBuf,
    is_whole: bool,
    _lock: File,
}

impl Part {
    fn of(target: &Path) -> Result<Self> {
        let exists = || StoreError::io("creating", target)(io::ErrorKind::AlreadyExists.into());
        let name = target.file_name().ok_or_else(exists)?;
        if fs::symlink_metadata(target).is_ok() {
            return Err(exists());
        }
        let mut part = OsString::from(".");
        part.push(name);
        part.push(".storetool-part");
        let path = target.with_file_name(part);
        loop {
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(StoreError::io("creating", target)(error));
                }
                _ => {}
            }
            let Some(lock) = claim(&path, target)? else {
                continue;
            };
            let mut left = fs::read_dir(&path).map_err(StoreError::io("listing", &path))?;
            if left.next().is_none() {
                return Ok(Self {
                    path,
                    is_whole: false,
                    _lock: lock,
                });
            }
            remove::tree(&path)?;
        }
    }

    fn become_whole(mut self, target: &Path) -> Result<()> {
        match file::rename_noreplace(CWD, &self.path, CWD, target) {
            // The file system knows no such rename. The plain one replaces an empty directory only.
            Err(error) if error.errno() == Some(Errno::PERM) => {
                fs::rename(&self.path, target).map_err(StoreError::io("creating", target))?;
            }
            other => other.map_err(StoreError::sys("creating", target))?,
        }
        self.is_whole = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_whole {
            // What can not be removed is removed by the next attempt.
            let _ = remove::tree(&self.path);
        }
    }
}

/// Takes the directory for our own; nothing when it went meanwhile.
fn claim(path: &Path, target: &Path) -> Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let lock = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(StoreError::errno("opening", path)(errno)),
    };
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            return Err(StoreError::InUse {
                what: target.display().to_string(),
                by: vec!["another process that extracts to it".to_owned()],
            });
        }
        Err(errno) => return Err(StoreError::errno("locking", path)(errno)),
    }
    let ours = lock.metadata().map_err(StoreError::io("reading", path))?;
    if ours.uid() != rustix::process::geteuid().as_raw() {
        let strange = io::Error::other("it belongs to another user");
        return Err(StoreError::io("using", path)(strange));
    }
    let named = fs::symlink_metadata(path);
    let is_it = named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino()));
    Ok(is_it.then_some(lock))
}
