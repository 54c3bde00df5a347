//! Manifests and indexes: read strictly, kept as the bytes that they were.
//!
//! What a document is follows from its members, and everything that says the same must agree:
//!
//! | `schemaVersion` | members | kind |
//! | --- | --- | --- |
//! | 2 | `config` and `layers` | image manifest (OCI, docker schema 2) |
//! | 2 | `manifests` | index (OCI, docker list) |
//! | 1 | `fsLayers` and `history` | schema 1 |
//!
//! A document with members of two kinds, or whose own `mediaType` or whose type at the registry
//! names another kind, is refused (CVE-2021-41190: the same bytes were an index to one tool and an
//! image to another). So is one that spells such a member in other case, which Go reads.

mod read;
mod write;

use std::collections::BTreeMap;

use crate::json::JsonError;
use crate::schema1::{self, Schema1, Schema1Error};
use crate::{Descriptor, Digest, MediaType, limits};

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The document is too long, no JSON, or JSON that readers read differently.
    #[error("reading manifest")]
    Json(#[from] JsonError),
    /// The document is JSON but no object.
    #[error("manifest is not a JSON object")]
    NotAnObject,
    /// The document has members of two kinds of manifest.
    #[error("ambiguous manifest: {first:?} and {second:?} do not go together")]
    Ambiguous {
        /// A member that it has.
        first: &'static str,
        /// A member that does not go with it.
        second: &'static str,
    },
    /// A member is spelt in other case, which some readers take for the member itself.
    #[error("manifest member {found:?} is not spelt {want:?}")]
    MemberCase {
        /// As it is spelt.
        found: String,
        /// As it should be.
        want: &'static str,
    },
    /// The version of the schema is missing or unknown.
    #[error("manifest has schemaVersion {0}, 2 (or 1) is wanted")]
    SchemaVersion(String),
    /// The document has the members of no kind of manifest.
    #[error("manifest is neither an image nor an index: {missing:?} is missing or null")]
    Missing {
        /// The first member that is missing.
        missing: &'static str,
    },
    /// What the document calls itself, or what it was delivered as, is not what it is.
    #[error("manifest is {actual} by its content but {claimed} by its {by}")]
    MediaType {
        /// What the content shows.
        actual: &'static str,
        /// What is claimed.
        claimed: MediaType,
        /// Who claims it: `mediaType` or the one who delivered it.
        by: &'static str,
    },
    /// The document calls itself something else than it was delivered as.
    #[error("manifest calls itself {inner} but was delivered as {outer}")]
    MediaTypeConflict {
        /// The type inside.
        inner: MediaType,
        /// The type that it was delivered as.
        outer: MediaType,
    },
    /// A member has the wrong shape.
    #[error("manifest member {member}")]
    Member {
        /// Which one, with its place in a list.
        member: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// There are more entries than images have.
    #[error("manifest has {actual} {what}, {limit} are allowed")]
    TooMany {
        /// Layers or manifests.
        what: &'static str,
        /// How many there are.
        actual: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A size is larger than any file.
    #[error("manifest member {member} has size {size}, which no content has")]
    Size {
        /// Which descriptor.
        member: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A schema 1 manifest is not acceptable.
    #[error("reading schema 1 manifest")]
    Schema1(#[from] Schema1Error),
    /// The bytes have another digest than was asked for.
    #[error("manifest hashes to {actual}, {expected} is wanted")]
    DigestMismatch {
        /// What was asked for.
        expected: Box<Digest>,
        /// What the bytes have.
        actual: Box<Digest>,
    },
}

/// The bytes of a manifest beside their digest, type and meaning; they cannot come apart.
#[derive(Clone, Debug)]
pub struct RawManifest {
    bytes: Vec<u8>,
    digest: Digest,
    media_type: MediaType,
    manifest: Manifest,
}

impl RawManifest {
    /// Reads a manifest that was delivered as `declared` (by a registry, a descriptor), if anything
    /// said so. A declared type that is no type of manifests (`application/json`) says nothing.
    ///
    /// The digest is SHA-256, of a signed schema 1 manifest without its signatures.
    ///
    /// # Errors
    /// See the module's documentation for what is refused.
    pub fn parse(bytes: Vec<u8>, declared: Option<&MediaType>) -> Result<Self, ManifestError> {
        let (manifest, media_type, signed_part) = read::read(&bytes, declared)?;
        let digest = Digest::sha256(signed_part.as_deref().unwrap_or(&bytes));
        Ok(Self {
            bytes,
            digest,
            media_type,
            manifest,
        })
    }

    /// Reads a manifest as [`RawManifest::parse`] does and checks that it has the digest
    /// `expected`, in that digest's algorithm.
    ///
    /// # Errors
    /// Another digest, which is looked at before anything else, and what `parse` refuses.
    pub fn parse_expecting(
        bytes: Vec<u8>,
        declared: Option<&MediaType>,
        expected: &Digest,
    ) -> Result<Self, ManifestError> {
        let mismatch = |content: &[u8]| ManifestError::DigestMismatch {
            expected: Box::new(*expected),
            actual: Box::new(Digest::of(expected.algorithm(), content)),
        };
        let actual_size = bytes.len() as u64;
        if actual_size > limits::MANIFEST_BYTES {
            return Err(ManifestError::Json(JsonError::TooLong {
                actual: actual_size,
                limit: limits::MANIFEST_BYTES,
            }));
        }
        let as_delivered = expected.matches(&bytes);
        // Only the signed part of a schema 1 manifest has the digest, so that one must be read first.
        if !as_delivered && !schema1::may_be_signed(&bytes) {
            return Err(mismatch(&bytes));
        }
        let (manifest, media_type, signed_part) = read::read(&bytes, declared)?;
        let hashed = signed_part.as_deref().unwrap_or(&bytes);
        if !expected.matches(hashed) {
            return Err(mismatch(hashed));
        }
        Ok(Self {
            bytes,
            digest: *expected,
            media_type,
            manifest,
        })
    }

    /// Returns the bytes as they were.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the media type.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// Returns what the bytes mean.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the bytes and drops the rest.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// What a manifest is.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "images are the common case, and few manifests are held at once"
)]
pub enum Manifest {
    /// One image or artifact: OCI or docker schema 2.
    Image(ImageManifest),
    /// A list of manifests.
    Index(Index),
    /// One image in docker's oldest form.
    Schema1(Schema1),
}

/// A manifest of one image or artifact (image-spec, manifest.md; docker schema 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageManifest {
    /// [`MediaType::OciManifest`] or [`MediaType::DockerManifest`].
    pub media_type: MediaType,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// Free text by key; OCI only.
    pub annotations: BTreeMap<String, String>,
    /// The manifest that this one is about; OCI only.
    pub subject: Option<Descriptor>,
    /// The type of an artifact; OCI only.
    pub artifact_type: Option<String>,
}

/// A list of manifests, of one image for several platforms for example (image-spec,
/// image-index.md; docker manifest list).
///
/// An entry may itself be an index; who follows it stops at [`limits::INDEX_LEVELS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// [`MediaType::OciIndex`] or [`MediaType::DockerList`].
    pub media_type: MediaType,
    /// The manifests.
    pub manifests: Vec<Descriptor>,
    /// Free text by key; OCI only.
    pub annotations: BTreeMap<String, String>,
    /// The manifest that this one is about; OCI only.
    pub subject: Option<Descriptor>,
    /// The type of an artifact; OCI only.
    pub artifact_type: Option<String>,
}
