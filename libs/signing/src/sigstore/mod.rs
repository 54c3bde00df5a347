//! Sigstore (cosign) signatures made with a key.
//!
//! ```text
//! payload      the JSON of a simple signature, with another type
//! signature    by the key over the payload: ECDSA or RSA (PKCS #1 v1.5) with SHA-256, or Ed25519
//! ```
//!
//! | module | owns |
//! | --- | --- |
//! | `key` | key pairs, as cosign keeps them in files |
//! | `encrypted` | the box that a private key lies in |

mod encrypted;
mod key;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use oci::Digest;

use crate::simple::Payload;
use crate::stored::Signature;

pub use key::{KeyError, KeyPair, SigstoreKey};

/// The media type of the payload.
pub const PAYLOAD_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation that holds the signature.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// What the payload says that it is.
const TYPE: &str = "cosign container image signature";

/// Signs the statement that the manifest with `digest` is `identity`, and returns the signature.
///
/// # Errors
/// An empty identity, or a key that cannot sign.
pub fn sign(
    key: &SigstoreKey,
    digest: &Digest,
    identity: &str,
    creator: &str,
    now: Timestamp,
) -> Result<Signature, KeyError> {
    let payload = Payload {
        manifest_digest: *digest,
        docker_reference: identity.to_owned(),
        creator: Some(creator.to_owned()),
        timestamp: Some(now.as_second()),
    };
    let payload = payload.to_bytes_of(TYPE).map_err(|_| KeyError::Empty)?;
    let signature = STANDARD.encode(key.sign(&payload)?);
    Ok(Signature::Sigstore {
        mime_type: PAYLOAD_TYPE.to_owned(),
        payload,
        annotations: BTreeMap::from([(SIGNATURE.to_owned(), signature)]),
    })
}

/// Returns the tag under which the signatures of a manifest lie in its repository.
pub fn attachment_tag(manifest: &Digest) -> String {
    format!("{}-{}.sig", manifest.algorithm().name(), manifest.hex())
}
