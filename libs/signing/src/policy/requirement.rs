//! One requirement of a scope, as the policy spells it.

use std::fmt;
use std::path::PathBuf;

use super::identity::SignedIdentity;
use super::reader::{Fault, Node, Object, PolicyError};

const TYPES: &[&str] = &[
    "insecureAcceptAnything",
    "reject",
    "signedBy",
    "sigstoreSigned",
    "signedBaseLayer",
];

/// What an image must satisfy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// Satisfied by every image.
    InsecureAcceptAnything,
    /// Satisfied by none.
    Reject,
    /// Satisfied by a simple signature of one of some keys.
    SignedBy(SignedBy),
    /// Satisfied by a sigstore signature; nothing here verifies one, so it always rejects.
    SigstoreSigned(Box<SigstoreSigned>),
    /// Never implemented by the reference either; always rejects.
    SignedBaseLayer {
        /// The identities that a base layer may have.
        base_layer_identity: SignedIdentity,
    },
}

/// What the keys of a [`SignedBy`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyType {
    /// OpenPGP public keys; the one type that is implemented anywhere.
    GpgKeys,
    /// Keys signed by OpenPGP keys; always rejects.
    SignedByGpgKeys,
    /// X.509 certificates; always rejects.
    X509Certificates,
    /// Certificates signed by X.509 authorities; always rejects.
    SignedByX509CAs,
}

impl KeyType {
    const NAMES: &[&str] = &[
        "GPGKeys",
        "signedByGPGKeys",
        "X509Certificates",
        "signedByX509CAs",
    ];

    fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        match node.text()? {
            "GPGKeys" => Ok(Self::GpgKeys),
            "signedByGPGKeys" => Ok(Self::SignedByGpgKeys),
            "X509Certificates" => Ok(Self::X509Certificates),
            "signedByX509CAs" => Ok(Self::SignedByX509CAs),
            other => Err(node.fault(Fault::UnknownValue {
                got: other.to_owned(),
                allowed: Self::NAMES,
            })),
        }
    }

    /// Returns the name as the policy spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::GpgKeys => "GPGKeys",
            Self::SignedByGpgKeys => "signedByGPGKeys",
            Self::X509Certificates => "X509Certificates",
            Self::SignedByX509CAs => "signedByX509CAs",
        }
    }
}

/// Where keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFiles {
    /// In a file.
    Path(PathBuf),
    /// In files; a key of any of them will do.
    Paths(Vec<PathBuf>),
    /// In the policy itself.
    Data(Vec<u8>),
}

impl KeyFiles {
    const MEMBERS: &[&str] = &["keyPath", "keyPaths", "keyData"];

    fn read(object: &Object<'_>) -> Result<Self, PolicyError> {
        let (name, node) = object.exactly_one(Self::MEMBERS)?;
        match name {
            "keyPath" => Ok(Self::Path(path(&node)?)),
            // An empty list or empty data parses, as in the reference, and has no keys later.
            "keyPaths" => Ok(Self::Paths(paths(&node)?)),
            _ => Ok(Self::Data(node.base64()?)),
        }
    }
}

impl fmt::Display for KeyFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "keyPath {}", path.display()),
            Self::Paths(paths) => {
                f.write_str("keyPaths")?;
                for path in paths {
                    write!(f, " {}", path.display())?;
                }
                Ok(())
            }
            Self::Data(_) => f.write_str("keyData"),
        }
    }
}

/// A requirement of type `signedBy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBy {
    /// What the keys are.
    pub key_type: KeyType,
    /// Where the keys are.
    pub keys: KeyFiles,
    /// Which names a signature may carry.
    pub signed_identity: SignedIdentity,
}

/// A requirement of type `sigstoreSigned`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigstoreSigned {
    /// Whose signature is wanted.
    pub keys: SigstoreKeys,
    /// The keys of the transparency log, if the log is asked for.
    pub rekor_keys: Option<SigstoreKeys>,
    /// Which names a signature may carry.
    pub signed_identity: SignedIdentity,
}

/// Whom a sigstore requirement trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigstoreKeys {
    /// Public keys in files.
    Paths(Vec<PathBuf>),
    /// Public keys in the policy itself.
    Datas(Vec<Vec<u8>>),
    /// Certificates of a Fulcio server.
    Fulcio(Fulcio),
    /// Certificates of one's own authority.
    Pki(Pki),
}

/// Certificates of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaSource {
    /// In a file.
    Path(PathBuf),
    /// In the policy itself.
    Data(Vec<u8>),
}

/// Whom a Fulcio server must have vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fulcio {
    /// The certificates of the server.
    pub ca: CaSource,
    /// The OpenID issuer.
    pub oidc_issuer: String,
    /// The e-mail address of the signer.
    pub subject_email: String,
}

/// Whom one's own authority must have vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pki {
    /// The root certificates.
    pub ca_roots: CaSource,
    /// Intermediate certificates.
    pub ca_intermediates: Option<CaSource>,
    /// The e-mail address of the signer.
    pub subject_email: Option<String>,
    /// The host name of the signer.
    pub subject_hostname: Option<String>,
}

impl Requirement {
    /// Tells whether what it says of an image depends on the image's signatures.
    pub fn looks_at_signatures(&self) -> bool {
        match self {
            Self::SignedBy(_) | Self::SigstoreSigned(_) => true,
            Self::InsecureAcceptAnything | Self::Reject | Self::SignedBaseLayer { .. } => false,
        }
    }

    pub(super) fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let kind = node.peek("type")?;
        match kind.text()? {
            "insecureAcceptAnything" => {
                node.object(&["type"])?;
                Ok(Self::InsecureAcceptAnything)
            }
            "reject" => {
                node.object(&["type"])?;
                Ok(Self::Reject)
            }
            "signedBy" => Ok(Self::SignedBy(SignedBy::read(node)?)),
            "sigstoreSigned" => Ok(Self::SigstoreSigned(Box::new(SigstoreSigned::read(node)?))),
            "signedBaseLayer" => {
                let object = node.object(&["type", "baseLayerIdentity"])?;
                Ok(Self::SignedBaseLayer {
                    base_layer_identity: SignedIdentity::read(
                        &object.required("baseLayerIdentity")?,
                    )?,
                })
            }
            other => Err(kind.fault(Fault::UnknownValue {
                got: other.to_owned(),
                allowed: TYPES,
            })),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InsecureAcceptAnything => f.write_str("insecureAcceptAnything"),
            Self::Reject => f.write_str("reject"),
            Self::SignedBy(signed) => write!(
                f,
                "signedBy {} {} {}",
                signed.key_type.name(),
                signed.keys,
                signed.signed_identity
            ),
            Self::SigstoreSigned(signed) => {
                write!(f, "sigstoreSigned {}", signed.signed_identity)
            }
            Self::SignedBaseLayer {
                base_layer_identity,
            } => write!(f, "signedBaseLayer {base_layer_identity}"),
        }
    }
}

impl SignedBy {
    fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let object = node.object(&[
            "type",
            "keyType",
            "keyPath",
            "keyPaths",
            "keyData",
            "signedIdentity",
        ])?;
        Ok(Self {
            key_type: KeyType::read(&object.required("keyType")?)?,
            keys: KeyFiles::read(&object)?,
            signed_identity: SignedIdentity::read_optional(&object)?,
        })
    }
}

impl SigstoreSigned {
    const KEYS: &[&str] = &[
        "keyPath", "keyPaths", "keyData", "keyDatas", "fulcio", "pki",
    ];
    const REKOR: &[&str] = &[
        "rekorPublicKeyPath",
        "rekorPublicKeyPaths",
        "rekorPublicKeyData",
        "rekorPublicKeyDatas",
    ];

    fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let object = node.object(&[
            "type",
            "keyPath",
            "keyPaths",
            "keyData",
            "keyDatas",
            "fulcio",
            "pki",
            "rekorPublicKeyPath",
            "rekorPublicKeyPaths",
            "rekorPublicKeyData",
            "rekorPublicKeyDatas",
            "signedIdentity",
        ])?;
        let (name, node) = object.exactly_one(Self::KEYS)?;
        let keys = SigstoreKeys::read(name, &node)?;
        let rekor = object.at_most_one(Self::REKOR)?;
        let rekor_keys = rekor
            .as_ref()
            .map(|(name, node)| SigstoreKeys::read(name, node))
            .transpose()?;
        match (&keys, &rekor) {
            (SigstoreKeys::Fulcio(_), None) => {
                return Err(object.fault(Fault::Choice {
                    how: "with fulcio exactly one",
                    of: Self::REKOR,
                    got: Vec::new(),
                }));
            }
            (SigstoreKeys::Pki(_), Some((_, node))) => {
                return Err(node.fault(Fault::Forbidden { with: "pki" }));
            }
            _ => {}
        }
        Ok(Self {
            keys,
            rekor_keys,
            signed_identity: SignedIdentity::read_optional(&object)?,
        })
    }
}

impl SigstoreKeys {
    fn read(name: &str, node: &Node<'_>) -> Result<Self, PolicyError> {
        match name {
            "keyPath" | "rekorPublicKeyPath" => Ok(Self::Paths(vec![path(node)?])),
            "keyPaths" | "rekorPublicKeyPaths" => Ok(Self::Paths(not_empty(node, paths(node)?)?)),
            "keyData" | "rekorPublicKeyData" => Ok(Self::Datas(vec![node.base64()?])),
            "fulcio" => Ok(Self::Fulcio(Fulcio::read(node)?)),
            "pki" => Ok(Self::Pki(Pki::read(node)?)),
            _ => Ok(Self::Datas(not_empty(node, node.base64s()?)?)),
        }
    }
}

impl Fulcio {
    fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let object = node.object(&["caPath", "caData", "oidcIssuer", "subjectEmail"])?;
        let (name, ca) = object.exactly_one(&["caPath", "caData"])?;
        Ok(Self {
            ca: CaSource::read(name == "caPath", &ca)?,
            oidc_issuer: filled(&object.required("oidcIssuer")?)?,
            subject_email: filled(&object.required("subjectEmail")?)?,
        })
    }
}

impl Pki {
    const SUBJECTS: &[&str] = &["subjectEmail", "subjectHostname"];

    fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let object = node.object(&[
            "caRootsPath",
            "caRootsData",
            "caIntermediatesPath",
            "caIntermediatesData",
            "subjectEmail",
            "subjectHostname",
        ])?;
        let (name, roots) = object.exactly_one(&["caRootsPath", "caRootsData"])?;
        let intermediates = object.at_most_one(&["caIntermediatesPath", "caIntermediatesData"])?;
        let subject = |name| {
            let node = object.optional(name);
            node.map(|node| filled(&node)).transpose()
        };
        let pki = Self {
            ca_roots: CaSource::read(name == "caRootsPath", &roots)?,
            ca_intermediates: intermediates
                .map(|(name, node)| CaSource::read(name == "caIntermediatesPath", &node))
                .transpose()?,
            subject_email: subject("subjectEmail")?,
            subject_hostname: subject("subjectHostname")?,
        };
        if pki.subject_email.is_none() && pki.subject_hostname.is_none() {
            return Err(object.fault(Fault::Choice {
                how: "at least one",
                of: Self::SUBJECTS,
                got: Vec::new(),
            }));
        }
        Ok(pki)
    }
}

impl CaSource {
    fn read(in_file: bool, node: &Node<'_>) -> Result<Self, PolicyError> {
        if in_file {
            Ok(Self::Path(path(node)?))
        } else {
            Ok(Self::Data(node.base64()?))
        }
    }
}

fn filled(node: &Node<'_>) -> Result<String, PolicyError> {
    match node.text()? {
        "" => Err(node.fault(Fault::Empty)),
        text => Ok(text.to_owned()),
    }
}

fn path(node: &Node<'_>) -> Result<PathBuf, PolicyError> {
    filled(node).map(PathBuf::from)
}

/// Reads file names; an empty one is left to fail when it is opened, as in the reference.
fn paths(node: &Node<'_>) -> Result<Vec<PathBuf>, PolicyError> {
    Ok(node.texts()?.into_iter().map(PathBuf::from).collect())
}

fn not_empty<T>(node: &Node<'_>, list: Vec<T>) -> Result<Vec<T>, PolicyError> {
    if list.is_empty() {
        return Err(node.fault(Fault::EmptyList));
    }
    Ok(list)
}
