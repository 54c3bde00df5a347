//! Why a runtime could not do its work.

use std::io;
use std::path::PathBuf;

/// Why a runtime could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// No runtime is installed, or not the one that was asked for.
    #[error("no OCI runtime found (looked for {})", looked_for.join(", "))]
    NotFound {
        /// The names, in the order of the search.
        looked_for: Vec<String>,
    },
    /// The runtime could not be started.
    #[error("starting {}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Waiting for the runtime failed.
    #[error("waiting for {}", program.display())]
    Wait {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The runtime ended with an error.
    #[error("{} {verb} ended with status {status}{}{message}", program.display(), if message.is_empty() { "" } else { ": " })]
    Failed {
        /// The program.
        program: PathBuf,
        /// What it was to do.
        verb: &'static str,
        /// Its exit status, 128 + number for a signal.
        status: u8,
        /// What it said last, bounded.
        message: String,
    },
    /// The runtime did not end before somebody asked to stop, or in the time that it was given.
    #[error("gave up waiting for {} {verb}", program.display())]
    GivenUp {
        /// The program.
        program: PathBuf,
        /// What it was to do.
        verb: &'static str,
    },
    /// The runtime was killed while it made a container, and what it left can not be deleted.
    #[error("a signal ended {}, and what it left of the container stays", program.display())]
    Remains {
        /// The program.
        program: PathBuf,
        /// Why it stays.
        source: Box<RuntimeError>,
    },
    /// The runtime's answer is not what it should be.
    #[error("{} {verb} gave no usable answer", program.display())]
    Answer {
        /// The program.
        program: PathBuf,
        /// What it was to do.
        verb: &'static str,
        /// What is wrong with it.
        source: oci::json::JsonError,
    },
    /// The runtime has no such command.
    #[error("{} has no command {verb} that programs can read", program.display())]
    Unsupported {
        /// The program.
        program: PathBuf,
        /// What it was to do.
        verb: &'static str,
    },
    /// The name is none that a runtime takes.
    #[error(
        "container name {id:?} needs 1 to 128 of the characters A-Z a-z 0-9 _ + . - and no leading - or ."
    )]
    BadId {
        /// The name.
        id: String,
    },
    /// There is no such signal.
    #[error("{text:?} is no signal such as TERM, SIGTERM, RTMIN+3 or 15")]
    BadSignal {
        /// What it was called.
        text: String,
    },
    /// A file that the container is to inherit is not there.
    #[error("file {fd} is to be preserved for the container but was not handed to this program")]
    NotInherited {
        /// The number of the descriptor.
        fd: u32,
    },
    /// A terminal without a socket to send it to, or the reverse.
    #[error("a container with process.terminal {} a console socket", if *terminal { "needs" } else { "false takes no" })]
    Console {
        /// Whether config.json asks for a terminal.
        terminal: bool,
    },
    /// The bundle could not be made or read.
    #[error("{act} {}", path.display())]
    Bundle {
        /// What was done.
        act: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The bundle's config.json is larger than any that makes sense.
    #[error("{} has more than {limit} bytes", path.display())]
    BundleTooLarge {
        /// The file.
        path: PathBuf,
        /// How many bytes are allowed.
        limit: u64,
    },
    /// Descriptors could not be kept from the runtime.
    #[error("keeping open files from the runtime")]
    CloseRange(#[from] sys::SysError),
    /// A signal came before the runtime was started.
    #[error("interrupted before anything was started")]
    Interrupted,
    /// Signal handlers could not be installed.
    #[error("installing signal handlers")]
    Signals(#[source] io::Error),
}

impl RuntimeError {
    /// Tells whether the runtime says that there is no such container: in words, or, as crun 1.8.1,
    /// that it has no file of it. A container that was started has no fifo to start it any more.
    pub fn is_no_container(&self) -> bool {
        let Self::Failed { message, .. } = self else {
            return false;
        };
        message.contains("does not exist")
            || message.contains("No such file or directory") && !message.contains("exec.fifo")
    }
}
