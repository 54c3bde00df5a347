//! Runs gpg with bounded input, output and time.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::gnupg::GnupgError;

/// Most bytes of standard error that are kept: status lines and messages.
const STDERR_BYTES: u64 = 64 << 10;
const POLL: Duration = Duration::from_millis(5);

/// One run of gpg.
pub(super) struct Gpg<'a> {
    pub(super) home: Option<&'a Path>,
    pub(super) args: &'a [&'a str],
    pub(super) stdin: Vec<u8>,
    pub(super) stdout_bytes: u64,
    pub(super) deadline: Duration,
}

/// What a run left.
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

impl Gpg<'_> {
    /// Runs gpg to its end. Nothing is read from the terminal by gpg itself; gpg-agent's pinentry
    /// may still ask there.
    pub(super) fn run(self) -> Result<Output, GnupgError> {
        let mut command = Command::new("gpg");
        command
            .args(["--batch", "--no-tty", "--quiet", "--status-fd", "2"])
            .env("LC_ALL", "C");
        if let Some(home) = self.home {
            command.arg("--homedir").arg(home);
        }
        let mut child = command
            .args(self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => GnupgError::NotFound,
                _ => GnupgError::Start(source),
            })?;
        let end = Instant::now() + self.deadline;
        let stdout = drain(child.stdout.take(), self.stdout_bytes + 1);
        let stderr = drain(child.stderr.take(), STDERR_BYTES);
        let stdin = child.stdin.take();
        let input = self.stdin;
        thread::spawn(move || {
            if let Some(mut stdin) = stdin {
                // gpg may end without reading all of it; its exit status says why.
                let _ = stdin.write_all(&input);
            }
        });
        let status = wait(&mut child, end, self.deadline)?;
        // A grandchild could hold the pipes open: the deadline holds for them too.
        let late = || GnupgError::Deadline(self.deadline);
        let left = || end.saturating_duration_since(Instant::now()).max(POLL);
        let stdout = stdout.recv_timeout(left()).map_err(|_| late())?;
        let stderr = stderr.recv_timeout(left()).map_err(|_| late())?;
        if stdout.len() as u64 > self.stdout_bytes {
            return Err(GnupgError::TooMuchOutput(self.stdout_bytes));
        }
        Ok(Output {
            status,
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }
}

/// Reads a pipe on a thread of its own: at most `limit` bytes are kept, the rest is dropped.
fn drain(pipe: Option<impl Read + Send + 'static>, limit: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut pipe) = pipe {
            // A read error ends the output like its end does; the exit status decides.
            let _ = (&mut pipe).take(limit).read_to_end(&mut kept);
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        // Nobody listens any more when the deadline has passed.
        let _ = sender.send(kept);
    });
    receiver
}

fn wait(child: &mut Child, end: Instant, deadline: Duration) -> Result<ExitStatus, GnupgError> {
    loop {
        if let Some(status) = child.try_wait().map_err(GnupgError::Start)? {
            return Ok(status);
        }
        if Instant::now() >= end {
            // It may have ended by itself meanwhile; either way it is gone after the wait.
            let _ = child.kill();
            child.wait().map_err(GnupgError::Start)?;
            return Err(GnupgError::Deadline(deadline));
        }
        thread::sleep(POLL);
    }
}

/// Owns what a run needs of a GnuPG home.
#[derive(Clone, Debug)]
pub(super) struct Home(pub(super) Option<PathBuf>);

impl Home {
    pub(super) fn new(home: Option<&Path>) -> Self {
        Self(home.map(Path::to_owned))
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// Names the home in an error.
    pub(super) fn describe(&self) -> String {
        match &self.0 {
            Some(path) => path.display().to_string(),
            None => "the default GnuPG home".to_owned(),
        }
    }
}
