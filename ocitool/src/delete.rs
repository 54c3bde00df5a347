//! `ocitool delete`: delete a container.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use runtime::{ContainerId, State, bundle};
use term::{Explain, Interrupt};

use crate::session::{self, RuntimeArgs};

const AFTER: &str = "\
EXAMPLES:
  ocitool kill web KILL; ocitool delete web
  ocitool delete --force web

EXIT STATUS:
0 when the container was deleted, 1 when not, 2 when the call was wrong.

SEE ALSO:
ocitool(1), ocitool-kill(1), ocitool-list(1)";

/// Delete a container
///
/// Removes the runtime's state and the cgroup of a container that ended. The bundle and the root
/// file system stay, but for the temporary bundle of an `ocitool run` that was killed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER)]
pub(crate) struct Args {
    /// Name of the container
    #[arg(value_name = "ID")]
    id: ContainerId,
    /// Kill it first when it runs
    #[arg(long, short)]
    force: bool,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> Result<ExitCode> {
    let runtime = args.runtime.find(interrupt)?;
    // Where it can not be told, the deletion says why.
    let state = runtime.state(&args.id).ok();
    let mut deleted = session::about(&args.id, runtime.delete(&args.id, args.force));
    let runs = |state: &State| matches!(state.status(), Some("created" | "running" | "paused"));
    if !args.force && state.as_ref().is_some_and(runs) {
        deleted = deleted.hint(|| "--force kills it first");
    }
    deleted?;
    if let Some(bundle) = state.as_ref().and_then(State::bundle) {
        bundle::remove_left(&session::bundle_parent(), Path::new(bundle))?;
    }
    Ok(ExitCode::SUCCESS)
}
