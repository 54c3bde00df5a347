//! Reads `dir:` directories.
//!
//! ```text
//! version               Directory Transport Version: 1.1
//! manifest.json         HEX.manifest.json for instances
//! HEX, ALGORITHM-HEX    blobs: sha256 and others
//! signature-N           HEX.signature-N for instances
//! ```

use std::io::Read;
use std::path::Path;

use oci::{Algorithm, Descriptor, Digest, MediaType, RawManifest, limits};
use signing::Signature;

use crate::blob::{BlobError, VerifyingReader};
use crate::error::ImageError;
use crate::files::Root;
use crate::name::ImageName;
use crate::source::ImageSource;
use crate::transport::signatures;

/// Returns the name of a blob's file.
pub(crate) fn blob_name(digest: &Digest) -> String {
    match digest.algorithm() {
        Algorithm::Sha256 => digest.hex(),
        other => format!("{}-{}", other.name(), digest.hex()),
    }
}

/// Returns the name of a manifest's file.
pub(crate) fn manifest_name(instance: Option<&Digest>) -> String {
    match instance {
        None => "manifest.json".to_owned(),
        Some(digest) => format!("{}.manifest.json", blob_name(digest)),
    }
}

/// Returns the name of a signature's file.
pub(crate) fn signature_name(instance: Option<&Digest>, number: usize) -> String {
    match instance {
        None => format!("signature-{number}"),
        Some(digest) => format!("{}.signature-{number}", blob_name(digest)),
    }
}

/// An image in a `dir:` directory.
pub(crate) struct DirSource {
    name: ImageName,
    root: Root,
}

impl DirSource {
    /// Opens the directory.
    pub(crate) fn open(path: &Path) -> Result<Self, ImageError> {
        Ok(Self {
            name: ImageName::Dir(path.to_owned()),
            root: Root::open(path)?,
        })
    }
}

impl ImageSource for DirSource {
    fn name(&self) -> &ImageName {
        &self.name
    }

    fn manifest(&self, instance: Option<&Digest>) -> Result<RawManifest, ImageError> {
        let bytes = self
            .root
            .read(&manifest_name(instance), limits::MANIFEST_BYTES)?;
        let parsed = match instance {
            None => RawManifest::parse(bytes, None),
            Some(digest) => RawManifest::parse_expecting(bytes, None, digest),
        };
        parsed.map_err(|source| ImageError::Manifest {
            name: self.name.to_string(),
            digest: instance.map_or_else(|| "manifest.json".to_owned(), Digest::to_string),
            source: Box::new(source),
        })
    }

    fn raw_manifest(
        &self,
        instance: Option<&Digest>,
    ) -> Result<(Vec<u8>, Option<MediaType>), ImageError> {
        if instance.is_some() {
            let manifest = self.manifest(instance)?;
            let media_type = manifest.media_type().clone();
            return Ok((manifest.into_bytes(), Some(media_type)));
        }
        Ok((
            self.root
                .read(&manifest_name(None), limits::MANIFEST_BYTES)?,
            None,
        ))
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        let (digest, expected) = (descriptor.digest, descriptor.size);
        let (file, actual) = self.root.open_file(&blob_name(&digest))?;
        if actual != expected {
            return Err(BlobError::Size {
                digest,
                expected,
                actual,
            }
            .into());
        }
        Ok(Box::new(VerifyingReader::new(file, digest, Some(expected))))
    }

    fn blob_size(&self, digest: &Digest) -> Result<u64, ImageError> {
        Ok(self.root.open_file(&blob_name(digest))?.1)
    }

    fn signatures(&self, instance: Option<&Digest>) -> Result<Vec<Signature>, ImageError> {
        signatures::read_numbered(&self.name, |number| {
            self.root
                .read_if_any(&signature_name(instance, number), limits::SIGNATURE_BYTES)
        })
    }
}
