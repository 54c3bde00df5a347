//! How a signature lies in a file of a `dir:` image, in a store, or on a lookaside server.
//!
//! ```text
//! simple signing   the OpenPGP message itself; its first byte is that of a compressed,
//!                  one-pass signature or signature packet (RFC 4880, 4.2), so >= 0x80
//! anything else    0x00 FORMAT '\n' DATA
//!                  FORMAT  printable ASCII: simple-signing, sigstore-json, or unknown here
//!                  DATA    sigstore-json: {"mimeType":…,"payload":BASE64,"annotations":{…}}
//! ```

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::{json, limits};
use serde::{Deserialize, Serialize};

const SIMPLE_SIGNING: &str = "simple-signing";
const SIGSTORE_JSON: &str = "sigstore-json";
/// Longest name of a format; those in use have 14 bytes at most.
const FORMAT_BYTES: usize = 64;
/// Packet tags that a simple signature may start with (RFC 4880, 4.3).
const TAG_SIGNATURE: u8 = 2;
const TAG_ONE_PASS_SIGNATURE: u8 = 4;
const TAG_COMPRESSED_DATA: u8 = 8;

/// Why stored bytes are no signature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// There are no bytes.
    #[error("empty signature")]
    Empty,
    /// There are more bytes than a signature may have.
    #[error("signature has {actual} bytes, {limit} are allowed")]
    TooLong {
        /// How long it is, in bytes.
        actual: u64,
        /// How long it may be, in bytes.
        limit: u64,
    },
    /// The first byte belongs to no format.
    #[error("unrecognized signature format, starting with byte {0:#04x}")]
    FirstByte(u8),
    /// There is no format name behind the zero byte.
    #[error("signature starts with a zero byte but no format name follows")]
    NoFormatName,
    /// The format is sigstore's but the data is not its JSON.
    #[error("reading a sigstore signature")]
    Json(#[from] json::JsonError),
    /// The payload of a sigstore signature is no base64.
    #[error("sigstore payload is not base64")]
    Payload(#[from] base64::DecodeError),
    /// The signature cannot be written.
    #[error("writing a sigstore signature")]
    Write(#[source] serde_json::Error),
}

/// A signature as it is kept, judged by nobody yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signature {
    /// A simple signature: an OpenPGP message around JSON.
    Simple(Vec<u8>),
    /// A sigstore (cosign) signature; carried, but nothing here verifies it.
    Sigstore {
        /// The media type of the payload.
        mime_type: String,
        /// What was signed.
        payload: Vec<u8>,
        /// The signature, certificates and log entries, by cosign's annotation keys.
        annotations: BTreeMap<String, String>,
    },
    /// A signature of a format that is not known; only ever carried.
    Unknown {
        /// The name of the format.
        format: String,
        /// What follows the name.
        bytes: Vec<u8>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SigstoreJson {
    mime_type: String,
    payload: String,
    annotations: Option<BTreeMap<String, String>>,
}

impl Signature {
    /// Reads a stored signature.
    ///
    /// # Errors
    /// Bytes of no known framing, or more than [`limits::SIGNATURE_BYTES`].
    pub fn from_stored(bytes: &[u8]) -> Result<Self, StoredError> {
        if bytes.len() as u64 > limits::SIGNATURE_BYTES {
            return Err(StoredError::TooLong {
                actual: bytes.len() as u64,
                limit: limits::SIGNATURE_BYTES,
            });
        }
        match bytes.first() {
            None => Err(StoredError::Empty),
            Some(0) => Self::from_named(&bytes[1..]),
            Some(&first) if starts_message(first) => Ok(Self::Simple(bytes.to_vec())),
            Some(&first) => Err(StoredError::FirstByte(first)),
        }
    }

    fn from_named(bytes: &[u8]) -> Result<Self, StoredError> {
        let end = bytes
            .iter()
            .take(FORMAT_BYTES + 1)
            .position(|&b| b == b'\n')
            .ok_or(StoredError::NoFormatName)?;
        let (name, data) = (&bytes[..end], &bytes[end + 1..]);
        if name.is_empty() || !name.iter().all(|b| matches!(b, 0x20..=0x7e)) {
            return Err(StoredError::NoFormatName);
        }
        let format = String::from_utf8_lossy(name).into_owned();
        match format.as_str() {
            SIMPLE_SIGNING => Ok(Self::Simple(data.to_vec())),
            SIGSTORE_JSON => {
                let read: SigstoreJson =
                    json::from_slice_with(data, limits::SIGNATURE_BYTES, json::Keys::Exact)?;
                Ok(Self::Sigstore {
                    mime_type: read.mime_type,
                    payload: STANDARD.decode(read.payload)?,
                    annotations: read.annotations.unwrap_or_default(),
                })
            }
            _ => Ok(Self::Unknown {
                format,
                bytes: data.to_vec(),
            }),
        }
    }

    /// Writes the signature as it is stored. Simple signatures stay as they are wherever old
    /// readers can tell them by their first byte.
    ///
    /// # Errors
    /// None that a signature read by [`Signature::from_stored`] could cause.
    pub fn to_stored(&self) -> Result<Vec<u8>, StoredError> {
        match self {
            Self::Simple(bytes) if bytes.first().is_some_and(|&b| starts_message(b)) => {
                Ok(bytes.clone())
            }
            Self::Simple(bytes) => Ok(named(SIMPLE_SIGNING, bytes)),
            Self::Sigstore {
                mime_type,
                payload,
                annotations,
            } => {
                let data = json::to_go_bytes(&SigstoreJson {
                    mime_type: mime_type.clone(),
                    payload: STANDARD.encode(payload),
                    annotations: Some(annotations.clone()),
                })
                .map_err(StoredError::Write)?;
                Ok(named(SIGSTORE_JSON, &data))
            }
            Self::Unknown { format, bytes } => Ok(named(format, bytes)),
        }
    }

    /// Returns the name of the format.
    pub fn format(&self) -> &str {
        match self {
            Self::Simple(_) => SIMPLE_SIGNING,
            Self::Sigstore { .. } => SIGSTORE_JSON,
            Self::Unknown { format, .. } => format,
        }
    }
}

fn named(format: &str, data: &[u8]) -> Vec<u8> {
    [b"\0", format.as_bytes(), b"\n", data].concat()
}

/// Tells whether `first` is the header of a packet that a simple signature starts with.
fn starts_message(first: u8) -> bool {
    let tag = match first {
        0xc0.. => first & 0x3f,
        0x80.. => (first >> 2) & 0x0f,
        _ => return false,
    };
    matches!(
        tag,
        TAG_SIGNATURE | TAG_ONE_PASS_SIGNATURE | TAG_COMPRESSED_DATA
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_signatures_are_told_by_their_packet_tag() {
        for first in [
            0xa0, 0xa1, 0xa2, 0xa3, 0xc8, 0x90, 0x91, 0x92, 0xc4, 0x88, 0x89, 0x8a, 0x8b, 0xc2,
        ] {
            let bytes = vec![first, 1, 2];
            let read = Signature::from_stored(&bytes).unwrap();
            assert_eq!(read, Signature::Simple(bytes.clone()), "{first:#x}");
            assert_eq!(read.to_stored().unwrap(), bytes);
        }
        for first in [b'{', b'-', 0x01, 0x3d, 0x7f, 0x84, 0x99, 0xac, 0xcb, 0xff] {
            assert!(
                matches!(Signature::from_stored(&[first, 1]), Err(StoredError::FirstByte(b)) if b == first),
                "{first:#x}"
            );
        }
    }

    #[test]
    fn named_formats_round_trip() {
        let stored = b"\0sigstore-json\n{\"mimeType\":\"m\",\"payload\":\"eA==\",\"annotations\":{\"a\":\"b\"}}";
        let read = Signature::from_stored(stored).unwrap();
        assert!(matches!(&read, Signature::Sigstore { payload, .. } if payload == b"x"));
        assert_eq!(read.to_stored().unwrap(), stored);

        let stored = b"\0notation v1\nanything\nat all";
        let read = Signature::from_stored(stored).unwrap();
        assert_eq!(read.format(), "notation v1");
        assert_eq!(read.to_stored().unwrap(), stored);

        let read = Signature::from_stored(b"\0simple-signing\n\xc4x").unwrap();
        assert_eq!(read.to_stored().unwrap(), b"\xc4x");
        let read = Signature::from_stored(b"\0simple-signing\nx").unwrap();
        assert_eq!(read.to_stored().unwrap(), b"\0simple-signing\nx");
    }

    #[test]
    fn broken_framings_are_refused() {
        let long = vec![0xc4; limits::SIGNATURE_BYTES as usize + 1];
        let endless_name = [vec![0], vec![b'a'; 70], vec![b'\n']].concat();
        let table: &[&[u8]] = &[
            b"",
            b"\0",
            b"\0\n",
            b"\0simple-signing",
            b"\0a\x07b\n",
            "\0é\n".as_bytes(),
            b"\0sigstore-json\n",
            b"\0sigstore-json\n{\"mimeType\":\"m\",\"payload\":\"*\",\"annotations\":{}}",
            b"\0sigstore-json\n{\"mimeType\":\"m\",\"mimeType\":\"n\",\"payload\":\"\",\"annotations\":{}}",
            &endless_name,
            &long,
        ];
        for bytes in table {
            assert!(
                Signature::from_stored(bytes).is_err(),
                "{:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(80)])
            );
        }
    }
}
