//! What `inspect` prints, as values.

use std::collections::BTreeMap;

use oci::image_config::OpenRootfs;
use oci::{Descriptor, Digest, ImageConfig, ImageManifest, Manifest, RawManifest};
use oci::{Schema1, limits};
use serde::Serialize;
use serde_json::Value;

use crate::blob::read_document;
use crate::context::{Context, EndpointOptions};
use crate::convert::is_image_config;
use crate::copy::{CopyError, select_instance};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::source::{ImageSource, open_source};
use crate::tags::repository_tags;

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

/// Looks at an image. The policy is not asked.
///
/// # Errors
/// When it cannot be read, is an artifact and no image, or the tags cannot be listed for another
/// reason than that the registry does not want to.
pub fn inspect(
    context: &Context,
    name: &ImageName,
    options: &EndpointOptions,
    list_tags: bool,
) -> Result<Inspection, CopyError> {
    let failed = |error| CopyError::Source {
        name: name.to_string(),
        source: error,
    };
    let source = open_source(name, context, options).map_err(failed)?;
    let source = source.as_ref();
    // A list of tags may have a thousand pages: whether the image is there is asked first.
    let top = source.manifest(None).map_err(failed)?;
    let tagged = match name {
        ImageName::Docker(docker) if list_tags => Some(&docker.reference),
        _ => None,
    };
    // The registry is asked for the tags and for the configuration at once.
    let (inspection, tags) = std::thread::scope(|scope| {
        let tags = tagged.map(|reference| {
            let list = move || repository_tags(reference, context, options);
            let thread = std::thread::Builder::new().name("tags".to_owned());
            thread.spawn_scoped(scope, list).map_err(|_| list)
        });
        let inspection = inspect_image(context, source, &top);
        let tags = tags.map(|thread| match thread {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(list) => list(),
        });
        (inspection, tags)
    });
    let mut inspection = inspection?;
    match tags.transpose() {
        Ok(tags) => inspection.repo_tags = tags.unwrap_or_default(),
        Err(error) if error.is_denied() || error.is_not_found() => inspection.tags_refused = true,
        Err(error) => return Err(failed(error)),
    }
    Ok(inspection)
}

/// Looks at everything but the tags.
fn inspect_image(
    context: &Context,
    source: &dyn ImageSource,
    top: &RawManifest,
) -> Result<Inspection, CopyError> {
    let (manifest, _) = select_instance(source, top, &context.platform)?;
    Ok(match manifest.manifest() {
        Manifest::Schema1(schema1) => {
            let config = open_config(source, &manifest, schema1)?;
            Inspection {
                tag: schema1.tag.clone(),
                created: schema1.history.first().map(|top| top.created.clone()),
                layers: schema1.layers().map(|(layer, _)| *layer).collect(),
                layers_data: schema1
                    .layers()
                    .map(|(layer, _)| unsized_layer(layer))
                    .collect(),
                ..inspection(source, top, &config)
            }
        }
        _ => {
            let image = image_of(source, &manifest)?;
            let config = read_config(source, image)?;
            Inspection {
                layers: image.layers.iter().map(|layer| layer.digest).collect(),
                layers_data: image.layers.iter().map(sized_layer).collect(),
                ..inspection(source, top, &config)
            }
        }
    })
}

/// What is known without looking at the layers.
fn inspection<R>(
    source: &dyn ImageSource,
    top: &RawManifest,
    config: &ImageConfig<R>,
) -> Inspection {
    let in_config = members_of(config.raw());
    Inspection {
        name: source
            .name()
            .docker_reference()
            .map(|reference| reference.repository().to_string())
            .unwrap_or_default(),
        tag: String::new(),
        digest: *top.digest(),
        repo_tags: Vec::new(),
        created: config.created.clone(),
        docker_version: config.docker_version.clone(),
        labels: in_config
            .get("Labels")
            .and_then(|v| serde_json::from_value(v.clone()).ok()),
        architecture: config.architecture.clone(),
        os: config.os.clone(),
        layers: Vec::new(),
        layers_data: Vec::new(),
        env: in_config
            .get("Env")
            .and_then(|v| serde_json::from_value(v.clone()).ok()),
        tags_refused: false,
    }
}

fn sized_layer(layer: &Descriptor) -> InspectedLayer {
    InspectedLayer {
        mime_type: layer.media_type.to_string(),
        digest: layer.digest,
        size: i64::try_from(layer.size).unwrap_or(i64::MAX),
        annotations: Some(layer.annotations.clone()).filter(|a| !a.is_empty()),
    }
}

fn unsized_layer(layer: &Digest) -> InspectedLayer {
    InspectedLayer {
        mime_type: String::new(),
        digest: *layer,
        size: -1,
        annotations: None,
    }
}

/// Reads the configuration of an image, of the instance for this platform in a list, and writes
/// it as OCI's, indented. That of docker schema 1 is made from the manifest, with empty texts for
/// diff ids.
///
/// # Errors
/// As [`inspect`].
pub fn config_json(context: &Context, source: &dyn ImageSource) -> Result<Vec<u8>, CopyError> {
    let top = source
        .manifest(None)
        .map_err(|error| source_failed(source, error))?;
    let (manifest, _) = select_instance(source, &top, &context.platform)?;
    if let Manifest::Schema1(schema1) = manifest.manifest() {
        return Ok(open_config(source, &manifest, schema1)?.to_oci_json());
    }
    Ok(read_config(source, image_of(source, &manifest)?)?.to_oci_json())
}

/// Reads the configuration's bytes, also an artifact's; `None` for docker schema 1, which has
/// none.
///
/// # Errors
/// When it cannot be read.
pub fn raw_config(
    context: &Context,
    source: &dyn ImageSource,
) -> Result<Option<Vec<u8>>, CopyError> {
    let top = source
        .manifest(None)
        .map_err(|error| source_failed(source, error))?;
    let (manifest, _) = select_instance(source, &top, &context.platform)?;
    if matches!(manifest.manifest(), Manifest::Schema1(_)) {
        return Ok(None);
    }
    config_bytes(source, image_of(source, &manifest)?).map(Some)
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

fn image_of<'m>(
    source: &dyn ImageSource,
    manifest: &'m RawManifest,
) -> Result<&'m ImageManifest, CopyError> {
    match manifest.manifest() {
        Manifest::Image(image) => Ok(image),
        _ => Err(source_failed(
            source,
            ImageError::ManifestType {
                name: source.name().to_string(),
                media_type: manifest.media_type().clone(),
            },
        )),
    }
}

/// Makes the configuration of a schema 1 image, of which the diff ids are not known.
fn open_config(
    source: &dyn ImageSource,
    manifest: &RawManifest,
    schema1: &Schema1,
) -> Result<ImageConfig<OpenRootfs>, CopyError> {
    schema1.to_open_config().map_err(|error| {
        source_failed(
            source,
            ImageError::Manifest {
                name: source.name().to_string(),
                digest: manifest.digest().to_string(),
                source: Box::new(error.into()),
            },
        )
    })
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
fn members_of(config: &[u8]) -> serde_json::Map<String, Value> {
    match serde_json::from_slice::<Value>(config) {
        Ok(Value::Object(mut members)) => match members.remove("config") {
            Some(Value::Object(config)) => config,
            _ => serde_json::Map::new(),
        },
        _ => serde_json::Map::new(),
    }
}
