//! Whether the record of an image says what its manifest and configuration say.

use oci::{ImageConfig, Manifest, MediaType, RawManifest};

use super::Check;
use crate::record::ImageRecord;

impl Check<'_> {
    /// Compares a record with the bytes that it was made from, and with the sizes of what it
    /// names; `tar_bytes` is the sum of its layers, when all of them are known. Bytes that are
    /// missing or corrupt are findings of their own.
    pub(super) fn sources(&self, image: &ImageRecord, tar_bytes: Option<u64>) {
        let wrong = |reason: String| self.record_damaged(image, reason);
        if tar_bytes.is_some_and(|bytes| bytes != image.size_bytes) {
            wrong("its size is not that of its layers".to_owned());
        }
        if let Ok(bytes) = self.store.objects().size(&image.tree)
            && bytes != image.tree_bytes
        {
            wrong(format!("its tree has {bytes} bytes"));
        }
        if let Some(bytes) = self.sound_blob(&image.manifest) {
            let declared = MediaType::parse(&image.media_type);
            match RawManifest::parse_expecting(bytes, Some(&declared), &image.manifest) {
                Ok(manifest) => against_manifest(image, &manifest, &wrong),
                Err(error) => wrong(format!("its manifest: {}", super::chain_of(&error))),
            }
        }
        if let Some(bytes) = self.sound_blob(&image.config) {
            match ImageConfig::parse(&bytes) {
                Ok(config) => against_config(image, &config, &wrong),
                Err(error) => wrong(format!("its configuration: {}", super::chain_of(&error))),
            }
        }
    }

    /// Reads a blob that is there and has its digest.
    fn sound_blob(&self, digest: &oci::Digest) -> Option<Vec<u8>> {
        let bytes = self.store.blob_raw(digest).ok()?;
        digest.matches(&bytes).then_some(bytes)
    }
}

fn against_manifest(image: &ImageRecord, manifest: &RawManifest, wrong: &dyn Fn(String)) {
    let Manifest::Image(parsed) = manifest.manifest() else {
        return wrong("its manifest is not that of an image".to_owned());
    };
    if manifest.media_type().as_str() != image.media_type {
        wrong(format!(
            "its manifest is {}",
            manifest.media_type().as_str()
        ));
    }
    if parsed.config.digest != image.config {
        wrong(format!(
            "its manifest has the configuration {}",
            parsed.config.digest
        ));
    }
    let layers = image.layers.iter().map(|it| (it.blob, it.size_bytes));
    if !layers.eq(parsed.layers.iter().map(|it| (it.digest, it.size))) {
        wrong("its manifest has other layers".to_owned());
    }
}

fn against_config(image: &ImageRecord, config: &oci::image_config::Parsed, wrong: &dyn Fn(String)) {
    let layers = image.layers.iter().map(|layer| &layer.diff_id);
    if !layers.eq(&config.rootfs.diff_ids) {
        wrong("its configuration has other layers".to_owned());
    }
    let recorded = (&image.os, &image.architecture, &image.variant);
    if recorded != (&config.os, &config.architecture, &config.variant) {
        wrong("its configuration is for another platform".to_owned());
    }
    if image.created != config.created {
        wrong("its configuration has another time".to_owned());
    }
}
