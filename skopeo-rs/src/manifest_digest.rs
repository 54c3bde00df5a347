//! `skopeo-rs manifest-digest`: the digest of a manifest in a file.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use oci::RawManifest;
use term::Interrupt;

const AFTER_HELP: &str = "\
EXAMPLES:
  skopeo-rs inspect --raw docker://registry.example/app:1 > manifest.json
  skopeo-rs manifest-digest manifest.json

EXIT STATUS:
0 when the digest was printed, 1 otherwise.

SEE ALSO:
skopeo-rs(1), skopeo-rs-standalone-sign(1)";

/// Compute the digest of a manifest in a file
///
/// Prints the digest under which a registry keeps the manifest. Signatures inside a manifest of
/// docker's schema 1 do not count.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The manifest, as `inspect --raw` prints it; - is standard input
    manifest: PathBuf,
}

pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> anyhow::Result<()> {
    let digest = image::inspect::manifest_digest(&read(&args.manifest, interrupt)?);
    Ok(term::stdout::line(&digest.to_string())?)
}

fn read(path: &Path, interrupt: &Interrupt) -> anyhow::Result<Vec<u8>> {
    term::input::read(path, oci::limits::MANIFEST_BYTES, interrupt)
        .with_context(|| format!("reading manifest from {}", path.display()))
}

/// Reads a manifest from a file, bounded, for those who must know what it is.
pub(crate) fn read_manifest(path: &Path, interrupt: &Interrupt) -> anyhow::Result<RawManifest> {
    RawManifest::parse(read(path, interrupt)?, None)
        .with_context(|| format!("parsing {}", path.display()))
}
