//! Ctrl-C and SIGTERM: the first asks the running work to stop and clean up, the second kills.
//!
//! The first signal sets a flag that the work looks at (a copy through its progress, a loop by
//! itself); the program then ends with 128 + the signal's number, as a shell reports a kill. The
//! second signal finds that there was a first and does what it would have done without us, unless
//! signals were handed over to something else that acts on them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

/// Whether somebody asked the program to stop. Clones share one answer.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    cancelled: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
    /// Whether the next signal does what it would have done without us.
    armed: Arc<AtomicBool>,
    /// The handlers that make the second signal kill.
    killers: Arc<[SigId]>,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on. Called once, in `main`.
    ///
    /// # Errors
    /// When the kernel refuses the handler.
    pub fn install() -> io::Result<Interrupt> {
        let mut interrupt = Interrupt::default();
        let mut killers = Vec::new();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the default action is taken only by a signal that finds the flag
            // already set, that is by the second one. The flag is not `cancelled`: a deadline
            // that asks the work to stop is no first signal.
            let killer = flag::register_conditional_default(signal, Arc::clone(&interrupt.armed))?;
            killers.push(killer);
            flag::register(signal, Arc::clone(&interrupt.armed))?;
            flag::register_usize(
                signal,
                Arc::clone(&interrupt.signal),
                usize::try_from(signal).unwrap_or(0),
            )?;
            flag::register(signal, Arc::clone(&interrupt.cancelled))?;
        }
        interrupt.killers = killers.into();
        Ok(interrupt)
    }

    /// From now on the second signal does not kill either: something else acts on signals, as a
    /// child does that they are passed on to. They still set the flag.
    pub fn hand_over(&self) {
        for killer in self.killers.iter() {
            low_level::unregister(*killer);
        }
    }

    /// From now on the first signal kills, for work that looks at no flag and leaves nothing to
    /// clean up.
    pub fn let_go(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Asks the work to stop, as a deadline does: there is no signal, and no exit status of one.
    pub fn stop(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Says whether the work should stop.
    pub fn is_set(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// The flag itself, for libraries that take one.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// The exit status of a program that stopped because it was asked to: 130 after Ctrl-C,
    /// 143 after SIGTERM; `None` when nobody asked.
    pub fn exit_status(&self) -> Option<u8> {
        let signal = self.signal.load(Ordering::Relaxed);
        let status = u8::try_from(signal.checked_add(128)?).ok()?;
        (self.is_set() && signal != 0).then_some(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_signal_sets_the_flag_and_names_the_status() {
        let interrupt = Interrupt::install().unwrap();
        assert!(!interrupt.is_set());
        assert_eq!(interrupt.exit_status(), None);
        signal_hook::low_level::raise(SIGTERM).unwrap();
        let clone = interrupt.clone();
        assert!(interrupt.is_set() && clone.is_set());
        assert_eq!(clone.exit_status(), Some(143));
        // The second one would end the test.
        clone.hand_over();
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert!(interrupt.is_set());
    }
}
