//! `skopeo-rs generate-sigstore-key`: a new pair of keys.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use signing::sigstore::KeyPair;
use term::{Interrupt, prompt, stdout};

const AFTER_HELP: &str = "\
The private key is encrypted with the passphrase, which is asked for at the terminal unless it is in a file. Other tools (cosign, podman, skopeo) read both files.

EXAMPLES:
  skopeo-rs generate-sigstore-key --output-prefix mine
  skopeo-rs generate-sigstore-key --output-prefix mine --passphrase-file passphrase
  skopeo-rs copy --sign-by-sigstore-private-key mine.private --sign-passphrase-file passphrase oci:layout:1 docker://registry.example/app:1

EXIT STATUS:
0 when both files are there, 1 otherwise: also when one was there before.

SEE ALSO:
skopeo-rs(1), skopeo-rs-copy(1)";

/// Make a pair of keys for sigstore signatures
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Write the keys to PREFIX.private and PREFIX.pub
    #[arg(long, value_name = "PREFIX")]
    output_prefix: String,
    /// Read the passphrase of the private key from the first line of this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, interrupt: &Interrupt) -> anyhow::Result<()> {
    if args.output_prefix.is_empty() {
        bail!("--output-prefix is empty");
    }
    let private = format!("{}.private", args.output_prefix);
    let public = format!("{}.pub", args.output_prefix);
    for path in [&public, &private] {
        // Before somebody thinks of a passphrase; the files are made only where nothing is, too.
        if std::fs::symlink_metadata(path).is_ok() {
            bail!("Refusing to overwrite existing {path:?}");
        }
    }
    let passphrase = passphrase(args.passphrase_file.as_deref(), &private, interrupt)?;
    let pair = KeyPair::generate(passphrase.as_bytes()).context("Error generating key pair")?;
    write(&private, 0o600, &pair.private)?;
    if let Err(error) = write(&public, 0o644, &pair.public) {
        // Half a pair is of no use, and in the way.
        let _ = std::fs::remove_file(&private);
        return Err(error);
    }
    let line = format!("Key written to {private:?} and {public:?}\n");
    Ok(stdout::write_all(line.as_bytes())?)
}

/// Reads the passphrase of a private key, from a file or from the terminal.
pub(crate) fn passphrase(
    file: Option<&Path>,
    private: &str,
    interrupt: &Interrupt,
) -> anyhow::Result<String> {
    match file {
        Some(file) => term::input::first_line(file, interrupt)
            .with_context(|| format!("reading the passphrase from {}", file.display())),
        None => prompt::secret(&format!("Passphrase for key {private}: "), interrupt)
            .with_context(|| format!("asking for the passphrase of key {private}")),
    }
}

fn write(path: &str, mode: u32, bytes: &[u8]) -> anyhow::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    let mut file = match file {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("Refusing to overwrite existing {path:?}")
        }
        file => file.with_context(|| format!("Error writing key to {path:?}"))?,
    };
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("Error writing key to {path:?}"))
}
