//! `storetool gc`: what nothing needs goes.

use anyhow::Context as _;
use serde::Serialize;
use storage::GcOptions;
use term::size::human;

use crate::session::Session;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool gc --dry-run
  storetool rm app:1 && storetool gc

EXIT STATUS:
0 when what nothing needs is gone, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-rm(1), storetool-du(1)";

/// Remove what no image and no container needs
///
/// A pull that runs meanwhile keeps what it counts on. It can be killed at any time.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Only say what would go
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Collected {
    dry_run: bool,
    layers: u64,
    objects: u64,
    blobs: u64,
    copies: u64,
    bytes: u64,
    notes: Vec<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = match args.dry_run {
        true => session.look()?,
        false => session.change_existing()?,
    };
    let options = GcOptions {
        dry_run: args.dry_run,
    };
    let report = store.gc(&options).context("collecting garbage")?;
    for note in &report.notes {
        term::program::say(&format!("storetool: note: {note}\n"));
    }
    if args.json {
        return Ok(term::json::print(&Collected {
            dry_run: args.dry_run,
            layers: report.layers,
            objects: report.objects,
            blobs: report.blobs,
            copies: report.copies,
            bytes: report.bytes,
            notes: report.notes,
        })?);
    }
    Ok(term::stdout::line(&format!(
        "{} {}: {} layers, {} objects, {} blobs, {} copies",
        if args.dry_run { "would free" } else { "freed" },
        human(report.bytes),
        report.layers,
        report.objects,
        report.blobs,
        report.copies,
    ))?)
}
