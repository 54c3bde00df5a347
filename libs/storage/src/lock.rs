//! Lock files, and the order in which they are taken.
//!
//! All are locks of open file descriptions below `locks/`; the kernel frees them when their
//! holder ends. The holder of an exclusive lock of a whole file writes its process id into it, for
//! messages only. The order is
//!
//! 1. a byte of `layers.lock` for each layer, in byte order of the diff ids: shared by who needs
//!    the layer (a pin), exclusive by who fetches it. The byte's offset is the first 62 bits of
//!    the diff id, so an image with a thousand layers costs one descriptor
//! 2. `staging-ID.lock`, `trash-ID.lock`: exclusive by the owner of the directory
//! 3. `commit.lock`: shared while objects and records are put in place or a mount is made,
//!    exclusive while garbage is moved out
//! 4. `names.lock`: exclusive while a name, image or container record changes, or a mount appears
//!
//! and a lock is never waited for by who holds a later one. `store.lock` is held alone, while a
//! store is made.
//!
//! The lock files of directories are removed by who holds them exclusively. So whoever got such a
//! lock looks whether the file still has its name, and starts again when it has not.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use oci::DiffId;
use sys::{ByteLocks, OfdLock};

use crate::{
    error::{Result, StoreError},
    layout::Layout,
};

/// How long a short lock (`commit`, `names`, `store`) is waited for.
pub(crate) const SHORT: Duration = Duration::from_secs(60);
/// How long the layer that another process fetches is waited for without a sign of life of it.
const FETCH: Duration = Duration::from_secs(6 * 3600);

/// A lock file that is held.
#[derive(Debug)]
pub(crate) struct Held {
    lock: OfdLock,
    kind: Kind,
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
                    kind,
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
        wait_for(
            limit,
            || Self::attempt(path, kind),
            || waiting(holder(path)),
        )?
        .ok_or_else(|| StoreError::Locked {
            path: path.to_owned(),
            holder: holder(path),
        })
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

impl Drop for Held {
    fn drop(&mut self) {
        if self.kind == Kind::Exclusive {
            // Whoever reads a process id here shall find one that holds the lock.
            let _ = self.lock.file().set_len(0);
        }
    }
}

/// The locks of layers that a transaction or collection holds.
#[derive(Debug)]
pub(crate) struct LayerLocks {
    locks: ByteLocks,
    path: PathBuf,
    layout: Layout,
}

impl LayerLocks {
    /// Starts with none.
    pub(crate) fn new(layout: &Layout) -> Result<Self> {
        let path = layout.lock("layers.lock");
        Ok(Self {
            locks: ByteLocks::new(open(&path)?),
            path,
            layout: layout.clone(),
        })
    }

    /// Takes the lock of a layer if nobody holds one in the way; an exclusive one that is held
    /// already becomes what is asked for.
    pub(crate) fn attempt(&self, diff_id: &DiffId, kind: Kind) -> Result<bool> {
        let offset = offset_of(diff_id);
        match kind {
            Kind::Shared => self.locks.try_shared(offset),
            Kind::Exclusive => self.locks.try_exclusive(offset),
        }
        .map_err(StoreError::sys("locking", &self.path))
    }

    /// Waits for the lock of a layer; `waiting` is told once, with the process that fetches it if
    /// that is the only one at work.
    pub(crate) fn wait(
        &self,
        diff_id: &DiffId,
        kind: Kind,
        waiting: &dyn Fn(Option<u32>),
    ) -> Result<()> {
        wait_for(
            FETCH,
            || Ok(self.attempt(diff_id, kind)?.then_some(())),
            || waiting(only_worker(&self.layout)),
        )?
        .ok_or_else(|| StoreError::Locked {
            path: self.path.clone(),
            holder: only_worker(&self.layout),
        })
    }

    /// Gives up the lock of a layer. Two that share it can not both wait for the exclusive one.
    pub(crate) fn unlock(&self, diff_id: &DiffId) -> Result<()> {
        self.locks
            .unlock(offset_of(diff_id))
            .map_err(StoreError::sys("unlocking", &self.path))
    }
}

/// The byte that stands for a layer.
fn offset_of(diff_id: &DiffId) -> u64 {
    let first = diff_id.0.as_bytes().first_chunk::<8>();
    first.map_or(0, |bytes| u64::from_be_bytes(*bytes) >> 2)
}

/// The process that owns all staging directories, if there is one alone.
fn only_worker(layout: &Layout) -> Option<u32> {
    let mut only = None;
    for entry in fs::read_dir(layout.lock("")).ok()? {
        let entry = entry.ok()?;
        if entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with("staging-"))
        {
            let pid = holder(&entry.path())?;
            if only.is_some_and(|only| only != pid) {
                return None;
            }
            only = Some(pid);
        }
    }
    only
}

/// Tries until there is something or the time is over; `waiting` is called once.
fn wait_for<T>(
    limit: Duration,
    attempt: impl Fn() -> Result<Option<T>>,
    waiting: impl Fn(),
) -> Result<Option<T>> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    let mut told = false;
    loop {
        if let Some(got) = attempt()? {
            return Ok(Some(got));
        }
        if start.elapsed() > limit {
            return Ok(None);
        }
        if !told && start.elapsed() > Duration::from_millis(20) {
            told = true;
            waiting();
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
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
    fn a_file_that_went_before_it_was_locked_is_not_a_lock() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l");
        let taken = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        if let Some(held) = Held::attempt(&path, Kind::Exclusive).unwrap() {
                            assert!(!taken.swap(true, Ordering::SeqCst), "two hold it");
                            std::thread::sleep(Duration::from_micros(100));
                            taken.store(false, Ordering::SeqCst);
                            held.remove();
                        }
                    }
                });
            }
        });
    }

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
        drop(second);
        let third = Held::attempt(&path, Kind::Shared).unwrap().unwrap();
        let fourth = Held::attempt(&path, Kind::Shared).unwrap().unwrap();
        third.remove();
        assert!(path.exists());
        fourth.remove();
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
