//! The low-speed floor: who sends a byte now and then is not idle, and holds us all the same.

use std::time::Duration;

use crate::Timeouts;

/// Measures how fast bytes come while somebody waits for them.
#[derive(Debug)]
pub(crate) struct Floor {
    bytes_per_second: u64,
    window: Duration,
    waited: Duration,
    bytes: u64,
}

impl Floor {
    pub(crate) fn new(timeouts: &Timeouts) -> Self {
        Self {
            bytes_per_second: timeouts.floor_bytes_per_second,
            window: timeouts.floor_window,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Counts `bytes` that came after `waited`. Time that our own side took does not count.
    ///
    /// Returns whether that is fast enough.
    pub(crate) fn count(&mut self, bytes: usize, waited: Duration) -> bool {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.waited += waited;
        if self.waited < self.window {
            return true;
        }
        let wanted = (self.bytes_per_second as f64) * self.waited.as_secs_f64();
        let fast_enough = self.bytes as f64 >= wanted;
        self.waited = Duration::ZERO;
        self.bytes = 0;
        fast_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_is_noticed_after_a_window() {
        let mut floor = Floor::new(&Timeouts::default());
        let second = Duration::from_secs(1);
        for _ in 0..59 {
            assert!(floor.count(100, second));
        }
        assert!(!floor.count(100, second));
        for _ in 0..200 {
            assert!(floor.count(1001, second));
        }
        // One burst in a window is enough.
        assert!(floor.count(70_000, second));
        for _ in 0..59 {
            assert!(floor.count(0, second));
        }
    }
}
