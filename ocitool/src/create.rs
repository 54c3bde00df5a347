//! `ocitool create`: create a container from a bundle.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use runtime::{Bundle, ContainerId, CreateOptions, RuntimeError};
use runtime_spec::Spec;
use term::{Explain, Interrupt};

use crate::run::check_root;
use crate::session::{self, RuntimeArgs};

const AFTER: &str = "\
EXAMPLES:
  ocitool create --bundle DIR --pid-file web.pid web && ocitool start web

EXIT STATUS:
0 when the container was created, 1 when not, 2 when the call was wrong.

SEE ALSO:
ocitool(1), ocitool-start(1), ocitool-delete(1), ocitool-generate(1)";

/// Create a container from a bundle
///
/// Makes everything of the container but does not start its program: it waits for ocitool-start.
/// Standard input, output and error of the container are those of ocitool.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct Args {
    /// Name of the container
    #[arg(value_name = "ID")]
    id: ContainerId,
    /// Directory with config.json
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// Socket that is sent the terminal; needed when process.terminal is true
    #[arg(long, value_name = "PATH")]
    console_socket: Option<PathBuf>,
    /// File to write the number of the container's first process to
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Open files from 3 on that the container inherits
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    preserve_fds: u32,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

pub(crate) fn run(args: Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let runtime = args.runtime.find_to_start(interrupt)?;
    let bundle = Bundle::at(&args.bundle);
    let spec = Spec::parse(&bundle.config()?)?;
    check_root(&bundle, &spec)?;
    session::note_unsupported(&runtime, &spec)?;
    let options = CreateOptions {
        console_socket: args.console_socket,
        pid_file: args.pid_file,
        preserve_fds: args.preserve_fds,
        listen_fds: session::listen_fds(),
    };
    // A signal is for the runtime; without this the second one would end ocitool alone.
    interrupt.hand_over();
    let created = runtime.create(&args.id, bundle.path(), spec.terminal(), &options);
    match &created {
        Err(RuntimeError::Console { terminal: true }) => created
            .hint(|| "give --console-socket PATH; ocitool run connects a terminal by itself")?,
        Err(RuntimeError::Failed { .. }) => {
            created
                .hint(|| "the runtime has said why; ocitool list shows which names are taken")?;
        }
        _ => created?,
    }
    Ok(ExitCode::SUCCESS)
}
