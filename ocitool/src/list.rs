//! `ocitool list`: list the containers of a runtime.

use std::process::ExitCode;

use anyhow::Result;
use runtime::ContainerSummary;
use term::{Interrupt, Table};

use crate::session::RuntimeArgs;

const AFTER: &str = "\
EXAMPLES:
  ocitool list
  ocitool list --quiet | xargs -r -n1 ocitool state

EXIT STATUS:
0 when the list was printed, 1 when not, 2 when the call was wrong.

SEE ALSO:
ocitool(1), ocitool-state(1), ocitool-delete(1)";

/// List the containers of a runtime
///
/// Lists all containers in the runtime's state directory, also those of other tools that share
/// it. youki can not be asked.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct Args {
    /// Print JSON: a list of objects with id, pid, status, bundle, created
    #[arg(long, short, conflicts_with = "quiet")]
    json: bool,
    /// Print names only, one a line
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let containers = args.runtime.find(interrupt)?.list()?;
    if args.json {
        term::json::print(&containers)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = if args.quiet {
        Table::bare()
    } else {
        Table::new(&["ID", "PID", "STATUS", "CREATED", "BUNDLE"])
    };
    for ContainerSummary {
        id,
        pid,
        status,
        bundle,
        created,
    } in &containers
    {
        if args.quiet {
            table.row([id]);
        } else {
            table.row([id, &pid.to_string(), status, created, bundle]);
        }
    }
    table.print()?;
    Ok(ExitCode::SUCCESS)
}
