//! The flags that copy and sync share: formats and signatures.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum;
use image::{CopyOptions, ManifestFormat};
use signing::{Signer, SigningKey};
use term::Explain as _;

use crate::session::{CREATOR, Session};
use crate::unsupported::Sigstore;

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

    /// Leave the signatures of the source behind; the policy sees them nevertheless
    #[arg(long, help_heading = "Signatures")]
    remove_signatures: bool,
    /// Sign the copy with this secret key of the GnuPG home: fingerprint, id or user
    #[arg(long, value_name = "KEY", help_heading = "Signatures")]
    sign_by: Option<String>,
    /// Read the passphrase of the key from the first line of this file
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Signatures",
        requires = "sign_by"
    )]
    sign_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    sigstore: Sigstore,
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
        self.sigstore.refuse()?;
        options.format = self.format.map(|format| match format {
            Format::Oci => ManifestFormat::Oci,
            Format::V2s2 => ManifestFormat::V2s2,
        });
        options.remove_signatures = self.remove_signatures;
        options.preserve_digests = self.preserve_digests;
        CREATOR.clone_into(&mut options.creator);
        let Some(name) = &self.sign_by else {
            return Ok(());
        };
        let passphrase = self
            .sign_passphrase_file
            .as_deref()
            .map(|file| term::input::first_line(file, &session.interrupt))
            .transpose()
            .context("reading the passphrase")?;
        let key = SigningKey::from_gnupg(None, name, passphrase.as_deref())
            .with_context(|| format!("finding secret key {name}"))
            .hint(|| "`gpg --list-secret-keys` shows the keys that can sign")?;
        let key: Arc<dyn Signer + Send + Sync> = Arc::new(key);
        options.signers.push(key);
        Ok(())
    }
}
