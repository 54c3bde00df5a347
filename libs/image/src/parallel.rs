//! The same work for many things, several at once, the results in the order of the things.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// So far may work be ahead of the result that is waited for, per worker.
const AHEAD: usize = 16;

struct State<R> {
    /// The next thing to work on.
    next: usize,
    /// The next result to give out.
    due: usize,
    done: BTreeMap<usize, R>,
    stop: bool,
}

/// Calls `work` for each of `things` on at most `workers` threads, and `take` with each result on
/// this thread, in the order of `things`. `take` may break off; what is under way then ends first.
pub fn in_order<T: Sync, R: Send>(
    things: &[T],
    workers: NonZeroUsize,
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(&T, R) -> ControlFlow<()>,
) {
    let workers = workers.get().min(things.len());
    if workers <= 1 {
        for thing in things {
            if take(thing, work(thing)).is_break() {
                return;
            }
        }
        return;
    }
    let state = Mutex::new(State {
        next: 0,
        due: 0,
        done: BTreeMap::new(),
        stop: false,
    });
    let changed = Condvar::new();
    let wait = |guard| changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
    let run = || {
        let _wake = Wake(&state, &changed);
        loop {
            let mut guard = lock(&state);
            while !guard.stop && guard.next >= guard.due + workers * AHEAD {
                guard = wait(guard);
            }
            let place = guard.next;
            let Some(thing) = things.get(place).filter(|_| !guard.stop) else {
                return;
            };
            guard.next += 1;
            drop(guard);
            let result = work(thing);
            lock(&state).done.insert(place, result);
            changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(run);
        }
        let mut guard = lock(&state);
        for (thing, place) in things.iter().zip(0..) {
            let result = loop {
                if guard.stop {
                    return;
                }
                match guard.done.remove(&place) {
                    Some(result) => break result,
                    None => guard = wait(guard),
                }
            };
            guard.due = place + 1;
            drop(guard);
            changed.notify_all();
            let flow = take(thing, result);
            guard = lock(&state);
            if flow.is_break() {
                guard.stop = true;
                changed.notify_all();
                return;
            }
        }
    });
}

fn lock<R>(state: &Mutex<State<R>>) -> MutexGuard<'_, State<R>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops everybody when a worker dies, so that nobody waits for its result.
struct Wake<'a, R>(&'a Mutex<State<R>>, &'a Condvar);

impl<R> Drop for Wake<'_, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(self.0).stop = true;
            self.1.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_from_several_threads() {
        let things: Vec<u64> = (0..500).collect();
        let (at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut seen = Vec::new();
        in_order(
            &things,
            NonZeroUsize::new(4).unwrap(),
            |thing| {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_micros(thing * 37 % 300));
                at_once.fetch_sub(1, Ordering::SeqCst);
                thing * 2
            },
            |thing, result| {
                assert_eq!(result, thing * 2);
                seen.push(*thing);
                ControlFlow::Continue(())
            },
        );
        assert_eq!(seen, things);
        assert!((2..=4).contains(&most.into_inner()));
    }

    #[test]
    fn who_breaks_off_gets_no_more() {
        for workers in [1, 3] {
            let worked = AtomicUsize::new(0);
            let mut seen = 0;
            in_order(
                &[0; 1000],
                NonZeroUsize::new(workers).unwrap(),
                |_| worked.fetch_add(1, Ordering::SeqCst),
                |_, _| {
                    seen += 1;
                    if seen == 5 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            );
            assert_eq!(seen, 5);
            assert!(worked.into_inner() < 5 + workers * (AHEAD + 1) + 1);
        }
    }

    #[test]
    fn a_worker_that_dies_leaves_nobody_waiting() {
        let died = std::panic::catch_unwind(|| {
            in_order(
                &[0, 1, 2, 3],
                NonZeroUsize::new(2).unwrap(),
                |thing| assert!(*thing != 2, "dies"),
                |_, ()| ControlFlow::Continue(()),
            );
        });
        assert!(died.is_err());
    }
}
