//! Finding the runtime and asking it who it is.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use crate::ask::Patience;
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
    /// Set when somebody asks to stop: the runtime is then ended when it was asked something, and
    /// nothing more is started.
    pub stop: Arc<AtomicBool>,
}

/// A runtime that is there.
#[derive(Clone, Debug)]
pub struct Runtime {
    program: PathBuf,
    kind: Kind,
    version: Option<Version>,
    about: String,
    state_root: Option<PathBuf>,
    patience: Patience,
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
            patience: Patience::until_stopped(Arc::clone(&search.stop)),
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
        self.read(&answer, VERB).map(Some)
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// The same runtime, waited for in another way.
    pub(crate) fn with_patience(&self, patience: Patience) -> Self {
        Self {
            patience,
            ..self.clone()
        }
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
}

fn locate(name: &OsStr, path: &OsStr) -> Option<PathBuf> {
    if Path::new(name).components().count() > 1 {
        // What is wrong with it shows when it is started.
        return Some(PathBuf::from(name));
    }
    let executable = |path: &Path| {
        std::fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
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
            ..Search::default()
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
