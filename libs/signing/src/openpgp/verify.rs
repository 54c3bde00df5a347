//! Verifies one signed message, and nothing that merely looks like one.

use std::io::Read;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use oci::limits;
use sequoia_openpgp::cert::prelude::*;
use sequoia_openpgp::packet::Packet;
use sequoia_openpgp::parse::stream::{
    GoodChecksum, MessageLayer, MessageStructure, VerificationError, VerificationHelper,
    VerifierBuilder,
};
use sequoia_openpgp::parse::{PacketParser, PacketParserBuilder, PacketParserResult, Parse};
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::RevocationStatus;
use sequoia_openpgp::{Cert, KeyHandle};

use super::{Fingerprint, Keyring, clock, explain, standard_policy};

/// How far a signer's clock may be ahead; sequoia's own tolerance, which it grants only to
/// callers that leave the clock to it.
const CLOCK_SKEW: Duration = Duration::from_secs(30 * 60);

/// Why a message is no good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The message is longer than a signature may be.
    #[error("signature has more than {} bytes", limits::SIGNATURE_BYTES)]
    TooLong,
    /// The bytes are no binary OpenPGP message (armour and cleartext signatures included).
    #[error("not a binary OpenPGP message")]
    NotBinary,
    /// The message does not parse, is not signed, or is built of other parts.
    #[error("not one signed OpenPGP message: {0}")]
    Malformed(String),
    /// The message is encrypted.
    #[error("OpenPGP message is encrypted")]
    Encrypted,
    /// The message has another number of signatures than one.
    #[error("Unexpected GPG signature count {0}")]
    SignatureCount(usize),
    /// The signer is not among the keys.
    #[error("Invalid GPG signature: key {issuer} is not accepted")]
    UnknownKey {
        /// What the signature says of its signer.
        issuer: String,
    },
    /// The key that signed may not sign: revoked, expired, for other uses, too weak.
    #[error("key {key} is not acceptable: {reason}")]
    BadKey {
        /// The primary key.
        key: Fingerprint,
        /// What is wrong with it.
        reason: String,
    },
    /// The signature is wrong, expired, from the future, or made with a weak hash.
    #[error("Invalid GPG signature: {0}")]
    BadSignature(String),
    /// The clock shows a time that OpenPGP cannot express.
    #[error("time {0} is outside of what OpenPGP can express")]
    Clock(Timestamp),
}

/// What a good signature covers, and whose it is.
#[derive(Clone, Debug)]
pub struct VerifiedMessage {
    /// The primary key of the signer.
    pub signer: Fingerprint,
    /// The bytes that were signed.
    pub content: Vec<u8>,
}

/// Verifies the signed message `bytes` at the time `now`.
///
/// The signer must be in `keyring`, be neither revoked nor expired both when it signed and now,
/// and be meant for signing; there must be exactly one signature.
///
/// # Errors
/// Everything else is an error.
pub fn verify(
    bytes: &[u8],
    keyring: &Keyring,
    now: Timestamp,
) -> Result<VerifiedMessage, MessageError> {
    if bytes.len() as u64 > limits::SIGNATURE_BYTES {
        return Err(MessageError::TooLong);
    }
    if bytes.first().is_none_or(|&first| first & 0x80 == 0) {
        return Err(MessageError::NotBinary);
    }
    let now = clock(now).ok_or(MessageError::Clock(now))?;
    let judge = Judge {
        keyring,
        policy: standard_policy(now),
        now,
    };
    match judge.run(bytes, now) {
        // A signer's clock that is a little ahead is no reason to fail.
        Err(Refusal {
            made_ahead: Some(made),
            ..
        }) => judge.run(bytes, made),
        other => other,
    }
    .map_err(|refusal| refusal.error)
}

/// Knows what is acceptable.
struct Judge<'a> {
    keyring: &'a Keyring,
    policy: StandardPolicy<'static>,
    now: SystemTime,
}

/// An error, and whether a signer's clock may be all that is wrong.
#[derive(Clone)]
struct Refusal {
    error: MessageError,
    /// When the signature was made, if that is less than [`CLOCK_SKEW`] ahead of now.
    made_ahead: Option<SystemTime>,
}

impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Self {
        Self {
            error,
            made_ahead: None,
        }
    }
}

/// Judges the one signature of one message when sequoia asks. The outcome lies outside, because
/// sequoia drops its helper with the message when it fails.
struct Helper<'a> {
    judge: &'a Judge<'a>,
    outcome: &'a OnceLock<Result<Fingerprint, Refusal>>,
}

impl Judge<'_> {
    fn run(&self, bytes: &[u8], at: SystemTime) -> Result<VerifiedMessage, Refusal> {
        let outcome = OnceLock::new();
        let helper = Helper {
            judge: self,
            outcome: &outcome,
        };
        let read = VerifierBuilder::from_bytes(bytes)
            .and_then(|builder| builder.with_policy(&self.policy, at, helper))
            .map_err(|error| malformed(&error))
            .and_then(|mut verifier| {
                let mut content = Vec::new();
                (&mut verifier)
                    .take(limits::SIGNATURE_BYTES + 1)
                    .read_to_end(&mut content)
                    .map_err(|error| MessageError::Malformed(error.to_string()))?;
                if content.len() as u64 > limits::SIGNATURE_BYTES {
                    return Err(MessageError::TooLong);
                }
                if !verifier.message_processed() {
                    return Err(MessageError::Malformed("message goes on".to_owned()));
                }
                Ok(content)
            });
        match (read, outcome.into_inner()) {
            (_, Some(Err(refusal))) => Err(refusal),
            (Ok(content), Some(Ok(signer))) => Ok(VerifiedMessage { signer, content }),
            (Err(_), _) if is_encrypted(bytes) => Err(MessageError::Encrypted.into()),
            (Err(error), _) => Err(error.into()),
            (Ok(_), None) => Err(MessageError::SignatureCount(0).into()),
        }
    }

    fn judge(&self, structure: MessageStructure<'_>) -> Result<Fingerprint, Refusal> {
        if structure.processed_csf_message() {
            return Err(MessageError::NotBinary.into());
        }
        let mut groups = Vec::new();
        for layer in structure {
            match layer {
                MessageLayer::Compression { .. } => {}
                MessageLayer::Encryption { .. } => return Err(MessageError::Encrypted.into()),
                MessageLayer::SignatureGroup { results } => groups.push(results),
            }
        }
        let count = groups.iter().map(Vec::len).sum();
        if groups.len() > 1 || count != 1 {
            return Err(MessageError::SignatureCount(count).into());
        }
        match groups.into_iter().flatten().next() {
            Some(Ok(good)) => Ok(self.judge_key(&good)?),
            Some(Err(error)) => Err(self.judge_error(error)),
            None => Err(MessageError::SignatureCount(0).into()),
        }
    }

    /// Sequoia asks whether the key was good when it signed. gpg also asks whether it is good now,
    /// so a key that expired or was revoked ("superseded") since is refused here.
    fn judge_key(&self, good: &GoodChecksum<'_>) -> Result<Fingerprint, MessageError> {
        let signer = Fingerprint::of(good.ka.cert());
        let bad = |reason: String| MessageError::BadKey {
            key: signer.clone(),
            reason,
        };
        let key = good
            .ka
            .clone()
            .with_policy(&self.policy, self.now)
            .map_err(|error| bad(explain(&error)))?;
        let cert = key.valid_cert();
        cert.alive().map_err(|error| bad(explain(&error)))?;
        key.alive().map_err(|error| bad(explain(&error)))?;
        for status in [cert.revocation_status(), key.revocation_status()] {
            if matches!(status, RevocationStatus::Revoked(_)) {
                return Err(bad("it is revoked".to_owned()));
            }
        }
        if !key.for_signing() {
            return Err(bad("it is not for signing".to_owned()));
        }
        Ok(signer)
    }

    fn judge_error(&self, error: VerificationError<'_>) -> Refusal {
        let mut made_ahead = None;
        let error = match error {
            VerificationError::MissingKey { sig } => MessageError::UnknownKey {
                issuer: (sig.get_issuers().first()).map_or_else(
                    || "that is not named".to_owned(),
                    |issuer| format!("{issuer:X}"),
                ),
            },
            VerificationError::UnboundKey { cert, error, .. } => MessageError::BadKey {
                key: Fingerprint::of(cert),
                reason: explain(&error),
            },
            VerificationError::BadKey { ka, error, .. } => MessageError::BadKey {
                key: Fingerprint::of(ka.cert()),
                reason: explain(&error),
            },
            VerificationError::BadSignature { sig, error, .. } => {
                made_ahead = sig
                    .signature_creation_time()
                    .filter(|made| *made > self.now && *made <= self.now + CLOCK_SKEW);
                MessageError::BadSignature(explain(&error))
            }
            VerificationError::MalformedSignature { error, .. } => {
                MessageError::BadSignature(explain(&error))
            }
            VerificationError::UnknownSignature { sig } => {
                MessageError::BadSignature(explain(sig.error()))
            }
            other => MessageError::BadSignature(other.to_string()),
        };
        Refusal { error, made_ahead }
    }
}

impl VerificationHelper for Helper<'_> {
    fn get_certs(&mut self, _: &[KeyHandle]) -> sequoia_openpgp::Result<Vec<Cert>> {
        Ok(self.judge.keyring.certs().to_vec())
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> sequoia_openpgp::Result<()> {
        let judged = self.judge.judge(structure);
        let answer = match &judged {
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.error.clone().into()),
        };
        // Were it called twice, the first outcome would stand, and this answer still stops sequoia.
        let _ = self.outcome.set(judged);
        answer
    }
}

fn malformed(error: &sequoia_openpgp::anyhow::Error) -> MessageError {
    MessageError::Malformed(explain(error))
}

/// Tells an encrypted message from other messages that the verifier does not take.
fn is_encrypted(bytes: &[u8]) -> bool {
    let Ok(PacketParserResult::Some(parser)) = PacketParser::from_bytes(bytes) else {
        return false;
    };
    matches!(
        parser.packet,
        Packet::PKESK(_) | Packet::SKESK(_) | Packet::SEIP(_)
    )
}

/// What a message says of itself, unverified.
#[derive(Clone, Debug)]
pub struct UntrustedMessage {
    /// The bytes that are said to be signed.
    pub content: Vec<u8>,
    /// The key id that is said to have signed: 16 upper-case hexadecimal digits.
    pub issuer: String,
}

/// Reads a signed message **without verifying anything**, to show what it claims.
///
/// # Errors
/// Bytes that are no signed message.
pub fn untrusted(bytes: &[u8]) -> Result<UntrustedMessage, MessageError> {
    if bytes.len() as u64 > limits::SIGNATURE_BYTES {
        return Err(MessageError::TooLong);
    }
    let mut next = PacketParserBuilder::from_bytes(bytes)
        .and_then(PacketParserBuilder::build)
        .map_err(|error| malformed(&error))?;
    let (mut issuer, mut content) = (None, None);
    while let PacketParserResult::Some(mut parser) = next {
        match &parser.packet {
            Packet::OnePassSig(one_pass) => issuer = Some(one_pass.issuer().clone()),
            Packet::Signature(signature) if issuer.is_none() => {
                issuer = signature.get_issuers().into_iter().next();
            }
            Packet::Literal(_) if content.is_none() => {
                let mut read = Vec::new();
                (&mut parser)
                    .take(limits::SIGNATURE_BYTES + 1)
                    .read_to_end(&mut read)
                    .map_err(|error| MessageError::Malformed(error.to_string()))?;
                if read.len() as u64 > limits::SIGNATURE_BYTES {
                    return Err(MessageError::TooLong);
                }
                content = Some(read);
            }
            Packet::PKESK(_) | Packet::SKESK(_) | Packet::SEIP(_) => {
                return Err(MessageError::Encrypted);
            }
            _ => {}
        }
        next = parser.recurse().map_err(|error| malformed(&error))?.1;
    }
    match (issuer, content) {
        (Some(issuer), Some(content)) => Ok(UntrustedMessage {
            content,
            issuer: sequoia_openpgp::KeyID::from(issuer).to_hex(),
        }),
        _ => Err(MessageError::Malformed(
            "the input is not a signature".into(),
        )),
    }
}
