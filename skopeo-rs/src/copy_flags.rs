//! The flags that copy and sync share: formats and signatures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use config::sigstore_params::SigstoreParams;
use image::{CopyOptions, ImageSigner, ManifestFormat};
use signing::{SigningKey, SigstoreKey};
use term::Explain as _;

use crate::generate_sigstore_key::passphrase;
use crate::session::{CREATOR, Session};

/// What becomes of manifests and signatures.
#[derive(Debug, clap::Args)]
pub(crate) struct CopyFlags {
    /// Write manifests in this format (default: that of the source where the destination takes it)
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Fail rather than change any digest
    ///
    /// It does not imply --all: without, an instance of a list is copied as it is, without the
    /// list.
    #[arg(long)]
    pub(crate) preserve_digests: bool,

    /// Copy what is about the image, too: signatures, SBOMs, attestations (see list-referrers)
    ///
    /// They are copied as they are, and are about the image as it is: it must not change on its way.
    #[arg(long)]
    referrers: bool,

    /// Leave the signatures of the source behind; the policy sees them nevertheless
    #[arg(long, help_heading = "Signatures")]
    remove_signatures: bool,
    /// Sign the copy with this secret key of the GnuPG home: fingerprint, id or user
    #[arg(long, value_name = "KEY", help_heading = "Signatures")]
    sign_by: Option<String>,
    /// Sign the copy with this secret key of sq: its fingerprint
    #[arg(long, value_name = "FINGERPRINT", help_heading = "Signatures")]
    sign_by_sq_fingerprint: Option<String>,
    /// Sign the copy with this private key of cosign
    #[arg(long, value_name = "FILE", help_heading = "Signatures")]
    sign_by_sigstore_private_key: Option<PathBuf>,
    /// Sign the copy as this file says (containers-sigstore-signing-params.yaml(5)): with a private
    /// key
    #[arg(long, value_name = "FILE", help_heading = "Signatures")]
    sign_by_sigstore: Option<PathBuf>,
    /// Read the passphrase of the one key from the first line of this file
    #[arg(long, value_name = "FILE", help_heading = "Signatures")]
    sign_passphrase_file: Option<PathBuf>,
}

/// A format of manifests.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// OCI image manifests
    Oci,
    /// Docker schema 2
    V2s2,
}

impl CopyFlags {
    /// Adds what the library is told.
    pub(crate) fn apply(&self, options: &mut CopyOptions, session: &Session) -> anyhow::Result<()> {
        options.format = self.format.map(|format| match format {
            Format::Oci => ManifestFormat::Oci,
            Format::V2s2 => ManifestFormat::V2s2,
        });
        options.referrers = self.referrers;
        options.remove_signatures = self.remove_signatures;
        options.preserve_digests = self.preserve_digests;
        CREATOR.clone_into(&mut options.creator);
        options.signers = self.signers(session)?;
        Ok(())
    }

    /// Makes ready to sign, in the order of the original.
    fn signers(&self, session: &Session) -> anyhow::Result<Vec<ImageSigner>> {
        let own = [
            self.sign_by.is_some(),
            self.sign_by_sq_fingerprint.is_some(),
            self.sign_by_sigstore_private_key.is_some(),
        ];
        let count = own.iter().filter(|given| **given).count();
        let passphrase = match (&self.sign_passphrase_file, count) {
            (None, _) => None,
            (Some(_), 0) => bail!("--sign-passphrase-file: there is no key that it is for"),
            (Some(file), 1) => Some(
                term::input::first_line(file, &session.interrupt)
                    .context("reading the passphrase")?,
            ),
            (Some(_), _) => bail!(
                "Only one of --sign-by, --sign-by-sq-fingerprint and \
                 --sign-by-sigstore-private-key can be used with --sign-passphrase-file"
            ),
        };
        let passphrase = passphrase.as_deref();
        let mut signers = Vec::new();
        if let Some(file) = &self.sign_by_sigstore {
            let key = from_params(file, session)
                .with_context(|| format!("--sign-by-sigstore {}", file.display()))?;
            signers.push(ImageSigner::Sigstore(Arc::new(key)));
        }
        if let Some(fingerprint) = &self.sign_by_sq_fingerprint {
            let key = session
                .context
                .env
                .softkeys()
                .context("neither $SEQUOIA_HOME nor a home directory is known")
                .and_then(|directory| {
                    let now = session.now;
                    Ok(SigningKey::from_softkeys(
                        &directory,
                        fingerprint,
                        passphrase,
                        now,
                    )?)
                })
                .with_context(|| format!("finding secret key {fingerprint} of sq"))
                .hint(|| "`sq key list` shows the keys that can sign")?;
            signers.push(ImageSigner::Simple(Arc::new(key)));
        }
        if let Some(name) = &self.sign_by {
            let key = SigningKey::from_gnupg(None, name, passphrase)
                .with_context(|| format!("finding secret key {name}"))
                .hint(|| "`gpg --list-secret-keys` shows the keys that can sign")?;
            signers.push(ImageSigner::Simple(Arc::new(key)));
        }
        if let Some(file) = &self.sign_by_sigstore_private_key {
            let passphrase = match passphrase {
                Some(passphrase) => passphrase.to_owned(),
                None => ask(None, file, session)?,
            };
            let key = private_key(file, &passphrase, session)?;
            signers.push(ImageSigner::Sigstore(Arc::new(key)));
        }
        Ok(signers)
    }
}

/// Reads how to sign from a file of parameters.
fn from_params(file: &Path, session: &Session) -> anyhow::Result<SigstoreKey> {
    let params = SigstoreParams::read(file)?;
    if let Some(member) = params.service() {
        bail!("{member} is not supported: nothing is signed by a service, only with a private key");
    }
    let key = params
        .private_key_file
        .context("there is no privateKeyFile")?;
    let passphrase = ask(params.private_key_passphrase_file.as_deref(), &key, session)?;
    private_key(&key, &passphrase, session)
}

fn ask(file: Option<&Path>, key: &Path, session: &Session) -> anyhow::Result<String> {
    passphrase(file, &key.display().to_string(), &session.interrupt)
}

fn private_key(file: &Path, passphrase: &str, session: &Session) -> anyhow::Result<SigstoreKey> {
    term::input::read(file, KEY_BYTES, &session.interrupt)
        .map_err(anyhow::Error::from)
        .and_then(|bytes| Ok(SigstoreKey::from_file(&bytes, passphrase.as_bytes())?))
        .with_context(|| format!("reading private key {}", file.display()))
        .hint(|| "`skopeo-rs generate-sigstore-key` makes one")
}

/// Most bytes of the file of a private key.
const KEY_BYTES: u64 = 64 << 10;
