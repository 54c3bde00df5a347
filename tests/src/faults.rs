//! The two fault injectors, which are Python programs beside this crate.
//!
//! `faults/sysfault.py` counts the file-changing system calls of a process tree and kills it, or
//! fails a call, at a chosen one. `faults/powerloss.py` logs what a file system writes to its disk
//! and rebuilds the disk as a power cut could have left it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::programs::Ran;

fn injector(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("faults")
        .join(name);
    let mut command = Command::new("python3");
    command.arg(path).stdin(Stdio::null());
    command
}

/// One file-changing system call of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number, from 1.
    pub number: usize,
    /// The name of the call.
    pub name: String,
    /// The file that it was about.
    pub path: PathBuf,
}

/// Runs `command` and returns its file-changing calls below `prefix`.
///
/// # Panics
/// When the command fails.
pub fn calls(prefix: &Path, command: &[OsString]) -> Vec<Call> {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let ran: Ran = injector("sysfault.py")
        .arg("--count")
        .arg("--prefix")
        .arg(prefix)
        .arg("--log")
        .arg(log.path())
        .arg("--")
        .args(command)
        .output()
        .expect("python3 starts")
        .into();
    ran.ok();
    std::fs::read_to_string(log.path())
        .expect("the log")
        .lines()
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let mut word = || words.next().unwrap_or_default();
            Call {
                number: word().parse().expect("a number"),
                name: word().to_owned(),
                path: word().into(),
            }
        })
        .collect()
}

/// Runs `command`, and kills it (`kill`) or fails the call with an errno's name (`ENOSPC`) at its
/// `number`-th call below `prefix`; with `persist` each later one fails too.
pub fn at(number: usize, what: &str, persist: bool, prefix: &Path, command: &[OsString]) -> Ran {
    let mut injector = injector("sysfault.py");
    injector
        .args(["--at", &number.to_string(), "--do", what])
        .arg("--prefix")
        .arg(prefix);
    if persist {
        injector.arg("--persist");
    }
    injector
        .arg("--")
        .args(command)
        .output()
        .expect("python3 starts")
        .into()
}

/// Records what `command` (a line for sh; `$PL_MNT` is the disk, lines to `$PL_MARK_FD`
/// acknowledge) makes ext4 write.
pub fn record(log: &Path, mnt: &Path, size_mib: u64, prepare: &str, command: &str) -> Ran {
    injector("powerloss.py")
        .arg("record")
        .arg(log)
        .arg("--mnt")
        .arg(mnt)
        .args([
            "--size",
            &size_mib.to_string(),
            "--linger",
            "7",
            "--prep",
            prepare,
        ])
        .args(["--", "sh", "-euc", command])
        .output()
        .expect("python3 starts")
        .into()
}

/// One disk as a power cut left it, and what the check said of it.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Replayed {
    /// The model of the disk's cache: `prefix`, `lost` or `random`.
    pub mode: String,
    /// After how many logged writes the power went.
    pub point: usize,
    /// The status of the check; negative when it could not run.
    pub rc: i32,
    /// The last line that the check printed.
    pub last: String,
}

/// Rebuilds the recorded disk at `points` moments in each model and runs `check` (a line for sh) on
/// each; `$PL_ACKED` holds the acknowledgements until then as JSON.
pub fn replay<S: AsRef<OsStr>>(log: &Path, mnt: &Path, points: usize, check: S) -> Vec<Replayed> {
    let ran: Ran = injector("powerloss.py")
        .arg("replay")
        .arg(log)
        .arg("--mnt")
        .arg(mnt)
        .args(["--points", &points.to_string(), "--timeout", "60"])
        .args(["--", "sh", "-euc"])
        .arg(check)
        .output()
        .expect("python3 starts")
        .into();
    ran.ok();
    let mut results = log.as_os_str().to_owned();
    results.push(".replay.json");
    serde_json::from_slice(&std::fs::read(results).expect("results")).expect("results")
}
