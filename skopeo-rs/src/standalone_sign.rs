//! `skopeo-rs standalone-sign`: a simple signature made from local files.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use signing::SigningKey;
use term::{Explain as _, Interrupt};

use crate::manifest_digest::read_manifest;

const AFTER_HELP: &str = "\
EXAMPLES:
  skopeo-rs standalone-sign manifest.json registry.example/app:1 admin@example -o app.signature

EXIT STATUS:
0 when the signature was written, 1 otherwise.

SEE ALSO:
skopeo-rs(1), skopeo-rs-standalone-verify(1), gpg(1)";

/// Create a signature using local files
///
/// Signs the statement that MANIFEST is what DOCKER-REFERENCE names, with a secret key of the
/// GnuPG home ($GNUPGHOME or ~/.gnupg). The secret stays with gpg-agent.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The manifest, as `inspect --raw` prints it
    manifest: PathBuf,
    /// The full name that the image shall have, e.g. registry.example/app:1
    docker_reference: String,
    /// The secret key: its fingerprint, its id or its user
    key_fingerprint: String,
    /// Write the signature to this file
    #[arg(short, long, value_name = "FILE", required = true)]
    output: PathBuf,
    /// Read the passphrase of the key from the first line of this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> anyhow::Result<()> {
    let manifest = read_manifest(&args.manifest, interrupt)?;
    if args.docker_reference.is_empty() {
        bail!("empty DOCKER-REFERENCE");
    }
    let passphrase = args
        .passphrase_file
        .as_deref()
        .map(|file| term::input::first_line(file, interrupt))
        .transpose()
        .context("reading the passphrase")?;
    let key = SigningKey::from_gnupg(None, &args.key_fingerprint, passphrase.as_deref())
        .with_context(|| format!("finding secret key {}", args.key_fingerprint))
        .hint(|| "`gpg --list-secret-keys` shows the keys that can sign")?;
    let signature = signing::simple::sign(
        &key,
        manifest.digest(),
        &args.docker_reference,
        crate::session::CREATOR,
        Timestamp::now(),
    )
    .context("creating signature")?;
    std::fs::write(&args.output, signature)
        .with_context(|| format!("writing signature to {}", args.output.display()))
}
