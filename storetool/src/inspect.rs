//! `storetool inspect`: one image of the store.

use term::Template;

use crate::session::{Session, find_image};
use crate::shape::Image;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool inspect app:1
  storetool inspect --config app:1 | ocitool generate --image-config - --rootfs ROOT
  storetool inspect --format '{{.Policy.Scope}} {{.Policy.Signers}}' app:1

EXIT STATUS:
0 when the image is in the store, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-images(1), skopeo-rs-inspect(1)";

/// Show what the store knows of an image
///
/// Where it came from, which line of the trust policy and which keys let it in, its layers.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image
    image: String,
    /// Print the manifest, byte for byte as it was received
    #[arg(long, conflicts_with_all = ["config", "format", "json"])]
    raw: bool,
    /// Print the image configuration, byte for byte as it was received
    #[arg(long, conflicts_with_all = ["format", "json"])]
    config: bool,
    /// Print JSON, which is the default
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Print by this Go template
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let template = args.format.as_deref().map(Template::parse).transpose()?;
    let store = session.look()?;
    let record = find_image(&store, &args.image)?;
    if args.raw {
        return Ok(term::stdout::write_all(&store.blob_raw(&record.manifest)?)?);
    }
    if args.config {
        return Ok(term::stdout::write_all(&store.blob_raw(&record.config)?)?);
    }
    let image = Image::of(&record);
    match template {
        Some(template) => template.print(&term::template::fields(&image)?),
        None => Ok(term::json::print(&image)?),
    }
}
