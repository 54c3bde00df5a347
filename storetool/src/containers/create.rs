//! `storetool containers create`: a container more.

use anyhow::Context as _;
use jiff::Timestamp;
use storage::NewContainer;

use super::Container;
use crate::session::{Session, find_image};

const AFTER_HELP: &str = "\
EXAMPLES:
  id=$(storetool containers create app:1)
  storetool containers create --name web --label owner=alice app:1

EXIT STATUS:
0 when the container is there, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool-containers(1), storetool-mount(1)";

/// Make a container of an image and print its id
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(super) struct Args {
    /// The image
    image: String,
    /// Its name (default: the first 12 digits of its id)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Remember this with the container (can be repeated)
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_label)]
    label: Vec<(String, String)>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.change_existing()?;
    let container = store
        .create_container(&NewContainer {
            image: find_image(&store, &args.image)?.manifest.to_string(),
            name: args.name.clone(),
            labels: args.label.iter().cloned().collect(),
            now: Timestamp::now().to_string(),
        })
        .with_context(|| format!("making a container of {}", args.image))?;
    for note in &container.notes {
        term::program::say(&format!("storetool: note: {note}\n"));
    }
    match args.json {
        true => Ok(term::json::print(&Container::of(&container, false))?),
        false => Ok(term::stdout::line(&container.id)?),
    }
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("not of the form KEY=VALUE".to_owned()),
    }
}
