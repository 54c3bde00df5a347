//! What `skopeo sync --src yaml` reads (skopeo-sync(1), YAML FILE CONTENT).
//!
//! ```yaml
//! registry.example:5000:
//!   images:                        # repository: tags and digests; none stands for all tags
//!     app: [1, sha256:…]
//!     other: []
//!   images-by-tag-regex: {app: '^1\.'}
//!   images-by-semver: {app: '>= 3.12.0, < 4'}
//!   credentials: {username: me, password: secret}
//!   tls-verify: true
//!   cert-dir: /etc/certs
//! ```
//!
//! Members that nobody knows are refused: a filter that is misspelt would copy everything.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::auth::Credential;
use crate::{ConfigError, Secret, read};

/// The registries of a file, in its order.
#[derive(Clone, Debug, Default)]
pub struct SyncFile {
    /// By `HOST[:PORT]`.
    pub registries: Vec<(String, SyncRegistry)>,
}

/// What is wanted of one registry, and how it is reached.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SyncRegistry {
    /// Repositories with tags and digests; with none of these all tags are meant.
    #[serde(default)]
    images: Ordered<Option<Vec<Scalar>>>,
    /// Repositories with a regular expression that tags match.
    #[serde(default)]
    images_by_tag_regex: Ordered<String>,
    /// Repositories with a constraint that versions satisfy.
    #[serde(default)]
    images_by_semver: Ordered<String>,
    credentials: Option<Login>,
    tls_verify: Option<bool>,
    cert_dir: Option<PathBuf>,
}

/// What is wanted of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncTags {
    /// All tags.
    All,
    /// These tags and digests.
    These(Vec<String>),
    /// The tags that a regular expression matches.
    Regex(String),
    /// The tags that are versions within a constraint.
    Semver(String),
}

impl SyncFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is not of this form.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, read::required(path)?)
    }

    /// Parses what was read from `path`.
    ///
    /// # Errors
    /// It is not of this form.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, ConfigError> {
        let text = read::text(path, bytes)?;
        let registries: Option<Ordered<SyncRegistry>> =
            serde_yaml_ng::from_str(&text).map_err(|source| ConfigError::Yaml {
                path: path.to_owned(),
                source: Box::new(source),
            })?;
        Ok(Self {
            registries: registries.unwrap_or_default().0,
        })
    }
}

impl SyncRegistry {
    /// Returns the repositories, and what is wanted of each.
    pub fn repositories(&self) -> Vec<(&str, SyncTags)> {
        let named = self.images.0.iter().map(|(name, tags)| {
            let tags: Vec<String> = tags.iter().flatten().map(|tag| tag.0.clone()).collect();
            let wanted = match tags.is_empty() {
                true => SyncTags::All,
                false => SyncTags::These(tags),
            };
            (name.as_str(), wanted)
        });
        let by_regex = self.images_by_tag_regex.0.iter();
        let by_regex = by_regex.map(|(name, text)| (name.as_str(), SyncTags::Regex(text.clone())));
        let by_semver = self.images_by_semver.0.iter();
        let by_semver =
            by_semver.map(|(name, text)| (name.as_str(), SyncTags::Semver(text.clone())));
        named.chain(by_regex).chain(by_semver).collect()
    }

    /// Returns who to be there.
    pub fn credential(&self) -> Option<Credential> {
        let login = self.credentials.as_ref()?;
        Some(Credential::Basic {
            username: login.username.clone(),
            password: Secret::new(login.password.as_str()),
        })
    }

    /// Returns whether TLS must verify, where the file says so.
    pub fn tls_verify(&self) -> Option<bool> {
        self.tls_verify
    }

    /// Returns where certificates lie.
    pub fn cert_dir(&self) -> Option<&Path> {
        self.cert_dir.as_deref()
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    username: String,
    #[serde(default)]
    password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// A tag as people write it: `3.10` is one, and no number.
#[derive(Clone, Debug)]
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Scalar;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a tag or digest")
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A map in the order in which it was written.
#[derive(Clone, Debug)]
struct Ordered<T>(Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Ordered::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(String, T)> = Vec::new();
                while let Some((Scalar(name), value)) = map.next_entry::<Scalar, T>()? {
                    if members.iter().any(|(other, _)| *other == name) {
                        return Err(serde::de::Error::custom(format_args!(
                            "{name} is there twice"
                        )));
                    }
                    members.push((name, value));
                }
                Ok(Ordered(members))
            }
        }
        deserializer.deserialize_any(Members(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SyncFile, String> {
        SyncFile::parse(Path::new("s.yaml"), text.as_bytes().to_vec()).map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}: {}", source.unwrap_or_default())
        })
    }

    #[test]
    fn what_the_manual_shows_is_read() {
        let file = parse(
            "registry.example.com:\n  images:\n    busybox: []\n    redis:\n      - \"1.0\"\n      - 2.0\n      - 3.10\n      - \"sha256:0\"\n    none:\n  images-by-tag-regex:\n    nginx: ^1\\.13\\.[12]-alpine-perl$\n  credentials:\n    username: john\n    password: this is a secret\n  tls-verify: true\n  cert-dir: /home/john/certs\nquay.io:\n  tls-verify: false\n  images:\n    coreos/etcd:\n      - latest\n  images-by-semver:\n    app: '>= 3.12.0'\n",
        )
        .unwrap();
        let names: Vec<&str> = file
            .registries
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["registry.example.com", "quay.io"]);
        let first = &file.registries[0].1;
        let these = |tags: &[&str]| SyncTags::These(tags.iter().map(|t| (*t).to_owned()).collect());
        assert_eq!(
            first.repositories(),
            [
                ("busybox", SyncTags::All),
                ("redis", these(&["1.0", "2.0", "3.10", "sha256:0"])),
                ("none", SyncTags::All),
                (
                    "nginx",
                    SyncTags::Regex("^1\\.13\\.[12]-alpine-perl$".to_owned())
                ),
            ]
        );
        assert_eq!(first.tls_verify(), Some(true));
        assert_eq!(first.cert_dir(), Some(Path::new("/home/john/certs")));
        assert!(
            matches!(first.credential(), Some(Credential::Basic { username, .. }) if username == "john")
        );
        assert!(!format!("{first:?}").contains("secret"));
        assert!(parse("").unwrap().registries.is_empty());
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        for text in [
            "r.example: {imagse: {a: []}}",
            "r.example: {images: [a]}",
            "r.example: {credentials: {user: a}}",
            "r.example: {images: {a: [b]}}\nr.example: {}",
            "- a",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
