//! What the verbs that run containers have in common: which runtime, and facts of the caller.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result};
use runtime::{ContainerId, Runtime, RuntimeError, Search};
use runtime_spec::Spec;
use term::{Explain, Interrupt};

/// The runtime to use.
#[derive(Debug, clap::Args)]
pub(crate) struct RuntimeArgs {
    /// OCI runtime, by name or path [default: the first of runc, crun, youki]
    #[arg(
        long,
        value_name = "RUNTIME",
        env = "OCI_RUNTIME",
        help_heading = "Runtime"
    )]
    runtime: Option<OsString>,
    /// Directory of the runtime's state [default: that of the runtime]
    #[arg(long, value_name = "DIR", help_heading = "Runtime")]
    root: Option<PathBuf>,
}

impl RuntimeArgs {
    /// Finds the runtime.
    pub(crate) fn find(&self, interrupt: &Interrupt) -> Result<Runtime> {
        let search = Search {
            wanted: self.runtime.clone(),
            path: std::env::var_os("PATH").unwrap_or_default(),
            state_root: self.root.clone(),
            stop: interrupt.flag(),
        };
        let found = Runtime::find(&search);
        let missing = matches!(
            found,
            Err(RuntimeError::NotFound { .. } | RuntimeError::Spawn { .. })
        );
        if missing {
            return found.hint(|| "install runc or crun, or name a runtime with --runtime PATH");
        }
        Ok(found?)
    }

    /// Finds the runtime, and says what is known against it.
    pub(crate) fn find_to_start(&self, interrupt: &Interrupt) -> Result<Runtime> {
        let runtime = self.find(interrupt)?;
        let known: Vec<&str> = runtime
            .vulnerabilities()
            .iter()
            .map(|known| known.id)
            .collect();
        if !known.is_empty() {
            let unless = if runtime.is_vendor_build() {
                " (unless your distribution mended this build)"
            } else {
                ""
            };
            crate::PROGRAM.note(&format!(
                "warning: {} has known weaknesses{unless}: {}",
                runtime.program().display(),
                known.join(", ")
            ));
        }
        Ok(runtime)
    }
}

/// Says which container an error of the runtime is about, and where to look.
pub(crate) fn about<T>(id: &ContainerId, result: Result<T, RuntimeError>) -> Result<T> {
    let is_missing = matches!(&result, Err(error) if error.is_no_container());
    let result = result.with_context(|| format!("container {id}"));
    if is_missing {
        return result.hint(
            || "ocitool list shows the containers, those of another directory with --root DIR",
        );
    }
    result
}

/// Holds that there is a terminal to connect; a runtime would say this less plainly, when all
/// else is done.
pub(crate) fn need_terminal() -> Result<()> {
    match File::open("/dev/tty") {
        Ok(_) => Ok(()),
        Err(error) => Err(error)
            .context("the container is to have a terminal, and there is none to connect it to")
            .hint(|| "leave out --terminal, or start this from a terminal"),
    }
}

/// Says what the configuration asks for and the runtime would ignore.
pub(crate) fn note_unsupported(runtime: &Runtime, spec: &Spec) -> Result<()> {
    for demand in runtime.unsupported(spec)? {
        crate::PROGRAM.note(&format!(
            "warning: {} {demand}",
            runtime.program().display()
        ));
    }
    Ok(())
}

/// How many sockets a service manager passed to this process (sd_listen_fds(3)).
pub(crate) fn listen_fds() -> u32 {
    let number = |name| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u32>().ok())
    };
    match number("LISTEN_PID") {
        Some(pid) if pid == std::process::id() => number("LISTEN_FDS").unwrap_or(0),
        _ => 0,
    }
}

/// A name for a container that nobody named.
pub(crate) fn fresh_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = now.map_or(0, |since| since.subsec_nanos());
    format!("ocitool-{}-{nanos:x}", std::process::id())
}

/// Where temporary bundles lie: a directory that nobody else can prepare.
pub(crate) fn bundle_parent() -> PathBuf {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    if std::fs::metadata("/run").is_ok() && is_root() {
        PathBuf::from("/run/ocitool")
    } else if let Some(dir) = runtime_dir.filter(|dir| dir.is_absolute()) {
        dir.join("ocitool")
    } else {
        std::env::temp_dir()
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}
