//! Manifests rewritten: for another format, or because layers became other blobs.
//!
//! | from → to | what changes |
//! | --- | --- |
//! | docker schema 2 → OCI | media types; the configuration is written anew as OCI |
//! | OCI → docker schema 2 | media types; annotations and subject go; the configuration stays |
//! | docker schema 1 → schema 2 | everything, see `copy::schema1`; from there on as above |
//!
//! A manifest that needs no change is never written anew: its bytes go on as they came.

use oci::{Compression, Descriptor, Digest, ImageConfig, ImageManifest, Index, MediaType};
use signing::ConversionError;

use crate::copy::ManifestFormat;

/// Why a manifest cannot be rewritten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The manifest is an artifact's; other formats hold images only.
    #[error("an artifact with a configuration of type {config} cannot be converted to {target}")]
    Artifact {
        /// The type of its configuration.
        config: MediaType,
        /// The wanted format.
        target: MediaType,
    },
    /// A layer has a type that the wanted format does not know.
    #[error("a layer of type {layer} cannot be in a manifest of type {target}")]
    Layer {
        /// The layer's type.
        layer: MediaType,
        /// The wanted format.
        target: MediaType,
    },
    /// A schema 1 manifest names the place it is for, and that is another one.
    #[error("the schema 1 manifest is for {name}:{tag}, and it must not change: {reason}")]
    EmbeddedName {
        /// The repository in the manifest.
        name: String,
        /// The tag in the manifest.
        tag: String,
        /// Why it must not change.
        reason: &'static str,
    },
    /// No format that is possible is accepted at the destination.
    #[error("the destination takes no manifest that {source_type} can become")]
    NoFormat {
        /// What the source is.
        source_type: MediaType,
    },
    /// What was made of a manifest is not what the policy accepted.
    #[error("the converted manifest is not the one that was accepted")]
    NotAccepted(#[source] Box<ConversionError>),
    /// The wanted compression and the wanted format do not go together.
    #[error("compression using zstd required together with format v2s2, which does not support it")]
    ZstdInDocker,
}

/// What became of a layer on its way.
#[derive(Clone, Debug)]
pub(crate) struct CopiedLayer {
    /// Digest at the destination.
    pub(crate) digest: Digest,
    /// Size at the destination in bytes.
    pub(crate) size: u64,
    /// How it is compressed, when its bytes were seen.
    pub(crate) compression: Option<Compression>,
}

/// Returns the types of manifest to try, best first: the source's own when it is taken, then
/// docker's, then OCI's.
pub(crate) fn candidates(
    source: &MediaType,
    accepted: &[MediaType],
    forced: Option<ManifestFormat>,
    zstd_wanted: bool,
    may_modify: bool,
) -> Result<Vec<MediaType>, ConvertError> {
    let forced = forced.map(ManifestFormat::image_type);
    if zstd_wanted && forced == Some(MediaType::DockerManifest) {
        return Err(ConvertError::ZstdInDocker);
    }
    if !may_modify {
        // Nothing can be changed: take it as it is or fail at the destination.
        return Ok(vec![source.clone()]);
    }
    let taken = |wanted: &MediaType| {
        forced
            .as_ref()
            .map_or_else(|| accepted.contains(wanted), |forced| forced == wanted)
            && !(zstd_wanted && *wanted == MediaType::DockerManifest)
    };
    let mut types = Vec::new();
    for wanted in [source, &MediaType::DockerManifest, &MediaType::OciManifest] {
        if taken(wanted) && !types.contains(wanted) {
            types.push(wanted.clone());
        }
    }
    if types.is_empty() {
        return Err(ConvertError::NoFormat {
            source_type: source.clone(),
        });
    }
    Ok(types)
}

/// Returns the type of list to write.
pub(crate) fn list_type(
    source: &MediaType,
    accepted: &[MediaType],
    forced: Option<ManifestFormat>,
) -> Result<MediaType, ConvertError> {
    if let Some(forced) = forced {
        return Ok(forced.list_type());
    }
    [source, &MediaType::DockerList, &MediaType::OciIndex]
        .into_iter()
        .find(|wanted| accepted.contains(wanted))
        .cloned()
        .ok_or_else(|| ConvertError::NoFormat {
            source_type: source.clone(),
        })
}

/// Tells whether a configuration is that of an image.
pub(crate) fn is_image_config(media_type: &MediaType) -> bool {
    matches!(media_type, MediaType::OciConfig | MediaType::DockerConfig)
}

/// Returns the configuration for `target`: descriptor and, when it is written anew, its bytes.
pub(crate) fn config_for(
    target: &MediaType,
    manifest: &ImageManifest,
    config: impl FnOnce() -> Option<ImageConfig>,
) -> (Descriptor, Option<Vec<u8>>) {
    let descriptor = &manifest.config;
    if *target == manifest.media_type {
        return (descriptor.clone(), None);
    }
    if *target == MediaType::OciManifest
        && let Some(config) = config()
    {
        let bytes = config.to_oci_bytes();
        return (Descriptor::of(MediaType::OciConfig, &bytes), Some(bytes));
    }
    let mut descriptor = descriptor.clone();
    descriptor.media_type = MediaType::DockerConfig;
    (descriptor, None)
}

/// Writes a manifest of type `target` with `config` and `layers`; `None` when it is what came.
pub(crate) fn rewrite(
    manifest: &ImageManifest,
    target: &MediaType,
    config: Descriptor,
    layers: &[CopiedLayer],
) -> Result<Option<ImageManifest>, ConvertError> {
    let converted = *target != manifest.media_type;
    let same_blobs = manifest
        .layers
        .iter()
        .zip(layers)
        .all(|(a, b)| a.digest == b.digest);
    if !converted && same_blobs {
        return Ok(None);
    }
    if converted && !is_image_config(&manifest.config.media_type) {
        return Err(ConvertError::Artifact {
            config: manifest.config.media_type.clone(),
            target: target.clone(),
        });
    }
    let layers = manifest
        .layers
        .iter()
        .zip(layers)
        .map(|(before, after)| layer(before, after, target))
        .collect::<Result<_, _>>()?;
    Ok(Some(ImageManifest {
        media_type: target.clone(),
        config,
        layers,
        annotations: manifest.annotations.clone(),
        subject: manifest.subject.clone(),
        artifact_type: manifest.artifact_type.clone(),
    }))
}

fn layer(
    before: &Descriptor,
    after: &CopiedLayer,
    target: &MediaType,
) -> Result<Descriptor, ConvertError> {
    let refused = || ConvertError::Layer {
        layer: before.media_type.clone(),
        target: target.clone(),
    };
    let Some(declared) = before.media_type.layer_compression() else {
        // An opaque layer stays as it is; in another format it has no name.
        let stays = before.digest == after.digest
            && (*target == MediaType::OciManifest)
            && !matches!(before.media_type, MediaType::DockerLayer(_));
        return if stays {
            Ok(before.clone())
        } else {
            Err(refused())
        };
    };
    let compression = after.compression.unwrap_or(declared);
    if matches!(compression, Compression::Bzip2 | Compression::Xz) {
        return Err(refused());
    }
    let foreign = before.media_type.is_foreign_layer();
    let media_type = match target {
        MediaType::OciManifest if foreign => MediaType::OciForeignLayer(compression),
        MediaType::OciManifest => MediaType::OciLayer(compression),
        _ if compression == Compression::Zstd => return Err(refused()),
        _ if foreign => MediaType::DockerForeignLayer(compression),
        _ => MediaType::DockerLayer(compression),
    };
    if before.digest != after.digest {
        return Ok(Descriptor::new(media_type, after.digest, after.size));
    }
    Ok(Descriptor {
        media_type,
        ..before.clone()
    })
}

/// What became of an instance of a list: its descriptor now.
pub(crate) struct CopiedInstance {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) media_type: MediaType,
}

/// Writes a list anew for instances that became others, as another type, or, with `strip`, without
/// those that were not copied; `None` when it is what came.
pub(crate) fn rewrite_list(
    list: &Index,
    target: &MediaType,
    copied: &[Option<CopiedInstance>],
    strip: bool,
) -> Option<Index> {
    let mut changed = *target != list.media_type;
    let mut manifests = Vec::with_capacity(list.manifests.len());
    for (entry, copied) in list.manifests.iter().zip(copied) {
        let mut entry = entry.clone();
        let Some(copied) = copied else {
            changed |= strip;
            if !strip {
                manifests.push(entry);
            }
            continue;
        };
        changed |= entry.digest != copied.digest;
        entry.digest = copied.digest;
        entry.size = copied.size;
        entry.media_type = copied.media_type.clone();
        manifests.push(entry);
    }
    changed.then(|| Index {
        media_type: target.clone(),
        manifests,
        ..list.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_type_comes_first_where_it_is_taken() {
        use MediaType::{DockerManifest, OciManifest};
        let both = [OciManifest, DockerManifest];
        let types = |source: &MediaType, accepted: &[MediaType], forced, zstd, may| {
            candidates(source, accepted, forced, zstd, may).map_err(|error| error.to_string())
        };
        assert_eq!(types(&OciManifest, &both, None, false, true).unwrap(), both);
        assert_eq!(
            types(&DockerManifest, &[OciManifest], None, false, true).unwrap(),
            [OciManifest]
        );
        assert_eq!(
            types(&DockerManifest, &both, None, true, true).unwrap(),
            [OciManifest]
        );
        assert_eq!(
            types(&DockerManifest, &[OciManifest], None, false, false).unwrap(),
            [DockerManifest]
        );
        let forced = Some(ManifestFormat::V2s2);
        assert_eq!(
            types(&OciManifest, &both, forced, false, true).unwrap(),
            [DockerManifest]
        );
        assert!(
            types(&OciManifest, &both, forced, true, true)
                .unwrap_err()
                .contains("zstd")
        );
    }

    #[test]
    fn layers_get_the_type_that_their_bytes_have() {
        let gzip = MediaType::DockerLayer(Compression::Gzip);
        let before = Descriptor::of(gzip, b"x");
        let same = CopiedLayer {
            digest: before.digest,
            size: 1,
            compression: None,
        };
        let oci = layer(&before, &same, &MediaType::OciManifest).unwrap();
        assert_eq!(oci.media_type, MediaType::OciLayer(Compression::Gzip));
        let plain = CopiedLayer {
            compression: Some(Compression::None),
            ..same
        };
        let oci = layer(&before, &plain, &MediaType::OciManifest).unwrap();
        assert_eq!(oci.media_type, MediaType::OciLayer(Compression::None));
        let zstd = CopiedLayer {
            compression: Some(Compression::Zstd),
            ..plain
        };
        assert!(layer(&before, &zstd, &MediaType::DockerManifest).is_err());
    }
}
