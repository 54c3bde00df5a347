//! Reads images out of the store.
//!
//! The store keeps manifests as they came but, unless told otherwise, not the compressed layers.
//! Without them the image is given with uncompressed layers and a manifest made for these: a
//! manifest is never given with blobs that it does not name.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Arc;

use oci::{Compression, Descriptor, DiffId, Digest, Manifest, MediaType, RawManifest};
use signing::Signature;
use storage::{ImageRecord, Store, StoreError};

use crate::blob::VerifyingReader;
use crate::context::Context;
use crate::error::ImageError;
use crate::name::{ImageName, StoreName};
use crate::progress::Note;
use crate::source::ImageSource;

/// An image in the store.
pub(crate) struct StoreSource {
    name: ImageName,
    store: Arc<Store>,
    record: ImageRecord,
    manifest: RawManifest,
    /// Uncompressed layers by digest; empty when the manifest is the stored one.
    tars: BTreeMap<Digest, DiffId>,
}

impl StoreSource {
    /// Finds the image.
    pub(crate) fn open(wanted: &StoreName, context: &Context) -> Result<Self, ImageError> {
        let name = ImageName::Store(wanted.clone());
        let store = context.store()?;
        let failed = |source: StoreError| {
            if source.is_not_found() {
                return ImageError::NotFound {
                    name: name.to_string(),
                };
            }
            ImageError::Store {
                act: "reading",
                name: name.to_string(),
                source: Box::new(source),
            }
        };
        let record = store.image(&wanted.text).map_err(failed)?;
        let bytes = store.blob_raw(&record.manifest).map_err(failed)?;
        let refused = |source| ImageError::Manifest {
            name: name.to_string(),
            digest: record.manifest.to_string(),
            source: Box::new(source),
        };
        let stored =
            RawManifest::parse_expecting(bytes, None, &record.manifest).map_err(refused)?;
        let mut kept = true;
        for layer in &record.layers {
            kept &= store.kept_blob(&layer.blob).map_err(failed)?.is_some();
        }
        if kept {
            return Ok(Self {
                name,
                store,
                record,
                manifest: stored,
                tars: BTreeMap::new(),
            });
        }
        let Manifest::Image(mut image) = stored.manifest().clone() else {
            return Err(ImageError::inconsistent(
                &name,
                "the stored manifest is no image's",
            ));
        };
        let media_type = match image.media_type {
            MediaType::DockerManifest => MediaType::DockerLayer(Compression::None),
            _ => MediaType::OciLayer(Compression::None),
        };
        let mut tars = BTreeMap::new();
        image.layers = Vec::new();
        for layer in &record.layers {
            let found = store
                .layer(&layer.diff_id)
                .map_err(failed)?
                .ok_or_else(|| ImageError::UnknownBlob {
                    name: name.to_string(),
                    digest: layer.diff_id.0,
                })?;
            let digest = layer.diff_id.0;
            image
                .layers
                .push(Descriptor::new(media_type.clone(), digest, found.tar_bytes));
            tars.insert(digest, layer.diff_id);
        }
        let manifest = RawManifest::parse(image.to_bytes(), None).map_err(refused)?;
        Ok(Self {
            name,
            store,
            record,
            manifest,
            tars,
        })
    }

    fn failed(&self, source: StoreError) -> ImageError {
        ImageError::Store {
            act: "reading",
            name: self.name.to_string(),
            source: Box::new(source),
        }
    }

    fn is_rewritten(&self) -> bool {
        *self.manifest.digest() != self.record.manifest
    }
}

impl ImageSource for StoreSource {
    fn name(&self) -> &ImageName {
        &self.name
    }

    fn manifest(&self, instance: Option<&Digest>) -> Result<RawManifest, ImageError> {
        match instance {
            Some(digest) if digest != self.manifest.digest() => Err(ImageError::UnknownBlob {
                name: self.name.to_string(),
                digest: *digest,
            }),
            _ => Ok(self.manifest.clone()),
        }
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        let (digest, size) = (descriptor.digest, Some(descriptor.size));
        let reader: Box<dyn Read + Send> = if let Some(diff_id) = self.tars.get(&digest) {
            Box::new(
                self.store
                    .layer_tar(diff_id)
                    .map_err(|error| self.failed(error))?,
            )
        } else if digest == self.record.config {
            let bytes = self
                .store
                .blob_raw(&digest)
                .map_err(|error| self.failed(error))?;
            Box::new(Cursor::new(bytes))
        } else {
            let file = self
                .store
                .kept_blob(&digest)
                .map_err(|error| self.failed(error))?;
            Box::new(file.ok_or_else(|| ImageError::UnknownBlob {
                name: self.name.to_string(),
                digest,
            })?)
        };
        Ok(Box::new(VerifyingReader::new(reader, digest, size)))
    }

    fn signatures(&self, _: Option<&Digest>) -> Result<Vec<Signature>, ImageError> {
        if self.is_rewritten() {
            // They are signatures of another manifest.
            return Ok(Vec::new());
        }
        self.store
            .signatures(&self.record)
            .map_err(|error| self.failed(error))
    }

    fn admitted(&self) -> Option<String> {
        Some(format!(
            "it is in the store, let in by {}",
            self.record.verdict.scope
        ))
    }

    fn notes(&self) -> Vec<Note> {
        if !self.is_rewritten() {
            return Vec::new();
        }
        vec![Note::LayersUncompressed {
            stored: self.record.manifest,
        }]
    }
}
