//! `storetool untag`: a name less.

use anyhow::Context as _;
use oci::Reference;

use crate::session::Session;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool untag app:old

EXIT STATUS:
0 when the names are gone, 1 otherwise.

SEE ALSO:
storetool(1), storetool-tag(1), storetool-rm(1)";

/// Take names away; the images stay
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The names
    #[arg(required = true)]
    name: Vec<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.change_existing()?;
    for name in &args.name {
        let reference = Reference::parse(name).with_context(|| format!("parsing name {name}"))?;
        store
            .untag(&reference)
            .with_context(|| format!("taking away the name {name}"))?;
    }
    Ok(())
}
