//! Lock files, and the order in which they are taken.
//!
//! All are locks of open file descriptions below `locks/`; the kernel frees them when their
//! holder ends. A holder writes its process id into the file, for messages only. The order is
//!
//! 1. `layer-DIFFID.lock`, in byte order of the diff ids: shared by who needs the layer (a pin),
//!    exclusive by who fetches it
//! 2. `staging-ID.lock`: exclusive by the owner of `staging/ID`
//! 3. `commit.lock`: shared while objects and records are put in place or a mount is made,
//!    exclusive while garbage is moved out
//! 4. `names.lock`: exclusive while a name, image or container record changes
//!
//! and a lock is never waited for by who holds a later one. `store.lock` is held alone, while a
//! store is made.
//!
//! A lock file is removed by who holds it exclusively. So whoever got a lock looks whether the
//! file still has its name, and starts again when it has not.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sys::OfdLock;

use crate::error::{Result, StoreError};

/// How long a short lock (`commit`, `names`, `store`) is waited for.
pub(crate) const SHORT: Duration = Duration::from_secs(60);
/// How long the layer that another process fetches is waited for without a sign of life of it.
pub(crate) const FETCH: Duration = Duration::from_secs(6 * 3600);

/// A lock file that is held.
#[derive(Debug)]
pub(crate) struct Held {
    lock: OfdLock,
    path: PathBuf,
}

/// Which kind of lock is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Shared,
    Exclusive,
}

impl Held {
    /// Takes the lock if nobody holds one in the way.
    pub(crate) fn attempt(path: &Path, kind: Kind) -> Result<Option<Self>> {
        loop {
            let file = open(path)?;
            let attempt = match kind {
                Kind::Shared => OfdLock::try_shared(file),
                Kind::Exclusive => OfdLock::try_exclusive(file),
            };
            let Ok(lock) = attempt.map_err(StoreError::sys("locking", path))? else {
                return Ok(None);
            };
            if has_name(lock.file(), path)? {
                let held = Self {
                    lock,
                    path: path.to_owned(),
                };
                if kind == Kind::Exclusive {
                    held.sign();
                }
                return Ok(Some(held));
            }
        }
    }

    /// Waits for the lock; `waiting` is told once, with the process id of the holder.
    pub(crate) fn wait(
        path: &Path,
        kind: Kind,
        limit: Duration,
        waiting: &dyn Fn(Option<u32>),
    ) -> Result<Self> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        let mut told = false;
        loop {
            if let Some(held) = Self::attempt(path, kind)? {
                return Ok(held);
            }
            if start.elapsed() > limit {
                return Err(StoreError::Locked {
                    path: path.to_owned(),
                    holder: holder(path),
                });
            }
            if !told && start.elapsed() > Duration::from_millis(20) {
                told = true;
                waiting(holder(path));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Turns an exclusive lock into a shared one.
    pub(crate) fn downgrade(&self) -> Result<()> {
        self.lock
            .downgrade()
            .map_err(StoreError::sys("locking", &self.path))
    }

    /// Removes the lock file if nobody else uses it, and gives up the lock.
    pub(crate) fn remove(self) {
        if self.lock.try_upgrade().unwrap_or(false) {
            // Whoever waits for it finds that the name is gone and makes a new file.
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Writes the process id into the file, for the message of who waits.
    fn sign(&self) {
        let mut line = std::process::id().to_string();
        line.push('\n');
        let _ = self.lock.file().set_len(0);
        let _ = self.lock.file().write_all_at(line.as_bytes(), 0);
        let _ = self.lock.file().flush();
    }
}

/// Opens a lock file, making it if need be.
fn open(path: &Path) -> Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(StoreError::io("opening", path))
}

/// Tells whether `file` is what lies at `path` now.
fn has_name(file: &File, path: &Path) -> Result<bool> {
    let ours = file.metadata().map_err(StoreError::io("reading", path))?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("reading", path)(error)),
    }
}

/// The process id that the holder of a lock wrote into its file.
fn holder(path: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(path)
        .ok()?
        .take(32)
        .read_to_string(&mut text)
        .ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_lock_file_is_not_a_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let first = Held::attempt(&path, Kind::Exclusive).unwrap().unwrap();
        assert!(Held::attempt(&path, Kind::Shared).unwrap().is_none());
        assert_eq!(holder(&path), Some(std::process::id()));
        first.remove();
        assert!(!path.exists());
        let second = Held::attempt(&path, Kind::Exclusive).unwrap().unwrap();
        second.downgrade().unwrap();
        let third = Held::attempt(&path, Kind::Shared).unwrap().unwrap();
        second.remove();
        assert!(path.exists());
        third.remove();
        assert!(!path.exists());
    }

    #[test]
    fn waiting_has_an_end_and_names_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let _held = Held::attempt(&path, Kind::Exclusive).unwrap().unwrap();
        let told = std::cell::Cell::new(None);
        let error = Held::wait(&path, Kind::Shared, Duration::from_millis(60), &|pid| {
            told.set(pid);
        })
        .unwrap_err();
        assert!(matches!(
            error,
            StoreError::Locked {
                holder: Some(_),
                ..
            }
        ));
        assert_eq!(told.get(), Some(std::process::id()));
    }
}
