//! `skopeo-rs standalone-verify`: a simple signature checked with local files.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use oci::Reference;
use signing::simple::{self, VerifiedSignature};
use signing::{Fingerprint, Keyring};
use term::{Explain as _, Interrupt};

use crate::manifest_digest::read_manifest;

const AFTER_HELP: &str = "\
EXAMPLES:
  skopeo-rs standalone-verify manifest.json registry.example/app:1 any app.signature \\
      --public-key-file admin.gpg

EXIT STATUS:
0 when the signature is valid, 1 otherwise.

SEE ALSO:
skopeo-rs(1), skopeo-rs-standalone-sign(1), containers-policy.json(5)";

/// Verify a signature using local files
///
/// Says whether SIGNATURE was made by one of the keys for MANIFEST under exactly the name
/// DOCKER-REFERENCE. It asks no policy: whether the image may be used is another question.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The manifest, as `inspect --raw` prints it
    manifest: PathBuf,
    /// The full name that must have been signed
    docker_reference: String,
    /// The accepted keys: fingerprints with commas between, or any with --public-key-file
    key_fingerprints: String,
    /// The signature
    signature: PathBuf,
    /// Read public keys from this file (default: the GnuPG home)
    #[arg(long, value_name = "FILE")]
    public_key_file: Option<PathBuf>,
}

/// Most bytes of a file with public keys.
const KEY_FILE_BYTES: u64 = 16 << 20;

pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> anyhow::Result<()> {
    let manifest = read_manifest(&args.manifest, interrupt)?;
    let signature = term::input::read(&args.signature, oci::limits::SIGNATURE_BYTES, interrupt)
        .with_context(|| format!("reading signature from {}", args.signature.display()))?;
    let reference = Reference::parse(&args.docker_reference)
        .with_context(|| format!("parsing {}", args.docker_reference))?;
    let verified =
        verify(&signature, &keyrings(args, interrupt)?).context("verifying signature")?;
    verified
        .matches(&manifest, &reference)
        .context("verifying signature")?;
    term::stdout::line(&format!(
        "Signature verified using fingerprint {}, digest {}",
        verified.fingerprint(),
        verified.digest()
    ))?;
    Ok(())
}

/// Tries one ring after the other; the last failure counts.
fn verify(signature: &[u8], keyrings: &[Keyring]) -> anyhow::Result<VerifiedSignature> {
    let mut failure = anyhow::anyhow!("no key was named");
    for keyring in keyrings {
        match simple::verify(signature, keyring, Timestamp::now()) {
            Ok(verified) => return Ok(verified),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

/// The keys that may have signed, and no others.
fn keyrings(args: &Args, interrupt: &Interrupt) -> anyhow::Result<Vec<Keyring>> {
    let any = args.key_fingerprints == "any";
    let Some(file) = &args.public_key_file else {
        if any {
            bail!("cannot use any fingerprint without a public key file");
        }
        return gnupg_keyrings(&fingerprints(&args.key_fingerprints)?);
    };
    let bytes = term::input::read(file, KEY_FILE_BYTES, interrupt)
        .with_context(|| format!("reading public keys from {}", file.display()))?;
    let keyring = Keyring::from_bytes(&bytes)
        .with_context(|| format!("reading public keys from {}", file.display()))?;
    if any {
        return Ok(vec![keyring]);
    }
    let wanted = fingerprints(&args.key_fingerprints)?;
    let keyring = keyring
        .only(&wanted)
        .with_context(|| format!("{} has none of these keys", file.display()))?;
    Ok(vec![keyring])
}

/// gpg may name more than what was asked for, so each ring is cut down to its one key.
fn gnupg_keyrings(wanted: &[Fingerprint]) -> anyhow::Result<Vec<Keyring>> {
    wanted
        .iter()
        .map(|fingerprint| {
            Keyring::from_gnupg(None, fingerprint.as_str())
                .context("asking gpg")
                .and_then(|keyring| {
                    keyring
                        .only(std::slice::from_ref(fingerprint))
                        .context("gpg knows it as a subkey only: name the primary key")
                })
                .with_context(|| format!("finding public key {fingerprint}"))
                .hint(|| "`gpg --list-keys` shows the keys; --public-key-file reads a file")
        })
        .collect()
}

fn fingerprints(text: &str) -> anyhow::Result<Vec<Fingerprint>> {
    text.split(',')
        .map(|text| {
            Fingerprint::parse(text.trim())
                .with_context(|| format!("{text:?} is no fingerprint of 40 hexadecimal digits"))
        })
        .collect()
}
