//! Flags of the original that are known and cannot be honoured: refused by name, not ignored.

use anyhow::bail;

/// Flags about encryption.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Encryption {
    #[arg(long, hide = true, value_name = "PROTOCOL:KEY")]
    encryption_key: Vec<String>,
    #[arg(long, hide = true, value_name = "KEY[:PASSPHRASE]")]
    decryption_key: Vec<String>,
    #[arg(long, hide = true, value_name = "N", allow_hyphen_values = true)]
    encrypt_layer: Vec<String>,
}

impl Encryption {
    /// Fails when one of them was given.
    pub(crate) fn refuse(&self) -> anyhow::Result<()> {
        refuse(
            &self.encryption_key,
            "--encryption-key",
            "encrypting layers",
        )?;
        refuse(
            &self.decryption_key,
            "--decryption-key",
            "decrypting layers",
        )?;
        refuse(&self.encrypt_layer, "--encrypt-layer", "encrypting layers")
    }
}

fn refuse(given: &[String], flag: &str, what: &str) -> anyhow::Result<()> {
    if !given.is_empty() {
        bail!("{flag}: {what} is not supported yet");
    }
    Ok(())
}
