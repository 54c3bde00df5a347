//! `ocitool start`: start the program of a created container.

use std::process::ExitCode;

use anyhow::Result;
use runtime::ContainerId;
use term::Interrupt;

use crate::session::{self, RuntimeArgs};

const AFTER: &str = "\
EXAMPLES:
  ocitool create --bundle DIR web && ocitool start web

EXIT STATUS:
0 when the program was started, 1 when not, 2 when the call was wrong.

SEE ALSO:
ocitool(1), ocitool-create(1), ocitool-kill(1)";

/// Start the program of a created container
///
/// Does not wait for its end; ocitool-state shows how it fares.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct Args {
    /// Name of the container
    #[arg(value_name = "ID")]
    id: ContainerId,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<ExitCode> {
    session::about(&args.id, args.runtime.find(interrupt)?.start(&args.id))?;
    Ok(ExitCode::SUCCESS)
}
