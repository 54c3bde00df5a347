//! Docker's oldest manifests (image manifest version 2, schema 1), signed or not.
//!
//! A signed one is a JSON document with a last member `signatures` spliced in (a "pretty JWS" of
//! github.com/docker/libtrust). Each signature says, in its `protected` header, how many bytes of
//! the document to keep and which tail to append to get the bytes that were signed; those have the
//! digest. Nobody verifies these signatures, and this code does not either.
//!
//! The signed part is what is read. When the delivered document says anything else beside
//! `signatures`, it is refused, since readers of one and of the other would see two images.

mod config;
mod v1_image;

use std::collections::HashSet;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::image_config::{self, ConfigError};
use crate::json::{self, JsonError};
use crate::platform::null_as_default;
use crate::{Digest, limits};

/// Why a schema 1 manifest is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Schema1Error {
    /// The signatures are not of the form that says what was signed.
    #[error("signature {place}: {problem}")]
    Signature {
        /// Which of the signatures, from 0.
        place: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is an empty list of signatures.
    #[error("list of signatures is empty")]
    NoSignatures,
    /// The signed part is no JSON that is accepted.
    #[error("reading the signed part")]
    SignedPart(#[source] JsonError),
    /// The signed part differs from the document around it.
    #[error("signed part differs from the document that it is in")]
    SignedPartDiffers,
    /// A member is missing or has the wrong shape.
    #[error("unexpected members")]
    Shape(#[source] serde_json::Error),
    /// `fsLayers` and `history` are not of one length, or empty.
    #[error("{layers} layers with {history} history entries")]
    Lengths {
        /// Number of `fsLayers`.
        layers: usize,
        /// Number of `history` entries.
        history: usize,
    },
    /// There are more layers than images have.
    #[error("{actual} layers, {limit} are allowed")]
    TooMany {
        /// How many there are.
        actual: usize,
        /// How many there may be.
        limit: usize,
    },
    /// An entry of the history is no JSON that is accepted.
    #[error("history entry {place}")]
    History {
        /// Which entry, from 0.
        place: usize,
        /// What is wrong with it.
        source: JsonError,
    },
    /// An identifier in the history is not 64 lower-case hexadecimal digits.
    #[error("history entry {place} has an invalid id or parent {id:?}")]
    Id {
        /// Which entry, from 0.
        place: usize,
        /// The text.
        id: String,
    },
    /// A member of the history is spelt in other case, which some readers take for the member.
    #[error("history entry {place}: member {found:?} is not spelt {want:?}")]
    HistoryMember {
        /// Which entry, from 0.
        place: usize,
        /// As it is spelt.
        found: String,
        /// As it should be.
        want: &'static str,
    },
    /// A time is not as RFC 3339 says.
    #[error("history entry {place} was created at {text:?}, which is no time")]
    Time {
        /// Which entry, from 0.
        place: usize,
        /// The text.
        text: String,
    },
    /// The configuration that follows from the history is refused.
    #[error("making an image configuration of the history")]
    Config(#[source] Box<ConfigError>),
    /// Diff ids are there for another number of layers.
    #[error("{actual} diff ids for {expected} layers with files")]
    DiffIds {
        /// Number of layers with files.
        expected: usize,
        /// Number of diff ids.
        actual: usize,
    },
    /// The entries do not form a chain of parents in which each is there once.
    #[error("history entry {place} is not the parent of the one before")]
    Chain {
        /// Which entry, from 0.
        place: usize,
    },
}

/// A schema 1 manifest. Layers and history go together and start with the *topmost*; a layer
/// that is listed twice in a row, as old versions of docker did, is there once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema1 {
    /// The repository that it was made for; says nothing of where it was found.
    pub name: String,
    /// The tag that it was made for.
    pub tag: String,
    /// The architecture, in Go's words.
    pub architecture: String,
    /// The blobs, topmost first, layers without files included.
    pub fs_layers: Vec<Digest>,
    /// What made each of the layers.
    pub history: Vec<V1Compatibility>,
}

/// One entry of the history: the configuration of docker's first image format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V1Compatibility {
    /// The text as it stands in the manifest; the topmost entry's is the image's configuration.
    pub raw: String,
    /// The identifier of this layer.
    pub id: String,
    /// The identifier of the layer below.
    pub parent: Option<String>,
    /// Whether the layer holds no files.
    pub throwaway: bool,
    /// When it was made (RFC 3339), spelt as Go spells it; the year 1 when nothing says so.
    pub created: String,
    /// By whom.
    pub author: String,
    /// By which command.
    pub created_by: String,
    /// Free text.
    pub comment: String,
}

impl Schema1 {
    /// Returns layers and history, lowest first.
    pub fn layers(&self) -> impl Iterator<Item = (&Digest, &V1Compatibility)> {
        self.fs_layers.iter().zip(&self.history).rev()
    }

    /// Returns the layers that hold files, lowest first.
    pub fn layers_with_files(&self) -> impl Iterator<Item = &Digest> {
        self.layers()
            .filter(|(_, made)| !made.throwaway)
            .map(|(layer, _)| layer)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    #[serde(default)]
    name: String,
    #[serde(default)]
    tag: String,
    #[serde(default)]
    architecture: String,
    fs_layers: Vec<FsLayer>,
    history: Vec<HistoryEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FsLayer {
    blob_sum: Digest,
}

#[derive(Deserialize)]
struct HistoryEntry {
    #[serde(rename = "v1Compatibility")]
    v1_compatibility: String,
}

#[derive(Deserialize)]
struct V1Members {
    id: String,
    parent: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    throwaway: bool,
    created: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    author: String,
    #[serde(default, deserialize_with = "null_as_default")]
    comment: String,
    #[serde(default, deserialize_with = "null_as_default")]
    container_config: ContainerConfig,
}

#[derive(Default, Deserialize)]
struct ContainerConfig {
    #[serde(default, rename = "Cmd", deserialize_with = "null_as_default")]
    cmd: Vec<String>,
}

/// Members of an entry that this code or Go reads.
const V1_MEMBERS: &[&str] = &[
    "id",
    "parent",
    "comment",
    "created",
    "container",
    "container_config",
    "docker_version",
    "author",
    "config",
    "architecture",
    "variant",
    "os",
    "throwaway",
    "Size",
];

/// Tells cheaply whether `bytes` could be a signed manifest, whose digest is that of a part.
pub(crate) fn may_be_signed(bytes: &[u8]) -> bool {
    const NAME: &[u8] = b"\"signatures\"";
    bytes.windows(NAME.len()).any(|window| window == NAME)
}

/// Reads the document `bytes` with the top-level `members`; also returns the signed part.
pub(crate) fn read(
    bytes: &[u8],
    mut members: Map<String, Value>,
) -> Result<(Schema1, Option<Vec<u8>>), Schema1Error> {
    let signed_part = match members.remove("signatures") {
        None => None,
        Some(signatures) => {
            let part = signed_part(bytes, signatures)?;
            let inside =
                json::parse(&part, limits::MANIFEST_BYTES).map_err(Schema1Error::SignedPart)?;
            if inside.as_object() != Some(&members) {
                return Err(Schema1Error::SignedPartDiffers);
            }
            Some(part)
        }
    };
    let members: Members =
        serde_json::from_value(Value::Object(members)).map_err(Schema1Error::Shape)?;
    Ok((from_members(members)?, signed_part))
}

#[derive(Deserialize)]
struct Signature {
    protected: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Protected {
    format_length: usize,
    format_tail: String,
}

/// Most bytes of a `protected` header.
const PROTECTED_BYTES: u64 = 64 << 10;

/// Returns the part of `bytes` that was signed; all signatures must mean the same part.
fn signed_part(bytes: &[u8], signatures: Value) -> Result<Vec<u8>, Schema1Error> {
    let signatures: Vec<Signature> =
        serde_json::from_value(signatures).map_err(Schema1Error::Shape)?;
    let mut part: Option<Vec<u8>> = None;
    for (place, signature) in signatures.iter().enumerate() {
        let refuse = |problem| Schema1Error::Signature { place, problem };
        let header = decode_base64url(&signature.protected)
            .ok_or_else(|| refuse("header is no base64url"))?;
        let header: Protected = json::from_slice(&header, PROTECTED_BYTES)
            .map_err(|_| refuse("header lacks formatLength and formatTail"))?;
        let kept = bytes
            .get(..header.format_length)
            .ok_or_else(|| refuse("formatLength is beyond the document"))?;
        let tail = decode_base64url(&header.format_tail)
            .ok_or_else(|| refuse("formatTail is no base64url"))?;
        let this = [kept, &tail].concat();
        if part.as_ref().is_some_and(|first| *first != this) {
            return Err(refuse("signs another part than the first one"));
        }
        part = Some(this);
    }
    part.ok_or(Schema1Error::NoSignatures)
}

/// Decodes as libtrust does: line ends and blanks are skipped, padding may be missing.
fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    let engine = GeneralPurpose::new(
        &alphabet::URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text: String = text.chars().filter(|c| !matches!(c, '\n' | ' ')).collect();
    engine.decode(text).ok()
}

fn from_members(members: Members) -> Result<Schema1, Schema1Error> {
    let (layers, history) = (members.fs_layers.len(), members.history.len());
    if layers != history || layers == 0 {
        return Err(Schema1Error::Lengths { layers, history });
    }
    if layers > limits::LAYERS {
        return Err(Schema1Error::TooMany {
            actual: layers,
            limit: limits::LAYERS,
        });
    }
    let mut schema1 = Schema1 {
        name: members.name,
        tag: members.tag,
        architecture: members.architecture,
        fs_layers: Vec::with_capacity(layers),
        history: Vec::with_capacity(layers),
    };
    let mut seen = HashSet::new();
    for (place, (layer, entry)) in members.fs_layers.iter().zip(members.history).enumerate() {
        let entry = history_entry(place, entry.v1_compatibility)?;
        if let Some(above) = schema1.history.last() {
            if above.id == entry.id {
                continue;
            }
            if above.parent.as_ref() != Some(&entry.id) {
                return Err(Schema1Error::Chain { place });
            }
        }
        if !seen.insert(entry.id.clone()) {
            return Err(Schema1Error::Chain { place });
        }
        schema1.fs_layers.push(layer.blob_sum);
        schema1.history.push(entry);
    }
    if schema1
        .history
        .last()
        .is_some_and(|lowest| lowest.parent.is_some())
    {
        return Err(Schema1Error::Chain { place: layers });
    }
    Ok(schema1)
}

fn history_entry(place: usize, raw: String) -> Result<V1Compatibility, Schema1Error> {
    let refuse = |source| Schema1Error::History { place, source };
    let value = json::parse(raw.as_bytes(), limits::CONFIG_BYTES).map_err(refuse)?;
    check_case(place, &value, V1_MEMBERS)?;
    if let Some(container) = value.get("container_config") {
        check_case(place, container, &["Cmd"])?;
    }
    let members: V1Members =
        serde_json::from_value(value).map_err(|e| refuse(JsonError::Shape(e)))?;
    let parent = members.parent.filter(|parent| !parent.is_empty());
    for id in [Some(&members.id), parent.as_ref()].into_iter().flatten() {
        if id.len() != 64 || id.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Schema1Error::Id {
                place,
                id: id.chars().take(80).collect(),
            });
        }
    }
    Ok(V1Compatibility {
        raw,
        id: members.id,
        parent,
        throwaway: members.throwaway,
        created: time(place, members.created)?,
        author: members.author,
        created_by: members.container_config.cmd.join(" "),
        comment: members.comment,
    })
}

fn check_case(
    place: usize,
    value: &Value,
    known: &'static [&'static str],
) -> Result<(), Schema1Error> {
    let members = value.as_object();
    match members.and_then(|members| json::misspelt(members, known.iter().copied())) {
        None => Ok(()),
        Some((found, want)) => Err(Schema1Error::HistoryMember {
            place,
            found: found.chars().take(80).collect(),
            want,
        }),
    }
}

/// What Go's `time.Time` is before anybody sets it.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

fn time(place: usize, text: Option<String>) -> Result<String, Schema1Error> {
    let Some(text) = text else {
        return Ok(NO_TIME.to_owned());
    };
    image_config::go_time(&text).ok_or_else(|| Schema1Error::Time {
        place,
        text: text.chars().take(80).collect(),
    })
}
