//! The records: what the store knows beside content, as JSON that `jq` reads.
//!
//! ```text
//! records/images/sha256-HEX.json   ImageRecord, by manifest digest
//! records/layers/sha256-HEX.json   LayerRecord, by diff id
//! records/blobs/sha256-HEX.json    BlobRecord, by digest of the compressed blob
//! records/names/ESCAPED.json       NameRecord, by name (see `names`)
//! containers/ID/container.json     ContainerRecord
//! ```
//! Each has a member `format`; a reader refuses a higher number than it knows and ignores members
//! that it does not know. A record is complete: it is renamed into place after a sync.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use oci::{ChainId, Compression, DiffId, Digest};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    error::{Result, StoreError},
    object::ObjectId,
};

/// The newest form of records.
pub const RECORD_FORMAT: u64 = 1;
/// Largest record that is read, in bytes: an image of 1,000 layers has less.
const RECORD_BYTES: u64 = 8 << 20;

/// An image: where it came from, what let it in, and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The form of this record.
    pub format: u64,
    /// The digest of the manifest, which is the identity of the image.
    pub manifest: Digest,
    /// The type of the manifest.
    pub media_type: String,
    /// The digest of the configuration, an alias of the image.
    pub config: Digest,
    /// Digests that name the image as well: of the index it was chosen from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Digest>,
    /// The layers, lowest first.
    pub layers: Vec<ImageLayer>,
    /// The chain of all layers, which keys the tree.
    pub chain: ChainId,
    /// The erofs tree.
    pub tree: ObjectId,
    /// Bytes of the erofs tree.
    pub tree_bytes: u64,
    /// When the image was made (RFC 3339), as its configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The architecture.
    pub architecture: String,
    /// The operating system.
    pub os: String,
    /// The variant of the architecture.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// When it entered the store (RFC 3339).
    pub stored: String,
    /// Where it came from, for example `docker://r.example/app:1`.
    pub origin: String,
    /// Which line of the policy, and which keys, let it in.
    pub verdict: signing::Verdict,
    /// Its signatures as they were stored, by digest of their stored form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Digest>,
    /// Bytes of all layers, uncompressed.
    pub size_bytes: u64,
    /// The names that point to it, sorted; from the name records, not part of this one.
    #[serde(skip)]
    pub names: Vec<String>,
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLayer {
    /// The uncompressed layer.
    pub diff_id: DiffId,
    /// The blob that the manifest names.
    pub blob: Digest,
    /// Bytes of that blob.
    pub size_bytes: u64,
}

/// A layer: its stream, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The form of this record.
    pub format: u64,
    /// The digest of the uncompressed tar.
    pub diff_id: DiffId,
    /// The split stream.
    pub stream: ObjectId,
    /// Bytes of the tar.
    pub tar_bytes: u64,
    /// Entries of the tar.
    pub entries: u64,
    /// Files with content of their own.
    pub files: u64,
    /// Bytes of these files.
    pub content_bytes: u64,
    /// Whiteouts and opaque markers.
    pub whiteouts: u64,
    /// The blob that the layer came from.
    pub blob: Digest,
    /// Bytes of that blob.
    pub blob_bytes: u64,
}

/// A compressed blob that the store once had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRecord {
    /// The form of this record.
    pub format: u64,
    /// The digest of the blob.
    pub blob: Digest,
    /// Bytes of the blob.
    pub size_bytes: u64,
    /// How it is compressed: `none`, `gzip`, `zstd`, `bzip2` or `xz`.
    pub compression: String,
    /// The layer in it.
    pub diff_id: DiffId,
}

/// A name of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameRecord {
    /// The form of this record.
    pub format: u64,
    /// The name in full, for example `docker.io/library/alpine:3.20`.
    pub name: String,
    /// The manifest digest of the image.
    pub image: Digest,
}

/// A container: an image with an upper directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerRecord {
    /// The form of this record.
    pub format: u64,
    /// 64 hexadecimal digits.
    pub id: String,
    /// The name; the first 12 digits of the id when none was given.
    pub name: String,
    /// The manifest digest of the image.
    pub image: Digest,
    /// The chain of the image's layers.
    pub chain: ChainId,
    /// The erofs tree of the image.
    pub tree: ObjectId,
    /// When it was made (RFC 3339).
    pub created: String,
    /// Free text by key, for whoever made the container.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What its copy of the tree lacks, in words; driver `vfs` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The word for `compression` in records.
pub(crate) fn compression_word(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
        Compression::Bzip2 => "bzip2",
        Compression::Xz => "xz",
    }
}

/// The file name of a record that is keyed by a digest.
pub(crate) fn digest_file(digest: &Digest) -> String {
    format!("{}-{}.json", digest.algorithm().name(), digest.hex())
}

/// Writes a record as it lies on disk: indented, with a line end.
pub(crate) fn to_bytes<T: Serialize>(record: &T, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(record).map_err(|source| StoreError::Record {
        path: path.to_owned(),
        source,
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads the record at `path`; `None` when there is none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match read_bounded(path, RECORD_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("reading", path)(error)),
    };
    parse(&bytes, path).map(Some)
}

/// Reads a record from its bytes.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T> {
    #[derive(Deserialize)]
    struct Format {
        format: u64,
    }
    let wrong = |source| StoreError::Record {
        path: path.to_owned(),
        source,
    };
    let Format { format } = serde_json::from_slice(bytes).map_err(wrong)?;
    if format > RECORD_FORMAT {
        return Err(StoreError::Format {
            path: path.to_owned(),
            found: format,
            known: RECORD_FORMAT,
        });
    }
    serde_json::from_slice(bytes).map_err(wrong)
}

/// Reads every record of a directory; a file that vanishes meanwhile is passed over.
pub(crate) fn read_all<T: DeserializeOwned>(dir: &Path) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for path in files(dir)? {
        if let Some(record) = read(&path)? {
            all.push(record);
        }
    }
    Ok(all)
}

/// Lists the record files of a directory, sorted by name.
pub(crate) fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(StoreError::io("listing", dir))? {
        let path = entry.map_err(StoreError::io("listing", dir))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            format!("more than {limit} bytes"),
        ));
    }
    Ok(bytes)
}
