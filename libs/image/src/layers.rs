//! Some blobs of an image in a directory.

use std::collections::BTreeSet;
use std::path::Path;

use oci::{Descriptor, Digest, Manifest, MediaType};

use crate::context::{Context, EndpointOptions};
use crate::copy::{CopyError, select_instance};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::sink::{Blob, NewManifest, SinkOptions, open_sink};
use crate::source::ImageSource;
use oci::Compression;

/// Writes blobs of an image, all of its layers and its configuration when `wanted` is empty, and its
/// manifest to a new `dir:` image, which lacks the others. The policy is not asked.
///
/// # Errors
/// When they cannot be read or written.
pub fn fetch_layers(
    context: &Context,
    source: &dyn ImageSource,
    wanted: &[Digest],
    directory: &Path,
) -> Result<(), CopyError> {
    let failed = |error| CopyError::Source {
        name: source.name().to_string(),
        source: error,
    };
    let name = ImageName::Dir(directory.to_owned());
    let unwritten = |error| CopyError::Sink {
        name: name.to_string(),
        source: error,
    };
    let top = source.manifest(None).map_err(failed)?;
    let (manifest, _) = select_instance(source, &top, &context.platform)?;
    let known: Vec<Descriptor> = match manifest.manifest() {
        Manifest::Image(image) => image
            .layers
            .iter()
            .chain([&image.config])
            .cloned()
            .collect(),
        _ => Vec::new(),
    };
    let mut digests: Vec<Digest> = match (wanted, manifest.manifest()) {
        ([], Manifest::Schema1(schema1)) => schema1.layers().map(|(layer, _)| *layer).collect(),
        ([], _) => known.iter().map(|blob| blob.digest).collect(),
        (wanted, _) => wanted.to_vec(),
    };
    let mut seen = BTreeSet::new();
    digests.retain(|digest| seen.insert(*digest));
    let options = EndpointOptions::default();
    let sink = open_sink(&name, context, &options, &SinkOptions::default()).map_err(unwritten)?;
    for digest in digests {
        let blob = |error: ImageError| CopyError::Blob {
            digest,
            source: Box::new(error),
        };
        let descriptor = match known.iter().find(|blob| blob.digest == digest) {
            Some(descriptor) => descriptor.clone(),
            None => {
                let size = source.blob_size(&digest).map_err(blob)?;
                Descriptor::new(MediaType::Other(String::new()), digest, size)
            }
        };
        let mut reader = source.blob(&descriptor).map_err(blob)?;
        sink.put_blob(Blob {
            source: &descriptor,
            known: Some((digest, descriptor.size)),
            compression: Compression::None,
            reader: &mut reader,
            again: None,
        })
        .map_err(blob)?;
    }
    sink.put_manifest(&NewManifest {
        bytes: manifest.bytes(),
        digest: *manifest.digest(),
        media_type: manifest.media_type(),
        trusted: None,
        is_instance: false,
        signatures: &[],
    })
    .map_err(unwritten)?;
    sink.commit().map(drop).map_err(unwritten)
}
