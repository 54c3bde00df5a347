//! `storetool containers`: images with a writable layer of their own.

mod create;
mod ls;
mod rm;

use clap::Subcommand;
use serde::Serialize;
use std::collections::BTreeMap;
use storage::ContainerRecord;

use crate::session::Session;

const AFTER_HELP: &str = "\
EXAMPLES:
  id=$(storetool containers create --name web app:1)
  root=$(storetool mount web)
  storetool diff web
  storetool containers rm web

EXIT STATUS:
0 when all went well, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-mount(1), storetool-diff(1), ocitool(1)";

/// Make, list and remove containers
///
/// A container is an image with a writable layer of its own. Nothing runs in it: `storetool mount`
/// gives its root file system to whoever runs it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP, subcommand_required = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Create(create::Args),
    Ls(ls::Args),
    Rm(rm::Args),
}

/// A container, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Container {
    id: String,
    name: String,
    image: String,
    created: String,
    mounted: bool,
    labels: BTreeMap<String, String>,
    /// What its files lack, in words.
    notes: Vec<String>,
}

impl Container {
    fn of(record: &ContainerRecord, mounted: bool) -> Container {
        Container {
            id: record.id.clone(),
            name: record.name.clone(),
            image: record.image.to_string(),
            created: record.created.clone(),
            mounted,
            labels: record.labels.clone(),
            notes: record.notes.clone(),
        }
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    match &args.verb {
        Verb::Create(args) => create::run(args, session),
        Verb::Ls(args) => ls::run(args, session),
        Verb::Rm(args) => rm::run(args, session),
    }
}
