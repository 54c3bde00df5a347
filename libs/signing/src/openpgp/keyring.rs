//! Public keys that are trusted for something.

use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::parse::Parse;

use super::{Fingerprint, explain};

/// Most bytes of a file of public keys.
pub const KEYRING_BYTES: u64 = 16 << 20;

const ARMOR_BEGIN: &[u8] = b"-----BEGIN PGP ";

/// Why bytes are no key ring.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// There are more bytes than a key ring may have.
    #[error("key ring has {actual} bytes, {KEYRING_BYTES} are allowed")]
    TooLong {
        /// How long it is, in bytes.
        actual: u64,
    },
    /// There is not one key.
    #[error("No public keys imported{}", .problems.first().map(|p| format!(": {p}")).unwrap_or_default())]
    NoKeys {
        /// What was found in place of keys.
        problems: Vec<String>,
    },
}

/// Some certificates ("public keys" in gpg's words), each once.
#[derive(Clone, Debug)]
pub struct Keyring {
    certs: Vec<Cert>,
}

impl Keyring {
    /// Reads certificates, binary or armoured, several blocks after another included. What is no
    /// certificate among them is passed over, as `gpg --import` does; several copies of one
    /// certificate are merged, so that a revocation in any of them counts.
    ///
    /// # Errors
    /// More than [`KEYRING_BYTES`], or not one certificate.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyringError> {
        Self::from_all([bytes])
    }

    /// Reads the certificates of several files into one ring.
    ///
    /// # Errors
    /// More than [`KEYRING_BYTES`] in one of them, or not one certificate in all.
    pub fn from_all<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, KeyringError> {
        let mut ring = Self { certs: Vec::new() };
        let mut problems = Vec::new();
        for bytes in files {
            let actual = bytes.len() as u64;
            if actual > KEYRING_BYTES {
                return Err(KeyringError::TooLong { actual });
            }
            for block in blocks(bytes) {
                ring.add_block(block, &mut problems);
            }
        }
        if ring.certs.is_empty() {
            return Err(KeyringError::NoKeys { problems });
        }
        Ok(ring)
    }

    fn add_block(&mut self, block: &[u8], problems: &mut Vec<String>) {
        let parser = match CertParser::from_bytes(block) {
            Ok(parser) => parser,
            Err(error) => return problems.push(explain(&error)),
        };
        for cert in parser {
            match cert {
                Ok(cert) => self.add(cert.strip_secret_key_material(), problems),
                Err(error) => problems.push(explain(&error)),
            }
        }
    }

    fn add(&mut self, cert: Cert, problems: &mut Vec<String>) {
        let fingerprint = cert.fingerprint();
        let Some(at) = (self.certs.iter()).position(|known| known.fingerprint() == fingerprint)
        else {
            return self.certs.push(cert);
        };
        match self.certs[at].clone().merge_public(cert) {
            Ok(merged) => self.certs[at] = merged,
            Err(error) => problems.push(explain(&error)),
        }
    }

    /// Returns the fingerprints of the primary keys.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.certs.iter().map(Fingerprint::of).collect()
    }

    /// Returns the ring with the keys of `wanted` only, or `None` when it has none of them.
    pub fn only(&self, wanted: &[Fingerprint]) -> Option<Self> {
        let certs: Vec<Cert> = (self.certs.iter())
            .filter(|cert| wanted.contains(&Fingerprint::of(cert)))
            .cloned()
            .collect();
        (!certs.is_empty()).then_some(Self { certs })
    }

    pub(super) fn certs(&self) -> &[Cert] {
        &self.certs
    }
}

/// Splits armoured text where blocks begin; binary is one block.
fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    if bytes.first().is_some_and(|&b| b & 0x80 != 0) {
        return vec![bytes];
    }
    let mut starts: Vec<usize> = bytes
        .windows(ARMOR_BEGIN.len())
        .enumerate()
        .filter(|(_, window)| *window == ARMOR_BEGIN)
        .map(|(at, _)| at)
        .collect();
    if starts.is_empty() {
        return vec![bytes];
    }
    starts.push(bytes.len());
    starts
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}
