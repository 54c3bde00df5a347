//! `storetool extract`: files of an image as files of one's own.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;

use crate::session::{Session, find_image};

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool extract app:1 rootfs
  storetool extract --path /etc app:1 etc-of-app

The directory appears when all is in it. Until then it is .DIRECTORY.storetool-part; what a kill
leaves of it is removed when the same command runs again.

EXIT STATUS:
0 when the files are there, 2 when the call was wrong, 1 otherwise; then nothing is there.

SEE ALSO:
storetool(1), storetool-ls(1), storetool-mount(1)";

/// Write the files of an image into a new directory
///
/// As root with owners, devices, attributes and times. Without root the files belong to you and
/// devices are left out; what was left out is said on standard error.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image
    image: String,
    /// The directory to make
    directory: PathBuf,
    /// Take this directory of the image and what is in it
    #[arg(long, value_name = "PATH", default_value = "/")]
    path: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Extracted {
    image: String,
    directory: PathBuf,
    /// What was left out, in words.
    notes: Vec<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.look()?;
    let image = find_image(&store, &args.image)?;
    let extracting = || format!("extracting {}", args.image);
    let tree = store.tree(&image).with_context(extracting)?;
    let notes = tree
        .extract(&args.path, &args.directory, &session.interrupt.flag())
        .with_context(extracting)?;
    for note in &notes {
        term::program::say(&format!("storetool: note: {note}\n"));
    }
    match args.json {
        true => Ok(term::json::print(&Extracted {
            image: image.manifest.to_string(),
            directory: args.directory.clone(),
            notes,
        })?),
        false => Ok(()),
    }
}
