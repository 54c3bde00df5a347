//! A child in the foreground: it gets the signals that we get, and its exit status is ours.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2,
    SIGWINCH,
};
use signal_hook::iterator::Signals;

use crate::ask::Patience;
use crate::error::RuntimeError;

/// How a process ended, in the words of a shell: its status, or 128 + the signal's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    code: u8,
    by_signal: bool,
}

impl Exit {
    /// Returns the exit status.
    pub fn code(self) -> u8 {
        self.code
    }

    /// Tells whether a signal ended the process itself; a runtime whose container was ended by
    /// one has an exit status.
    pub(crate) fn is_by_signal(self) -> bool {
        self.by_signal
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        Self {
            code: code
                .and_then(|code| u8::try_from(code & 0xff).ok())
                .unwrap_or(u8::MAX),
            by_signal: status.signal().is_some(),
        }
    }
}

/// The signals that are passed on.
const FORWARDED: [i32; 8] = [
    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH,
];
/// Signals that the terminal already sends to the whole foreground group, the child included.
const FROM_TERMINAL: [i32; 4] = [SIGINT, SIGQUIT, SIGTSTP, SIGWINCH];

/// Starts `command` with our standard streams, forwards signals and waits for its end.
///
/// Nothing is started when patience is over, because a signal came before this.
///
/// # Errors
/// It can not be started or waited for, or patience was over before.
pub(crate) fn run(
    command: &mut Command,
    program: &Path,
    patience: &Patience,
) -> Result<Exit, RuntimeError> {
    // Before the child starts, so that its end is not missed.
    let mut signals =
        Signals::new(FORWARDED.iter().chain(&[SIGCHLD, SIGCONT])).map_err(RuntimeError::Signals)?;
    // What comes after this look is passed on.
    if patience.is_over() {
        return Err(RuntimeError::Interrupted);
    }
    let mut child = command.spawn().map_err(|source| RuntimeError::Spawn {
        program: program.to_owned(),
        source,
    })?;
    let wait = |source| RuntimeError::Wait {
        program: program.to_owned(),
        source,
    };
    // Signals are handled where the child is reaped, so a number never reaches another process.
    loop {
        if let Some(status) = child.try_wait().map_err(wait)? {
            return Ok(status.into());
        }
        for signal in signals.wait() {
            let from_terminal = || FROM_TERMINAL.contains(&signal) && terminal_is_ours();
            if FORWARDED.contains(&signal) && !from_terminal() {
                forward(&mut child, signal);
            }
        }
    }
}

fn forward(child: &mut Child, signal: i32) {
    let running = matches!(child.try_wait(), Ok(None));
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let (true, Some(pid), Some(signal)) = (running, pid, Signal::from_named_raw(signal)) {
        // A child that is just ending needs no signal.
        let _ = kill_process(pid, signal);
    }
}

/// Whether we are in the foreground group of our terminal: then Ctrl-C reached the child as well.
fn terminal_is_ours() -> bool {
    File::open("/dev/tty")
        .ok()
        .and_then(|tty| rustix::termios::tcgetpgrp(tty).ok())
        .is_some_and(|group| group == getpgrp())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn shell(script: &str) -> Result<Exit, RuntimeError> {
        run(
            Command::new("/bin/sh").args(["-c", script]),
            Path::new("/bin/sh"),
            &Patience::default(),
        )
    }

    #[test]
    fn statuses_are_those_of_a_shell() {
        for (script, want) in [
            ("exit 0", 0),
            ("exit 7", 7),
            ("kill -9 $$", 137),
            ("kill -15 $$", 143),
        ] {
            assert_eq!(shell(script).unwrap().code(), want, "{script}");
        }
        for (stop, interrupted) in [(false, false), (true, true)] {
            let patience = Patience::until_stopped(Arc::new(AtomicBool::new(stop)));
            let path = Path::new("/no/such");
            let error = run(&mut Command::new(path), path, &patience).unwrap_err();
            match error {
                RuntimeError::Interrupted => assert!(interrupted),
                RuntimeError::Spawn { .. } => assert!(!interrupted),
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn signals_reach_the_child() {
        // The child asks us to end by SIGTERM; it comes back to it.
        let script = "trap 'exit 42' TERM; kill -TERM $PPID; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done; exit 1";
        assert_eq!(shell(script).unwrap().code(), 42);
    }
}
