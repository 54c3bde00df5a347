//! What can be read from.

use std::io::Read;

use oci::{Compression, Descriptor, Digest, MediaType, RawManifest};
use signing::{ImageIdentity, Signature};

use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::progress::Note;
use crate::transport;

/// An image, or a list of images, that is there.
///
/// A source resolves its name once, when it is opened: what it gives afterwards belongs to that
/// one manifest, also when a tag moves meanwhile.
pub trait ImageSource: Send + Sync {
    /// Returns the name it was opened by.
    fn name(&self) -> &ImageName;

    /// Reads a manifest: the top one, or an instance of the list that the top one is.
    ///
    /// # Errors
    /// When it is absent, not the one with that digest, or refused by the strict reader.
    fn manifest(&self, instance: Option<&Digest>) -> Result<RawManifest, ImageError>;

    /// Reads the bytes of a manifest without judging more than their digest.
    ///
    /// # Errors
    /// When it is absent, too long, or not the one with that digest.
    fn raw_manifest(
        &self,
        instance: Option<&Digest>,
    ) -> Result<(Vec<u8>, Option<MediaType>), ImageError> {
        let manifest = self.manifest(instance)?;
        let media_type = manifest.media_type().clone();
        Ok((manifest.into_bytes(), Some(media_type)))
    }

    /// Opens a blob. The reader ends in an error unless it gave exactly the blob.
    ///
    /// # Errors
    /// When it is absent or has another size.
    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError>;

    /// Returns how the bytes of a layer are compressed, where its type does not say it.
    fn layer_compression(&self, layer: &Descriptor) -> Option<Compression> {
        let _ = layer;
        None
    }

    /// Returns the size of a blob in bytes, for manifests that do not say it (docker schema 1).
    ///
    /// # Errors
    /// When it is absent, or the transport has no such manifests.
    fn blob_size(&self, digest: &Digest) -> Result<u64, ImageError> {
        let _ = digest;
        Err(ImageError::Unsupported {
            transport: self.name().transport(),
            what: "a manifest of docker schema 1",
        })
    }

    /// Reads the signatures of the top manifest or of an instance.
    ///
    /// # Errors
    /// When they cannot be read; having none is no error.
    fn signatures(&self, instance: Option<&Digest>) -> Result<Vec<Signature>, ImageError>;

    /// Lists the manifests that are about `subject`.
    ///
    /// # Errors
    /// They cannot be listed, or the transport has none.
    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ImageError> {
        let _ = subject;
        Err(ImageError::Unsupported {
            transport: self.name().transport(),
            what: "referring to images",
        })
    }

    /// Returns what the trust policy is asked about.
    fn identity(&self) -> ImageIdentity {
        self.name().identity()
    }

    /// Returns the registry host and the repository path on it that blobs come from, for
    /// destinations that can mount them.
    fn repository(&self) -> Option<(String, String)> {
        None
    }

    /// Tells whether several blobs may be read at once.
    fn parallel_blobs(&self) -> bool {
        true
    }

    /// Tells why the policy need not be asked again: the image passed it on its way into the
    /// place it is read from.
    fn admitted(&self) -> Option<String> {
        None
    }

    /// Returns what a person should know of this source.
    fn notes(&self) -> Vec<Note> {
        Vec::new()
    }
}

/// Opens an image for reading.
///
/// # Errors
/// When it is absent or cannot be reached.
pub fn open_source(
    name: &ImageName,
    context: &Context,
    options: &EndpointOptions,
) -> Result<Box<dyn ImageSource>, ImageError> {
    Ok(match name {
        ImageName::Docker(docker) => Box::new(transport::docker_source::DockerSource::open(
            docker, context, options,
        )?),
        ImageName::Dir(path) => Box::new(transport::dir_source::DirSource::open(path)?),
        ImageName::Oci(layout) => Box::new(transport::oci_source::OciSource::open_directory(
            layout, options,
        )?),
        ImageName::OciArchive(layout) => Box::new(
            transport::oci_archive_source::OciArchiveSource::open_archive(layout, context)?,
        ),
        ImageName::DockerArchive(archive) => Box::new(
            transport::docker_archive_source::DockerArchiveSource::open(archive, context)?,
        ),
        ImageName::DockerDaemon(name) => {
            Box::new(transport::docker_daemon::open(name, context, options)?)
        }
        ImageName::Store(name) => {
            Box::new(transport::store_source::StoreSource::open(name, context)?)
        }
    })
}
