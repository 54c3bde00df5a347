//! Signatures that lie in numbered files, from 1 to the first that is missing.
//!
//! ```text
//! dir:          signature-N, HEX.signature-N for instances
//! oci layouts:  signatures/ALGORITHM/HEX/signature-N   (ours; docs/formats/oci-signatures.md)
//! lookaside:    BASE/REPOSITORY@ALGORITHM=HEX/signature-N
//! ```

use oci::{Digest, limits};
use signing::{Signature, simple};

use crate::error::ImageError;
use crate::files::Root;

/// Reads signatures one after another, within the limits of count and bytes.
pub(crate) fn read_numbered(
    name: &impl ToString,
    mut read: impl FnMut(usize) -> Result<Option<Vec<u8>>, ImageError>,
) -> Result<Vec<Signature>, ImageError> {
    let mut signatures = Vec::new();
    let mut total = 0;
    for number in 1..=limits::SIGNATURES + 1 {
        let Some(bytes) = read(number)? else {
            return Ok(signatures);
        };
        total += bytes.len() as u64;
        if total > limits::SIGNATURES_TOTAL_BYTES {
            return Err(ImageError::TooManySignatures {
                name: name.to_string(),
                limit: limits::SIGNATURES_TOTAL_BYTES,
                what: "bytes",
            });
        }
        signatures.push(Signature::from_stored(&bytes).map_err(|source| {
            ImageError::Signature {
                name: name.to_string(),
                number,
                source: Box::new(source),
            }
        })?);
    }
    Err(ImageError::TooManySignatures {
        name: name.to_string(),
        limit: limits::SIGNATURES as u64,
        what: "files",
    })
}

/// Frames signatures as they are stored.
pub(crate) fn to_stored(
    name: &impl ToString,
    signatures: &[Signature],
) -> Result<Vec<Vec<u8>>, ImageError> {
    signatures
        .iter()
        .zip(1..)
        .map(|(signature, number)| {
            signature
                .to_stored()
                .map_err(|source| ImageError::Signature {
                    name: name.to_string(),
                    number,
                    source: Box::new(source),
                })
        })
        .collect()
}

/// Reads the signatures in a folder that are over other names than all of `new`: an image that gets
/// a second tag keeps what was signed of the first. Nobody has verified what they say.
pub(crate) fn of_other_names(
    name: &impl ToString,
    folder: &Root,
    new: &[Vec<u8>],
) -> Result<Vec<Vec<u8>>, ImageError> {
    let named = |bytes: &[u8]| Some(simple::untrusted(bytes).ok()?.payload.docker_reference);
    let names: Vec<Option<String>> = new.iter().map(|bytes| named(bytes)).collect();
    let there = read_numbered(name, |number| {
        folder.read_if_any(&format!("signature-{number}"), limits::SIGNATURE_BYTES)
    })?;
    let other: Vec<Signature> = there
        .into_iter()
        .filter(|signature| match signature {
            Signature::Simple(bytes) => {
                let name = named(bytes);
                name.is_some() && !names.contains(&name)
            }
            _ => true,
        })
        .collect();
    to_stored(name, &other)
}

/// Returns where an OCI layout of ours keeps the signatures of a manifest.
pub(crate) fn layout_path(manifest: &Digest, number: usize) -> String {
    format!(
        "signatures/{}/{}/signature-{number}",
        manifest.algorithm().name(),
        manifest.hex()
    )
}
