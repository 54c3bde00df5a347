//! The commands of a runtime (runtime-spec, runtime.md, "Operations"; runtime-tools,
//! command-line-interface.md).

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::MemfdFlags;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ask::Patience;
use crate::error::RuntimeError;
use crate::find::{Kind, Runtime};
use crate::foreground::{self, Exit};
use crate::signal::Signal;

/// How long a runtime may take to delete what one that was killed left.
const CLEANING: Duration = Duration::from_secs(5);

/// The name of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerId(String);

impl ContainerId {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContainerId {
    type Err = RuntimeError;

    /// Takes what all runtimes take: it becomes a directory and an argument.
    fn from_str(text: &str) -> Result<Self, RuntimeError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_+.-".contains(&b);
        let good = (1..=128).contains(&text.len())
            && text.bytes().all(plain)
            && !text.starts_with(['-', '.']);
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(RuntimeError::BadId {
            id: text.chars().take(160).collect(),
        })
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a container is created.
#[derive(Clone, Debug, Default)]
pub struct CreateOptions {
    /// Where its master terminal is sent; needed exactly when `process.terminal` is set.
    pub console_socket: Option<PathBuf>,
    /// Where the number of its first process is written.
    pub pid_file: Option<PathBuf>,
    /// Open files from 3 on that it inherits.
    pub preserve_fds: u32,
    /// Sockets from 3 on that a service manager opened (`LISTEN_FDS`); the runtime passes them on
    /// by itself.
    pub listen_fds: u32,
}

/// How a container is run in the foreground.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Where the number of its first process is written.
    pub pid_file: Option<PathBuf>,
    /// Open files from 3 on that it inherits.
    pub preserve_fds: u32,
    /// Sockets from 3 on that a service manager opened (`LISTEN_FDS`); the runtime passes them on
    /// by itself.
    pub listen_fds: u32,
}

/// How a program is executed in a container that runs.
#[derive(Clone, Debug, Default)]
pub struct ExecOptions {
    /// Whether to return when it was started instead of when it ended.
    pub detach: bool,
    /// Where its master terminal is sent when detached.
    pub console_socket: Option<PathBuf>,
    /// Where the number of the process is written.
    pub pid_file: Option<PathBuf>,
}

/// The state of a container (runtime-spec, runtime.md, "State"); the whole answer is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    answer: Map<String, Value>,
}

impl State {
    /// Returns `creating`, `created`, `running`, `paused` or `stopped`.
    pub fn status(&self) -> Option<&str> {
        self.answer.get("status")?.as_str()
    }

    /// Returns the number of the first process, when there is one.
    pub fn pid(&self) -> Option<u64> {
        self.answer.get("pid")?.as_u64().filter(|pid| *pid != 0)
    }

    /// Returns the bundle.
    pub fn bundle(&self) -> Option<&str> {
        self.answer.get("bundle")?.as_str()
    }

    /// Returns when the container was created; every runtime says it, beyond the specification.
    fn created(&self) -> Option<Timestamp> {
        self.answer.get("created")?.as_str()?.parse().ok()
    }

    /// Returns everything the runtime said.
    pub fn answer(&self) -> &Map<String, Value> {
        &self.answer
    }
}

/// A line of the list of containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSummary {
    /// The name.
    pub id: String,
    /// The number of the first process; 0 when there is none.
    #[serde(default)]
    pub pid: u64,
    /// The status.
    pub status: String,
    /// The bundle.
    #[serde(default)]
    pub bundle: String,
    /// When it was created (RFC 3339).
    #[serde(default)]
    pub created: String,
}

impl Runtime {
    /// Creates a container; its program waits for [`Runtime::start`]. Its standard streams are
    /// ours. `terminal` is what config.json says. Nothing is started when somebody asked to stop.
    ///
    /// # Errors
    /// A terminal without console socket, or the runtime fails (it has then said why).
    pub fn create(
        &self,
        id: &ContainerId,
        bundle: &Path,
        terminal: bool,
        options: &CreateOptions,
    ) -> Result<(), RuntimeError> {
        const VERB: &str = "create";
        if terminal != options.console_socket.is_some() {
            return Err(RuntimeError::Console { terminal });
        }
        let mut command = self.command(VERB);
        command.arg("--bundle").arg(bundle);
        path_option(
            &mut command,
            "--console-socket",
            options.console_socket.as_deref(),
        );
        path_option(&mut command, "--pid-file", options.pid_file.as_deref());
        preserve(&mut command, options.preserve_fds);
        command.arg(id.as_str());
        close_others(options.preserve_fds, options.listen_fds)?;
        self.expect_success(self.make(&mut command, id, bundle)?, VERB)
    }

    /// Runs a container in the foreground and returns its exit status. Standard streams are ours;
    /// with `process.terminal` the runtime itself connects the terminal. Signals are forwarded;
    /// nothing is started when one came before.
    ///
    /// An error of the runtime is not told apart from the container's status; it has then been
    /// printed by the runtime.
    ///
    /// # Errors
    /// The runtime can not be started.
    pub fn run(
        &self,
        id: &ContainerId,
        bundle: &Path,
        options: &RunOptions,
    ) -> Result<Exit, RuntimeError> {
        let mut command = self.command("run");
        command.arg("--bundle").arg(bundle);
        path_option(&mut command, "--pid-file", options.pid_file.as_deref());
        preserve(&mut command, options.preserve_fds);
        command.arg(id.as_str());
        close_others(options.preserve_fds, options.listen_fds)?;
        self.make(&mut command, id, bundle)
    }

    /// Has a runtime make a container, and deletes what one that was killed over it left: the
    /// name would stay taken.
    fn make(
        &self,
        command: &mut Command,
        id: &ContainerId,
        bundle: &Path,
    ) -> Result<Exit, RuntimeError> {
        let since = Timestamp::now();
        let exit = foreground::run(command, self.program(), self.patience())?;
        // The signal may have been one that we passed on, and that ended our patience.
        let cleaner = self.with_patience(Patience::of(CLEANING));
        if exit.is_by_signal() && cleaner.may_be_remains(id, bundle, since) {
            match cleaner.delete(id, true) {
                Err(error) if error.is_no_container() => {}
                deleted => deleted.map_err(|source| RuntimeError::Remains {
                    program: self.program().to_owned(),
                    source: Box::new(source),
                })?,
            }
        }
        Ok(exit)
    }

    /// Tells whether the name is not that of a container of another bundle, or of one that was
    /// there before: the runtime may have been killed before it saw that the name is taken. What
    /// has no state yet is half made.
    fn may_be_remains(&self, id: &ContainerId, bundle: &Path, since: Timestamp) -> bool {
        let Ok(state) = self.state(id) else {
            return true;
        };
        let same_bundle = state
            .bundle()
            .and_then(|theirs| Path::new(theirs).canonicalize().ok())
            .is_some_and(|theirs| bundle.canonicalize().is_ok_and(|ours| ours == theirs));
        same_bundle && state.created().is_some_and(|created| created >= since)
    }

    /// Starts the program of a container that was created.
    ///
    /// # Errors
    /// The runtime fails.
    pub fn start(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.ask(self.command("start").arg(id.as_str()), "start")
            .map(drop)
    }

    /// Asks for the state of a container.
    ///
    /// # Errors
    /// The runtime fails, because there is no such container for instance.
    pub fn state(&self, id: &ContainerId) -> Result<State, RuntimeError> {
        const VERB: &str = "state";
        let answer = self.ask(self.command(VERB).arg(id.as_str()), VERB)?;
        Ok(State {
            answer: self.read(&answer, VERB)?,
        })
    }

    /// Executes `process`, which is a `process` of config.json, in a container that runs, and
    /// returns its exit status, or 0 at once when detached.
    ///
    /// The whole process is handed over, in a file without a name: the flags of runtimes mix it
    /// with the container's own process (runc keeps the groups of that one, root's say). Signals
    /// are forwarded; nothing is started when one came before.
    ///
    /// # Errors
    /// There is no memory for the file, or the runtime can not be started.
    pub fn exec(
        &self,
        id: &ContainerId,
        process: &Value,
        options: &ExecOptions,
    ) -> Result<Exit, RuntimeError> {
        let file = memory_file(process.to_string().as_bytes())?;
        let mut command = self.command("exec");
        // The runtime opens it by our descriptor, and has none of it to hand on.
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        command.args(["--process", &path]);
        if options.detach {
            command.arg("--detach");
        }
        path_option(
            &mut command,
            "--console-socket",
            options.console_socket.as_deref(),
        );
        path_option(&mut command, "--pid-file", options.pid_file.as_deref());
        command.arg(id.as_str());
        close_others(0, 0)?;
        foreground::run(&mut command, self.program(), self.patience())
    }

    /// Sends a signal to the first process.
    ///
    /// # Errors
    /// The runtime fails.
    pub fn kill(&self, id: &ContainerId, signal: Signal) -> Result<(), RuntimeError> {
        const VERB: &str = "kill";
        let mut command = self.command(VERB);
        command.arg(id.as_str()).arg(signal.to_string());
        self.ask(&mut command, VERB).map(drop)
    }

    /// Deletes a container that stopped; with `force` one that runs as well, which is killed.
    ///
    /// # Errors
    /// The runtime fails.
    pub fn delete(&self, id: &ContainerId, force: bool) -> Result<(), RuntimeError> {
        let mut command = self.command("delete");
        if force {
            command.arg("--force");
        }
        self.ask(command.arg(id.as_str()), "delete").map(drop)
    }

    /// Lists the containers in the runtime's state directory.
    ///
    /// # Errors
    /// The runtime fails, or can not list in a form that programs read (youki).
    pub fn list(&self) -> Result<Vec<ContainerSummary>, RuntimeError> {
        const VERB: &str = "list";
        if self.kind() == Kind::Youki {
            return Err(RuntimeError::Unsupported {
                program: self.program().to_owned(),
                verb: VERB,
            });
        }
        let answer = self.ask(self.command(VERB).args(["--format", "json"]), VERB)?;
        // runc writes null for no containers.
        let list: Option<Vec<ContainerSummary>> = self.read(&answer, VERB)?;
        Ok(list.unwrap_or_default())
    }

    fn expect_success(&self, exit: Exit, verb: &'static str) -> Result<(), RuntimeError> {
        match exit.code() {
            0 => Ok(()),
            status => Err(RuntimeError::Failed {
                program: self.program().to_owned(),
                verb,
                status,
                message: String::new(),
            }),
        }
    }
}

/// Keeps what was not meant for the container from the runtime: an open directory of the host is
/// a way out (CVE-2024-21626). For the same reason nothing is preserved that nobody handed over: the
/// runtime would pass on a file of its own that has the number by chance.
fn close_others(preserve_fds: u32, listen_fds: u32) -> Result<(), RuntimeError> {
    let first = preserve_fds.saturating_add(listen_fds).saturating_add(3);
    if let Some(fd) = (3..first).find(|fd| !is_inherited(*fd)) {
        return Err(RuntimeError::NotInherited { fd });
    }
    Ok(sys::file::close_range_on_exec(first)?)
}

/// Whether a program that we start gets this descriptor (proc(5), `fdinfo`).
fn is_inherited(fd: u32) -> bool {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & CLOSE_ON_EXEC == 0)
}

/// Makes a file that goes with its descriptor, however we end.
fn memory_file(bytes: &[u8]) -> Result<File, RuntimeError> {
    let make = || {
        let fd = rustix::fs::memfd_create("process", MemfdFlags::CLOEXEC)?;
        let mut file = File::from(fd);
        file.write_all(bytes).map(|()| file)
    };
    make().map_err(|source| RuntimeError::Bundle {
        act: "writing",
        path: "process".into(),
        source,
    })
}

fn path_option(command: &mut Command, flag: &str, path: Option<&Path>) {
    if let Some(path) = path {
        command.arg(flag).arg(path);
    }
}

fn preserve(command: &mut Command, fds: u32) {
    command.stdin(Stdio::inherit());
    if fds > 0 {
        command.arg("--preserve-fds").arg(fds.to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;

    use rustix::io::{FdFlags, fcntl_setfd};

    use super::*;
    use crate::find::Search;

    /// A runtime that is a script: what it does is a list of cases by verb.
    fn fake(dir: &Path, cases: &str) -> Runtime {
        let program = dir.join("runtime");
        let script = format!("#!/bin/sh\ncase $1 in --version) echo thing 1.0;; {cases} esac\n");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Runtime::find(&Search {
            wanted: Some(program.into()),
            path: Default::default(),
            state_root: None,
            stop: Default::default(),
        })
        .unwrap()
    }

    #[test]
    fn no_verb_hands_on_open_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::open("/").unwrap();
        let leaked = dir.path().join("leaked");
        let fake = fake(
            dir.path(),
            &format!(
                "*) test ! -e /proc/$$/fd/{} || echo $1 >> {};;",
                file.as_raw_fd(),
                leaked.display()
            ),
        );
        let id = "one".parse().unwrap();
        let verbs: [&dyn Fn() -> Result<(), RuntimeError>; 3] = [
            &|| fake.create(&id, dir.path(), false, &CreateOptions::default()),
            &|| {
                let exit = fake.run(&id, dir.path(), &RunOptions::default());
                exit.map(|exit| assert_eq!(exit.code(), 0))
            },
            &|| {
                let (process, options) = (Value::Null, ExecOptions::default());
                let exit = fake.exec(&id, &process, &options);
                exit.map(|exit| assert_eq!(exit.code(), 0))
            },
        ];
        for verb in verbs {
            fcntl_setfd(&file, FdFlags::empty()).unwrap();
            verb().unwrap();
        }
        assert_eq!(fs::read_to_string(leaked).unwrap_or_default(), "");
    }

    #[test]
    fn what_another_made_meanwhile_is_not_taken_for_remains() {
        let dir = tempfile::tempdir().unwrap();
        let bundle = |name: &str| {
            let bundle = dir.path().join(name);
            fs::create_dir(&bundle).unwrap();
            bundle
        };
        let (ours, other) = (bundle("ours"), bundle("other"));
        let deleted = dir.path().join("deleted");
        for (theirs, gone) in [(&other, false), (&ours, true)] {
            let fake = fake(
                dir.path(),
                &format!(
                    r#"run) kill -KILL $$;; delete) touch {};;
                    state) echo "{{\"bundle\":\"{}\",\"created\":\"$(date -u +%FT%T.%NZ)\"}}";;"#,
                    deleted.display(),
                    theirs.display()
                ),
            );
            let (id, options) = ("one".parse().unwrap(), RunOptions::default());
            let exit = fake.run(&id, &ours, &options);
            assert_eq!(exit.unwrap().code(), 137);
            assert_eq!(deleted.exists(), gone, "{}", theirs.display());
        }
    }

    #[test]
    fn names_that_could_be_paths_or_flags_are_refused() {
        for (text, good) in [
            ("a", true),
            ("A_b+c.d-1", true),
            ("", false),
            (".", false),
            ("..", false),
            ("-x", false),
            ("a/b", false),
            ("a b", false),
            ("a\n", false),
            ("ä", false),
            (&"a".repeat(128), true),
            (&"a".repeat(129), false),
        ] {
            assert_eq!(text.parse::<ContainerId>().is_ok(), good, "{text:?}");
        }
    }
}
