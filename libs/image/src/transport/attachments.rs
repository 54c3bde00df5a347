//! Sigstore signatures that lie in the repository of their image.
//!
//! ```text
//! tag ALGORITHM-HEX.sig   an OCI manifest about the manifest with that digest
//!   layers                one per signature: its payload; the annotations hold the signature
//!   config                {"architecture":"","os":"","config":{},"rootfs":{…the layers as diff ids}}
//! ```
//!
//! Whatever lies there is handed on, attestations for example; whoever judges goes by the types.

use std::collections::BTreeMap;

use oci::json::{self, RawObject};
use oci::{Descriptor, Digest, ImageManifest, Manifest, MediaType, Tag, limits};
use registry::{RegistryError, TagOrDigest, Upload};
use serde::{Deserialize, Serialize};
use signing::{Signature, sigstore};

use crate::blob::read_document;
use crate::error::ImageError;
use crate::transport::docker_endpoint::Remote;

#[derive(Serialize, Deserialize)]
struct Rootfs {
    r#type: String,
    #[serde(default)]
    diff_ids: Vec<Digest>,
}

/// The signatures of one manifest, in its repository.
pub(crate) struct Attachments<'a> {
    remote: &'a Remote,
    tag: Tag,
}

impl<'a> Attachments<'a> {
    /// Those of `manifest`.
    pub(crate) fn of(remote: &'a Remote, manifest: &Digest) -> Result<Self, ImageError> {
        let tag = Tag::parse(&sigstore::attachment_tag(manifest)).map_err(|_| {
            ImageError::inconsistent(&remote.name, "the digest is too long for a tag")
        })?;
        Ok(Self { remote, tag })
    }

    fn failed(&self, act: &'static str, source: RegistryError) -> ImageError {
        ImageError::Registry {
            act,
            name: format!("{}:{}", self.remote.name, self.tag),
            source: Box::new(source),
        }
    }

    /// Reads the manifest; `None` when there is none.
    fn manifest(&self) -> Result<Option<ImageManifest>, ImageError> {
        let which = TagOrDigest::Tag(self.tag.clone());
        let manifest = match self.remote.endpoint.manifest(&self.remote.path, &which) {
            Err(error) if error.is_not_found() => return Ok(None),
            manifest => manifest.map_err(|source| self.failed("reading signatures of", source))?,
        };
        match manifest.manifest() {
            Manifest::Image(image) if image.media_type == MediaType::OciManifest => {
                if image.layers.len() > limits::SIGNATURES {
                    return Err(ImageError::TooManySignatures {
                        name: self.remote.name.clone(),
                        limit: limits::SIGNATURES as u64,
                        what: "layers",
                    });
                }
                Ok(Some(image.clone()))
            }
            _ => Err(ImageError::inconsistent(
                &format!("{}:{}", self.remote.name, self.tag),
                "signatures are in an OCI manifest, and this is none",
            )),
        }
    }

    fn document(&self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, ImageError> {
        let reader = self
            .remote
            .endpoint
            .blob(&self.remote.path, &descriptor.digest, Some(descriptor.size))
            .map_err(|source| self.failed("reading signatures of", source))?;
        read_document(reader, descriptor, limit).map_err(ImageError::Stream)
    }

    /// Reads the signatures.
    pub(crate) fn read(&self) -> Result<Vec<Signature>, ImageError> {
        let Some(manifest) = self.manifest()? else {
            return Ok(Vec::new());
        };
        let mut signatures = Vec::with_capacity(manifest.layers.len());
        for layer in &manifest.layers {
            signatures.push(Signature::Sigstore {
                mime_type: layer.media_type.to_string(),
                payload: self.document(layer, limits::SIGNATURE_BYTES)?,
                annotations: layer.annotations.clone(),
            });
        }
        Ok(signatures)
    }

    /// Adds those of `signatures` that are not there yet.
    pub(crate) fn add(&self, signatures: &[Signature]) -> Result<(), ImageError> {
        let there = self.manifest()?;
        let mut config = match &there {
            Some(manifest) => self.document(&manifest.config, limits::CONFIG_BYTES)?,
            None => br#"{"architecture":"","os":"","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#.to_vec(),
        };
        let mut layers = there
            .as_ref()
            .map(|it| it.layers.clone())
            .unwrap_or_default();
        let before = layers.len();
        for signature in signatures {
            let Signature::Sigstore {
                mime_type,
                payload,
                annotations,
            } = signature
            else {
                continue;
            };
            let mut layer = Descriptor::of(MediaType::parse(mime_type), payload);
            layer.annotations.clone_from(annotations);
            if layers.iter().any(|other| is_same(other, &layer)) {
                continue;
            }
            self.push(&layer, payload)?;
            layers.push(layer);
        }
        if there.is_some() && layers.len() == before {
            return Ok(());
        }
        if layers.len() > limits::SIGNATURES {
            return Err(ImageError::TooManySignatures {
                name: self.remote.name.clone(),
                limit: limits::SIGNATURES as u64,
                what: "layers",
            });
        }
        config = self.with_diff_ids(&config, &layers[before..])?;
        let descriptor = Descriptor::of(MediaType::OciConfig, &config);
        self.push(&descriptor, &config)?;
        let empty = || ImageManifest {
            media_type: MediaType::OciManifest,
            config: descriptor.clone(),
            layers: Vec::new(),
            annotations: BTreeMap::new(),
            subject: None,
            artifact_type: None,
        };
        let manifest = ImageManifest {
            config: descriptor.clone(),
            layers,
            ..there.unwrap_or_else(empty)
        };
        self.remote
            .endpoint
            .put_manifest(
                &self.remote.path,
                &TagOrDigest::Tag(self.tag.clone()),
                &MediaType::OciManifest,
                manifest.to_bytes(),
            )
            .map_err(|source| self.failed("writing signatures to", source))?;
        Ok(())
    }

    fn push(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), ImageError> {
        let failed = |source| self.failed("writing signatures to", source);
        let endpoint = &self.remote.endpoint;
        let there = endpoint
            .head_blob(&self.remote.path, &descriptor.digest)
            .map_err(failed)?;
        if there == Some(descriptor.size) {
            return Ok(());
        }
        let known = Some((descriptor.digest, descriptor.size));
        endpoint
            .push_blob(&self.remote.path, bytes, known, Upload::Auto)
            .map_err(failed)?;
        Ok(())
    }

    /// Adds layers to the diff ids of the configuration, and keeps the rest of it.
    fn with_diff_ids(&self, config: &[u8], new: &[Descriptor]) -> Result<Vec<u8>, ImageError> {
        let broken = |error: json::JsonError| {
            ImageError::inconsistent(
                &format!("{}:{}", self.remote.name, self.tag),
                format!("configuration: {error}"),
            )
        };
        #[derive(Deserialize)]
        struct Config {
            rootfs: Rootfs,
        }
        let read: Config = json::from_slice(config, limits::CONFIG_BYTES).map_err(broken)?;
        let mut rootfs = read.rootfs;
        rootfs.diff_ids.extend(new.iter().map(|layer| layer.digest));
        let mut object = RawObject::parse(config).map_err(broken)?;
        object.set("rootfs", &rootfs).map_err(broken)?;
        object.to_go_bytes().map_err(broken)
    }
}

/// Tells whether two layers are the same signature. Annotations that others added do not count.
fn is_same(there: &Descriptor, new: &Descriptor) -> bool {
    there.media_type == new.media_type
        && there.digest == new.digest
        && new
            .annotations
            .iter()
            .all(|(name, value)| there.annotations.get(name) == Some(value))
}
