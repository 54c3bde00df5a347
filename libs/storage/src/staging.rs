//! Staging directories: what a transaction has written and nobody else may see yet.
//!
//! `staging/ID/` belongs to who holds `locks/staging-ID.lock`. The lock is taken before the
//! directory is made, so a directory whose lock is free has lost its owner and is removed by
//! whoever opens the store next. A staging directory holds
//!
//! ```text
//! new/xx/yyyy… objects that the store does not have, complete, under their digest
//! pin/HEX      hard links to objects that it has, which keep their content from a collection
//! blob/…  rec/…  tmp/N     raw blobs, records, files that are still written
//! ```

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    error::{Result, StoreError},
    layout::Layout,
    lock::{Held, Kind},
    remove,
    writeback::Writeback,
};

/// A staging directory and the lock that makes it ours; removed when dropped.
#[derive(Debug)]
pub(crate) struct Staging {
    path: PathBuf,
    lock: Option<Held>,
    writeback: Arc<Writeback>,
    next: AtomicU64,
}

impl Staging {
    /// Makes a staging directory.
    pub(crate) fn create(layout: &Layout) -> Result<Self> {
        loop {
            let id = unique();
            let Some(lock) = Held::attempt(&layout.lock(&lock_name(&id)), Kind::Exclusive)? else {
                continue;
            };
            let path = layout.staging().join(&id);
            let mut builder = fs::DirBuilder::new();
            builder.mode(0o700);
            for sub in ["", "new", "pin", "blob", "rec", "tmp"] {
                let dir = path.join(sub);
                builder
                    .create(&dir)
                    .map_err(StoreError::io("creating", &dir))?;
            }
            let dir = fs::File::open(&path).map_err(StoreError::io("opening", &path))?;
            return Ok(Self {
                writeback: Arc::new(Writeback::new(dir, path.clone())),
                path,
                lock: Some(lock),
                next: AtomicU64::new(0),
            });
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn sub(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A fresh name for a file that is still written.
    pub(crate) fn temporary(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.path.join("tmp").join(number.to_string())
    }

    /// Who is to be told of what is written here.
    pub(crate) fn writeback(&self) -> &Arc<Writeback> {
        &self.writeback
    }

    /// Brings everything that was written to disk; a failure is final.
    pub(crate) fn sync(&self) -> Result<()> {
        self.writeback.sync()
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is left behind here is removed by the next open.
        let removed = remove::tree(&self.path).is_ok();
        if let Some(lock) = self.lock.take()
            && removed
        {
            lock.remove();
        }
    }
}

/// Removes the staging directories whose owners are gone, and what lies in the trash.
///
/// Returns, in words, what could not be removed: a file that is immutable, or something mounted
/// below. It stays for the next attempt, as nobody shall be kept from work by what is not wanted.
pub(crate) fn clear_abandoned(layout: &Layout) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for (dir, prefix) in [(layout.staging(), "staging"), (layout.trash(), "trash")] {
        let entries = fs::read_dir(&dir).map_err(StoreError::io("listing", &dir))?;
        for entry in entries {
            let entry = entry.map_err(StoreError::io("listing", &dir))?;
            let Some(id) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            let lock = layout.lock(&format!("{prefix}-{id}.lock"));
            if let Some(held) = Held::attempt(&lock, Kind::Exclusive)? {
                match remove::tree(&entry.path()) {
                    Ok(()) => held.remove(),
                    Err(error) => left.push(in_words(&error)),
                }
            }
        }
    }
    clear_lock_files(layout)?;
    left.sort();
    Ok(left)
}

fn in_words(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Removes lock files that a killed process left without its directory.
fn clear_lock_files(layout: &Layout) -> Result<()> {
    let dir = layout.lock("");
    for entry in fs::read_dir(&dir).map_err(StoreError::io("listing", &dir))? {
        let entry = entry.map_err(StoreError::io("listing", &dir))?;
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| {
            ["staging-", "trash-"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        });
        if ours && let Some(held) = Held::attempt(&entry.path(), Kind::Exclusive)? {
            held.remove();
        }
    }
    Ok(())
}

pub(crate) fn lock_name(id: &str) -> String {
    format!("staging-{id}.lock")
}

/// A name that nobody else has: process, time and a counter. It need not be unguessable, as the
/// store is closed to others; a lock decides when two are equal after all.
pub(crate) fn unique() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    format!(
        "{:x}-{nanos:x}-{:x}",
        std::process::id(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    )
}
