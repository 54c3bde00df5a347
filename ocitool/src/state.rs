//! `ocitool state`: print the state of a container.

use std::process::ExitCode;

use anyhow::Result;
use runtime::ContainerId;
use term::Interrupt;

use crate::session::{self, RuntimeArgs};

const AFTER: &str = "\
EXAMPLES:
  ocitool state web | jq -r .status

EXIT STATUS:
0 when the state was printed, 1 when there is no such container, 2 when the call was wrong.

SEE ALSO:
ocitool(1), ocitool-list(1)";

/// Print the state of a container
///
/// Prints what the runtime answers, one JSON object with ociVersion, id, status (creating,
/// created, running, paused, stopped), pid, bundle and annotations.
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
    let state = session::about(&args.id, args.runtime.find(interrupt)?.state(&args.id))?;
    term::json::print(state.answer())?;
    Ok(ExitCode::SUCCESS)
}
