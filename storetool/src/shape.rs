//! The JSON of `--json`, as `docs/formats/storetool-json.md` describes it: members are added,
//! never renamed.

use serde::Serialize;
use storage::{ImageRecord, LayerRecord};

/// An image, as `images`, `inspect`, `tag` and others print it.
#[derive(Debug, Serialize)]
pub(crate) struct Image {
    /// The digest of the manifest, which is the image.
    digest: String,
    /// The digest of the configuration.
    config: String,
    /// The names, sorted.
    names: Vec<String>,
    media_type: String,
    os: String,
    architecture: String,
    variant: String,
    /// RFC 3339, from the configuration; null when it says nothing.
    created: Option<String>,
    /// RFC 3339, when it entered the store.
    stored: String,
    /// Where it came from.
    origin: String,
    policy: Policy,
    /// Lowest first.
    layers: Vec<Layer>,
    /// Bytes of all layers, uncompressed.
    bytes: u64,
}

/// What let an image in.
#[derive(Debug, Serialize)]
pub(crate) struct Policy {
    scope: String,
    requirements: Vec<String>,
    /// Fingerprints of the keys whose signatures were accepted.
    signers: Vec<String>,
}

/// A layer of an image.
#[derive(Debug, Serialize)]
pub(crate) struct Layer {
    diff_id: String,
    blob: String,
    blob_bytes: u64,
}

impl Image {
    pub(crate) fn of(record: &ImageRecord) -> Image {
        let verdict = &record.verdict;
        Image {
            digest: record.manifest.to_string(),
            config: record.config.to_string(),
            names: record.names.clone(),
            media_type: record.media_type.clone(),
            os: record.os.clone(),
            architecture: record.architecture.clone(),
            variant: record.variant.clone(),
            created: record.created.clone(),
            stored: record.stored.clone(),
            origin: record.origin.clone(),
            policy: Policy::of(verdict),
            layers: record
                .layers
                .iter()
                .map(|layer| Layer {
                    diff_id: layer.diff_id.to_string(),
                    blob: layer.blob.to_string(),
                    blob_bytes: layer.size_bytes,
                })
                .collect(),
            bytes: record.size_bytes,
        }
    }
}

impl Policy {
    pub(crate) fn of(verdict: &signing::Verdict) -> Policy {
        Policy {
            scope: verdict.scope.clone(),
            requirements: verdict.requirements.clone(),
            signers: verdict
                .signatures
                .iter()
                .map(|accepted| accepted.signer.to_string())
                .collect(),
        }
    }
}

/// A layer of the store, as `layers` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct StoredLayer {
    diff_id: String,
    blob: String,
    blob_bytes: u64,
    tar_bytes: u64,
    content_bytes: u64,
    entries: u64,
    files: u64,
    whiteouts: u64,
    /// Digests of the images that have it.
    images: Vec<String>,
}

impl StoredLayer {
    pub(crate) fn of(record: &LayerRecord, images: &[ImageRecord]) -> StoredLayer {
        let has = |image: &&ImageRecord| {
            image
                .layers
                .iter()
                .any(|layer| layer.diff_id == record.diff_id)
        };
        StoredLayer {
            diff_id: record.diff_id.to_string(),
            blob: record.blob.to_string(),
            blob_bytes: record.blob_bytes,
            tar_bytes: record.tar_bytes,
            content_bytes: record.content_bytes,
            entries: record.entries,
            files: record.files,
            whiteouts: record.whiteouts,
            images: images
                .iter()
                .filter(has)
                .map(|image| image.manifest.to_string())
                .collect(),
        }
    }

    pub(crate) fn image_count(&self) -> usize {
        self.images.len()
    }
}

/// A digest in twelve digits, for tables.
pub(crate) fn short(digest: &oci::Digest) -> String {
    digest.hex().chars().take(12).collect()
}
