//! OCI layouts made by hand, from layers that a test made: good ones, and ones that lie.

use std::fs;
use std::path::{Path, PathBuf};

use oci::Digest;
use serde_json::{Value, json};

/// An image in the making. Whatever is not set is as a good image has it.
#[derive(Clone, Debug, Default)]
pub struct Image {
    layers: Vec<Layer>,
    diff_ids: Option<Value>,
    config: Option<Value>,
    manifest: Option<Vec<u8>>,
}

/// One layer: the bytes of its blob, and what the manifest says of them.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The bytes that lie in the layout.
    pub blob: Vec<u8>,
    /// What `diff_ids` says.
    pub diff_id: String,
    /// The descriptor in the manifest.
    pub descriptor: Value,
}

impl Layer {
    /// A layer whose blob is `tar` as it is.
    pub fn tar(tar: &[u8]) -> Self {
        Self::blob(tar, tar, "application/vnd.oci.image.layer.v1.tar")
    }

    /// A layer whose blob is `blob`, which unpacks to `tar`.
    pub fn blob(blob: &[u8], tar: &[u8], media_type: &str) -> Self {
        Self {
            blob: blob.to_vec(),
            diff_id: Digest::sha256(tar).to_string(),
            descriptor: json!({
                "mediaType": media_type,
                "digest": Digest::sha256(blob).to_string(),
                "size": blob.len(),
            }),
        }
    }
}

impl Image {
    /// Starts with no layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `layer` on top.
    #[must_use]
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Puts an uncompressed layer on top.
    #[must_use]
    pub fn tar(self, tar: &[u8]) -> Self {
        self.layer(Layer::tar(tar))
    }

    /// Says something else in `rootfs.diff_ids`.
    #[must_use]
    pub fn diff_ids(mut self, diff_ids: Value) -> Self {
        self.diff_ids = Some(diff_ids);
        self
    }

    /// Takes `config` instead of the usual configuration; `rootfs` is left to it.
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        self.config = Some(config);
        self
    }

    /// Takes these bytes as the manifest.
    #[must_use]
    pub fn manifest(mut self, manifest: impl Into<Vec<u8>>) -> Self {
        self.manifest = Some(manifest.into());
        self
    }

    /// Returns the configuration.
    pub fn config_bytes(&self) -> Vec<u8> {
        let diff_ids = self.diff_ids.clone().unwrap_or_else(|| {
            self.layers
                .iter()
                .map(|layer| Value::from(layer.diff_id.clone()))
                .collect()
        });
        let config = self.config.clone().unwrap_or_else(|| {
            json!({
                "architecture": architecture(),
                "os": "linux",
                "config": {"Cmd": ["/bin/true"]},
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
            })
        });
        config.to_string().into_bytes()
    }

    /// Returns the manifest, for tests that change it before they give it to [`Image::manifest`].
    pub fn manifest_value(&self) -> Value {
        let config = self.config_bytes();
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": Digest::sha256(&config).to_string(),
                "size": config.len(),
            },
            "layers": self.layers.iter().map(|layer| layer.descriptor.clone()).collect::<Vec<_>>(),
        })
    }

    /// Writes the layout to `dir`, with the tag `latest`, and returns `oci:DIR:latest`.
    pub fn write(&self, dir: &Path) -> String {
        let blobs = dir.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("a layout");
        let put = |bytes: &[u8]| {
            fs::write(blobs.join(Digest::sha256(bytes).hex()), bytes).expect("a blob");
        };
        put(&self.config_bytes());
        for layer in &self.layers {
            // Under the name that the manifest says, which need not be what the bytes hash to.
            let named = layer.descriptor["digest"]
                .as_str()
                .and_then(|d| Digest::parse(d).ok());
            match named {
                Some(digest) => fs::write(blob_path(dir, &digest), &layer.blob).expect("a blob"),
                None => put(&layer.blob),
            }
        }
        let manifest = self
            .manifest
            .clone()
            .unwrap_or_else(|| self.manifest_value().to_string().into_bytes());
        put(&manifest);
        fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a file");
        let index = json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": Digest::sha256(&manifest).to_string(),
                "size": manifest.len(),
                "annotations": {"org.opencontainers.image.ref.name": "latest"},
            }],
        });
        fs::write(dir.join("index.json"), index.to_string()).expect("an index");
        format!("oci:{}:latest", dir.display())
    }
}

/// Returns where a layout keeps the blob `digest`.
pub fn blob_path(layout: &Path, digest: &Digest) -> PathBuf {
    let path = layout.join("blobs").join(digest.algorithm().name());
    fs::create_dir_all(&path).expect("a directory");
    path.join(digest.hex())
}

/// Returns the architecture of this machine in Go's words, which images use.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
