//! `skopeo-rs layers`: blobs of an image into a new directory; deprecated, as in the original.

use anyhow::Context as _;
use image::layers::fetch_layers;
use image::{ImageName, open_source};
use oci::Digest;
use term::Explain as _;
use term::program::say;

use crate::access::{Access, Places};
use crate::retry::Retry;
use crate::session::Session;

const AFTER_HELP: &str = "\
The layers and the configuration, or the blobs that are named, are written to a new directory layers-* in the working directory, in the form of dir:. Use `skopeo-rs copy IMAGE dir:PATH`.

EXIT STATUS:
0 when the blobs are there, 2 when the image was not found, 1 otherwise.

SEE ALSO:
skopeo-rs-copy(1)";

/// Fetch layers of an image into a new directory (deprecated: use copy)
#[derive(Debug, clap::Args)]
#[command(hide = true, after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image
    image: String,
    /// Its blobs; all layers and the configuration without
    digests: Vec<String>,
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    places: Places,
}

pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<()> {
    say("DEPRECATED: skopeo-rs layers is deprecated in favor of skopeo-rs copy\n");
    let name = ImageName::parse(&args.image)
        .with_context(|| format!("invalid image name {}", args.image))
        .hint(|| "an image is named TRANSPORT:REST, e.g. docker://registry.example/app:1")?;
    let mut endpoint = args.access.options(None, session.global.tls_verify)?;
    args.places.apply(&mut endpoint);
    let mut wanted = Vec::with_capacity(args.digests.len());
    for text in &args.digests {
        let full = match text.contains(':') {
            true => text.clone(),
            false => format!("sha256:{text}"),
        };
        wanted.push(Digest::parse(&full).with_context(|| format!("invalid digest {text}"))?);
    }
    let context = &session.context;
    args.retry.run(session, || {
        let source = open_source(&name, context, &endpoint)
            .with_context(|| format!("reading image {name}"))?;
        let directory = tempfile::Builder::new()
            .prefix("layers-")
            .tempdir_in(".")
            .context("making a directory")?;
        fetch_layers(context, source.as_ref(), &wanted, directory.path())?;
        // It stays when all is there.
        let _ = directory.keep();
        Ok(())
    })
}
