//! Key pairs, as cosign keeps them in files.
//!
//! ```text
//! NAME.private   -----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----   or SIGSTORE in place of COSIGN;
//!                a PKCS #8 key in a box (see `encrypted`)
//! NAME.pub       -----BEGIN PUBLIC KEY-----
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::Signer;

use super::encrypted;

/// Says what the file of a private key holds; newer cosigns write the second.
const PRIVATE_LABELS: [&str; 2] = [
    "ENCRYPTED COSIGN PRIVATE KEY",
    "ENCRYPTED SIGSTORE PRIVATE KEY",
];
/// Most bytes of the file of a private key.
const FILE_BYTES: usize = 64 << 10;
/// Characters in a line of PEM.
const LINE: usize = 64;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file holds no private key as cosign writes it.
    #[error("no private key of cosign: {0}")]
    File(&'static str),
    /// What is in the file is not the JSON of a box.
    #[error("reading the encrypted private key")]
    Box(#[source] oci::json::JsonError),
    /// The box was made in another way.
    #[error("reading the encrypted private key: {0}")]
    Parameters(&'static str),
    /// The passphrase does not open the box.
    #[error("the passphrase does not open the private key")]
    Passphrase,
    /// The key is of a kind that sigstore has no signatures for.
    #[error("a key of this kind cannot sign: ECDSA, RSA and Ed25519 can")]
    Kind,
    /// There is nothing to be signed.
    #[error("Unexpected empty signature content")]
    Empty,
    /// The file could not be written as JSON.
    #[error("writing the private key: {0}")]
    Write(String),
    /// The cryptographic library failed.
    #[error("signing")]
    Crypto(#[from] ErrorStack),
}

/// The two files of a new key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The content of `NAME.private`.
    pub private: Vec<u8>,
    /// The content of `NAME.pub`.
    pub public: Vec<u8>,
}

impl KeyPair {
    /// Makes an ECDSA key on P-256, which all readers of sigstore signatures know.
    ///
    /// # Errors
    /// The cryptographic library fails, for want of randomness say.
    pub fn generate(passphrase: &[u8]) -> Result<Self, KeyError> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let content = key.private_key_to_pkcs8()?;
        let content = encrypted::encrypt(&content, passphrase)?;
        Ok(Self {
            private: pem(PRIVATE_LABELS[0], &content),
            public: key.public_key_to_pem()?,
        })
    }
}

/// A private key that can sign.
pub struct SigstoreKey(PKey<Private>);

impl std::fmt::Debug for SigstoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigstoreKey(…)")
    }
}

impl SigstoreKey {
    /// Reads the file of a private key.
    ///
    /// # Errors
    /// It is none, or the passphrase is wrong.
    pub fn from_file(bytes: &[u8], passphrase: &[u8]) -> Result<Self, KeyError> {
        let content = encrypted::decrypt(&un_pem(bytes)?, passphrase)?;
        let key = PKey::private_key_from_pkcs8(&content)?;
        match key.id() {
            Id::EC | Id::RSA | Id::ED25519 => Ok(Self(key)),
            _ => Err(KeyError::Kind),
        }
    }

    /// Signs bytes.
    pub(super) fn sign(&self, content: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signer = match self.0.id() {
            Id::ED25519 => Signer::new_without_digest(&self.0)?,
            _ => Signer::new(MessageDigest::sha256(), &self.0)?,
        };
        Ok(signer.sign_oneshot_to_vec(content)?)
    }
}

fn pem(label: &str, content: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(content);
    let mut lines = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        lines += line;
        lines.push('\n');
        rest = after;
    }
    lines += &format!("-----END {label}-----\n");
    lines.into_bytes()
}

/// Returns what is in the first block of a file of a private key.
fn un_pem(bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
    let bad = KeyError::File;
    if bytes.len() > FILE_BYTES {
        return Err(bad("more than 64 KiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| bad("no text"))?;
    let (_, rest) = text
        .split_once("-----BEGIN ")
        .ok_or(bad("no PEM block in it"))?;
    let (label, rest) = rest.split_once("-----").ok_or(bad("no PEM block in it"))?;
    if !PRIVATE_LABELS.contains(&label) {
        return Err(bad("the PEM block has another type"));
    }
    let (content, _) = rest
        .split_once(&format!("-----END {label}-----"))
        .ok_or(bad("the PEM block does not end"))?;
    let content: String = content.split_whitespace().collect();
    STANDARD
        .decode(content)
        .map_err(|_| bad("the PEM block is no base64"))
}

#[cfg(test)]
mod tests {
    use openssl::sign::Verifier;

    use super::*;

    #[test]
    fn a_key_that_was_made_signs() {
        let pair = KeyPair::generate(b"open sesame").unwrap();
        let key = SigstoreKey::from_file(&pair.private, b"open sesame").unwrap();
        let signature = key.sign(b"content").unwrap();
        let public = PKey::public_key_from_pem(&pair.public).unwrap();
        let mut verifier = Verifier::new(MessageDigest::sha256(), &public).unwrap();
        assert!(verifier.verify_oneshot(&signature, b"content").unwrap());
        let wrong = SigstoreKey::from_file(&pair.private, b"open").unwrap_err();
        assert!(matches!(wrong, KeyError::Passphrase), "{wrong}");
        let other = KeyPair::generate(b"").unwrap();
        assert!(SigstoreKey::from_file(&other.private, b"").is_ok());
    }

    #[test]
    fn what_is_no_key_is_said() {
        let good = KeyPair::generate(b"p").unwrap();
        let text = String::from_utf8(good.private).unwrap();
        let boxed = String::from_utf8(un_pem(text.as_bytes()).unwrap()).unwrap();
        let with = |from: &str, to: &str| {
            let changed = boxed.replace(from, to);
            assert_ne!(changed, boxed, "{from}");
            pem(PRIVATE_LABELS[1], changed.as_bytes())
        };
        for (bytes, want) in [
            (b"".to_vec(), "no PEM block"),
            (good.public, "another type"),
            (text.replace("END", "FIN").into_bytes(), "does not end"),
            (pem(PRIVATE_LABELS[0], b"{}"), "reading the encrypted"),
            (
                with("\"N\":65536", "\"N\":1073741824"),
                "parameters of scrypt",
            ),
            (with("\"r\":8", "\"r\":800000"), "parameters of scrypt"),
            (with("scrypt", "none"), "not scrypt"),
            (with("nacl/secretbox", "rot13"), "not nacl"),
            (with("\"nonce\":\"", "\"nonce\":\"AAAA"), "length"),
            (vec![b'x'; FILE_BYTES + 1], "64 KiB"),
        ] {
            let error = SigstoreKey::from_file(&bytes, b"p")
                .unwrap_err()
                .to_string();
            assert!(error.contains(want), "{error}: {want}");
        }
    }
}
