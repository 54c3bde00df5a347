//! Names of repositories and images, in the form that docker gives them.
//!
//! ```text
//! reference  = name [ ":" tag ] [ "@" digest ]
//! name       = [ host "/" ] component *( "/" component )
//! host       = ( label *( "." label ) / "[" IPv6 "]" ) [ ":" port ]
//! component  = [a-z0-9]+ *( ( "." / "_" / "__" / "-"+ ) [a-z0-9]+ )
//! tag        = [A-Za-z0-9_] [A-Za-z0-9_.-]{0,127}
//! ```
//!
//! The first component is a host when it contains `.`, `:` or an upper-case letter, or is
//! `localhost`; otherwise the host is docker.io, where a single component gets `library/` in front.
//! Grammar and rules are those of github.com/distribution/reference.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Digest, DigestError};

const DEFAULT_HOST: &str = "docker.io";
const LEGACY_DEFAULT_HOST: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";
const DEFAULT_TAG: &str = "latest";
/// Longest path of a repository, in bytes; hosts are held to the same, which DNS names never reach.
const NAME_BYTES: usize = 255;
const TAG_BYTES: usize = 128;

/// Why a text names no repository, tag or image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// Nothing is there, or nothing in front of the tag or digest.
    #[error("repository name is empty")]
    EmptyName,
    /// The path of the repository holds upper-case letters.
    #[error("repository name {0:?} must be lower case")]
    UpperCase(String),
    /// 64 hexadecimal digits would be taken for an image id.
    #[error("repository name {0:?} must not be 64 hexadecimal digits")]
    LooksLikeId(String),
    /// Host or path is longer than 255 bytes.
    #[error("repository name has a part of {length} bytes, 255 are allowed")]
    TooLong {
        /// How long the part is, in bytes.
        length: usize,
    },
    /// The part in front of the first slash is no host.
    #[error("invalid registry host {0:?}")]
    BadHost(String),
    /// The path does not follow the grammar.
    #[error("invalid repository name {0:?}")]
    BadPath(String),
    /// The tag does not follow the grammar.
    #[error("invalid tag {0:?}")]
    BadTag(String),
    /// The digest is none.
    #[error(transparent)]
    BadDigest(#[from] DigestError),
}

/// Error texts quote foreign input; they must not grow with it.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 160;
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// Parses a tag.
    ///
    /// # Errors
    /// A text that does not follow the grammar.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let bytes = text.as_bytes();
        let fits = bytes.len() <= TAG_BYTES
            && bytes.first().is_some_and(|&b| word(b))
            && bytes.iter().all(|&b| word(b) || b == b'.' || b == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReferenceError::BadTag(quoted(text)))
        }
    }

    /// Returns `latest`, which stands for an image that is named without tag and digest.
    pub fn latest() -> Self {
        Self(DEFAULT_TAG.to_owned())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository at a registry: host and path, both always present.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: String,
}

impl Repository {
    /// Parses the name of a repository, with neither tag nor digest.
    ///
    /// # Errors
    /// A name that does not follow the grammar.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::EmptyName);
        }
        if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ReferenceError::LooksLikeId(text.to_owned()));
        }
        let (host, path) = match text.split_once('/') {
            Some((LEGACY_DEFAULT_HOST, path)) => (DEFAULT_HOST, path),
            Some((first, path)) if is_host(first) => (first, path),
            _ => (DEFAULT_HOST, text),
        };
        if path.is_empty() {
            return Err(ReferenceError::EmptyName);
        }
        let path = if host == DEFAULT_HOST && !path.contains('/') {
            format!("{OFFICIAL_PREFIX}{path}")
        } else {
            path.to_owned()
        };
        Self::from_parts(host, path)
    }

    /// Puts a repository together from a host and a path that are taken as they are.
    ///
    /// # Errors
    /// A host or path that does not follow the grammar.
    pub fn new(host: &str, path: &str) -> Result<Self, ReferenceError> {
        Self::from_parts(host, path.to_owned())
    }

    fn from_parts(host: &str, path: String) -> Result<Self, ReferenceError> {
        for part in [host, path.as_str()] {
            if part.len() > NAME_BYTES {
                return Err(ReferenceError::TooLong { length: part.len() });
            }
        }
        if !host_fits(host) {
            return Err(ReferenceError::BadHost(quoted(host)));
        }
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(ReferenceError::UpperCase(quoted(&path)));
        }
        if !path.split('/').all(component_fits) {
            return Err(ReferenceError::BadPath(quoted(&path)));
        }
        Ok(Self {
            host: host.to_owned(),
            path,
        })
    }

    /// Returns the host with its port, `docker.io` when none was named.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the path at that host, `library/` included.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the shortest text that parses into this repository: without `docker.io/` and
    /// `library/`.
    pub fn familiar(&self) -> String {
        if self.host != DEFAULT_HOST {
            return self.to_string();
        }
        match self.path.strip_prefix(OFFICIAL_PREFIX) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.path.clone(),
        }
    }
}

/// Tells whether the first of several components is a host rather than a part of the path.
fn is_host(component: &str) -> bool {
    component == "localhost"
        || component.contains(['.', ':'])
        || component.chars().any(|c| c.is_uppercase())
}

fn host_fits(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        return !address.is_empty()
            && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
            && (port.is_empty() || port.strip_prefix(':').is_some_and(port_fits));
    }
    let (name, port) = match host.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    port.is_none_or(port_fits) && name.split('.').all(label_fits)
}

fn port_fits(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

fn label_fits(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn component_fits(component: &str) -> bool {
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    if !(bytes.first().is_some_and(|&b| alnum(b)) && bytes.last().is_some_and(|&b| alnum(b))) {
        return false;
    }
    component
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
        })
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

/// The name of an image: a repository, and a tag or a digest or both or neither.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Reference {
    /// Puts a reference together.
    pub fn new(repository: Repository, tag: Option<Tag>, digest: Option<Digest>) -> Self {
        Self {
            repository,
            tag,
            digest,
        }
    }

    /// Parses `NAME[:TAG][@DIGEST]`.
    ///
    /// # Errors
    /// A text that does not follow the grammar.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest)?)),
            None => (text, None),
        };
        let path_start = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[path_start..].find(':') {
            Some(colon) => {
                let (name, tag) = rest.split_at(path_start + colon);
                (name, Some(Tag::parse(&tag[1..])?))
            }
            None => (rest, None),
        };
        Ok(Self::new(Repository::parse(name)?, tag, digest))
    }

    /// Returns the repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Returns the tag.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// Returns the digest.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Returns the reference with the tag `latest` when it has neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(&self) -> Self {
        let mut named = self.clone();
        if named.tag.is_none() && named.digest.is_none() {
            named.tag = Some(Tag::latest());
        }
        named
    }

    /// Returns the shortest text that parses into this reference.
    pub fn familiar(&self) -> String {
        format!("{}{}", self.repository.familiar(), Suffix(self))
    }
}

/// Prints `[:TAG][@DIGEST]`.
struct Suffix<'a>(&'a Reference);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.0.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.0.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.repository, Suffix(self))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "818e7d07dfb3e9942df1d48efe256bec542b4930bb570bdf8768f316da809298";

    #[test]
    fn names_are_normalised_as_docker_does() {
        let table = [
            ("busybox", "docker.io/library/busybox", "busybox"),
            (
                "busybox:1.0",
                "docker.io/library/busybox:1.0",
                "busybox:1.0",
            ),
            ("a/b", "docker.io/a/b", "a/b"),
            ("docker.io/a", "docker.io/library/a", "a"),
            (
                "docker.io/library/a/b",
                "docker.io/library/a/b",
                "library/a/b",
            ),
            ("index.docker.io/a:t", "docker.io/library/a:t", "a:t"),
            ("localhost/a", "localhost/a", "localhost/a"),
            ("localhost", "docker.io/library/localhost", "localhost"),
            (
                "localhost:5000",
                "docker.io/library/localhost:5000",
                "localhost:5000",
            ),
            ("localhost:5000/a", "localhost:5000/a", "localhost:5000/a"),
            (
                "r.example/a/b/c:t",
                "r.example/a/b/c:t",
                "r.example/a/b/c:t",
            ),
            ("r:5000/a", "r:5000/a", "r:5000/a"),
            ("Upper/a", "Upper/a", "Upper/a"),
            ("REG.example/a", "REG.example/a", "REG.example/a"),
            ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"),
            ("[fd00::1]/a", "[fd00::1]/a", "[fd00::1]/a"),
            (
                "a--b/c__d/e-f.g_h",
                "docker.io/a--b/c__d/e-f.g_h",
                "a--b/c__d/e-f.g_h",
            ),
            ("a:_.-X", "docker.io/library/a:_.-X", "a:_.-X"),
            ("127.0.0.1/a", "127.0.0.1/a", "127.0.0.1/a"),
        ];
        for (text, canonical, familiar) in table {
            let reference = Reference::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(reference.to_string(), canonical, "{text}");
            assert_eq!(reference.familiar(), familiar, "{text}");
            assert_eq!(
                Reference::parse(canonical).unwrap(),
                reference,
                "{canonical}"
            );
        }
        let short = format!("{}:t@sha256:{HEX}", &HEX[..63]);
        let reference = Reference::parse(&short).unwrap();
        assert_eq!(reference.tag().unwrap().as_str(), "t");
        assert_eq!(reference.digest().unwrap().hex(), HEX);
        assert_eq!(reference.to_string(), format!("docker.io/library/{short}"));
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let long = |n| "a".repeat(n);
        let table = [
            String::new(),
            ":t".to_owned(),
            "@".to_owned(),
            format!("@sha256:{HEX}"),
            "a:".to_owned(),
            "a@".to_owned(),
            "a:t:u".to_owned(),
            "a//b".to_owned(),
            "/a".to_owned(),
            "a/".to_owned(),
            "r.example/".to_owned(),
            "r.example//a".to_owned(),
            "A".to_owned(),
            "a/B".to_owned(),
            "a/b/C".to_owned(),
            "a._b".to_owned(),
            "a..b".to_owned(),
            "a___b".to_owned(),
            "-a".to_owned(),
            "a-".to_owned(),
            "r.example/.a".to_owned(),
            "r.example/../a".to_owned(),
            "r.example/a/..".to_owned(),
            "a b".to_owned(),
            " a".to_owned(),
            "a\n".to_owned(),
            "a\0".to_owned(),
            "\u{e4}".to_owned(),
            "r.example/\u{212a}".to_owned(),
            "r.ex\u{e4}mple/a".to_owned(),
            "https://r.example/a".to_owned(),
            "r.example:/a".to_owned(),
            "r.example:x/a".to_owned(),
            "-r.example/a".to_owned(),
            "r..example/a".to_owned(),
            "r_x.example/a".to_owned(),
            "[::1/a".to_owned(),
            "[]/a".to_owned(),
            "[::1]x/a".to_owned(),
            "user@r.example/a".to_owned(),
            "a@sha256:short".to_owned(),
            format!("a@md5:{}", &HEX[..32]),
            format!("a@sha256:{}", HEX.to_uppercase()),
            format!("a@sha256:{HEX}@sha256:{HEX}"),
            HEX.to_owned(),
            format!("{HEX}:t"),
            "a:-t".to_owned(),
            "a:.t".to_owned(),
            "a:t/u".to_owned(),
            format!("a:{}", long(129)),
            format!("r.example/{}", long(256)),
        ];
        for text in table {
            assert!(Reference::parse(&text).is_err(), "{text:?}");
        }
        assert!(Reference::parse(&format!("a:{}", long(128))).is_ok());
        assert!(Reference::parse(&format!("r.example/{}", long(255))).is_ok());
    }

    #[test]
    fn refusals_say_why() {
        let of = |text: &str| Reference::parse(text).unwrap_err();
        assert_eq!(of("a/B"), ReferenceError::UpperCase("a/B".to_owned()));
        assert_eq!(of(HEX), ReferenceError::LooksLikeId(HEX.to_owned()));
        assert_eq!(of("r..x/a"), ReferenceError::BadHost("r..x".to_owned()));
        assert_eq!(of("a:+"), ReferenceError::BadTag("+".to_owned()));
        assert!(matches!(of("a@x"), ReferenceError::BadDigest(_)));
    }

    #[test]
    fn the_default_tag_is_for_names_alone() {
        let named = |text: &str| {
            Reference::parse(text)
                .unwrap()
                .with_default_tag()
                .familiar()
        };
        assert_eq!(named("a"), "a:latest");
        assert_eq!(named("a:t"), "a:t");
        assert_eq!(named(&format!("a@sha256:{HEX}")), format!("a@sha256:{HEX}"));
    }
}
