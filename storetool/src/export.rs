//! `storetool export`: an image out of the store, as an archive.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use image::name::{ImageName, LayoutImage, LayoutName, StoreName};
use image::{CopyOptions, EndpointOptions, SinkOptions, open_sink, open_source};
use jiff::Timestamp;
use oci::Reference;
use serde::Serialize;
use signing::Policy;
use storage::ImageRecord;
use term::ProgressArgs;
use term::copy::{CopyProgress, Report};
use term::progress::Shown;

use crate::session::{Session, find_image};

const AFTER_HELP: &str = "\
OUTPUT:
An OCI archive. Without the compressed layers (see storetool pull --keep-blobs) the layers are written uncompressed with a manifest made for them. The digest is another one then, and where the manifest is docker's, for archives hold OCI's; it is said on standard error.

EXAMPLES:
  storetool export app:1 | skopeo-rs copy oci-archive:- docker://registry.example/app:copy
  storetool export -o app.tar app:1
  storetool export app:1 | ssh host storetool import --name app:1 -

EXIT STATUS:
0 when the archive is complete; 129, 130 or 143 after SIGHUP, Ctrl-C or SIGTERM; 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-import(1), skopeo-rs-copy(1)";

/// Write an image of the store as an OCI archive
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image
    image: String,
    /// Write to this file; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
    /// Print what was written as JSON (with --output FILE)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    progress: ProgressArgs,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Exported {
    /// The digest of the image in the store.
    image: String,
    /// The digest of the image in the archive.
    digest: String,
    /// Its name there.
    name: Option<String>,
    output: PathBuf,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    if args.output == Path::new("-") {
        if args.json {
            bail!("with --json the archive goes to a file: use -o FILE");
        }
        if std::io::stdout().is_terminal() {
            bail!("an archive is not for a terminal: use -o FILE, or a pipe");
        }
    }
    let store = session.look()?;
    let record = find_image(&store, &args.image)?;
    let context = session.context(&store, None)?;
    let source = ImageName::Store(StoreName {
        text: record.manifest.to_string(),
        reference: None,
    });
    let name = name(&args.image, &record);
    let destination = ImageName::OciArchive(LayoutName {
        path: args.output.clone(),
        image: name.clone().map(LayoutImage::Ref),
    });
    let shown = args.progress.progress.shown(args.quiet);
    let report = match shown {
        Shown::Nothing => Report::Silent,
        _ => Report::Notable,
    };
    let progress = CopyProgress::new(shown, report, &session.interrupt);
    let none = EndpointOptions::default();
    // The policy judged the image on its way into the store, which says so of itself.
    let policy = Policy::parse(br#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
        .context("parsing the policy for images of the store")?;
    let exported = open_source(&source, &context, &none)
        .context("reading the store")
        .and_then(|source| {
            let sink_options = SinkOptions {
                accept_uncompressed: true,
                ..SinkOptions::default()
            };
            let sink = open_sink(&destination, &context, &none, &sink_options)
                .with_context(|| format!("opening {}", args.output.display()))?;
            let options = CopyOptions::new(Timestamp::now());
            let source = source.as_ref();
            Ok(image::copy(
                &context, source, sink, &policy, &options, &progress,
            )?)
        });
    progress.finish();
    let exported = exported.with_context(|| format!("exporting {}", args.image))?;
    if !args.quiet && exported.digest != record.manifest {
        let (digest, image) = (exported.digest, record.manifest);
        term::program::say(&format!(
            "{digest} in the archive is {image} of the store\n"
        ));
    }
    match args.json {
        true => Ok(term::json::print(&Exported {
            image: record.manifest.to_string(),
            digest: exported.digest.to_string(),
            name,
            output: args.output.clone(),
        })?),
        false => Ok(()),
    }
}

/// The name that the image has in the archive: the one it was asked for by, else its first.
fn name(wanted: &str, record: &ImageRecord) -> Option<String> {
    let asked = Reference::parse(wanted).map(|name| name.with_default_tag().to_string());
    asked
        .ok()
        .filter(|name| record.names.contains(name))
        .or_else(|| record.names.first().cloned())
}
