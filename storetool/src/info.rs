//! `storetool info`: the store as a whole.

use std::path::PathBuf;

use serde::Serialize;
use storage::DriverKind;
use term::{Table, Template};

use crate::session::Session;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool info
  storetool info --format '{{.Driver}}'

EXIT STATUS:
0 when there is a store, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-du(1)";

/// Show where the store is, its driver, and how much is in it
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Print by this Go template
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Info {
    root: PathBuf,
    driver: DriverKind,
    /// How root file systems are made, and why so.
    mounting: String,
    /// Whether the kernel checks each read of an object.
    verity: bool,
    images: usize,
    layers: usize,
    containers: usize,
    mounts: usize,
    version: &'static str,
}

fn verity(has: bool) -> &'static str {
    if has {
        "yes: the kernel checks each read"
    } else {
        "no: the file system had no fs-verity when the store was made"
    }
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let template = args.format.as_deref().map(Template::parse).transpose()?;
    let store = session.look()?;
    let info = Info {
        root: store.root().to_owned(),
        driver: store.driver(),
        mounting: store.driver_words(),
        verity: store.has_verity(),
        images: store.images()?.len(),
        layers: store.layers()?.len(),
        containers: store.containers()?.len(),
        mounts: store.mounts()?.len(),
        version: env!("CARGO_PKG_VERSION"),
    };
    match template {
        Some(template) => return template.print(&term::template::fields(&info)?),
        None if args.json => return Ok(term::json::print(&info)?),
        None => {}
    }
    let mut table = Table::bare();
    table.row(["root", &info.root.to_string_lossy()]);
    table.row(["driver", &info.mounting]);
    table.row(["verity", verity(info.verity)]);
    table.row(["images", &info.images.to_string()]);
    table.row(["layers", &info.layers.to_string()]);
    table.row(["containers", &info.containers.to_string()]);
    table.row(["mounts", &info.mounts.to_string()]);
    table.row(["version", info.version]);
    Ok(table.print()?)
}
