//! A runtime that is asked something: what it says is bounded, and it is waited for as long as
//! there is patience.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use serde::de::DeserializeOwned;

use crate::error::RuntimeError;
use crate::find::Runtime;

/// Most bytes of an answer.
const ANSWER_BYTES: usize = 16 << 20;
/// Most bytes that are kept of what it said last to people.
const COMPLAINT_BYTES: usize = 64 << 10;
/// How long the end of patience may stay unnoticed.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// How long a runtime is waited for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patience {
    /// Set when somebody asks to stop.
    stop: Arc<AtomicBool>,
    until: Option<Instant>,
}

impl Patience {
    /// Until somebody asks to stop.
    pub(crate) fn until_stopped(stop: Arc<AtomicBool>) -> Self {
        Self { stop, until: None }
    }

    /// For so long, for what is to be done also after somebody asked to stop.
    pub(crate) fn of(time: Duration) -> Self {
        Self {
            stop: Arc::default(),
            until: Some(Instant::now() + time),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

impl Runtime {
    /// Runs a command to its end and returns what it wrote, of which no more is kept than shows
    /// that it is too long. It starts nothing in a container, and so inherits what we did: to mark
    /// that here would also take it from the container that is started next.
    pub(crate) fn ask(
        &self,
        command: &mut Command,
        verb: &'static str,
    ) -> Result<Vec<u8>, RuntimeError> {
        let given_up = || RuntimeError::GivenUp {
            program: self.program().to_owned(),
            verb,
        };
        if self.patience().is_over() {
            return Err(given_up());
        }
        // A group of its own, so that it can be ended with all that it started.
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| RuntimeError::Spawn {
                program: self.program().to_owned(),
                source,
            })?;
        let said = listen(&mut child, self.patience());
        if !matches!(said, Ok(Some(_))) {
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        }
        let status = child.wait();
        let wait = |source| RuntimeError::Wait {
            program: self.program().to_owned(),
            source,
        };
        let said = said.map_err(wait)?.ok_or_else(given_up)?;
        let status = status.map_err(wait)?;
        if status.success() {
            return Ok(said.answer);
        }
        Err(RuntimeError::Failed {
            program: self.program().to_owned(),
            verb,
            status: crate::foreground::Exit::from(status).code(),
            message: last_line(&said.complaints),
        })
    }

    /// Reads the JSON of an answer.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        answer: &[u8],
        verb: &'static str,
    ) -> Result<T, RuntimeError> {
        oci::json::from_slice(answer, ANSWER_BYTES as u64).map_err(|source| RuntimeError::Answer {
            program: self.program().to_owned(),
            verb,
            source,
        })
    }
}

/// What a runtime said.
#[derive(Default)]
struct Said {
    answer: Vec<u8>,
    complaints: Vec<u8>,
}

/// Hears a child to its end, or gives `None` when patience is over. What the child started may
/// hold the pipes open for longer (a hook that stays), and is not waited for.
fn listen(child: &mut Child, patience: &Patience) -> io::Result<Option<Said>> {
    let end = File::from(pidfd_open(Pid::from_child(child), PidfdFlags::empty())?);
    let mut stdout = child
        .stdout
        .take()
        .map(|pipe| File::from(OwnedFd::from(pipe)));
    let mut stderr = child
        .stderr
        .take()
        .map(|pipe| File::from(OwnedFd::from(pipe)));
    let mut said = Said::default();
    while !patience.is_over() {
        let [ended, answers, complains] = readable([Some(&end), stdout.as_ref(), stderr.as_ref()])?;
        if answers {
            hear(&mut stdout, |bytes| {
                let room = (ANSWER_BYTES + 1).saturating_sub(said.answer.len());
                said.answer.extend(bytes.iter().take(room));
            })?;
        }
        if complains {
            hear(&mut stderr, |bytes| {
                said.complaints.extend(bytes);
                let old = said.complaints.len().saturating_sub(COMPLAINT_BYTES);
                said.complaints.drain(..old);
            })?;
        }
        if ended && !answers && !complains {
            return Ok(Some(said));
        }
    }
    Ok(None)
}

/// Waits for a tick at most until there is something to read, and tells where.
fn readable<const N: usize>(files: [Option<&File>; N]) -> io::Result<[bool; N]> {
    let mut polled: Vec<PollFd<'_>> = files
        .iter()
        .flatten()
        .map(|file| PollFd::new(file, PollFlags::IN))
        .collect();
    match poll(&mut polled, Some(&TICK)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut events = polled.iter().map(|file| !file.revents().is_empty());
    Ok(files.map(|file| file.is_some() && events.next().unwrap_or(false)))
}

/// Hands on what a pipe has; one that is at its end is closed.
fn hear(pipe: &mut Option<File>, keep: impl FnOnce(&[u8])) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    if let Some(file) = pipe {
        match file.read(&mut buffer)? {
            0 => *pipe = None,
            length => keep(&buffer[..length]),
        }
    }
    Ok(())
}

/// The last line that says something, without control characters and not too long. Of a line of
/// runc's log (`time="…" level=error msg="…"`) only the message.
fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let logged = line
        .split_once(" msg=\"")
        .filter(|(before, _)| before.contains("level="))
        .map(|(_, message)| {
            message
                .strip_suffix('"')
                .unwrap_or(message)
                .replace("\\\"", "\"")
        });
    logged
        .unwrap_or_else(|| line.trim().to_owned())
        .chars()
        .filter(|c| !c.is_control())
        .take(2_000)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks a shell that ends when `patience` is over, and returns what it said.
    fn shell(script: &str, patience: &Patience) -> io::Result<Option<Said>> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).process_group(0);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = listen(&mut child, patience);
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait()?;
        said
    }

    #[test]
    fn the_words_of_a_log_are_taken_out_of_it() {
        for (line, want) in [
            (
                "x\ntime=\"2026-11-24T02:41:44Z\" level=error msg=\"exec: \\\"/bin/nope\\\": no such file\"\n\n",
                "exec: \"/bin/nope\": no such file",
            ),
            (
                "2026-11-24T02:41:44Z: error opening file `x`\n",
                "2026-11-24T02:41:44Z: error opening file `x`",
            ),
            (" msg=\"no log\"\n", "msg=\"no log\""),
            ("a\u{7}b", "ab"),
            ("", ""),
        ] {
            assert_eq!(last_line(line.as_bytes()), want, "{line:?}");
        }
    }

    #[test]
    fn of_much_the_begin_of_an_answer_and_the_end_of_complaints_are_kept() {
        let script = "yes | head -c 20000000; yes no | head -c 300000 >&2; echo why >&2";
        let said = shell(script, &Patience::default()).unwrap().unwrap();
        assert_eq!(said.answer.len(), ANSWER_BYTES + 1);
        assert_eq!(said.complaints.len(), COMPLAINT_BYTES);
        assert_eq!(last_line(&said.complaints), "why");
    }

    #[test]
    fn who_does_not_end_is_waited_for_as_long_as_there_is_patience() {
        for script in ["exec sleep 600", "exec sleep 600 >/dev/null 2>&1"] {
            let start = Instant::now();
            let said = shell(script, &Patience::of(Duration::from_millis(200)));
            assert!(said.unwrap().is_none(), "{script}");
            assert!(start.elapsed() < Duration::from_secs(60), "{script}");
        }
    }

    #[test]
    fn what_stays_behind_with_the_pipes_is_not_waited_for() {
        let start = Instant::now();
        let said = shell("sleep 600 & echo done", &Patience::default());
        assert_eq!(said.unwrap().unwrap().answer, b"done\n");
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
