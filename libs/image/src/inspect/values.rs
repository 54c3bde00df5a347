//! What is known of an image, in the members and the order of the original's output.

use std::collections::BTreeMap;

use oci::{Descriptor, Digest, RawManifest};
use serde::Serialize;

use crate::source::ImageSource;

/// An image, looked at. The members have the names and the order of the original's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Inspection {
    /// The repository, where the transport has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The tag in the manifest, which docker schema 1 alone has.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// The digest of what the name points to: of the list, when it is one, while everything
    /// else is of the instance for this platform.
    pub digest: Digest,
    /// All tags of the repository; `None` for an instance of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo_tags: Option<Vec<String>>,
    /// When the image was made.
    pub created: Option<String>,
    /// The version of docker that made it.
    pub docker_version: String,
    /// Its labels; `None` when the configuration has none at all.
    pub labels: Option<BTreeMap<String, String>>,
    /// Its architecture.
    pub architecture: String,
    /// Its operating system.
    pub os: String,
    /// The digests of its layers.
    pub layers: Vec<Digest>,
    /// More about its layers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers_data: Vec<InspectedLayer>,
    /// Its environment; `None` when the configuration has none at all.
    pub env: Option<Vec<String>>,
    /// What the original does not tell.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Details>>,
    /// Whether the registry refused to list its tags, which is no failure.
    #[serde(skip)]
    pub tags_refused: bool,
}

/// More about an image, as members behind those of the original.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Details {
    /// The type of the manifest; of the list, when it is one.
    pub media_type: String,
    /// The bytes of configuration and layers, each blob once; `None` for docker schema 1, which
    /// does not say it. For a list with [`Self::instances`] those of all of them.
    pub size: Option<u64>,
    /// The variant of the architecture.
    pub variant: String,
    /// Who made the image.
    pub author: String,
    /// The annotations of the manifest; of the list, when it is one.
    pub annotations: BTreeMap<String, String>,
    /// The type of an artifact; empty for images.
    pub artifact_type: String,
    /// The digest of the manifest that this one is about.
    pub subject: Option<Digest>,
    /// The instances of a list, where they were wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<Vec<InspectedInstance>>,
}

/// One instance of a list, looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InspectedInstance {
    /// `OS/ARCHITECTURE[/VARIANT]`, as the list has it; empty when it has none.
    pub platform: String,
    /// Its digest.
    pub digest: Digest,
    /// It is named and not there: a list may be copied without some of its instances.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// What is known of it; its digest stands above.
    #[serde(flatten)]
    pub image: Option<InstanceImage>,
}

/// What is known of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InstanceImage {
    /// When it was made.
    pub created: Option<String>,
    /// Its labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Its architecture.
    pub architecture: String,
    /// Its operating system.
    pub os: String,
    /// The digests of its layers.
    pub layers: Vec<Digest>,
    /// More about its layers.
    pub layers_data: Vec<InspectedLayer>,
    /// Its environment.
    pub env: Option<Vec<String>>,
    /// What the original does not tell.
    #[serde(flatten)]
    pub details: Box<Details>,
}

/// One layer, looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectedLayer {
    /// Its media type; empty when the manifest does not say.
    #[serde(rename = "MIMEType")]
    pub mime_type: String,
    /// Its digest.
    #[serde(rename = "Digest")]
    pub digest: Digest,
    /// Its size in bytes; -1 when the manifest does not say.
    #[serde(rename = "Size")]
    pub size: i64,
    /// Its annotations.
    #[serde(rename = "Annotations")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl From<Inspection> for InstanceImage {
    fn from(seen: Inspection) -> Self {
        Self {
            created: seen.created,
            labels: seen.labels,
            architecture: seen.architecture,
            os: seen.os,
            layers: seen.layers,
            layers_data: seen.layers_data,
            env: seen.env,
            details: seen.details.unwrap_or_default(),
        }
    }
}

impl Inspection {
    /// What is known of a manifest without its configuration.
    pub(super) fn empty(source: &dyn ImageSource, manifest: &RawManifest) -> Self {
        let reference = source.name().docker_reference();
        Self {
            name: reference
                .map(|reference| reference.repository().to_string())
                .unwrap_or_default(),
            tag: String::new(),
            digest: *manifest.digest(),
            repo_tags: None,
            created: None,
            docker_version: String::new(),
            labels: None,
            architecture: String::new(),
            os: String::new(),
            layers: Vec::new(),
            layers_data: Vec::new(),
            env: None,
            details: Some(Box::new(Details {
                media_type: manifest.media_type().to_string(),
                ..Details::default()
            })),
            tags_refused: false,
        }
    }
}

pub(super) fn sized_layer(layer: &Descriptor) -> InspectedLayer {
    InspectedLayer {
        mime_type: layer.media_type.to_string(),
        digest: layer.digest,
        size: i64::try_from(layer.size).unwrap_or(i64::MAX),
        annotations: Some(layer.annotations.clone()).filter(|a| !a.is_empty()),
    }
}

pub(super) fn unsized_layer(layer: &Digest) -> InspectedLayer {
    InspectedLayer {
        mime_type: String::new(),
        digest: *layer,
        size: -1,
        annotations: None,
    }
}
