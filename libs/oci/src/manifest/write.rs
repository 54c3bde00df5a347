//! Writes manifests as containers/image writes those that it edited: the members in the order of
//! its Go structs (image-spec's Manifest and Index, its own Schema2 and Schema2List).

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ImageManifest, Index};
use crate::{Descriptor, Digest, MediaType, Platform, json};

impl ImageManifest {
    /// Writes the manifest as containers/image writes one that it edited.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.media_type == MediaType::DockerManifest {
            return marshal(&DockerManifest {
                schema_version: 2,
                media_type: &self.media_type,
                config: DockerDescriptor::of(&self.config),
                layers: self.layers.iter().map(DockerDescriptor::of).collect(),
            });
        }
        marshal(&OciManifest {
            schema_version: 2,
            media_type: &self.media_type,
            artifact_type: self.artifact_type.as_deref(),
            config: &self.config,
            layers: &self.layers,
            subject: self.subject.as_ref(),
            annotations: &self.annotations,
        })
    }
}

impl Index {
    /// Writes the index as containers/image writes one that it edited.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.media_type == MediaType::DockerList {
            return marshal(&DockerList {
                schema_version: 2,
                media_type: &self.media_type,
                manifests: self
                    .manifests
                    .iter()
                    .map(|instance| DockerInstance {
                        descriptor: DockerDescriptor::of(instance),
                        platform: instance.platform.clone().unwrap_or_default(),
                    })
                    .collect(),
            });
        }
        marshal(&OciIndex {
            schema_version: 2,
            media_type: &self.media_type,
            artifact_type: self.artifact_type.as_deref(),
            manifests: &self.manifests,
            subject: self.subject.as_ref(),
            annotations: &self.annotations,
        })
    }
}

#[expect(
    clippy::expect_used,
    reason = "the documents below are structs and maps with texts as keys, which JSON can express"
)]
fn marshal<T: Serialize>(document: &T) -> Vec<u8> {
    json::to_go_bytes(document).expect("manifests are expressible in JSON")
}
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OciManifest<'a> {
    schema_version: u32,
    media_type: &'a MediaType,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    config: &'a Descriptor,
    layers: &'a [Descriptor],
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OciIndex<'a> {
    schema_version: u32,
    media_type: &'a MediaType,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    manifests: &'a [Descriptor],
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DockerManifest<'a> {
    schema_version: u32,
    media_type: &'a MediaType,
    config: DockerDescriptor<'a>,
    layers: Vec<DockerDescriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DockerList<'a> {
    schema_version: u32,
    media_type: &'a MediaType,
    manifests: Vec<DockerInstance<'a>>,
}

#[derive(Serialize)]
struct DockerInstance<'a> {
    #[serde(flatten)]
    descriptor: DockerDescriptor<'a>,
    platform: Platform,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DockerDescriptor<'a> {
    media_type: &'a MediaType,
    size: u64,
    digest: &'a Digest,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    urls: &'a [String],
}

impl<'a> DockerDescriptor<'a> {
    fn of(descriptor: &'a Descriptor) -> Self {
        Self {
            media_type: &descriptor.media_type,
            size: descriptor.size,
            digest: &descriptor.digest,
            urls: &descriptor.urls,
        }
    }
}
