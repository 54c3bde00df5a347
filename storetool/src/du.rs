//! `storetool du`: what each image takes, and what it shares.

use anyhow::Context as _;
use serde::Serialize;
use term::Table;
use term::size::human;

use crate::session::Session;
use crate::shape::short;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool du
  storetool du --json | jq '.images | max_by(.own_bytes)'

EXIT STATUS:
0 when the usage was printed, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-gc(1), storetool-rm(1)";

/// Show what each image takes on disk, and what it shares with others
///
/// OWN is what `storetool rm` and `storetool gc` give back for this image alone; SHARED is what
/// other images need as well.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Usage {
    images: Vec<ImageUsage>,
    /// Objects that some image needs.
    objects: u64,
    /// Bytes on disk of these.
    object_bytes: u64,
    /// Bytes on disk of all objects, what `storetool gc` removes among them.
    all_object_bytes: u64,
    /// Bytes that the images would take if they shared nothing.
    unshared_bytes: u64,
}

#[derive(Debug, Serialize)]
struct ImageUsage {
    digest: String,
    names: Vec<String>,
    own_bytes: u64,
    shared_bytes: u64,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let usage = session
        .look()?
        .usage()
        .context("counting what the images take")?;
    if args.json {
        let images = usage.images.iter().map(|image| ImageUsage {
            digest: image.image.to_string(),
            names: image.names.clone(),
            own_bytes: image.own_bytes,
            shared_bytes: image.shared_bytes,
        });
        return Ok(term::json::print(&Usage {
            images: images.collect(),
            objects: usage.objects,
            object_bytes: usage.object_bytes,
            all_object_bytes: usage.all_object_bytes,
            unshared_bytes: usage.unshared_bytes,
        })?);
    }
    let mut table = Table::new(&["IMAGE", "NAME", "OWN", "SHARED"]);
    for image in &usage.images {
        table.row([
            short(&image.image),
            image.names.first().cloned().unwrap_or_default(),
            human(image.own_bytes),
            human(image.shared_bytes),
        ]);
    }
    table.print()?;
    let garbage = usage.all_object_bytes.saturating_sub(usage.object_bytes);
    term::program::say(&format!(
        "{} on disk for what would take {} unshared; {} for `storetool gc`\n",
        human(usage.object_bytes),
        human(usage.unshared_bytes),
        human(garbage),
    ));
    Ok(())
}
