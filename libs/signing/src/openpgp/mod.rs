//! OpenPGP as simple signing uses it (RFC 4880, RFC 9580): one signature in one signed message.
//!
//! ```text
//! [Compressed Data {] One-Pass Signature, Literal Data, Signature [}]     all binary
//! ```
//!
//! Cryptography and packets are sequoia's; this module says what is acceptable.

mod fingerprint;
mod gnupg;
mod keyring;
mod process;
mod sign;
mod verify;

pub use fingerprint::Fingerprint;
pub use gnupg::{GnupgError, GnupgKey};
pub use keyring::{KEYRING_BYTES, Keyring, KeyringError};
pub use sign::{SignError, Signer, SigningKey};
pub use verify::{MessageError, UntrustedMessage, VerifiedMessage, untrusted, verify};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use sequoia_openpgp::packet::Tag;
use sequoia_openpgp::policy::{AsymmetricAlgorithm, StandardPolicy};
use sequoia_openpgp::types::HashAlgorithm;

/// Converts to whole seconds, all that OpenPGP knows; `None` for times that it cannot express.
pub(crate) fn clock(now: Timestamp) -> Option<SystemTime> {
    let seconds = u32::try_from(now.as_second()).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds.into()))
}

/// What signatures and keys must be made of at `now`. Sequoia's standard policy weakens with an
/// early clock; what must never be accepted is refused by name.
fn standard_policy(now: SystemTime) -> StandardPolicy<'static> {
    let mut policy = StandardPolicy::at(now);
    for hash in [
        HashAlgorithm::MD5,
        HashAlgorithm::SHA1,
        HashAlgorithm::RipeMD,
    ] {
        policy.reject_hash(hash);
    }
    for algorithm in [
        AsymmetricAlgorithm::RSA1024,
        AsymmetricAlgorithm::DSA1024,
        AsymmetricAlgorithm::ElGamal1024,
    ] {
        policy.reject_asymmetric_algo(algorithm);
    }
    policy.reject_packet_tag_version(Tag::Signature, 3);
    policy
}

/// Renders sequoia's error with its causes, which are the part that tells something.
fn explain(error: &sequoia_openpgp::anyhow::Error) -> String {
    format!("{error:#}")
}
