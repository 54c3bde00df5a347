//! How much moves at once, over all copies that share the value.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a stop may stay unnoticed.
const TICK: Duration = Duration::from_millis(50);

/// So many layers move at once, and no more.
#[derive(Debug)]
pub struct Limit {
    free: Mutex<usize>,
    given_back: Condvar,
}

impl Limit {
    /// Lets `count` layers move at once.
    pub fn new(count: NonZeroUsize) -> Self {
        Self {
            free: Mutex::new(count.get()),
            given_back: Condvar::new(),
        }
    }

    /// Waits for a place; `None` when `stop` says that nobody wants it any more.
    pub(super) fn take(&self, stop: impl Fn() -> bool) -> Option<Place<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            if stop() {
                return None;
            }
            let waited = self.given_back.wait_timeout(free, TICK);
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *free -= 1;
        Some(Place(self))
    }
}

/// The right to move a layer, for as long as the value lives.
pub(super) struct Place<'a>(&'a Limit);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let limit = Limit::new(NonZeroUsize::new(2).unwrap());
        let first = limit.take(|| true).unwrap();
        let second = limit.take(|| true).unwrap();
        assert!(limit.take(|| true).is_none());
        drop(first);
        assert!(limit.take(|| true).is_some());
        drop(second);
    }
}
