//! Ctrl-C, SIGTERM and the closed terminal's SIGHUP: the first asks the running work to stop and
//! clean up, the second kills.
//!
//! The first signal sets a flag that the work looks at (a copy through its progress, a loop by
//! itself); the program then ends with 128 + the signal's number, as a shell reports a kill. The
//! second signal finds that there was a first and does what it would have done without us, unless
//! signals were handed over to something else that acts on them.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
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
    /// Listens for SIGINT, SIGTERM and SIGHUP from now on; not for a SIGHUP that is ignored, as under
    /// nohup(1). Called once, in `main`.
    ///
    /// # Errors
    /// When the kernel refuses the handler.
    pub fn install() -> io::Result<Interrupt> {
        let mut interrupt = Interrupt::default();
        let mut killers = Vec::new();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if signal == SIGHUP && ignores_hangup() {
                continue;
            }
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
    /// 143 after SIGTERM, 129 after SIGHUP; `None` when nobody asked.
    pub fn exit_status(&self) -> Option<u8> {
        let signal = self.signal.load(Ordering::Relaxed);
        let status = u8::try_from(signal.checked_add(128)?).ok()?;
        (self.is_set() && signal != 0).then_some(status)
    }
}

/// Says whether whoever started this process wants it to outlive the terminal.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status) & 1 << (SIGHUP - 1) != 0
}

/// The ignored signals of a /proc/PID/status: bit N is signal N + 1.
fn ignored(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
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

    #[test]
    fn a_hangup_is_left_ignored_where_it_was() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert_eq!(ignored(status), 0x1001);
        assert_eq!(ignored("SigIgn:\t0000000000001000\n") & 1, 0);
        assert_eq!(ignored(""), 0);
    }
}
