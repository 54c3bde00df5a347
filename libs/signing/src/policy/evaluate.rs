//! The judgement: whether a manifest with its signatures satisfies what the policy requires.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use oci::{RawManifest, limits};

use super::requirement::{KeyFiles, KeyType, Requirement, SignedBy};
use super::{ImageIdentity, KeySource, Policy};
use crate::openpgp::{Keyring, KeyringError};
use crate::simple::{self, SignatureError, VerifiedSignature};
use crate::stored::Signature;
use crate::trusted::{AcceptedSignature, TrustedManifest, Verdict};

/// What is judged, and what the judgement may look at.
pub struct Evaluation<'a> {
    /// The image, by the name that the user gave.
    pub identity: &'a ImageIdentity,
    /// The manifest as it was received.
    pub manifest: RawManifest,
    /// The signatures that lie beside it, in any order.
    pub signatures: &'a [Signature],
    /// Reads the key files that the policy names.
    pub keys: &'a dyn KeySource,
    /// The time at which keys and signatures must be valid.
    pub now: Timestamp,
}

/// Why one requirement, or one signature in it, does not accept an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The policy rejects every image of the scope.
    #[error("Running image {image} is rejected by policy.")]
    Reject {
        /// The image.
        image: String,
    },
    /// There is not one signature of the kind that is required.
    #[error("A signature was required, but no signature exists")]
    NoSignature,
    /// There are signatures and none is good.
    #[error("{}", summary(.0))]
    NoneAccepted(Vec<(usize, SignatureError)>),
    /// A key file of the policy cannot be read.
    #[error("reading key {}: {source}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// The keys of the policy are none.
    #[error("{source} ({keys})")]
    Keys {
        /// Where the policy says they are.
        keys: String,
        /// What is wrong with them.
        source: KeyringError,
    },
    /// A key type that nobody implements.
    #[error("Unimplemented \"keyType\" value {0:?}")]
    KeyType(&'static str),
    /// A requirement that cannot be checked here, and therefore rejects.
    #[error("requirement {0} is not supported, so that every image is rejected")]
    Unsupported(&'static str),
}

/// Words it as the reference does, which tools and people know.
fn summary(rejections: &[(usize, SignatureError)]) -> String {
    let all: Vec<String> = rejections.iter().map(|(_, error)| chain(error)).collect();
    match all.as_slice() {
        [one] => one.clone(),
        _ => format!(
            "None of the signatures were accepted, reasons: {}",
            all.join("; ")
        ),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// An image that the policy does not accept.
#[derive(Debug)]
pub struct Rejected {
    scope: String,
    reasons: Vec<Reason>,
}

impl Rejected {
    /// Returns the scope that applied, as in [`Verdict::scope`].
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Returns one reason for each requirement that is not satisfied, in the policy's order.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source image rejected: ")?;
        for (at, reason) in self.reasons.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{reason}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejected {}

impl Policy {
    /// Judges a manifest. The bytes that are judged are the bytes in what is returned.
    ///
    /// Every requirement of the one scope that applies must be satisfied. Of the signatures at
    /// most [`limits::SIGNATURES`] and [`limits::SIGNATURES_TOTAL_BYTES`] are looked at; an image
    /// list is judged by its own bytes, its instances by theirs. An image that is named by tag and
    /// digest is rejected where either name is, unless there is a scope for both together.
    ///
    /// # Errors
    /// Every requirement that is not satisfied, with the reason.
    pub fn evaluate(&self, input: Evaluation<'_>) -> Result<TrustedManifest, Rejected> {
        let (scope, requirements) = self.requirements_for(input.identity);
        let transport = &input.identity.transport;
        let of_both = |joint: &String| scope == format!("{transport}: {joint}");
        if !input.identity.scopes.first().is_some_and(of_both) {
            for part in input.identity.parts() {
                let (scope, requirements) = self.requirements_for(&part);
                if requirements.contains(&Requirement::Reject) {
                    let image = part.display_name();
                    let reasons = vec![Reason::Reject { image }];
                    return Err(Rejected { scope, reasons });
                }
            }
        }
        let mut verdict = Verdict {
            scope,
            requirements: Vec::new(),
            signatures: Vec::new(),
        };
        let mut reasons = Vec::new();
        for requirement in requirements {
            verdict.requirements.push(requirement.to_string());
            match judge(requirement, &input) {
                Ok(None) => {}
                Ok(Some(accepted)) if verdict.signatures.contains(&accepted) => {}
                Ok(Some(accepted)) => verdict.signatures.push(accepted),
                Err(reason) => reasons.push(reason),
            }
        }
        // A policy has no empty list of requirements; if it had, nothing would have been judged.
        if reasons.is_empty() && !requirements.is_empty() {
            return Ok(TrustedManifest::accepted(input.manifest, verdict));
        }
        Err(Rejected {
            scope: verdict.scope,
            reasons,
        })
    }
}

fn judge(
    requirement: &Requirement,
    input: &Evaluation<'_>,
) -> Result<Option<AcceptedSignature>, Reason> {
    match requirement {
        Requirement::InsecureAcceptAnything => Ok(None),
        Requirement::Reject => Err(Reason::Reject {
            image: input.identity.display_name(),
        }),
        Requirement::SignedBy(signed) => judge_signed_by(signed, input).map(Some),
        Requirement::SigstoreSigned(_) => Err(Reason::Unsupported("sigstoreSigned")),
        Requirement::SignedBaseLayer { .. } => Err(Reason::Unsupported("signedBaseLayer")),
    }
}

fn judge_signed_by(signed: &SignedBy, input: &Evaluation<'_>) -> Result<AcceptedSignature, Reason> {
    let mut bytes_left = limits::SIGNATURES_TOTAL_BYTES;
    let simple: Vec<(usize, &[u8])> = (input.signatures.iter().enumerate())
        .filter_map(|(at, signature)| match signature {
            Signature::Simple(bytes) => Some((at, bytes.as_slice())),
            _ => None,
        })
        .take(limits::SIGNATURES)
        .take_while(|(_, bytes)| {
            let left = bytes_left.checked_sub(bytes.len() as u64);
            bytes_left = left.unwrap_or(0);
            left.is_some()
        })
        .collect();
    if simple.is_empty() {
        return Err(Reason::NoSignature);
    }
    if signed.key_type != KeyType::GpgKeys {
        return Err(Reason::KeyType(signed.key_type.name()));
    }
    let keyring = load(&signed.keys, input.keys)?;
    let mut rejections = Vec::new();
    for (index, bytes) in simple {
        match judge_signature(bytes, &keyring, signed, input) {
            Ok(verified) => {
                return Ok(AcceptedSignature {
                    index,
                    signer: verified.fingerprint().clone(),
                    docker_reference: verified.docker_reference().to_owned(),
                });
            }
            Err(error) => rejections.push((index, error)),
        }
    }
    Err(Reason::NoneAccepted(rejections))
}

/// Checks in the order of the reference: key, form, manifest, name.
fn judge_signature(
    bytes: &[u8],
    keyring: &Keyring,
    signed: &SignedBy,
    input: &Evaluation<'_>,
) -> Result<VerifiedSignature, SignatureError> {
    let verified = simple::verify(bytes, keyring, input.now)?;
    verified.matches_manifest(&input.manifest)?;
    let intended = input.identity.docker_reference.as_ref();
    let name = verified.docker_reference();
    if !signed.signed_identity.accepts(intended, name) {
        return Err(SignatureError::OtherIdentity {
            signed: name.to_owned(),
        });
    }
    Ok(verified)
}

fn load(keys: &KeyFiles, source: &dyn KeySource) -> Result<Keyring, Reason> {
    let read = |path: &Path| {
        source.read(path).map_err(|source| Reason::KeyFile {
            path: path.to_owned(),
            source,
        })
    };
    let files = match keys {
        KeyFiles::Path(path) => vec![read(path)?],
        KeyFiles::Paths(paths) => paths
            .iter()
            .map(|path| read(path))
            .collect::<Result<Vec<_>, _>>()?,
        KeyFiles::Data(data) => vec![data.clone()],
    };
    Keyring::from_all(files.iter().map(Vec::as_slice)).map_err(|error| Reason::Keys {
        keys: keys.to_string(),
        source: error,
    })
}
