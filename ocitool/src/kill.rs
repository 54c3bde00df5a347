//! `ocitool kill`: send a signal to a container.

use std::process::ExitCode;

use anyhow::Result;
use runtime::{ContainerId, Signal};
use term::Interrupt;

use crate::session::{self, RuntimeArgs};

const AFTER: &str = "\
EXAMPLES:
  ocitool kill web
  ocitool kill web KILL

EXIT STATUS:
0 when the signal was sent, 1 when not, 2 when the call was wrong.

SEE ALSO:
ocitool(1), ocitool-delete(1), ocitool-state(1)";

/// Send a signal to the first process of a container
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct Args {
    /// Name of the container
    #[arg(value_name = "ID")]
    id: ContainerId,
    /// Signal, by name or number
    #[arg(value_name = "SIGNAL", default_value = "TERM")]
    signal: Signal,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let runtime = args.runtime.find(interrupt)?;
    session::about(&args.id, runtime.kill(&args.id, args.signal))?;
    Ok(ExitCode::SUCCESS)
}
