//! `skopeo-rs delete`: an image removed from where it is.

use std::fmt::Write as _;

use anyhow::Context as _;
use image::{DeleteOptions, Deleted, ImageError, ImageName};
use term::Explain as _;

use crate::access::{Access, Places};
use crate::retry::Retry;
use crate::session::Session;

const AFTER_HELP: &str = "\
TRANSPORTS:
  docker://  the manifest, by its digest: every tag that points to it goes, too (but see --tag-only). The registry frees the space when it collects garbage. Signatures in a lookaside directory go with it.
  oci:       the entry of index.json, and the blobs that no other entry needs; none of a --shared-blob-dir.

OUTPUT:
Nothing, as the original. With --dry-run one line for what would go: the digest and, after a tab, a tag; several lines for several tags.

EXAMPLES:
  skopeo-rs delete docker://registry.example/app:1
  skopeo-rs delete --tag-only docker://registry.example/app:old
  skopeo-rs delete --if-only-tag docker://registry.example/app:1
  skopeo-rs delete --dry-run docker://registry.example/app:1
  skopeo-rs delete oci:layout:1

EXIT STATUS:
0 when the image is gone, 2 when it was not there, 1 otherwise: also when --if-only-tag found other tags, which are then named.

SEE ALSO:
skopeo-rs(1), skopeo-rs-list-tags(1)";

/// Delete an image
///
/// A registry deletes manifests by their digest: all tags of the image go with it. Use --tag-only
/// to take away one tag, --if-only-tag to be stopped when there are others.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image: docker://…, oci:…
    image: String,
    /// Take away the tag alone, and leave the image and its other tags
    ///
    /// Where the registry deletes no tags, the tag is moved to an empty manifest, and that is
    /// deleted.
    #[arg(long)]
    tag_only: bool,
    /// Delete nothing when other tags point to the same image, and name them
    #[arg(long, conflicts_with = "tag_only")]
    if_only_tag: bool,
    /// Delete nothing, and print what would go
    #[arg(long)]
    dry_run: bool,
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
    let mut access = args.access.options(None, session.global.tls_verify)?;
    args.places.apply(&mut access);
    let how = DeleteOptions {
        tag_only: args.tag_only,
        if_only_tag: args.if_only_tag,
        dry_run: args.dry_run,
    };
    let deleted = args.retry.run(session, || {
        let deleted = image::delete(&session.context, &name, &access, how);
        let hint = deleted.as_ref().err().and_then(hint);
        let deleted = deleted.with_context(|| format!("deleting {name}"));
        match hint {
            Some(hint) => deleted.hint(|| hint),
            None => deleted,
        }
    })?;
    if let Some(base) = &deleted.signatures_stay {
        session.warn(&format!(
            "signatures at {base} can not be deleted from here"
        ));
    }
    if let Some((blobs, bytes)) = deleted.blobs {
        session.debug(|| format!("{blobs} blobs, {bytes} bytes"));
    }
    if args.dry_run {
        term::stdout::write_all(lines(&deleted).as_bytes())?;
    }
    Ok(())
}

/// What would go, a line each.
fn lines(deleted: &Deleted) -> String {
    let mut lines = String::new();
    for tag in &deleted.tags {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{}\t{tag}", deleted.digest);
    }
    if lines.is_empty() {
        lines = format!("{}\n", deleted.digest);
    }
    lines
}

fn hint(error: &ImageError) -> Option<&'static str> {
    match error {
        ImageError::OtherTags { .. } => Some(
            "--tag-only takes away this tag alone; without --if-only-tag all of them go with the image",
        ),
        ImageError::NoTag { .. } => Some("--tag-only needs a name with a tag"),
        ImageError::Unsupported { .. } => Some("delete takes docker:// and oci: names"),
        ImageError::Registry { source, .. }
            if source.status().is_some_and(|status| status.as_u16() == 405) =>
        {
            Some(
                "the registry does not delete; a docker-registry does with `delete: {enabled: true}` in its storage section",
            )
        }
        _ => None,
    }
}
