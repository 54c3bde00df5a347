//! Runs our programs and the originals.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Returns the path of one of our programs as it was built beside this test.
///
/// # Panics
/// When it was not built: `cargo build --workspace` comes first (`make test` does it).
pub fn ours(program: &str) -> PathBuf {
    let mut dir = std::env::current_exe().expect("a test has a path");
    dir.pop();
    if dir.ends_with("deps") {
        dir.pop();
    }
    let path = dir.join(program);
    assert!(
        path.exists(),
        "{} is not built: cargo build --workspace",
        path.display()
    );
    path
}

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The exit status, or -1 when a signal ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Returns standard output without its last newline, after checking that all went well.
    ///
    /// # Panics
    /// When the status is not 0.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(
            self.status, 0,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self.stdout.trim_end_matches('\n').to_owned()
    }

    /// Checks that the program failed and that `words` stand in its standard error.
    ///
    /// # Panics
    /// When it did not fail, or said something else.
    #[track_caller]
    pub fn fails_with(&self, words: &str) {
        assert!(
            self.status > 0 && self.stderr.contains(words),
            "status {}, want a failure that says {words:?}\nstdout: {}\nstderr: {}",
            self.status,
            self.stdout,
            self.stderr
        );
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs one of our programs to its end.
pub fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(program: &str, args: I) -> Ran {
    command(program)
        .args(args)
        .output()
        .expect("the program starts")
        .into()
}

/// Prepares one of our programs, without input.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(ours(program));
    command.stdin(Stdio::null());
    command
}

/// Runs a program of the system's to its end.
///
/// # Panics
/// When it is not installed; `contrib/packages.sh test` installs what tests use.
pub fn theirs<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(program: &str, args: I) -> Ran {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} does not start: {error}"))
        .into()
}

/// Runs a line of shell in which our programs are found first.
pub fn shell(line: &str) -> Ran {
    let mut path = ours("storetool")
        .parent()
        .expect("a directory")
        .as_os_str()
        .to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    Command::new("sh")
        .args(["-euc", line])
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .expect("sh starts")
        .into()
}
