//! Artifacts: manifests of OCI whose configuration is not an image's.

mod common;

use common::{ACCEPT, TestImage, context, options};
use image::sink::{Blob, NewManifest, Stored};
use image::{
    CopyError, EndpointOptions, ImageError, ImageName, ImageSink, LayerCompression, Quiet, copy,
    open_source,
};
use oci::{Compression, Descriptor, Digest, MediaType};
use serde_json::{Value, json};
use signing::Policy;

/// A registry that keeps docker's manifests only, though nobody knows it before they ask.
struct Choosy(ImageName);

impl ImageSink for Choosy {
    fn name(&self) -> &ImageName {
        &self.0
    }

    fn manifest_types(&self) -> &[MediaType] {
        &[MediaType::OciManifest, MediaType::DockerManifest]
    }

    fn layer_compression(&self) -> LayerCompression {
        LayerCompression::Preserve
    }

    fn supports_signatures(&self) -> Result<(), ImageError> {
        Ok(())
    }

    fn has_blob(&self, _: &Descriptor) -> Result<bool, ImageError> {
        Ok(true)
    }

    fn put_blob(&self, blob: Blob<'_>) -> Result<(Digest, u64), ImageError> {
        Ok((blob.source.digest, blob.source.size))
    }

    fn put_config(&self, _: &Descriptor, _: &[u8]) -> Result<(), ImageError> {
        Ok(())
    }

    fn put_manifest(&self, manifest: &NewManifest<'_>) -> Result<(), ImageError> {
        if *manifest.media_type == MediaType::DockerManifest {
            return Ok(());
        }
        Err(ImageError::ManifestType {
            name: format!("{} (no such manifests here)", self.0),
            media_type: manifest.media_type.clone(),
        })
    }

    fn commit(self: Box<Self>) -> Result<Option<Stored>, ImageError> {
        Ok(None)
    }
}

#[test]
fn a_refusal_is_told_and_not_that_nothing_else_can_be_tried() {
    let root = tempfile::tempdir().unwrap();
    let image = TestImage::new(MediaType::OciManifest, Compression::Gzip, 21);
    let mut manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
    for (config_type, is_taken) in [
        (MediaType::OciConfig.as_str(), true),
        ("application/vnd.example.config", false),
    ] {
        manifest["config"]["mediaType"] = json!(config_type);
        let image = TestImage {
            manifest: serde_json::to_vec(&manifest).unwrap(),
            ..image.clone()
        };
        image.write_dir(root.path());
        let from = ImageName::parse(&format!("dir:{}", root.path().display())).unwrap();
        let context = context(root.path());
        let source = open_source(&from, &context, &EndpointOptions::default()).unwrap();
        let sink = Choosy(ImageName::parse("docker://r.example/app:1").unwrap());
        let policy = Policy::parse(ACCEPT).unwrap();
        let copied = copy(
            &context,
            source.as_ref(),
            Box::new(sink),
            &policy,
            &options(),
            &Quiet,
        );
        if is_taken {
            assert_eq!(copied.unwrap().media_type, MediaType::DockerManifest);
            continue;
        }
        let error = copied.unwrap_err();
        assert!(
            matches!(
                error,
                CopyError::Sink {
                    source: ImageError::ManifestType { .. },
                    ..
                }
            ),
            "{}",
            common::chain(&error)
        );
    }
}
