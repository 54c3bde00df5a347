//! `storetool containers rm`: a container less.

use anyhow::Context as _;
use term::Explain as _;

use super::Container;
use crate::session::Session;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool containers rm web

EXIT STATUS:
0 when all the containers are gone, 2 when the call was wrong, 1 otherwise; containers after one that could not be removed are tried, too.

SEE ALSO:
storetool-containers(1)";

/// Remove containers with what they changed
///
/// Prints the id of each container that was removed. A mounted container is unmounted first; one
/// that a process uses stays.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(super) struct Args {
    /// The containers, by name or id
    #[arg(required = true)]
    container: Vec<String>,
    /// Print the removed containers as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.change_existing()?;
    let mut removed = Vec::new();
    let mut failures = Vec::new();
    for wanted in &args.container {
        match store
            .remove_container(wanted)
            .with_context(|| format!("removing container {wanted}"))
            .hint(|| "`storetool containers ls` lists the containers")
        {
            Ok(container) => removed.push(container),
            Err(error) => failures.push(error),
        }
    }
    match args.json {
        true => {
            let removed: Vec<_> = removed
                .iter()
                .map(|container| Container::of(container, false))
                .collect();
            term::json::print(&removed)?;
        }
        false => {
            let lines: String = removed
                .iter()
                .map(|container| format!("{}\n", container.id))
                .collect();
            term::stdout::write_all(lines.as_bytes())?;
        }
    }
    session.fail_last(failures)
}
