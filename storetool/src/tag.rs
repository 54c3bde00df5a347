//! `storetool tag`: one more name for an image.

use anyhow::{Context as _, bail};
use oci::Reference;

use crate::session::{Session, find_image};
use crate::shape::Image;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool tag app:1 app:stable
  storetool tag 3f9c0d registry.example/app:1

EXIT STATUS:
0 when the image has the name, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-untag(1)";

/// Give an image one more name
///
/// A name that another image has moves over in one step.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image
    image: String,
    /// The new names; the tag latest is added to a name without one
    #[arg(required = true)]
    name: Vec<String>,
    /// Print the image as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let names = args
        .name
        .iter()
        .map(|name| parse(name))
        .collect::<anyhow::Result<Vec<Reference>>>()?;
    let store = session.change_existing()?;
    let mut image = find_image(&store, &args.image)?;
    for name in &names {
        image = store
            .tag(&image.manifest.to_string(), name)
            .with_context(|| format!("naming {} {name}", image.manifest))?;
    }
    match args.json {
        true => Ok(term::json::print(&Image::of(&image))?),
        false => Ok(()),
    }
}

fn parse(name: &str) -> anyhow::Result<Reference> {
    let reference = Reference::parse(name).with_context(|| format!("parsing name {name}"))?;
    if reference.digest().is_some() {
        bail!("{name}: a name has no digest");
    }
    Ok(reference)
}
