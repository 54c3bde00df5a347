//! What `inspect` prints, as values.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use oci::image_config::OpenRootfs;
use oci::platform::Platform;
use oci::{Algorithm, Descriptor, Digest, ImageConfig, ImageManifest, Index, Manifest};
use oci::{RawManifest, Schema1, limits};
use serde_json::Value;

use crate::blob::read_document;
use crate::context::{Context, EndpointOptions};
use crate::convert::is_image_config;
use crate::copy::{CopyError, select_instance};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::parallel;
use crate::source::{ImageSource, open_source};
use crate::tags::TagLists;

mod values;

pub use self::values::{Details, InspectedInstance, InspectedLayer, Inspection, InstanceImage};
use self::values::{sized_layer, unsized_layer};

/// How images are looked at.
#[derive(Clone, Copy, Default)]
pub struct InspectOptions<'a> {
    /// Where the tags of repositories are kept, each listed once; without, none are listed.
    pub tags: Option<&'a TagLists>,
    /// Tell what the original does not.
    pub details: bool,
    /// Look at every instance of a list.
    pub all_platforms: bool,
    /// The algorithm of [`Inspection::digest`]; `None` is that of the configuration's digest.
    pub algorithm: Option<Algorithm>,
}

/// So many instances of a list are looked at, at once.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(6).unwrap();

/// Looks at an image, or an artifact. The policy is not asked.
///
/// # Errors
/// When it cannot be read, or the tags cannot be listed for another reason than that the registry
/// does not want to.
pub fn inspect(
    context: &Context,
    name: &ImageName,
    endpoint: &EndpointOptions,
    options: InspectOptions<'_>,
) -> Result<Inspection, CopyError> {
    let failed = |error| CopyError::Source {
        name: name.to_string(),
        source: error,
    };
    let source = open_source(name, context, endpoint).map_err(failed)?;
    let source = source.as_ref();
    // A list of tags may have a thousand pages: whether the image is there is asked first.
    let top = source.manifest(None).map_err(failed)?;
    let tagged = match (name, options.tags) {
        (ImageName::Docker(docker), Some(lists)) => Some((&docker.reference, lists)),
        _ => None,
    };
    // The registry is asked for the tags and for the configuration at once.
    let (inspection, tags) = std::thread::scope(|scope| {
        let tags = tagged.map(|(reference, lists)| {
            let list = move || lists.get(reference, context, endpoint);
            let thread = std::thread::Builder::new().name("tags".to_owned());
            thread.spawn_scoped(scope, list).map_err(|_| list)
        });
        let inspection = inspect_top(context, source, &top, options);
        let tags = tags.map(|thread| match thread {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(list) => list(),
        });
        (inspection, tags)
    });
    let mut inspection = inspection?;
    let tags = tags.transpose().map_err(failed)?;
    inspection.tags_refused = matches!(&tags, Some(None));
    inspection.repo_tags = Some(tags.flatten().map_or_else(Vec::new, |tags| tags.to_vec()));
    Ok(inspection)
}

/// Looks at everything but the tags.
fn inspect_top(
    context: &Context,
    source: &dyn ImageSource,
    top: &RawManifest,
    options: InspectOptions<'_>,
) -> Result<Inspection, CopyError> {
    let mut seen = match (top.manifest(), options.all_platforms) {
        // Of all instances none is the one.
        (Manifest::Index(list), true) => Inspection {
            details: Some(Box::new(instances(source, list)?)),
            ..Inspection::empty(source, top)
        },
        _ => {
            let (manifest, _) = select_instance(source, top, &context.platform)?;
            let (mut seen, _) = inspect_image(source, &manifest)?;
            if let (Some(details), Manifest::Index(list)) = (&mut seen.details, top.manifest()) {
                details.media_type = list.media_type.to_string();
                details.annotations.clone_from(&list.annotations);
            }
            seen
        }
    };
    seen.digest = match (top.manifest(), options.algorithm) {
        (Manifest::Image(image), None)
            if image.config.digest.algorithm() != top.digest().algorithm() =>
        {
            Digest::of(image.config.digest.algorithm(), top.bytes())
        }
        (Manifest::Schema1(_), _) | (_, None) => *top.digest(),
        (_, Some(algorithm)) if algorithm == top.digest().algorithm() => *top.digest(),
        (_, Some(algorithm)) => Digest::of(algorithm, top.bytes()),
    };
    if !(options.details || options.all_platforms) {
        seen.details = None;
    }
    Ok(seen)
}

/// Looks at the instances of a list.
fn instances(source: &dyn ImageSource, list: &Index) -> Result<Details, CopyError> {
    let mut found = Vec::with_capacity(list.manifests.len());
    let mut blobs = Blobs::new();
    let mut failure = None;
    let look = |entry: &Descriptor| -> Result<Looked, CopyError> {
        if entry.media_type.is_index() {
            return Ok(Looked::List);
        }
        let manifest = match source.manifest(Some(&entry.digest)) {
            Err(error) if error.is_not_found() || error.is_missing_blob() => {
                return Ok(Looked::Missing);
            }
            manifest => manifest.map_err(|error| source_failed(source, error))?,
        };
        let (seen, blobs) = inspect_image(source, &manifest)?;
        Ok(Looked::Image(Box::new(seen), blobs))
    };
    let workers = if source.parallel_blobs() {
        PARALLEL
    } else {
        NonZeroUsize::MIN
    };
    parallel::in_order(&list.manifests, workers, look, |entry, looked| {
        let mut instance = InspectedInstance {
            platform: entry
                .platform
                .as_ref()
                .map(platform_text)
                .unwrap_or_default(),
            digest: entry.digest,
            missing: false,
            image: None,
        };
        match looked {
            Ok(Looked::List) => {}
            Ok(Looked::Missing) => instance.missing = true,
            Ok(Looked::Image(seen, mut own)) => {
                blobs.append(&mut own);
                instance.image = Some(InstanceImage::from(*seen));
            }
            Err(error) => {
                failure = Some(error);
                return ControlFlow::Break(());
            }
        }
        found.push(instance);
        ControlFlow::Continue(())
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    Ok(Details {
        media_type: list.media_type.to_string(),
        size: Some(sum(&blobs)),
        annotations: list.annotations.clone(),
        instances: Some(found),
        ..Details::default()
    })
}

/// What an entry of a list is.
enum Looked {
    /// A list in the list.
    List,
    /// It is not there: a list may be copied without some of its instances.
    Missing,
    Image(Box<Inspection>, Blobs),
}

fn platform_text(platform: &Platform) -> String {
    let variant = platform
        .variant
        .as_deref()
        .filter(|variant| !variant.is_empty());
    let variant = variant
        .map(|variant| format!("/{variant}"))
        .unwrap_or_default();
    format!("{}/{}{variant}", platform.os, platform.architecture)
}

/// Looks at one image or artifact; of docker schema 1 the blobs are not known.
fn inspect_image(
    source: &dyn ImageSource,
    manifest: &RawManifest,
) -> Result<(Inspection, Blobs), CopyError> {
    Ok(match manifest.manifest() {
        Manifest::Schema1(schema1) => {
            let config = open_config(source, manifest, schema1)?;
            let layers: Vec<Digest> = schema1.layers().map(|(layer, _)| *layer).collect();
            let seen = Inspection {
                tag: schema1.tag.clone(),
                created: schema1.history.first().map(|top| top.created.clone()),
                layers_data: layers.iter().map(unsized_layer).collect(),
                layers,
                ..inspection(source, manifest, &config)
            };
            (seen, Blobs::new())
        }
        _ => {
            let image = image_of(source, manifest)?;
            let mut seen = match is_image_config(&image.config.media_type) {
                true => inspection(source, manifest, &read_config(source, image)?),
                // An artifact's configuration says nothing that is known here.
                false => Inspection::empty(source, manifest),
            };
            seen.layers = image.layers.iter().map(|layer| layer.digest).collect();
            seen.layers_data = image.layers.iter().map(sized_layer).collect();
            let details = seen.details.get_or_insert_default();
            let blobs = std::iter::once(&image.config).chain(&image.layers);
            let blobs: Blobs = blobs.map(|blob| (blob.digest, blob.size)).collect();
            details.size = Some(sum(&blobs));
            details.annotations.clone_from(&image.annotations);
            details.subject = image.subject.as_ref().map(|subject| subject.digest);
            if !is_image_config(&image.config.media_type) {
                let of_config = || image.config.media_type.to_string();
                details.artifact_type = image.artifact_type.clone().unwrap_or_else(of_config);
            }
            (seen, blobs)
        }
    })
}

/// The blobs of images, each once, with their sizes in bytes.
type Blobs = BTreeMap<Digest, u64>;

fn sum(blobs: &Blobs) -> u64 {
    blobs
        .values()
        .fold(0, |sum, size| sum.saturating_add(*size))
}

/// What is known without looking at the layers.
fn inspection<R>(
    source: &dyn ImageSource,
    manifest: &RawManifest,
    config: &ImageConfig<R>,
) -> Inspection {
    let in_config = members_of(config.raw());
    let empty = Inspection::empty(source, manifest);
    let text = |name: &str| {
        let value = serde_json::from_slice::<Value>(config.raw()).unwrap_or_default();
        value[name].as_str().unwrap_or_default().to_owned()
    };
    Inspection {
        created: config.created.clone(),
        docker_version: config.docker_version.clone(),
        labels: in_config
            .get("Labels")
            .and_then(|v| serde_json::from_value(v.clone()).ok()),
        architecture: config.architecture.clone(),
        os: config.os.clone(),
        env: in_config
            .get("Env")
            .and_then(|v| serde_json::from_value(v.clone()).ok()),
        details: empty.details.map(|details| {
            Box::new(Details {
                variant: text("variant"),
                author: text("author"),
                ..*details
            })
        }),
        ..Inspection {
            details: None,
            ..empty
        }
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
