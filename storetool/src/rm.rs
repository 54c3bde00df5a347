//! `storetool rm`: an image less.

use anyhow::Context as _;
use term::Explain as _;

use crate::session::{Session, find_image};

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool rm app:1
  storetool images -q | xargs -r storetool rm
  storetool rm app:1 && storetool gc

EXIT STATUS:
0 when all the images are gone, 2 when the call was wrong, 1 otherwise; images after one that could not be removed are tried, too.

SEE ALSO:
storetool(1), storetool-untag(1), storetool-gc(1)";

/// Remove images with all their names
///
/// Prints the digest of each image that was removed. Disk space comes back with the next
/// `storetool gc`. An image that is mounted or that a container is made of stays.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The images
    #[arg(required = true)]
    image: Vec<String>,
    /// Print the removed images as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.change_existing()?;
    let mut removed = Vec::new();
    let mut failures = Vec::new();
    for wanted in &args.image {
        let done = find_image(&store, wanted).and_then(|image| {
            store
                .remove_image(&image.manifest.to_string())
                .with_context(|| format!("removing image {wanted}"))
                .hint(|| "`storetool mounted` and `storetool containers ls` show what uses it")
        });
        match done {
            Ok(image) => removed.push(image),
            Err(error) => failures.push(error),
        }
    }
    match args.json {
        true => {
            let removed: Vec<_> = removed.iter().map(crate::shape::Image::of).collect();
            term::json::print(&removed)?;
        }
        false => {
            let lines: String = removed
                .iter()
                .map(|image| format!("{}\n", image.manifest))
                .collect();
            term::stdout::write_all(lines.as_bytes())?;
        }
    }
    session.fail_last(failures)
}
