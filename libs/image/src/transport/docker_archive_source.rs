//! Reads `docker-archive:` tars in place.
//!
//! ```text
//! manifest.json   [{"Config": PATH, "RepoTags": [NAME:TAG…], "Layers": [PATH…]}…]
//! ```
//!
//! Such a tar has no manifest that a registry would know; one is made for it, whose layers are
//! the uncompressed tars. Layers that are compressed in the archive are decompressed on the way
//! out, and each is checked against the diff id that the configuration names.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};

use archive::compress::{DecodeLimits, Decoder};
use oci::{Compression, json, limits};
use oci::{Descriptor, Digest, ImageConfig, ImageManifest, MediaType, RawManifest, Reference};
use serde::Deserialize;
use signing::Signature;

use crate::blob::VerifyingReader;
use crate::context::Context;
use crate::error::ImageError;
use crate::name::{ArchiveImage, ArchiveName, ImageName};
use crate::source::ImageSource;
use crate::transport::spool::{Content, Index, open_archive};

/// One image of an archive's `manifest.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Item {
    pub(crate) config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    pub(crate) layers: Vec<String>,
}

impl Item {
    /// Returns the names of the image.
    pub(crate) fn repo_tags(&self) -> &[String] {
        self.repo_tags.as_deref().unwrap_or_default()
    }
}

/// An image in a `docker-archive:` tar.
pub(crate) struct DockerArchiveSource {
    name: ImageName,
    members: Index,
    config: Vec<u8>,
    /// Where each layer lies, by diff id.
    layers: BTreeMap<Digest, String>,
    manifest: RawManifest,
}

impl DockerArchiveSource {
    /// Opens the tar and finds the image.
    pub(crate) fn open(archive: &ArchiveName, context: &Context) -> Result<Self, ImageError> {
        let name = ImageName::DockerArchive(archive.clone());
        let members = open_archive(&archive.path, context)?;
        Self::among(name, members, archive.image.as_ref())
    }

    /// Finds the image among the members of a tar.
    pub(crate) fn among(
        name: ImageName,
        members: Index,
        image: Option<&ArchiveImage>,
    ) -> Result<Self, ImageError> {
        let items = read_items(&members, &name)?;
        let item = choose(&items, image, &name)?;
        let config = read_member(&members, &name, &item.config, limits::CONFIG_BYTES)?;
        let parsed = ImageConfig::parse(&config).map_err(|source| ImageError::ImageConfig {
            name: name.to_string(),
            source: Box::new(source),
        })?;
        let diff_ids = &parsed.rootfs.diff_ids;
        if item.layers.len() != diff_ids.len() {
            return Err(ImageError::LayerCount {
                name: name.to_string(),
                layers: item.layers.len(),
                diff_ids: diff_ids.len(),
            });
        }
        let mut layers = BTreeMap::new();
        let mut descriptors = Vec::new();
        for (path, diff_id) in item.layers.iter().zip(diff_ids) {
            let path = layers.entry(diff_id.0).or_insert_with(|| clean(path));
            let size = uncompressed_size(&members, &name, path)?;
            // The type says gzip, as the original's does, although the layer is not compressed.
            let media_type = MediaType::DockerLayer(Compression::Gzip);
            descriptors.push(Descriptor::new(media_type, diff_id.0, size));
        }
        let made = ImageManifest {
            media_type: MediaType::DockerManifest,
            config: Descriptor::of(MediaType::DockerConfig, &config),
            layers: descriptors,
            annotations: BTreeMap::new(),
            subject: None,
            artifact_type: None,
        };
        let manifest = RawManifest::parse(made.to_bytes(), Some(&MediaType::DockerManifest))
            .map_err(|source| ImageError::Manifest {
                name: name.to_string(),
                digest: "manifest.json".to_owned(),
                source: Box::new(source),
            })?;
        Ok(Self {
            name,
            members,
            config,
            layers,
            manifest,
        })
    }
}

/// Reads the images of an archive.
pub(crate) fn read_items(members: &Index, name: &ImageName) -> Result<Vec<Item>, ImageError> {
    /// As much as the original reads.
    const MANIFEST_BYTES: u64 = 1 << 20;
    let bytes = read_member(members, name, "manifest.json", MANIFEST_BYTES)?;
    json::from_slice(&bytes, MANIFEST_BYTES).map_err(|source| ImageError::Document {
        document: "manifest.json",
        name: name.to_string(),
        source: Box::new(source),
    })
}

fn choose<'a>(
    items: &'a [Item],
    image: Option<&ArchiveImage>,
    name: &ImageName,
) -> Result<&'a Item, ImageError> {
    match image {
        Some(ArchiveImage::Tag(wanted)) => items
            .iter()
            .find(|item| {
                item.repo_tags()
                    .iter()
                    .any(|tag| Reference::parse(tag).as_ref() == Ok(wanted))
            })
            .ok_or_else(|| ImageError::NotFound {
                name: name.to_string(),
            }),
        Some(ArchiveImage::Index(index)) => {
            items.get(*index).ok_or_else(|| ImageError::IndexTooLarge {
                name: name.to_string(),
                count: items.len(),
            })
        }
        None => match items {
            [] => Err(ImageError::NotFound {
                name: name.to_string(),
            }),
            [item] => Ok(item),
            items => Err(ImageError::Choose {
                name: name.to_string(),
                choice: items
                    .iter()
                    .zip(0..)
                    .map(|(item, place)| {
                        item.repo_tags()
                            .first()
                            .cloned()
                            .unwrap_or_else(|| format!("@{place}"))
                    })
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        },
    }
}

/// Drops `.` components, as the names in `manifest.json` may have them.
pub(crate) fn clean(path: &str) -> String {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect::<Vec<_>>()
        .join("/")
}

fn open_member(members: &Index, name: &ImageName, path: &str) -> Result<Content, ImageError> {
    members
        .open(&clean(path))
        .ok_or_else(|| ImageError::inconsistent(name, format!("there is no {path:?} in the tar")))
}

pub(crate) fn read_member(
    members: &Index,
    name: &ImageName,
    path: &str,
    limit: u64,
) -> Result<Vec<u8>, ImageError> {
    let member = open_member(members, name, path)?;
    let mut bytes = Vec::new();
    member
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(ImageError::Stream)?;
    let size = bytes.len() as u64;
    if size > limit {
        let path = std::path::PathBuf::from(path);
        return Err(ImageError::FileTooLarge { path, size, limit });
    }
    Ok(bytes)
}

/// Opens a layer; what comes out is a plain tar whatever lies in the archive.
pub(crate) fn open_layer(
    members: &Index,
    name: &ImageName,
    path: &str,
) -> Result<Decoder<Content>, ImageError> {
    let member = open_member(members, name, path)?;
    Decoder::detecting(member, DecodeLimits::default()).map_err(ImageError::Stream)
}

pub(crate) fn uncompressed_size(
    members: &Index,
    name: &ImageName,
    path: &str,
) -> Result<u64, ImageError> {
    let mut layer = open_layer(members, name, path)?;
    if layer.compression() == Compression::None {
        return members.size(path).ok_or_else(|| {
            ImageError::inconsistent(name, format!("there is no {path:?} in the tar"))
        });
    }
    io::copy(&mut layer, &mut io::sink()).map_err(ImageError::Stream)
}

impl ImageSource for DockerArchiveSource {
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
        if digest.matches(&self.config) {
            return Ok(Box::new(Cursor::new(self.config.clone())));
        }
        let path = self
            .layers
            .get(&digest)
            .ok_or_else(|| ImageError::UnknownBlob {
                name: self.name.to_string(),
                digest,
            })?;
        let layer = open_layer(&self.members, &self.name, path)?;
        Ok(Box::new(VerifyingReader::new(layer, digest, size)))
    }

    fn layer_compression(&self, _: &Descriptor) -> Option<Compression> {
        Some(Compression::None)
    }

    fn signatures(&self, _: Option<&Digest>) -> Result<Vec<Signature>, ImageError> {
        Ok(Vec::new())
    }
}
