//! `storetool containers ls`: what containers there are.

use std::collections::BTreeSet;

use jiff::Timestamp;
use term::Table;

use super::Container;
use crate::session::Session;
use crate::shape::short;
use crate::when::ago;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool containers ls
  storetool containers ls -q | xargs -r storetool containers rm

EXIT STATUS:
0 when the list was printed, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool-containers(1)";

/// List containers, oldest first
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(super) struct Args {
    /// Print ids alone
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.look()?;
    let containers = store.containers()?;
    if args.quiet {
        let lines: String = containers
            .iter()
            .map(|one| format!("{}\n", one.id))
            .collect();
        return Ok(term::stdout::write_all(lines.as_bytes())?);
    }
    let mounted: BTreeSet<String> = store
        .mounts()?
        .into_iter()
        .filter_map(|mount| mount.container)
        .collect();
    if args.json {
        let containers: Vec<Container> = containers
            .iter()
            .map(|one| Container::of(one, mounted.contains(&one.id)))
            .collect();
        return Ok(term::json::print(&containers)?);
    }
    let now = Timestamp::now();
    let mut table = Table::new(&["ID", "NAME", "IMAGE", "CREATED", "MOUNTED"]);
    for one in &containers {
        let id: String = one.id.chars().take(12).collect();
        let is_mounted = if mounted.contains(&one.id) {
            "yes"
        } else {
            "no"
        };
        table.row([
            &id,
            &one.name,
            &short(&one.image),
            &ago(Some(&one.created), now),
            is_mounted,
        ]);
    }
    Ok(table.print()?)
}
