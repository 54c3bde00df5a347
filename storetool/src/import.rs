//! `storetool import`: an image that is a file into the store.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use archive::tarfile::{TarIndex, TarLimits};
use image::ImageName;
use image::name::{ArchiveName, LayoutName};

use crate::access::Access;
use crate::pull::{Arrival, arrive};
use crate::session::Session;

const AFTER_HELP: &str = "\
EXAMPLES:
  skopeo-rs copy docker://registry.example/app:1 oci-archive:- | storetool import --name app:1 -
  podman save --format oci-archive app:1 | storetool import --name app:1 -
  storetool import --name app:1 app.tar
  storetool import docker-archive:images.tar:app:1

EXIT STATUS:
0 when the image is in the store, on disk; 129, 130 or 143 after SIGHUP, Ctrl-C or SIGTERM; 2 when the call was wrong, 1 otherwise. Unless it is 0 the store is as it was before.

SEE ALSO:
storetool(1), storetool-pull(1), storetool-export(1), containers-policy.json(5)";

/// Bring an image that is a file or a directory into the store
///
/// The trust policy judges it as it judges images of registries: by the transports oci-archive,
/// docker-archive and oci.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// An OCI archive on standard input (-), a file (an OCI or docker archive), a directory (an
    /// OCI layout), or TRANSPORT:REST
    image: String,
    #[command(flatten)]
    arrival: Arrival,
    #[command(flatten)]
    access: Access,
}

pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<()> {
    let source = source(&args.image)?;
    arrive(&source, &args.arrival, args.access, session)
}

/// What is meant: a file of that name first, for a name may have a colon in it.
fn source(text: &str) -> anyhow::Result<ImageName> {
    let path = PathBuf::from(text);
    let layout = |path: PathBuf| LayoutName { path, image: None };
    if text == "-" {
        return Ok(ImageName::OciArchive(layout(path)));
    }
    if path.is_dir() {
        return Ok(ImageName::Oci(layout(path)));
    }
    if !path.is_file() {
        return ImageName::parse(text)
            .with_context(|| format!("{text} is no file, no directory and no image name"));
    }
    Ok(match is_oci_archive(&path)? {
        true => ImageName::OciArchive(layout(path)),
        false => ImageName::DockerArchive(ArchiveName { path, image: None }),
    })
}

/// Tells the two kinds of archive apart: only one of them has an `index.json`. Of a compressed
/// archive, which docker's may be, nothing can be told here.
fn is_oci_archive(path: &Path) -> anyhow::Result<bool> {
    let file = std::fs::File::open(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(TarIndex::scan(file, TarLimits::default())
        .is_ok_and(|index| index.size("index.json").is_some()))
}
