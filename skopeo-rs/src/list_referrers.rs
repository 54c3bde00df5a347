//! `skopeo-rs list-referrers`: what is about an image.

use anyhow::Context as _;
use image::ImageName;
use image::referrers::{ReferrerOptions, list_referrers};
use term::Explain as _;

use crate::access::{Access, Places};
use crate::retry::Retry;
use crate::session::Session;

const AFTER_HELP: &str = "\
Signatures, bills of materials and attestations are manifests that name another one as their subject. A registry lists them, or keeps the list under a tag; an oci: layout has them among its entries.

OUTPUT:
JSON with the members Subject (a digest) and Referrers: ArtifactType, Digest, MediaType, Size, Annotations, and with --recursive Referrers again.

EXAMPLES:
  skopeo-rs list-referrers docker://registry.example/app:1
  skopeo-rs list-referrers --artifact-type application/spdx+json docker://registry.example/app:1 | jq -r '.Referrers[].Digest'
  skopeo-rs copy --preserve-digests --referrers docker://registry.example/app:1 docker://mirror.example/app:1

EXIT STATUS:
0 when they were listed, also when there are none, 2 when the image was not found, 1 otherwise.

SEE ALSO:
skopeo-rs(1), skopeo-rs-copy(1)";

/// List signatures, SBOMs and whatever else is about an image
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image: docker://…, oci:…, oci-archive:…
    image: String,
    /// Those of this type alone
    #[arg(long, value_name = "TYPE")]
    artifact_type: Option<String>,
    /// Of a list, those of the instance for this platform (see --override-arch)
    #[arg(long)]
    instance: bool,
    /// List what is about them, too
    #[arg(long)]
    recursive: bool,
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    places: Places,
}

pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<()> {
    let name = ImageName::parse(&args.image)
        .with_context(|| format!("invalid image name {}", args.image))
        .hint(|| "an image is named TRANSPORT:REST, e.g. docker://registry.example/app:1")?;
    let mut endpoint = args.access.options(None, session.global.tls_verify)?;
    args.places.apply(&mut endpoint);
    let options = ReferrerOptions {
        artifact_type: args.artifact_type,
        of_instance: args.instance,
        recursive: args.recursive,
    };
    let listed = args.retry.run(session, || {
        Ok(list_referrers(
            &session.context,
            &name,
            &endpoint,
            &options,
        )?)
    })?;
    Ok(term::json::print(&listed)?)
}
