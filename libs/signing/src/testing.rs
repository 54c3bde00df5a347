//! Keys made on the spot, for tests: to sign, to expire, to revoke. Not for signing images.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sequoia_openpgp::armor;
use sequoia_openpgp::cert::prelude::*;
use sequoia_openpgp::crypto::Password;
use sequoia_openpgp::packet::Packet;
use sequoia_openpgp::serialize::SerializeInto;
use sequoia_openpgp::types::ReasonForRevocation;

use crate::{Fingerprint, SignError, SigningKey};

/// Sequoia did not do what a test asked.
#[derive(Debug, thiserror::Error)]
#[error("test key: {0}")]
pub struct TestKeyError(String);

impl From<sequoia_openpgp::anyhow::Error> for TestKeyError {
    fn from(error: sequoia_openpgp::anyhow::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

impl From<SignError> for TestKeyError {
    fn from(error: SignError) -> Self {
        Self(error.to_string())
    }
}

/// A secret key of a test.
#[derive(Clone, Debug)]
pub struct TestKey {
    cert: Cert,
}

impl TestKey {
    /// Makes an Ed25519 key whose primary key certifies and signs, created at `created` and valid
    /// for `validity` or for ever.
    ///
    /// # Errors
    /// Sequoia fails.
    pub fn generate(
        user_id: &str,
        created: Timestamp,
        validity: Option<Duration>,
    ) -> Result<Self, TestKeyError> {
        let flags = sequoia_openpgp::types::KeyFlags::empty()
            .set_certification()
            .set_signing();
        let (cert, _) = CertBuilder::new()
            .add_userid(user_id)
            .set_primary_key_flags(flags)
            .set_creation_time(system_time(created)?)
            .set_validity_period(validity)
            .generate()?;
        Ok(Self { cert })
    }

    /// Makes a key whose primary key only certifies and whose subkey signs.
    ///
    /// # Errors
    /// Sequoia fails.
    pub fn generate_with_subkey(user_id: &str, created: Timestamp) -> Result<Self, TestKeyError> {
        let (cert, _) = CertBuilder::new()
            .add_userid(user_id)
            .add_signing_subkey()
            .set_creation_time(system_time(created)?)
            .generate()?;
        Ok(Self { cert })
    }

    /// Wraps a certificate that a test made itself.
    pub fn from_cert(cert: Cert) -> Self {
        Self { cert }
    }

    /// Returns the certificate.
    pub fn cert(&self) -> &Cert {
        &self.cert
    }

    /// Returns the fingerprint of the primary key.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.cert)
    }

    /// Returns the public key, binary.
    ///
    /// # Errors
    /// Sequoia fails.
    pub fn public(&self) -> Result<Vec<u8>, TestKeyError> {
        let public = self.cert.clone().strip_secret_key_material();
        Ok(SerializeInto::to_vec(&public)?)
    }

    /// Returns the public key, armoured.
    ///
    /// # Errors
    /// Sequoia fails.
    pub fn public_armored(&self) -> Result<Vec<u8>, TestKeyError> {
        armored(armor::Kind::PublicKey, &self.public()?)
    }

    /// Returns the secret key, armoured, protected by `passphrase` if there is one.
    ///
    /// # Errors
    /// Sequoia fails.
    pub fn secret_armored(&self, passphrase: Option<&str>) -> Result<Vec<u8>, TestKeyError> {
        let mut cert = self.cert.clone();
        if let Some(passphrase) = passphrase {
            let password = Password::from(passphrase);
            for key in self.cert.keys().secret() {
                let locked = key.key().clone().encrypt_secret(&password)?;
                let packet: Packet = if key.primary() {
                    locked.role_into_primary().into()
                } else {
                    locked.role_into_subordinate().into()
                };
                cert = cert.insert_packets([packet])?.0;
            }
        }
        armored(armor::Kind::SecretKey, &cert.as_tsk().to_vec()?)
    }

    /// Returns a key to sign with at `now`.
    ///
    /// # Errors
    /// The key cannot sign at that time.
    pub fn signing_key(&self, now: Timestamp) -> Result<SigningKey, TestKeyError> {
        Ok(SigningKey::from_bytes(
            &self.secret_armored(None)?,
            None,
            now,
        )?)
    }

    /// Returns the key with a revocation made at `at` for `reason`.
    ///
    /// # Errors
    /// Sequoia fails.
    pub fn revoked(
        &self,
        at: Timestamp,
        reason: ReasonForRevocation,
    ) -> Result<Self, TestKeyError> {
        let mut signer = (self.cert.primary_key().key().clone())
            .parts_into_secret()?
            .into_keypair()?;
        let revocation = CertRevocationBuilder::new()
            .set_signature_creation_time(system_time(at)?)?
            .set_reason_for_revocation(reason, b"test")?
            .build(&mut signer, &self.cert, None)?;
        let (cert, _) = self.cert.clone().insert_packets([revocation])?;
        Ok(Self { cert })
    }
}

fn system_time(time: Timestamp) -> Result<SystemTime, TestKeyError> {
    crate::openpgp::clock(time).ok_or_else(|| TestKeyError(format!("time {time}")))
}

fn armored(kind: armor::Kind, bytes: &[u8]) -> Result<Vec<u8>, TestKeyError> {
    let write = || -> std::io::Result<Vec<u8>> {
        let mut writer = armor::Writer::new(Vec::new(), kind)?;
        std::io::Write::write_all(&mut writer, bytes)?;
        writer.finalize()
    };
    write().map_err(|error| TestKeyError(error.to_string()))
}
