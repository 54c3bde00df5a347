//! Makes signed messages, with a secret key at hand or with one that gpg-agent keeps.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use sequoia_openpgp::cert::prelude::*;
use sequoia_openpgp::crypto::{KeyPair, Password};
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::serialize::stream::{LiteralWriter, Message, Signer as MessageSigner};
use sequoia_openpgp::types::SignatureType;

use super::gnupg::{GnupgError, GnupgKey};
use super::{Fingerprint, clock, explain, standard_policy};

/// Most bytes of a file with a secret key.
const SECRET_KEY_BYTES: usize = 1 << 20;

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The bytes are no exported secret key.
    #[error("not an exported OpenPGP secret key: {0}")]
    NotAKey(String),
    /// There are several certificates in the file.
    #[error("secret key file holds more than one key")]
    SeveralKeys,
    /// The certificate has no secret key that is alive and meant for signing.
    #[error("key {0} has no secret key that may sign now")]
    CannotSign(Fingerprint),
    /// The secret key is protected and no passphrase was given.
    #[error("key {0} needs a passphrase")]
    PassphraseNeeded(Fingerprint),
    /// The passphrase does not open the secret key.
    #[error("passphrase of key {0} is wrong")]
    BadPassphrase(Fingerprint),
    /// The clock shows a time that OpenPGP cannot express.
    #[error("time {0} is outside of what OpenPGP can express")]
    Clock(Timestamp),
    /// gpg's passphrase channel ends at a line break.
    #[error("invalid passphrase: must not contain a line break")]
    PassphraseLineBreak,
    /// What would be signed has no digest or identity that simple signing can express.
    #[error("Unexpected empty signature content")]
    EmptyContent,
    /// Making the message failed.
    #[error("signing failed: {0}")]
    Signing(String),
    /// The directory of soft keys could not be read.
    #[error("reading keys in {}", directory.display())]
    Softkeys {
        /// The directory.
        directory: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No soft key has that fingerprint.
    #[error("no secret key {name} in {}", directory.display())]
    NoSoftkey {
        /// The directory.
        directory: std::path::PathBuf,
        /// The fingerprint.
        name: String,
    },
    /// gpg did not sign.
    #[error(transparent)]
    Gnupg(#[from] GnupgError),
}

/// Something that can sign: the one thing that [`simple::sign`](crate::simple::sign) asks for.
pub trait Signer {
    /// Returns the fingerprint of the signer's primary key.
    fn fingerprint(&self) -> &Fingerprint;

    /// Wraps `content` in a signed message made at `now` (gpg goes by its own clock).
    ///
    /// # Errors
    /// The key cannot sign, or gpg failed; may block while gpg-agent asks for a passphrase.
    fn sign_message(&self, content: &[u8], now: Timestamp) -> Result<Vec<u8>, SignError>;
}

/// A key to sign with.
pub struct SigningKey {
    fingerprint: Fingerprint,
    kept: Kept,
}

/// Where the secret is.
enum Kept {
    Here(Box<KeyPair>),
    InGnupg(GnupgKey),
}

impl SigningKey {
    /// Reads an exported secret key (`gpg --export-secret-keys`), binary or armoured. The newest
    /// signing subkey that is usable at `now` signs, as with gpg, else the primary key.
    ///
    /// # Errors
    /// Bytes that are no secret key, a key that may not sign, a missing or wrong passphrase.
    pub fn from_bytes(
        bytes: &[u8],
        passphrase: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, SignError> {
        let not_a_key = |error| SignError::NotAKey(explain(&error));
        if bytes.len() > SECRET_KEY_BYTES {
            return Err(SignError::NotAKey(format!(
                "more than {SECRET_KEY_BYTES} bytes"
            )));
        }
        let mut certs = CertParser::from_bytes(bytes).map_err(not_a_key)?;
        let cert = certs
            .next()
            .ok_or_else(|| SignError::NotAKey("no key in it".to_owned()))?
            .map_err(not_a_key)?;
        if certs.next().is_some() {
            return Err(SignError::SeveralKeys);
        }
        let fingerprint = Fingerprint::of(&cert);
        let now = clock(now).ok_or(SignError::Clock(now))?;
        let policy = standard_policy(now);
        let usable = cert
            .keys()
            .with_policy(&policy, now)
            .alive()
            .revoked(false)
            .for_signing()
            .secret();
        let newest = usable
            .max_by_key(|key| (!key.primary(), key.key().creation_time()))
            .ok_or_else(|| SignError::CannotSign(fingerprint.clone()))?;
        let key = newest.key().clone();
        let key = match (key.secret().is_encrypted(), passphrase) {
            (false, _) => key,
            (true, None) => return Err(SignError::PassphraseNeeded(fingerprint)),
            (true, Some(passphrase)) => key
                .decrypt_secret(&Password::from(passphrase))
                .map_err(|_| SignError::BadPassphrase(fingerprint.clone()))?,
        };
        let pair = key
            .into_keypair()
            .map_err(|error| SignError::Signing(explain(&error)))?;
        Ok(Self {
            fingerprint,
            kept: Kept::Here(Box::new(pair)),
        })
    }

    /// Finds the secret key `fingerprint` in a directory of Sequoia's soft keys
    /// (`keystore/softkeys`), as `sq` keeps them; its primary key or a subkey may be meant.
    ///
    /// # Errors
    /// The directory or a key cannot be read, none has that fingerprint, or as
    /// [`Self::from_bytes`].
    pub fn from_softkeys(
        directory: &Path,
        fingerprint: &str,
        passphrase: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, SignError> {
        let unread = |source| SignError::Softkeys {
            directory: directory.to_owned(),
            source,
        };
        let wanted = Fingerprint::parse(fingerprint).ok_or_else(|| SignError::NoSoftkey {
            directory: directory.to_owned(),
            name: fingerprint.to_owned(),
        })?;
        for entry in std::fs::read_dir(directory).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            let metadata = entry.metadata().map_err(unread)?;
            if !metadata.is_file() || metadata.len() > SECRET_KEY_BYTES as u64 {
                continue;
            }
            let bytes = std::fs::read(entry.path()).map_err(unread)?;
            // What else lies there is no key of anybody's.
            let certs = CertParser::from_bytes(&bytes);
            let mut certs = certs.into_iter().flatten().filter_map(Result::ok);
            let is_meant = |cert: sequoia_openpgp::Cert| {
                cert.keys()
                    .any(|key| key.key().fingerprint().to_hex() == wanted.as_str())
            };
            if certs.any(is_meant) {
                return Self::from_bytes(&bytes, passphrase, now);
            }
        }
        Err(SignError::NoSoftkey {
            directory: directory.to_owned(),
            name: fingerprint.to_owned(),
        })
    }

    /// Finds the secret key `name` (a fingerprint, key id or user id, as `--sign-by` takes it) in
    /// a GnuPG home, by default gpg's own choice. The secret stays with gpg-agent or on its smart
    /// card; without `passphrase` the agent asks for it where it must.
    ///
    /// # Errors
    /// gpg is missing or fails, no or several secret keys have that name.
    pub fn from_gnupg(
        home: Option<&Path>,
        name: &str,
        passphrase: Option<&str>,
    ) -> Result<Self, SignError> {
        if passphrase.is_some_and(|text| text.contains(['\n', '\r'])) {
            return Err(SignError::PassphraseLineBreak);
        }
        let key = GnupgKey::find(home, name, passphrase)?;
        Ok(Self {
            fingerprint: key.fingerprint().clone(),
            kept: Kept::InGnupg(key),
        })
    }
}

impl Signer for SigningKey {
    fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    fn sign_message(&self, content: &[u8], now: Timestamp) -> Result<Vec<u8>, SignError> {
        match &self.kept {
            Kept::Here(pair) => sign_with(
                pair.as_ref().clone(),
                content,
                clock(now).ok_or(SignError::Clock(now))?,
            )
            .map_err(|error| SignError::Signing(explain(&error))),
            Kept::InGnupg(key) => Ok(key.sign(content)?),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

fn sign_with(pair: KeyPair, content: &[u8], now: SystemTime) -> sequoia_openpgp::Result<Vec<u8>> {
    let mut out = Vec::new();
    let message = Message::new(&mut out);
    let message =
        MessageSigner::with_template(message, pair, SignatureBuilder::new(SignatureType::Binary))?
            .creation_time(now)
            .build()?;
    let mut literal = LiteralWriter::new(message).build()?;
    literal.write_all(content)?;
    literal.finalize()?;
    Ok(out)
}
