//! `skopeo-rs list-tags`: the tags of a repository.

use anyhow::Context as _;
use image::ImageError;
use term::Explain as _;

use crate::access::Access;
use crate::retry::Retry;
use crate::session::Session;

const AFTER_HELP: &str = "\
OUTPUT:
JSON with the members Repository (not for archives) and Tags, in the order in which the registry gives them. With --lines one tag a line.

EXAMPLES:
  skopeo-rs list-tags docker://registry.example/app
  skopeo-rs list-tags docker-archive:images.tar
  skopeo-rs list-tags --lines docker://registry.example/app | xargs -P4 -I{} skopeo-rs inspect docker://registry.example/app:{}

EXIT STATUS:
0 when the tags were listed, 2 when the repository was not found, 1 otherwise.

SEE ALSO:
skopeo-rs(1), skopeo-rs-inspect(1)";

/// List the tags of a repository or of a docker archive
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// docker://HOST/PATH without a tag, or docker-archive:FILE
    repository: String,
    /// Print one tag a line instead of JSON
    #[arg(long)]
    lines: bool,
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    access: Access,
}

pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<()> {
    let access = args.access.options(None, session.global.tls_verify)?;
    let list = args.retry.run(session, || {
        let listed = image::list_tags(&args.repository, &session.context, &access);
        let no_repository = matches!(
            listed,
            Err(ImageError::Name(_) | ImageError::Unsupported { .. })
        );
        let listed = listed.with_context(|| format!("listing tags of {}", args.repository));
        if no_repository {
            return listed.hint(
                || "list-tags takes docker://HOST/PATH without a tag, or docker-archive:FILE",
            );
        }
        listed
    })?;
    if args.lines {
        let lines: String = list.tags.iter().map(|tag| format!("{tag}\n")).collect();
        return Ok(term::stdout::write_all(lines.as_bytes())?);
    }
    Ok(term::json::print(&list)?)
}
