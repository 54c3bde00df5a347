//! Which names a signature may carry (`signedIdentity`).

use std::fmt;

use oci::Reference;

use super::reader::{Fault, Node, Object, PolicyError};

const TYPES: &[&str] = &[
    "matchExact",
    "matchRepoDigestOrExact",
    "matchRepository",
    "exactReference",
    "exactRepository",
    "remapIdentity",
];

/// A rule that compares the signed name with the name that the user gave.
///
/// Names are compared as parsed, normalised references, never as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedIdentity {
    /// The same name, tag or digest included.
    MatchExact,
    /// By tag: the same name; by digest: the same repository; by both: the same repository and,
    /// of tag and digest, at least one and none that differs. The default.
    MatchRepoDigestOrExact,
    /// The same repository.
    MatchRepository,
    /// Exactly this name, whatever the user gave.
    ExactReference(Reference),
    /// This repository, whatever the user gave.
    ExactRepository(Reference),
    /// As `matchRepoDigestOrExact`, after a prefix of the user's name was replaced.
    RemapIdentity {
        /// The prefix: a host, or a host and a path.
        prefix: String,
        /// What replaces it.
        signed_prefix: String,
    },
}

impl SignedIdentity {
    pub(super) fn read_optional(object: &Object<'_>) -> Result<Self, PolicyError> {
        match object.optional("signedIdentity") {
            Some(node) => Self::read(&node),
            None => Ok(Self::MatchRepoDigestOrExact),
        }
    }

    pub(super) fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let kind = node.peek("type")?;
        match kind.text()? {
            "matchExact" => node.object(&["type"]).map(|_| Self::MatchExact),
            "matchRepoDigestOrExact" => {
                node.object(&["type"]).map(|_| Self::MatchRepoDigestOrExact)
            }
            "matchRepository" => node.object(&["type"]).map(|_| Self::MatchRepository),
            "exactReference" => {
                let object = node.object(&["type", "dockerReference"])?;
                let node = object.required("dockerReference")?;
                match reference(&node, "a reference with a tag or digest")? {
                    named if named.tag().is_none() && named.digest().is_none() => {
                        Err(node.fault(Fault::Reference {
                            got: named.to_string(),
                            want: "a reference with a tag or digest",
                        }))
                    }
                    named => Ok(Self::ExactReference(named)),
                }
            }
            "exactRepository" => {
                let object = node.object(&["type", "dockerRepository"])?;
                let node = object.required("dockerRepository")?;
                Ok(Self::ExactRepository(reference(&node, "a repository")?))
            }
            "remapIdentity" => {
                let object = node.object(&["type", "prefix", "signedPrefix"])?;
                Ok(Self::RemapIdentity {
                    prefix: prefix(&object.required("prefix")?)?,
                    signed_prefix: prefix(&object.required("signedPrefix")?)?,
                })
            }
            other => Err(kind.fault(Fault::UnknownValue {
                got: other.to_owned(),
                allowed: TYPES,
            })),
        }
    }

    /// Tells whether a signature for the name `signed` is accepted for an image that the user
    /// named `intended`; `None` when its transport knows no such names.
    pub(super) fn accepts(&self, intended: Option<&Reference>, signed: &str) -> bool {
        let Ok(signed) = Reference::parse(signed) else {
            return false;
        };
        match self {
            Self::ExactReference(exact) => !name_only(&signed) && signed == *exact,
            Self::ExactRepository(exact) => signed.repository() == exact.repository(),
            Self::MatchExact => intended.is_some_and(|intended| {
                !name_only(intended) && !name_only(&signed) && signed == *intended
            }),
            Self::MatchRepoDigestOrExact => {
                intended.is_some_and(|intended| by_digest_or_exact(intended, &signed))
            }
            Self::MatchRepository => {
                intended.is_some_and(|intended| signed.repository() == intended.repository())
            }
            Self::RemapIdentity {
                prefix,
                signed_prefix,
            } => intended
                .and_then(|intended| remap(intended, prefix, signed_prefix))
                .is_some_and(|intended| by_digest_or_exact(&intended, &signed)),
        }
    }
}

impl fmt::Display for SignedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MatchExact => f.write_str("matchExact"),
            Self::MatchRepoDigestOrExact => f.write_str("matchRepoDigestOrExact"),
            Self::MatchRepository => f.write_str("matchRepository"),
            Self::ExactReference(reference) => write!(f, "exactReference {reference}"),
            Self::ExactRepository(repository) => {
                write!(f, "exactRepository {}", repository.repository())
            }
            Self::RemapIdentity {
                prefix,
                signed_prefix,
            } => write!(f, "remapIdentity {prefix} {signed_prefix}"),
        }
    }
}

fn reference(node: &Node<'_>, want: &'static str) -> Result<Reference, PolicyError> {
    let text = node.text()?;
    Reference::parse(text).map_err(|_| {
        node.fault(Fault::Reference {
            got: text.to_owned(),
            want,
        })
    })
}

fn name_only(reference: &Reference) -> bool {
    reference.tag().is_none() && reference.digest().is_none()
}

/// Where the user named a digest alone the one in the signed name is not compared: the signature's
/// was compared with the manifest already, and the manifest was fetched by, and checked against,
/// the user's. Where the user named tag and digest, what the signed name has of them must agree.
fn by_digest_or_exact(intended: &Reference, signed: &Reference) -> bool {
    if name_only(signed) || signed.repository() != intended.repository() {
        return false;
    }
    match (intended.tag(), intended.digest()) {
        (Some(tag), Some(digest)) => {
            signed.tag().is_none_or(|signed| signed == tag)
                && signed.digest().is_none_or(|signed| signed == digest)
        }
        (Some(_), None) => signed == intended,
        (None, Some(_)) => true,
        (None, None) => false,
    }
}

/// Replaces the prefix where it ends at a component of the name; other names stay as they are.
fn remap(intended: &Reference, prefix: &str, signed_prefix: &str) -> Option<Reference> {
    let name = intended.repository().to_string();
    match name.strip_prefix(prefix) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {}
        _ => return Some(intended.clone()),
    }
    let text = intended.to_string().replacen(prefix, signed_prefix, 1);
    // The reference takes the result only if it is already in normal form, so that a short name
    // as prefix never turns into one of docker.io.
    Reference::parse(&text)
        .ok()
        .filter(|remapped| remapped.to_string() == text)
}

/// Reads a prefix of `remapIdentity`: a host, or a host and path components.
fn prefix(node: &Node<'_>) -> Result<String, PolicyError> {
    let text = node.text()?;
    let (host, path) = match text.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (text, None),
    };
    if is_domain(host) && path.is_none_or(|path| path.split('/').all(is_component)) {
        return Ok(text.to_owned());
    }
    Err(node.fault(Fault::Reference {
        got: text.to_owned(),
        want: "HOST[:PORT] or HOST[:PORT]/PATH",
    }))
}

/// The grammar of a host in docker's references; IPv6 addresses in brackets included.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !(label.is_empty() || label.starts_with('-') || label.ends_with('-'))
    };
    let port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, after)) = rest.split_once(']') else {
            return false;
        };
        return !address.is_empty()
            && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
            && (after.is_empty() || after.strip_prefix(':').is_some_and(port));
    }
    match text.split_once(':') {
        Some((host, digits)) => host.split('.').all(label) && port(digits),
        None => text.split('.').all(label),
    }
}

/// The grammar of a path component in docker's references.
fn is_component(text: &str) -> bool {
    let alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(alnum)
        && text.ends_with(alnum)
        && text.split(alnum).all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_by_tag_and_digest_is_signed_by_either() {
        let [digest, other] = ["d", "e"].map(|hex| format!("sha256:{}", hex.repeat(64)));
        let intended = Reference::parse(&format!("r.example/a:1@{digest}")).unwrap();
        let remap = SignedIdentity::RemapIdentity {
            prefix: "r.example".to_owned(),
            signed_prefix: "s.example".to_owned(),
        };
        for (signed, by_default, exactly) in [
            ("r.example/a:1".to_owned(), true, false),
            (format!("r.example/a@{digest}"), true, false),
            (format!("r.example/a:1@{digest}"), true, true),
            ("r.example/a".to_owned(), false, false),
            ("r.example/a:2".to_owned(), false, false),
            ("r.example/b:1".to_owned(), false, false),
            (format!("r.example/a@{other}"), false, false),
            (format!("r.example/a:2@{digest}"), false, false),
            (format!("r.example/a:1@{other}"), false, false),
        ] {
            let accepts = |rule: &SignedIdentity, name: &str| rule.accepts(Some(&intended), name);
            let default = &SignedIdentity::MatchRepoDigestOrExact;
            assert_eq!(accepts(default, &signed), by_default, "{signed}");
            let remapped = signed.replace("r.example", "s.example");
            assert_eq!(accepts(&remap, &remapped), by_default, "{signed}");
            let exact = &SignedIdentity::MatchExact;
            assert_eq!(accepts(exact, &signed), exactly, "{signed}");
        }
    }
}
