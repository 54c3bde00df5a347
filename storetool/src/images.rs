//! `storetool images`: what is in the store.

use jiff::Timestamp;
use term::size::human;
use term::template::fields;
use term::{Table, Template};

use crate::session::Session;
use crate::shape::{Image, short};
use crate::when::ago;

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool images
  storetool images --json | jq -r '.[] | select(.names == []) | .digest'
  storetool images --format '{{.Digest}} {{join .Names \",\"}}'

EXIT STATUS:
0 when the list was printed, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-inspect(1), storetool-layers(1)";

/// List the images of the store
///
/// One line per name; an image without a name has one line, too.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Print digests alone, one per image
    #[arg(short, long, conflicts_with_all = ["json", "format"])]
    quiet: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Print each image by this Go template
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let template = args.format.as_deref().map(Template::parse).transpose()?;
    let records = session.look()?.images()?;
    if args.quiet {
        let lines: String = records
            .iter()
            .map(|image| format!("{}\n", image.manifest))
            .collect();
        return Ok(term::stdout::write_all(lines.as_bytes())?);
    }
    if args.json || template.is_some() {
        let images: Vec<Image> = records.iter().map(Image::of).collect();
        let Some(template) = template else {
            return Ok(term::json::print(&images)?);
        };
        let images = images.iter().map(fields).collect::<Result<Vec<_>, _>>()?;
        return template.print_all(&images);
    }
    let now = Timestamp::now();
    let mut table = Table::new(&["NAME", "DIGEST", "PLATFORM", "CREATED", "SIZE"]);
    for image in &records {
        let nameless = ["<none>".to_owned()];
        let names = match image.names.as_slice() {
            [] => nameless.as_slice(),
            names => names,
        };
        for name in names {
            table.row([
                name.as_str(),
                &short(&image.manifest),
                &platform(&image.os, &image.architecture, &image.variant),
                &ago(image.created.as_deref(), now),
                &human(image.size_bytes),
            ]);
        }
    }
    Ok(table.print()?)
}

/// `linux/arm/v7`.
fn platform(os: &str, architecture: &str, variant: &str) -> String {
    let parts = [os, architecture, variant];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("/")
}
