//! `storetool layers`: what the images are made of.

use term::Table;
use term::size::human;

use crate::session::{Session, find_image};
use crate::shape::{StoredLayer, short};

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool layers
  storetool layers app:1
  storetool layers --json | jq 'map(select(.images == []))'

EXIT STATUS:
0 when the list was printed, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-images(1), storetool-du(1)";

/// List the layers of the store, or of one image
///
/// Layers of an image are listed lowest first. A layer that no image has is removed by
/// `storetool gc`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// List the layers of this image alone
    image: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.look()?;
    let images = store.images()?;
    let records = match &args.image {
        None => store.layers()?,
        Some(wanted) => {
            let mut layers = Vec::new();
            for layer in &find_image(&store, wanted)?.layers {
                layers.extend(store.layer(&layer.diff_id)?);
            }
            layers
        }
    };
    let shown = records
        .iter()
        .map(|record| StoredLayer::of(record, &images));
    if args.json {
        return Ok(term::json::print(&shown.collect::<Vec<_>>())?);
    }
    let mut table = Table::new(&["LAYER", "BLOB", "COMPRESSED", "TAR", "FILES", "IMAGES"]);
    for (record, layer) in records.iter().zip(shown) {
        table.row([
            short(&record.diff_id.0),
            short(&record.blob),
            human(record.blob_bytes),
            human(record.tar_bytes),
            record.files.to_string(),
            layer.image_count().to_string(),
        ]);
    }
    Ok(table.print()?)
}
