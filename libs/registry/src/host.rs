//! One registry: how it was reached, and how much of it is in use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::certs::TlsFiles;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::challenge::Challenge;
use crate::error::{RegistryError, Result};
use crate::resolver::Scope;
use crate::tls::Connections;

/// What the first answer of a registry told.
#[derive(Debug)]
pub(crate) struct Reached {
    /// Scheme, host and port, with the path `/`.
    pub(crate) base: Url,
    /// The credentials that it asks for; none when it needs none.
    pub(crate) challenges: Vec<Challenge>,
    /// Where it is.
    pub(crate) scope: Option<Scope>,
    /// Whether it keeps signatures itself, once it was pinged.
    pub(crate) keeps_signatures: OnceCell<bool>,
}

/// A registry as all users of it in this process share it.
#[derive(Debug)]
pub(crate) struct Host {
    /// The name that images have it by.
    pub(crate) name: String,
    /// Host and port of its API.
    pub(crate) authority: String,
    pub(crate) insecure: bool,
    pub(crate) tls: TlsFiles,
    pub(crate) connections: Connections,
    pub(crate) reached: OnceCell<Reached>,
    /// What it asked for later, when the first answer asked for nothing.
    late_challenges: Mutex<Vec<Challenge>>,
    slots: Arc<Semaphore>,
    limit: usize,
    /// Bytes that went in or out, to tell waiting from standing still.
    moved: AtomicU64,
}

/// The right to use one connection.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    _permit: OwnedSemaphorePermit,
}

impl Host {
    pub(crate) fn new(name: &str, insecure: bool, tls: TlsFiles, limit: usize) -> Self {
        let limit = limit.max(1);
        Self {
            name: name.to_owned(),
            authority: crate::name::api_authority(name).to_owned(),
            insecure,
            tls,
            connections: Connections::default(),
            reached: OnceCell::new(),
            late_challenges: Mutex::default(),
            slots: Arc::new(Semaphore::new(limit)),
            limit,
            moved: AtomicU64::new(0),
        }
    }

    /// Returns the credentials that the registry asks for, as far as it has said so.
    pub(crate) fn challenges(&self, reached: &Reached) -> Vec<Challenge> {
        if reached.challenges.is_empty() {
            self.late().clone()
        } else {
            reached.challenges.clone()
        }
    }

    /// Keeps what a registry asks for that is open to readers, say: some requests can be made only
    /// once, and must have their credentials then.
    pub(crate) fn keep_challenges(&self, late: &[Challenge]) {
        *self.late() = late.to_vec();
    }

    fn late(&self) -> MutexGuard<'_, Vec<Challenge>> {
        self.late_challenges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `bytes` went in or out.
    pub(crate) fn moved(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Waits for a connection to come free.
    ///
    /// # Errors
    /// None came free, and none of those in use moved a byte for `patience`.
    pub(crate) async fn slot(&self, patience: Duration) -> Result<ConnectionSlot> {
        loop {
            let before = self.moved.load(Ordering::Relaxed);
            let slots = Arc::clone(&self.slots);
            match tokio::time::timeout(patience, slots.acquire_owned()).await {
                Ok(Ok(permit)) => return Ok(ConnectionSlot { _permit: permit }),
                Err(_) if self.moved.load(Ordering::Relaxed) != before => {}
                Ok(Err(_)) | Err(_) => {
                    return Err(RegistryError::NoConnection {
                        host: self.name.clone(),
                        limit: self.limit,
                        after: patience,
                    });
                }
            }
        }
    }
}
