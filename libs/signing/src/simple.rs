//! Simple signing: a signed statement that a manifest belongs to a name (containers-signature.5).
//!
//! ```text
//! {"critical":{"identity":{"docker-reference":"REF"},
//!              "image":{"docker-manifest-digest":"sha256:…"},
//!              "type":"atomic container signature"},
//!  "optional":{"creator":"NAME VERSION","timestamp":UNIXINT}}          one line, no spaces
//! ```
//!
//! `critical` holds exactly these members; in `optional` unknown ones are ignored. The text is
//! the content of one OpenPGP message with one signature ([`crate::openpgp`]).

use jiff::Timestamp;
use oci::{Digest, RawManifest, Reference, json, limits};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::openpgp::{self, Fingerprint, Keyring, MessageError, SignError, Signer};

const TYPE: &str = "atomic container signature";
/// Where float64, in which the reference reads it, stops telling integers apart.
const EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Why a signature is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The OpenPGP message is not acceptable.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// What was signed is no JSON, or JSON that two readers would read differently.
    #[error("reading the signed payload")]
    Json(#[from] json::JsonError),
    /// What was signed is JSON but no simple signature.
    #[error("signed payload: {path} {fault}")]
    Payload {
        /// The member.
        path: &'static str,
        /// What is wrong with it.
        fault: String,
    },
    /// The signature is for other bytes.
    #[error("Signature for digest {signed} does not match")]
    OtherManifest {
        /// The digest that was signed.
        signed: Digest,
    },
    /// The signature is for another name, or for a name that the policy does not accept here.
    #[error("Signature for identity {signed:?} is not accepted")]
    OtherIdentity {
        /// The name that was signed.
        signed: String,
    },
}

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The digest of the manifest.
    pub manifest_digest: Digest,
    /// The name, as it was written.
    pub docker_reference: String,
    /// Which program signed.
    pub creator: Option<String>,
    /// When the program says that it signed, in seconds since 1970.
    pub timestamp: Option<i64>,
}

#[derive(Serialize)]
struct Written<'a> {
    critical: Critical<'a>,
    optional: Optional<'a>,
}

#[derive(Serialize)]
struct Critical<'a> {
    identity: Identity<'a>,
    image: Image<'a>,
    r#type: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Identity<'a> {
    docker_reference: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Image<'a> {
    docker_manifest_digest: &'a Digest,
}

#[derive(Serialize)]
struct Optional<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
}

impl Payload {
    /// Writes the payload, byte for byte as skopeo would.
    ///
    /// # Errors
    /// An empty reference.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SignError> {
        self.to_bytes_of(TYPE)
    }

    /// Writes the payload of another type of signature.
    pub(crate) fn to_bytes_of(&self, r#type: &str) -> Result<Vec<u8>, SignError> {
        if self.docker_reference.is_empty() {
            return Err(SignError::EmptyContent);
        }
        json::to_go_bytes(&Written {
            critical: Critical {
                identity: Identity {
                    docker_reference: &self.docker_reference,
                },
                image: Image {
                    docker_manifest_digest: &self.manifest_digest,
                },
                r#type,
            },
            optional: Optional {
                creator: self.creator.as_deref(),
                timestamp: self.timestamp,
            },
        })
        .map_err(|error| SignError::Signing(error.to_string()))
    }

    /// Parses a payload.
    ///
    /// # Errors
    /// Other members than those of the module's drawing, of other types, twice, or missing.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let value = json::parse_with(bytes, limits::SIGNATURE_BYTES, json::Keys::Exact)?;
        let top = exactly(&value, "payload", &["critical", "optional"])?;
        let critical = exactly(&top["critical"], "critical", &["type", "image", "identity"])?;
        let optional = object(&top["optional"], "optional")?;
        let creator = (optional.get("creator"))
            .map(|value| text(value, "optional.creator").map(str::to_owned))
            .transpose()?;
        let timestamp = (optional.get("timestamp")).map(integer).transpose()?;
        if text(&critical["type"], "critical.type")? != TYPE {
            return Err(fault("critical.type", format!("must be {TYPE:?}")));
        }
        let image = exactly(
            &critical["image"],
            "critical.image",
            &["docker-manifest-digest"],
        )?;
        const DIGEST: &str = "critical.image.docker-manifest-digest";
        let manifest_digest = Digest::parse(text(&image["docker-manifest-digest"], DIGEST)?)
            .map_err(|error| fault(DIGEST, format!("is invalid: {error}")))?;
        let identity = exactly(
            &critical["identity"],
            "critical.identity",
            &["docker-reference"],
        )?;
        let docker_reference = text(
            &identity["docker-reference"],
            "critical.identity.docker-reference",
        )?;
        Ok(Self {
            manifest_digest,
            docker_reference: docker_reference.to_owned(),
            creator,
            timestamp,
        })
    }
}

fn fault(path: &'static str, fault: String) -> SignatureError {
    SignatureError::Payload { path, fault }
}

fn object<'a>(
    value: &'a Value,
    path: &'static str,
) -> Result<&'a Map<String, Value>, SignatureError> {
    value
        .as_object()
        .ok_or_else(|| fault(path, "must be an object".to_owned()))
}

/// Returns the object `value` if it has all of `members` and no others.
fn exactly<'a>(
    value: &'a Value,
    path: &'static str,
    members: &[&str],
) -> Result<&'a Map<String, Value>, SignatureError> {
    let object = object(value, path)?;
    if let Some(missing) = members.iter().find(|&&name| !object.contains_key(name)) {
        return Err(fault(path, format!("lacks {missing:?}")));
    }
    if let Some(unknown) = object.keys().find(|name| !members.contains(&name.as_str())) {
        return Err(fault(path, format!("has the unknown member {unknown:?}")));
    }
    Ok(object)
}

fn text<'a>(value: &'a Value, path: &'static str) -> Result<&'a str, SignatureError> {
    value
        .as_str()
        .ok_or_else(|| fault(path, "must be a string".to_owned()))
}

/// Reads a number without a fraction: `1e9` and `5.0` are integers to the reference.
fn integer(value: &Value) -> Result<i64, SignatureError> {
    const PATH: &str = "optional.timestamp";
    if let Some(integer) = value.as_i64() {
        return Ok(integer);
    }
    match value.as_f64() {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the value has no fraction and is below 2^53"
        )]
        Some(number) if number.trunc() == number && number.abs() <= EXACT_INTEGER => {
            Ok(number as i64)
        }
        _ => Err(fault(PATH, "must be an integer".to_owned())),
    }
}

/// Signs the statement that the manifest with `digest` is `identity`, and returns the signature.
///
/// # Errors
/// An empty identity, or a key that cannot sign.
pub fn sign(
    key: &dyn Signer,
    digest: &Digest,
    identity: &str,
    creator: &str,
    now: Timestamp,
) -> Result<Vec<u8>, SignError> {
    let payload = Payload {
        manifest_digest: *digest,
        docker_reference: identity.to_owned(),
        creator: Some(creator.to_owned()),
        timestamp: Some(now.as_second()),
    };
    key.sign_message(&payload.to_bytes()?, now)
}

/// A signature whose signer and form were checked. What it is *about* is still to be compared:
/// see [`VerifiedSignature::matches`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    signer: Fingerprint,
    payload: Payload,
}

impl VerifiedSignature {
    /// Returns the fingerprint of the signer's primary key.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.signer
    }

    /// Returns the digest of the manifest that was signed.
    pub fn digest(&self) -> &Digest {
        &self.payload.manifest_digest
    }

    /// Returns the name that was signed, as it was written.
    pub fn docker_reference(&self) -> &str {
        &self.payload.docker_reference
    }

    /// Returns all that was signed.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Checks that the signature is about the bytes of `manifest`.
    ///
    /// # Errors
    /// It is about others.
    pub fn matches_manifest(&self, manifest: &RawManifest) -> Result<(), SignatureError> {
        if self.digest() == manifest.digest() {
            return Ok(());
        }
        Err(SignatureError::OtherManifest {
            signed: *self.digest(),
        })
    }

    /// Checks that the signature is about the bytes of `manifest` under exactly the name
    /// `reference`.
    ///
    /// # Errors
    /// It is about others.
    pub fn matches(
        &self,
        manifest: &RawManifest,
        reference: &Reference,
    ) -> Result<(), SignatureError> {
        self.matches_manifest(manifest)?;
        if Reference::parse(self.docker_reference()).is_ok_and(|signed| signed == *reference) {
            return Ok(());
        }
        Err(SignatureError::OtherIdentity {
            signed: self.docker_reference().to_owned(),
        })
    }
}

/// Verifies who made a signature, and parses what was signed.
///
/// # Errors
/// See [`openpgp::verify`] and [`Payload::parse`].
pub fn verify(
    signature: &[u8],
    keyring: &Keyring,
    now: Timestamp,
) -> Result<VerifiedSignature, SignatureError> {
    let message = openpgp::verify(signature, keyring, now)?;
    Ok(VerifiedSignature {
        signer: message.signer,
        payload: Payload::parse(&message.content)?,
    })
}

/// What a signature claims, verified by nobody: for showing, never for deciding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntrustedSignature {
    /// What is said to be signed.
    pub payload: Payload,
    /// The key id that is said to have signed: 16 upper-case hexadecimal digits.
    pub short_key_id: String,
}

/// Reads a signature **without verifying anything**.
///
/// # Errors
/// Bytes that are no simple signature.
pub fn untrusted(signature: &[u8]) -> Result<UntrustedSignature, SignatureError> {
    let message = openpgp::untrusted(signature)?;
    Ok(UntrustedSignature {
        payload: Payload::parse(&message.content)?,
        short_key_id: message.issuer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn good() -> Value {
        serde_json::json!({
            "critical": {
                "identity": {"docker-reference": "r.example/a:1"},
                "image": {"docker-manifest-digest": DIGEST},
                "type": TYPE,
            },
            "optional": {"creator": "x 1", "timestamp": 7},
        })
    }

    #[test]
    fn payload_is_written_as_skopeo_writes_it() {
        let payload = Payload {
            manifest_digest: Digest::parse(DIGEST).unwrap(),
            docker_reference: "r.example/a:1".to_owned(),
            creator: Some("x <1>".to_owned()),
            timestamp: Some(7),
        };
        let bytes = payload.to_bytes().unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            format!(
                r#"{{"critical":{{"identity":{{"docker-reference":"r.example/a:1"}},"image":{{"docker-manifest-digest":"{DIGEST}"}},"type":"atomic container signature"}},"optional":{{"creator":"x \u003c1\u003e","timestamp":7}}}}"#
            )
        );
        assert_eq!(Payload::parse(&bytes).unwrap(), payload);
    }

    #[test]
    fn every_critical_member_is_needed_and_no_other_is_taken() {
        for path in [
            "/critical",
            "/optional",
            "/critical/identity",
            "/critical/image",
            "/critical/type",
            "/critical/identity/docker-reference",
            "/critical/image/docker-manifest-digest",
        ] {
            let (parent, name) = path.rsplit_once('/').unwrap();
            for change in ["remove", "null", "number", "array", "sibling"] {
                let mut value = good();
                let object = value.pointer_mut(parent).unwrap().as_object_mut().unwrap();
                match change {
                    "remove" => drop(object.remove(name)),
                    "null" => object[name] = Value::Null,
                    "number" => object[name] = 1.into(),
                    "array" => object[name] = Value::Array(Vec::new()),
                    _ => drop(object.insert("other".to_owned(), Value::Null)),
                }
                let bytes = serde_json::to_vec(&value).unwrap();
                assert!(Payload::parse(&bytes).is_err(), "{path} {change}");
            }
        }
    }

    #[test]
    fn optional_is_lenient_about_others_and_strict_about_its_own() {
        let table = [
            (r#"{}"#, true),
            (r#"{"other":{"x":[1]}}"#, true),
            (r#"{"creator":"a","timestamp":0}"#, true),
            (r#"{"timestamp":1e3}"#, true),
            (r#"{"timestamp":-5.0}"#, true),
            (r#"{"timestamp":1.5}"#, false),
            (r#"{"timestamp":1e300}"#, false),
            (r#"{"timestamp":"1"}"#, false),
            (r#"{"timestamp":NaN}"#, false),
            (r#"{"creator":1}"#, false),
            (r#"{"creator":"a","creator":"a"}"#, false),
            (r#"{"x":{"y":1,"y":2}}"#, false),
        ];
        for (optional, fits) in table {
            let text = serde_json::to_string(&good()).unwrap();
            let text = text.replace(r#"{"creator":"x 1","timestamp":7}"#, optional);
            assert!(text.contains(optional));
            assert_eq!(Payload::parse(text.as_bytes()).is_ok(), fits, "{optional}");
        }
    }

    #[test]
    fn digest_and_type_are_checked() {
        let text = serde_json::to_string(&good()).unwrap();
        for (from, to) in [
            (DIGEST, "sha256:../../e3b0"),
            (
                DIGEST,
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (TYPE, "cosign container image signature"),
            ("}}", "}} {}"),
        ] {
            assert!(
                Payload::parse(text.replacen(from, to, 1).as_bytes()).is_err(),
                "{to}"
            );
        }
        let upper = text.replace("critical", "Critical");
        assert!(Payload::parse(upper.as_bytes()).is_err());
    }
}
