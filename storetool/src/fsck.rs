//! `storetool fsck`: whether the store is what it says.

use std::process::ExitCode;

use anyhow::Context as _;
use storage::FsckOptions;
use term::size::human;

use crate::session::Session;

const AFTER_HELP: &str = "\
OUTPUT:
One finding a line on standard output; with --json the members findings, objects, layers, images, blobs and bytes.

EXAMPLES:
  storetool fsck
  storetool fsck --json | jq '.findings[].kind'

EXIT STATUS:
0 when nothing is wrong, 3 when something is, 2 when the call was wrong, 1 when the store could not be checked.

SEE ALSO:
storetool(1), storetool-gc(1), storetool-pull(1)";

/// The exit status for damage, apart from failures to look.
const DAMAGED: u8 = 3;

/// Check every byte of the store
///
/// Objects, layers, trees, manifests, records and links. Nothing is changed. A damaged image comes
/// back with `storetool rm`, `storetool gc` and `storetool pull`. Check a store that is at rest:
/// what a pull moves meanwhile may be reported missing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Read with so many threads (default: one for each core)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<ExitCode> {
    let store = session.look()?;
    let options = FsckOptions {
        threads: args.threads.filter(|threads| *threads > 0),
    };
    let report = store.fsck(&options).context("checking the store")?;
    if args.json {
        term::json::print(&report)?;
    } else {
        let lines: String = report
            .findings
            .iter()
            .map(|finding| format!("{}\n", term::error::printable(&finding.to_string(), "  ")))
            .collect();
        term::stdout::write_all(lines.as_bytes())?;
        term::program::say(&format!(
            "{} images, {} layers, {} objects, {} blobs, {} read: {}\n",
            report.images,
            report.layers,
            report.objects,
            report.blobs,
            human(report.bytes),
            match report.findings.len() {
                0 => "nothing is wrong".to_owned(),
                1 => "1 thing is wrong".to_owned(),
                count => format!("{count} things are wrong"),
            }
        ));
    }
    Ok(match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(DAMAGED),
    })
}
