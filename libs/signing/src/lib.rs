//! Simple signing, and the policy that decides which images are trusted.
//!
//! This crate judges bytes that it is handed: it fetches nothing, and the only program it starts
//! is gpg, for keys that live in a GnuPG home. What [`Policy::evaluate`] accepts comes back as a
//! [`TrustedManifest`], which holds the very bytes that were judged. Two other ways lead to one:
//! [`TrustedManifest::converted`] for docker's schema 1 in a newer form, which it checks against
//! what was accepted, and [`TrustedManifest::local_result`] for what was made here. No check fails open: what is missing,
//! unreadable, unparsable or not supported rejects.
//!
//! | module | owns |
//! | --- | --- |
//! | [`policy`] | the grammar of policy.json, the choice of a scope, and the judgement |
//! | [`trusted`] | what was accepted, and by which line and key |
//! | [`simple`] | making and verifying simple signatures (containers-signature.5) |
//! | [`sigstore`] | making sigstore signatures with a key |
//! | [`openpgp`] | OpenPGP beneath them: key rings, one signed message, secret keys, gpg |
//! | [`stored`] | how a signature lies in a file or store |
//! | [`lookaside`] | where a lookaside server keeps the signatures of a manifest |
//!
//! An accepted signature says who signed, not that the image is good to run, and layers are still
//! to be checked against the manifest.
#![forbid(unsafe_code)]

pub mod lookaside;
pub mod openpgp;
pub mod policy;
pub mod sigstore;
pub mod simple;
pub mod stored;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trusted;

pub use openpgp::{Fingerprint, Keyring, KeyringError, SignError, Signer, SigningKey};
pub use policy::{
    Evaluation, FsKeys, ImageIdentity, KeySource, Policy, PolicyError, Reason, Rejected,
};
pub use sigstore::SigstoreKey;
pub use stored::{Signature, StoredError};
pub use trusted::{AcceptedSignature, ConversionError, TrustedManifest, Verdict};
