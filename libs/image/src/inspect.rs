//! What `inspect` prints, as values.

use std::collections::BTreeMap;

use oci::{Digest, ImageConfig, ImageManifest, Manifest, MediaType, RawManifest, limits};
use serde::Serialize;
use serde_json::Value;

use crate::blob::read_document;
use crate::context::{Context, EndpointOptions};
use crate::convert::{ConvertError, is_image_config};
use crate::copy::{CopyError, select_instance};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::source::ImageSource;
use crate::tags::repository_tags;

/// An image, looked at. The members have the names and the order of the original's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Inspection {
    /// The repository, where the transport has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The digest of what the name points to: of the list, when it is one, while everything
    /// else is of the instance for this platform.
    pub digest: Digest,
    /// All tags of the repository.
    pub repo_tags: Vec<String>,
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
    /// Whether the registry refused to list its tags, which is no failure.
    #[serde(skip)]
    pub tags_refused: bool,
}

/// One layer, looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectedLayer {
    /// Its media type.
    #[serde(rename = "MIMEType")]
    pub mime_type: MediaType,
    /// Its digest.
    #[serde(rename = "Digest")]
    pub digest: Digest,
    /// Its size in bytes.
    #[serde(rename = "Size")]
    pub size: u64,
    /// Its annotations.
    #[serde(rename = "Annotations")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Looks at an image. The policy is not asked.
///
/// # Errors
/// When it cannot be read, is an artifact and no image, or the tags cannot be listed for another
/// reason than that the registry does not want to.
pub fn inspect(
    context: &Context,
    source: &dyn ImageSource,
    options: &EndpointOptions,
    list_tags: bool,
) -> Result<Inspection, CopyError> {
    let failed = |error| source_failed(source, error);
    let top = source.manifest(None).map_err(failed)?;
    let (manifest, _) = select_instance(source, &top, &context.platform)?;
    let image = image_of(&manifest)?;
    let config = read_config(source, image)?;
    let in_config = members_of(&config);
    let mut inspection = Inspection {
        name: source
            .name()
            .docker_reference()
            .map(|reference| reference.repository().to_string())
            .unwrap_or_default(),
        digest: *top.digest(),
        repo_tags: Vec::new(),
        created: config.created.clone(),
        docker_version: config.docker_version.clone(),
        labels: in_config
            .get("Labels")
            .and_then(|v| serde_json::from_value(v.clone()).ok()),
        architecture: config.architecture.clone(),
        os: config.os.clone(),
        layers: image.layers.iter().map(|layer| layer.digest).collect(),
        layers_data: image
            .layers
            .iter()
            .map(|layer| InspectedLayer {
                mime_type: layer.media_type.clone(),
                digest: layer.digest,
                size: layer.size,
                annotations: Some(layer.annotations.clone()).filter(|a| !a.is_empty()),
            })
            .collect(),
        env: in_config
            .get("Env")
            .and_then(|v| serde_json::from_value(v.clone()).ok()),
        tags_refused: false,
    };
    if let (ImageName::Docker(docker), true) = (source.name(), list_tags) {
        match repository_tags(&docker.reference, context, options) {
            Ok(tags) => inspection.repo_tags = tags,
            Err(error) if error.is_denied() || error.is_not_found() => {
                inspection.tags_refused = true;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(inspection)
}

/// Reads the configuration of an image, of the instance for this platform in a list.
///
/// # Errors
/// As [`inspect`].
pub fn config(context: &Context, source: &dyn ImageSource) -> Result<ImageConfig, CopyError> {
    let top = source
        .manifest(None)
        .map_err(|error| source_failed(source, error))?;
    let (manifest, _) = select_instance(source, &top, &context.platform)?;
    read_config(source, image_of(&manifest)?)
}

/// Reads the configuration's bytes, also an artifact's.
///
/// # Errors
/// When it cannot be read.
pub fn raw_config(context: &Context, source: &dyn ImageSource) -> Result<Vec<u8>, CopyError> {
    let top = source
        .manifest(None)
        .map_err(|error| source_failed(source, error))?;
    let (manifest, _) = select_instance(source, &top, &context.platform)?;
    config_bytes(source, image_of(&manifest)?)
}

/// Computes the digest of a manifest: of its signed part for schema 1, else of all bytes.
pub fn manifest_digest(bytes: &[u8]) -> Digest {
    RawManifest::parse(bytes.to_vec(), None)
        .map_or_else(|_| Digest::sha256(bytes), |manifest| *manifest.digest())
}

fn source_failed(source: &dyn ImageSource, error: ImageError) -> CopyError {
    CopyError::Source {
        name: source.name().to_string(),
        source: error,
    }
}

fn image_of(manifest: &RawManifest) -> Result<&ImageManifest, CopyError> {
    match manifest.manifest() {
        Manifest::Image(image) => Ok(image),
        _ => Err(ConvertError::Unsupported(manifest.media_type().clone()).into()),
    }
}

fn config_bytes(source: &dyn ImageSource, image: &ImageManifest) -> Result<Vec<u8>, CopyError> {
    source
        .blob(&image.config)
        .and_then(|reader| {
            read_document(reader, &image.config, limits::CONFIG_BYTES).map_err(ImageError::Stream)
        })
        .map_err(|error| source_failed(source, error))
}

fn read_config(source: &dyn ImageSource, image: &ImageManifest) -> Result<ImageConfig, CopyError> {
    let media_type = &image.config.media_type;
    if !is_image_config(media_type) {
        return Err(CopyError::Artifact {
            config: media_type.clone(),
        });
    }
    ImageConfig::parse(&config_bytes(source, image)?).map_err(|error| {
        let name = source.name().to_string();
        source_failed(
            source,
            ImageError::ImageConfig {
                name,
                source: Box::new(error),
            },
        )
    })
}

/// Returns the `config` member as it was written: whether something is absent or empty shows in
/// the output.
fn members_of(config: &ImageConfig) -> serde_json::Map<String, Value> {
    match serde_json::from_slice::<Value>(config.raw()) {
        Ok(Value::Object(mut members)) => match members.remove("config") {
            Some(Value::Object(config)) => config,
            _ => serde_json::Map::new(),
        },
        _ => serde_json::Map::new(),
    }
}
