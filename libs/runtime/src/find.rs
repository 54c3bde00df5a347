//! Finding the runtime and asking it who it is.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::RuntimeError;
use crate::vulnerability::{self, Vulnerability};

/// The runtimes in the order in which they are tried.
const NAMES: [&str; 3] = ["runc", "crun", "youki"];
/// Looked into after the search path: runtimes are often where users do not search.
const MORE_DIRS: [&str; 5] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/libexec",
];
/// Most bytes of an answer.
pub(crate) const ANSWER_BYTES: u64 = 16 << 20;

/// Which program a runtime is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// opencontainers/runc
    Runc,
    /// containers/crun
    Crun,
    /// youki-dev/youki
    Youki,
    /// Something else with the same command line.
    Other,
}

/// A version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Patch number.
    pub patch: u32,
    /// Whether it is the release itself; a pre-release is older.
    pub released: bool,
}

impl Version {
    /// Parses `1.1.5`, `1.20`, `1.4.0-rc.3`, `1.1.5+ds1`.
    pub fn parse(text: &str) -> Option<Self> {
        let core = text.split('+').next()?;
        let (core, pre) = match core.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (core, None),
        };
        let mut numbers = core.split('.').map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next()?.ok()?;
        let patch = match numbers.next() {
            None => 0,
            Some(patch) => patch.ok()?,
        };
        let released = pre.is_none_or(|pre| !(pre.starts_with("rc") || pre.starts_with("dev")));
        Some(Self {
            major,
            minor,
            patch,
            released,
        })
    }
}

/// Where to look for a runtime.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A path or name that was asked for.
    pub wanted: Option<OsString>,
    /// The search path, as in `PATH`.
    pub path: OsString,
    /// The directory of the runtime's state (`--root`); its own default otherwise.
    pub state_root: Option<PathBuf>,
}

/// A runtime that is there.
#[derive(Clone, Debug)]
pub struct Runtime {
    program: PathBuf,
    kind: Kind,
    version: Option<Version>,
    about: String,
    state_root: Option<PathBuf>,
}

impl Runtime {
    /// Finds a runtime and asks for its version.
    ///
    /// # Errors
    /// There is none, or it does not start.
    pub fn find(search: &Search) -> Result<Self, RuntimeError> {
        let names: Vec<&OsStr> = match &search.wanted {
            Some(wanted) => vec![wanted],
            None => NAMES.iter().map(OsStr::new).collect(),
        };
        let program = names
            .iter()
            .find_map(|name| locate(name, &search.path))
            .ok_or_else(|| {
                let looked_for = names
                    .iter()
                    .map(|name| name.display().to_string())
                    .collect();
                RuntimeError::NotFound { looked_for }
            })?;
        let mut runtime = Self {
            program,
            kind: Kind::Other,
            version: None,
            about: String::new(),
            state_root: search.state_root.clone(),
        };
        let answer = runtime.ask(Command::new(&runtime.program).arg("--version"), "--version")?;
        runtime.about = String::from_utf8_lossy(&answer).into_owned();
        (runtime.kind, runtime.version) = identify(&runtime.about);
        Ok(runtime)
    }

    /// Returns the path of the program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns which program it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns its version, when it could be read.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// Returns what the program says of itself: the output of `--version`.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Returns the published weaknesses of this version. A distribution may have mended them
    /// without a new version; see [`Runtime::is_vendor_build`].
    pub fn vulnerabilities(&self) -> Vec<Vulnerability> {
        self.version
            .map_or_else(Vec::new, |version| vulnerability::of(self.kind, version))
    }

    /// Tells whether a distribution built it with changes of its own, as far as its words show.
    pub fn is_vendor_build(&self) -> bool {
        self.about.lines().any(|line| {
            ["+deb", "+ds", "ubuntu", ".el", ".fc", "+esm"]
                .iter()
                .any(|mark| line.contains(mark))
        })
    }

    /// Asks for the runtime's features (runtime-spec, features.md); `None` when it has no such
    /// command.
    ///
    /// # Errors
    /// It does not start, or answers something that is no JSON.
    pub fn features(&self) -> Result<Option<Value>, RuntimeError> {
        const VERB: &str = "features";
        let answer = match self.ask(Command::new(&self.program).arg(VERB), VERB) {
            Ok(answer) => answer,
            Err(RuntimeError::Failed { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        oci::json::parse(&answer, ANSWER_BYTES)
            .map(Some)
            .map_err(|source| RuntimeError::Answer {
                program: self.program.clone(),
                verb: VERB,
                source,
            })
    }

    /// Starts a command line with the program and its global options.
    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(root) = &self.state_root {
            command.arg("--root").arg(root);
        }
        command.arg(verb);
        command
    }

    /// Runs a command to its end and returns what it wrote, which is bounded. It starts nothing in
    /// a container, and so inherits what we did: to mark that here would also take it from the
    /// container that is started next.
    pub(crate) fn ask(
        &self,
        command: &mut Command,
        verb: &'static str,
    ) -> Result<Vec<u8>, RuntimeError> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| RuntimeError::Spawn {
                program: self.program.clone(),
                source,
            })?;
        let wait = |source| RuntimeError::Wait {
            program: self.program.clone(),
            source,
        };
        let stderr = child.stderr.take();
        // Both pipes are drained at once, so that a talkative runtime does not block on one.
        let complaints = std::thread::spawn(move || {
            let mut tail = Vec::new();
            if let Some(mut stderr) = stderr {
                let _ = stderr.by_ref().take(64 << 10).read_to_end(&mut tail);
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            }
            tail
        });
        let mut answer = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout
                .take(ANSWER_BYTES + 1)
                .read_to_end(&mut answer)
                .map_err(wait)?;
        }
        let status = child.wait().map_err(wait)?;
        let complaints = complaints.join().unwrap_or_default();
        if status.success() {
            return Ok(answer);
        }
        Err(RuntimeError::Failed {
            program: self.program.clone(),
            verb,
            status: crate::foreground::Exit::from(status).code(),
            message: last_line(&complaints),
        })
    }
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

fn locate(name: &OsStr, path: &OsStr) -> Option<PathBuf> {
    let executable = |path: &Path| {
        std::fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if Path::new(name).components().count() > 1 {
        let path = PathBuf::from(name);
        return executable(&path).then_some(path);
    }
    std::env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .chain(MORE_DIRS.iter().map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|path| executable(path))
}

/// Reads `runc version 1.1.5+ds1`, `crun version 1.8.1`, `youki version: 0.5.3`.
fn identify(about: &str) -> (Kind, Option<Version>) {
    let mut words = about.lines().next().unwrap_or_default().split([' ', ':']);
    let kind = match words.next() {
        Some("runc") => Kind::Runc,
        Some("crun") => Kind::Crun,
        Some("youki") => Kind::Youki,
        _ => Kind::Other,
    };
    (
        kind,
        words.find_map(|word| Version::parse(word.trim_start_matches('v'))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let version = |text| Version::parse(text).unwrap();
        assert_eq!(
            version("1.1.5+ds1"),
            Version {
                major: 1,
                minor: 1,
                patch: 5,
                released: true
            }
        );
        assert!(version("1.4.0-rc.3") < version("1.4.0"));
        assert!(version("1.9") < version("1.20"));
        assert_eq!(Version::parse("abc"), None);
        assert_eq!(
            identify("runc version 1.1.5+ds1\ncommit: x\n"),
            (Kind::Runc, Some(version("1.1.5")))
        );
        assert_eq!(
            identify("crun version 1.20\n"),
            (Kind::Crun, Some(version("1.20.0")))
        );
        assert_eq!(
            identify("youki version: 0.5.3\n"),
            (Kind::Youki, Some(version("0.5.3")))
        );
        assert_eq!(identify(""), (Kind::Other, None));
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
    fn a_runtime_is_found_by_name_path_and_order() {
        let dir = tempfile::tempdir().unwrap();
        let fake = |name: &str, says: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{says}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        fake("crun", "echo crun version 1.20");
        let ours = fake("my-runtime", "echo thing 1.2.3");
        let failing = fake("failing", "echo no such luck >&2; exit 3");
        let search = |wanted: Option<&OsStr>| Search {
            wanted: wanted.map(OsStr::to_owned),
            path: dir.path().into(),
            state_root: None,
        };
        let found = Runtime::find(&search(Some(OsStr::new("crun")))).unwrap();
        assert_eq!(
            (found.kind(), found.program()),
            (Kind::Crun, &*dir.path().join("crun"))
        );
        let found = Runtime::find(&search(Some(ours.as_os_str()))).unwrap();
        assert_eq!(
            (found.kind(), found.version()),
            (Kind::Other, Version::parse("1.2.3"))
        );
        let error = Runtime::find(&search(Some(failing.as_os_str()))).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("ended with status 3: no such luck"),
            "{error}"
        );
        let error = Runtime::find(&search(Some(OsStr::new("no-such-runtime")))).unwrap_err();
        assert!(matches!(error, RuntimeError::NotFound { .. }), "{error}");
    }
}
