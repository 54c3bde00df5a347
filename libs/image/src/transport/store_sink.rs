//! Brings images into the store: one transaction per image, layers in parallel.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use oci::{Descriptor, Digest, Manifest, MediaType, Reference};
use signing::{Signature, TrustedManifest};
use storage::{NewImage, Store, StoreError, Transaction, WaitEvent, WantedLayer};

use crate::context::Context;
use crate::error::ImageError;
use crate::name::{ImageName, StoreName, Transport};
use crate::progress::Note;
use crate::sink::{Blob, ImagePlan, ImageSink, LayerCompression, NewManifest, SinkOptions, Stored};

const MANIFEST_TYPES: &[MediaType] = &[MediaType::OciManifest, MediaType::DockerManifest];

/// An image on its way into the store.
pub(crate) struct StoreSink {
    name: ImageName,
    store: Arc<Store>,
    names: Vec<Reference>,
    keep_blobs: bool,
    arriving: OnceLock<Arriving>,
    state: Mutex<State>,
}

/// What is fixed when the image begins.
struct Arriving {
    transaction: Transaction,
    missing: BTreeSet<Digest>,
    origin: String,
    aliases: Vec<Digest>,
    now: String,
}

#[derive(Default)]
struct State {
    trusted: Option<TrustedManifest>,
    config: Vec<u8>,
    signatures: Vec<Signature>,
}

impl StoreSink {
    /// Opens the store.
    pub(crate) fn open(
        wanted: &StoreName,
        context: &Context,
        options: &SinkOptions,
    ) -> Result<Self, ImageError> {
        // It would be the name of any image, and the digest of none.
        if wanted.reference.iter().any(|name| name.digest().is_some()) {
            return Err(ImageError::Unsupported {
                transport: Transport::Store,
                what: "a name with a digest",
            });
        }
        let mut names: Vec<Reference> = wanted.reference.iter().cloned().collect();
        names.extend(options.names.iter().map(Reference::with_default_tag));
        Ok(Self {
            name: ImageName::Store(wanted.clone()),
            store: context.store()?,
            names,
            keep_blobs: options.keep_blobs,
            arriving: OnceLock::new(),
            state: Mutex::default(),
        })
    }

    fn failed(&self, source: StoreError) -> ImageError {
        ImageError::Store {
            act: "writing",
            name: self.name.to_string(),
            source: Box::new(source),
        }
    }

    fn arriving(&self) -> Result<&Arriving, ImageError> {
        self.arriving
            .get()
            .ok_or_else(|| ImageError::inconsistent(&self.name, "no image was begun"))
    }
}

impl ImageSink for StoreSink {
    fn name(&self) -> &ImageName {
        &self.name
    }

    fn manifest_types(&self) -> &[MediaType] {
        MANIFEST_TYPES
    }

    fn layer_compression(&self) -> LayerCompression {
        LayerCompression::Preserve
    }

    fn supports_signatures(&self) -> Result<(), ImageError> {
        Ok(())
    }

    fn wants_config_first(&self) -> bool {
        true
    }

    fn begin(&self, plan: &ImagePlan<'_>) -> Result<(), ImageError> {
        let (Manifest::Image(image), Some(config)) =
            (plan.trusted.manifest().manifest(), plan.config)
        else {
            return Err(ImageError::ManifestType {
                name: self.name.to_string(),
                media_type: plan.trusted.manifest().media_type().clone(),
            });
        };
        let diff_ids = &config.rootfs.diff_ids;
        if diff_ids.len() != image.layers.len() {
            return Err(ImageError::LayerCount {
                name: plan.origin.to_owned(),
                layers: image.layers.len(),
                diff_ids: diff_ids.len(),
            });
        }
        // Also when the store has the tar already: who reads the manifest next could not.
        let odd = |layer: &&Descriptor| layer.media_type.layer_compression().is_none();
        if let Some(layer) = image.layers.iter().find(odd) {
            return Err(ImageError::LayerType {
                digest: layer.digest,
                media_type: layer.media_type.clone(),
            });
        }
        let wanted: Vec<WantedLayer> = image
            .layers
            .iter()
            .zip(diff_ids)
            .map(|(layer, diff_id)| WantedLayer {
                blob: layer.digest,
                diff_id: *diff_id,
                size: layer.size,
            })
            .collect();
        let wait = |event: WaitEvent| {
            if let WaitEvent::Layer { diff_id, holder } = event {
                (plan.note)(Note::WaitingForLayer {
                    layer: diff_id.0,
                    holder,
                });
            }
        };
        let transaction = self
            .store
            .begin(&wanted, &wait)
            .map_err(|error| self.failed(error))?
            .keep_blobs(self.keep_blobs);
        let missing = transaction
            .missing()
            .into_iter()
            .filter_map(|place| wanted.get(place).map(|layer| layer.blob))
            .collect();
        let arriving = Arriving {
            transaction,
            missing,
            origin: plan.origin.to_owned(),
            aliases: plan.list.into_iter().collect(),
            now: plan.now.to_string(),
        };
        self.arriving
            .set(arriving)
            .map_err(|_| ImageError::Unsupported {
                transport: crate::Transport::Store,
                what: "storing several images of a list at once",
            })
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, ImageError> {
        let arriving = self.arriving()?;
        let is_layer = arriving
            .transaction
            .wanted()
            .iter()
            .any(|l| l.blob == descriptor.digest);
        Ok(is_layer && !arriving.missing.contains(&descriptor.digest))
    }

    fn put_blob(&self, blob: Blob<'_>) -> Result<(Digest, u64), ImageError> {
        let transaction = &self.arriving()?.transaction;
        let digest = blob.source.digest;
        let place = transaction
            .missing()
            .into_iter()
            .find(|place| {
                transaction
                    .wanted()
                    .get(*place)
                    .is_some_and(|l| l.blob == digest)
            })
            .ok_or_else(|| ImageError::UnknownBlob {
                name: self.name.to_string(),
                digest,
            })?;
        transaction
            .import_layer(place, blob.reader, blob.compression, &|_| {})
            .map_err(|error| self.failed(error))?;
        Ok((digest, blob.source.size))
    }

    fn put_config(&self, _: &Descriptor, bytes: &[u8]) -> Result<(), ImageError> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .config = bytes.to_vec();
        Ok(())
    }

    fn put_manifest(&self, manifest: &NewManifest<'_>) -> Result<(), ImageError> {
        // What the policy accepted is what is stored, to the byte.
        let trusted = manifest
            .trusted
            .filter(|trusted| trusted.manifest().bytes() == manifest.bytes)
            .ok_or_else(|| ImageError::StoreEdited {
                name: self.name.to_string(),
            })?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.trusted = Some(trusted.clone());
        state.signatures = manifest.signatures.to_vec();
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<Option<Stored>, ImageError> {
        let Self {
            name,
            names,
            arriving,
            state,
            ..
        } = *self;
        let State {
            trusted,
            config,
            signatures,
        } = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (Some(arriving), Some(trusted)) = (arriving.into_inner(), trusted) else {
            return Err(ImageError::inconsistent(&name, "no image was begun"));
        };
        let Arriving {
            transaction,
            origin,
            aliases,
            now,
            ..
        } = arriving;
        let (record, totals) = transaction
            .commit(NewImage {
                trusted,
                config,
                signatures,
                names,
                aliases,
                origin,
                now,
            })
            .map_err(|source| ImageError::Store {
                act: "writing",
                name: name.to_string(),
                source: Box::new(source),
            })?;
        Ok(Some(Stored { record, totals }))
    }
}
