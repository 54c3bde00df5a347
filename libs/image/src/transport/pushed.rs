//! Which blobs a process has in which repositories, and which are on their way there.
//!
//! Images that are pushed at once share layers. Each goes to a repository once: who wants one that
//! somebody else is pushing waits for it. That saves its bytes, and registries that link a blob
//! twice at once answer nonsense to who asks for it meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oci::Digest;

/// How long a stop may stay unnoticed.
const TICK: Duration = Duration::from_millis(50);

/// What is known of all repositories.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    repositories: Mutex<BTreeMap<(String, String), Arc<Blobs>>>,
}

impl Pushed {
    /// Returns what is known of a repository.
    pub(crate) fn repository(&self, host: &str, path: &str) -> Arc<Blobs> {
        let key = (host.to_owned(), path.to_owned());
        let mut repositories = self
            .repositories
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(repositories.entry(key).or_default())
    }
}

/// What is known of one repository.
#[derive(Debug, Default)]
pub(crate) struct Blobs {
    state: Mutex<State>,
    changed: Condvar,
    /// Who changes a list of referrers reads it and writes it anew.
    referrers: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Blobs with their sizes in bytes.
    there: BTreeMap<Digest, u64>,
    coming: BTreeSet<Digest>,
}

/// What is to be done about a blob.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing: it is there.
    There,
    /// To look for it, and to bring it when it is missing. Others wait meanwhile.
    Ours(Claim),
    /// Nothing, because somebody asked to stop.
    Stopped,
}

impl Blobs {
    /// Notes that a blob is there, and how many bytes it has.
    pub(crate) fn note(&self, digest: Digest, size: u64) {
        self.state().there.insert(digest, size);
    }

    /// Waits while somebody else brings the blob, unless `stop` says that nobody wants it any more.
    pub(crate) fn claim(
        self: &Arc<Self>,
        digest: Digest,
        size: u64,
        stop: impl Fn() -> bool,
    ) -> Found {
        let mut state = self.state();
        loop {
            if state.there.get(&digest) == Some(&size) {
                return Found::There;
            }
            if state.coming.insert(digest) {
                return Found::Ours(Claim {
                    blobs: Arc::clone(self),
                    digest,
                });
            }
            if stop() {
                return Found::Stopped;
            }
            let waited = self.changed.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for the only right to change lists of referrers.
    pub(crate) fn lock_referrers(&self) -> MutexGuard<'_, ()> {
        self.referrers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to bring a blob. Given up without [`Claim::done`], the next who waits gets it.
#[derive(Debug)]
pub(crate) struct Claim {
    blobs: Arc<Blobs>,
    digest: Digest,
}

impl Claim {
    /// The blob is there.
    pub(crate) fn done(self, size: u64) {
        self.blobs.note(self.digest, size);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.blobs.state().coming.remove(&self.digest);
        self.blobs.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_brought_by_one_at_a_time() {
        let pushed = Pushed::default();
        let blobs = pushed.repository("r.example", "app");
        let blob = Digest::sha256(b"x");
        let Found::Ours(first) = blobs.claim(blob, 1, || true) else {
            panic!("nobody has it")
        };
        assert!(matches!(blobs.claim(blob, 1, || true), Found::Stopped));
        drop(first);
        let Found::Ours(second) = blobs.claim(blob, 1, || true) else {
            panic!("it was given up")
        };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| blobs.claim(blob, 1, || false));
            std::thread::sleep(TICK);
            second.done(1);
            assert!(matches!(waiting.join().unwrap(), Found::There));
        });
        let same = pushed.repository("r.example", "app");
        assert!(matches!(same.claim(blob, 1, || true), Found::There));
        // Who says that it has another size is not believed.
        assert!(matches!(same.claim(blob, 2, || true), Found::Ours(_)));
        let other = pushed.repository("r.example", "other");
        assert!(matches!(other.claim(blob, 1, || true), Found::Ours(_)));
    }
}
