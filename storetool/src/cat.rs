//! `storetool cat`: a file of an image, without mounting it.

use std::path::PathBuf;

use anyhow::Context as _;
use term::Stdout;

use crate::session::{Session, find_image};

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool cat app:1 /etc/os-release

EXIT STATUS:
0 when all files were printed, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-ls(1), storetool-extract(1)";

/// Print files of an image, without mounting it
///
/// Needs no root. Symbolic links are followed within the image.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image
    image: String,
    /// Files in it
    #[arg(required = true)]
    path: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.look()?;
    let image = find_image(&store, &args.image)?;
    let tree = store
        .tree(&image)
        .with_context(|| format!("reading the tree of {}", args.image))?;
    let mut out = Stdout::new();
    let mut failures = Vec::new();
    for path in &args.path {
        let reading = || format!("reading {} of {}", path.display(), args.image);
        let opened = tree.lookup(path, true).and_then(|entry| entry.open());
        match opened.with_context(reading) {
            Ok(mut content) => {
                std::io::copy(&mut content, &mut out).with_context(reading)?;
            }
            Err(error) => failures.push(error),
        }
    }
    out.finish()?;
    session.fail_last(failures)
}
