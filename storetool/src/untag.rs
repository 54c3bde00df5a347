//! `storetool untag`: a name less.

use anyhow::Context as _;
use oci::Reference;
use serde::Serialize;
use storage::Store;

use crate::session::Session;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool untag app:old

EXIT STATUS:
0 when all the names are gone, 2 when the call was wrong, 1 otherwise; names after one that could not be taken away are tried, too.

SEE ALSO:
storetool(1), storetool-tag(1), storetool-rm(1)";

/// Take names away; the images stay
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The names
    #[arg(required = true)]
    name: Vec<String>,
    /// Print what was taken away as JSON
    #[arg(long)]
    json: bool,
}

/// A name that is gone, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Untagged {
    name: String,
    /// The digest of the image that had it.
    image: String,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.change_existing()?;
    let mut untagged = Vec::new();
    let mut failures = Vec::new();
    for name in &args.name {
        match untag(&store, name) {
            Ok(done) => untagged.push(done),
            Err(error) => failures.push(error),
        }
    }
    if args.json {
        term::json::print(&untagged)?;
    }
    session.fail_last(failures)
}

fn untag(store: &Store, name: &str) -> anyhow::Result<Untagged> {
    let reference = Reference::parse(name).with_context(|| format!("parsing name {name}"))?;
    let image = store
        .untag(&reference)
        .with_context(|| format!("taking away the name {name}"))?;
    Ok(Untagged {
        name: reference.with_default_tag().to_string(),
        image: image.to_string(),
    })
}
