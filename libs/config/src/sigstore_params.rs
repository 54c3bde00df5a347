//! What `--sign-by-sigstore` reads (containers-sigstore-signing-params.yaml(5)).
//!
//! ```yaml
//! privateKeyFile: /etc/keys/me.private
//! privateKeyPassphraseFile: /etc/keys/me.passphrase
//! fulcio: {…}          known, for services that nothing here talks to
//! rekorURL: …          likewise
//! ```

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{ConfigError, read};

/// How to sign. Members that nobody knows are refused, as in the original.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigstoreParams {
    /// The file of a private key.
    pub private_key_file: Option<PathBuf>,
    /// The file whose first line opens it.
    pub private_key_passphrase_file: Option<PathBuf>,
    fulcio: Option<serde_yaml_ng::Value>,
    #[serde(rename = "rekorURL")]
    rekor_url: Option<String>,
}

impl SigstoreParams {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is not of this form.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read::text(path, read::required(path)?)?;
        let params: Option<Self> =
            serde_yaml_ng::from_str(&text).map_err(|source| ConfigError::Yaml {
                path: path.to_owned(),
                source: Box::new(source),
            })?;
        Ok(params.unwrap_or_default())
    }

    /// Returns the first member that asks for a service.
    pub fn service(&self) -> Option<&'static str> {
        match (&self.fulcio, &self.rekor_url) {
            (Some(_), _) => Some("fulcio"),
            (None, Some(url)) if !url.is_empty() => Some("rekorURL"),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p.yaml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            SigstoreParams::read(&path)
        };
        let params = read("privateKeyFile: a\nprivateKeyPassphraseFile: b\n").unwrap();
        assert_eq!(params.private_key_file.as_deref(), Some(Path::new("a")));
        assert_eq!(params.service(), None);
        assert_eq!(
            read("fulcio: {fulcioURL: x}").unwrap().service(),
            Some("fulcio")
        );
        assert_eq!(read("rekorURL: x").unwrap().service(), Some("rekorURL"));
        assert!(read("privateKeyfile: a").is_err());
        assert!(read("").unwrap().private_key_file.is_none());
    }
}
