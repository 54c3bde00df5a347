//! Brings to disk what a transaction has written while it is still writing, so that the disk works
//! beside the processors and the sync before a commit finds little left to do.
//!
//! Nothing is known to be on disk before that last sync; a failure on the way counts as its own.

use std::{
    fs::File,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use crate::error::{Result, StoreError};

/// So many bytes come together before they are sent to disk.
const STEP_BYTES: u64 = 32 << 20;

/// Syncs a file system in the background each time [`STEP_BYTES`] were written.
#[derive(Debug)]
pub(crate) struct Writeback {
    /// Opened before the first write, so that its `syncfs` reports every later write error, once.
    dir: Arc<File>,
    path: PathBuf,
    waiting_bytes: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Option<JoinHandle<Result<()>>>,
    failed: Option<StoreError>,
}

impl State {
    /// Waits for the sync that runs and keeps the first failure.
    fn join(&mut self) {
        if let Some(running) = self.running.take()
            && let Ok(Err(error)) = running.join()
        {
            self.failed.get_or_insert(error);
        }
    }
}

impl Writeback {
    pub(crate) fn new(dir: File, path: PathBuf) -> Self {
        Self {
            dir: Arc::new(dir),
            path,
            waiting_bytes: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// Says that `bytes` more were written; never waits for the disk.
    pub(crate) fn wrote(&self, bytes: u64) {
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) >= STEP_BYTES {
            self.begin();
        }
    }

    /// Begins to bring to disk what was written so far, unless that is going on already; never
    /// waits for the disk.
    pub(crate) fn begin(&self) {
        let Ok(mut state) = self.state.try_lock() else {
            return;
        };
        let busy = |running: &JoinHandle<_>| !running.is_finished();
        if state.running.as_ref().is_some_and(busy) {
            return;
        }
        state.join();
        self.waiting_bytes.store(0, Ordering::Relaxed);
        let (dir, path) = (Arc::clone(&self.dir), self.path.clone());
        // Where no thread is to be had, the last sync does all of it.
        state.running = std::thread::Builder::new()
            .name("writeback".to_owned())
            .spawn(move || sync(&dir, path))
            .ok();
    }

    /// Brings everything that was written to disk. A failure is final: what could not be written
    /// is lost, and nothing is synced twice in the hope of a better answer.
    pub(crate) fn sync(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.join();
        match state.failed.take() {
            Some(error) => Err(error),
            None => sync(&self.dir, self.path.clone()),
        }
    }
}

impl Drop for Writeback {
    fn drop(&mut self) {
        // A thread that is left behind would keep the file system busy.
        let state = self.state.get_mut();
        state.unwrap_or_else(PoisonError::into_inner).join();
    }
}

fn sync(dir: &File, path: PathBuf) -> Result<()> {
    if cfg!(feature = "fault-skip-sync") {
        return Ok(());
    }
    sys::file::syncfs(dir).map_err(StoreError::sys("syncing", path))
}
