//! Reads images from registries.

use std::io::Read;

use oci::{Descriptor, Digest, MediaType, RawManifest};
use registry::{Endpoint, TagOrDigest};
use signing::Signature;

use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::name::{DockerName, ImageName};
use crate::source::ImageSource;
use crate::transport::docker_endpoint::{Remote, Signatures, first_place, wanted};

/// An image in a registry. The tag was resolved when it was opened; everything after goes by
/// digest and to the mirror that had it.
pub(crate) struct DockerSource {
    name: ImageName,
    remote: Remote,
    bytes: Vec<u8>,
    media_type: Option<MediaType>,
    top: Digest,
    signatures: Signatures,
}

impl DockerSource {
    /// Resolves the name: the mirrors first, then the registry itself.
    pub(crate) fn open(
        docker: &DockerName,
        context: &Context,
        options: &EndpointOptions,
    ) -> Result<Self, ImageError> {
        let name = ImageName::Docker(docker.clone());
        if docker.unknown_digest {
            return Err(ImageError::Unsupported {
                transport: crate::Transport::Docker,
                what: "reading an unknown digest",
            });
        }
        let reference = &docker.reference;
        let which = wanted(reference);
        let (place, remote, (bytes, media_type)) =
            first_place(reference, context, options, |remote, patience| {
                let ask = match patience {
                    true => Endpoint::manifest_bytes,
                    false => Endpoint::manifest_bytes_in_time,
                };
                ask(&remote.endpoint, &remote.path, &which).map_err(|source| ImageError::Registry {
                    act: "reading manifest of",
                    name: name.to_string(),
                    source: Box::new(source),
                })
            })?;
        let top = match reference.digest() {
            Some(digest) => *digest,
            None => digest_of(&bytes, media_type.as_ref()),
        };
        let signatures = Signatures::of(reference, &place, &remote, context, options)?;
        Ok(Self {
            name,
            remote,
            bytes,
            media_type,
            top,
            signatures,
        })
    }

    fn failed(&self, act: &'static str, source: registry::RegistryError) -> ImageError {
        ImageError::Registry {
            act,
            name: self.remote.name.clone(),
            source: Box::new(source),
        }
    }
}

/// The digest as registries count it: of the signed part for schema 1, else of all bytes.
pub(crate) fn digest_of(bytes: &[u8], media_type: Option<&MediaType>) -> Digest {
    RawManifest::parse(bytes.to_vec(), media_type)
        .map_or_else(|_| Digest::sha256(bytes), |manifest| *manifest.digest())
}

impl ImageSource for DockerSource {
    fn name(&self) -> &ImageName {
        &self.name
    }

    fn manifest(&self, instance: Option<&Digest>) -> Result<RawManifest, ImageError> {
        let digest = instance.unwrap_or(&self.top);
        if *digest == self.top {
            return RawManifest::parse_expecting(
                self.bytes.clone(),
                self.media_type.as_ref(),
                digest,
            )
            .map_err(|source| ImageError::Manifest {
                name: self.name.to_string(),
                digest: digest.to_string(),
                source: Box::new(source),
            });
        }
        self.remote
            .endpoint
            .manifest(&self.remote.path, &TagOrDigest::Digest(*digest))
            .map_err(|source| self.failed("reading manifest of", source))
    }

    fn raw_manifest(
        &self,
        instance: Option<&Digest>,
    ) -> Result<(Vec<u8>, Option<MediaType>), ImageError> {
        match instance {
            Some(digest) if *digest != self.top => self
                .remote
                .endpoint
                .manifest_bytes(&self.remote.path, &TagOrDigest::Digest(*digest))
                .map_err(|source| self.failed("reading manifest of", source)),
            _ => Ok((self.bytes.clone(), self.media_type.clone())),
        }
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        // The reader verifies digest and size itself.
        let reader = self
            .remote
            .endpoint
            .blob(&self.remote.path, &descriptor.digest, Some(descriptor.size))
            .map_err(|source| self.failed("reading a blob of", source))?;
        Ok(Box::new(reader))
    }

    fn blob_size(&self, digest: &Digest) -> Result<u64, ImageError> {
        let act = "looking for a blob of";
        self.remote
            .endpoint
            .head_blob(&self.remote.path, digest)
            .map_err(|source| self.failed(act, source))?
            .ok_or_else(|| ImageError::UnknownBlob {
                name: self.name.to_string(),
                digest: *digest,
            })
    }

    fn signatures(&self, instance: Option<&Digest>) -> Result<Vec<Signature>, ImageError> {
        self.signatures
            .read(&self.name, instance.unwrap_or(&self.top))
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ImageError> {
        self.remote
            .endpoint
            .referrers(&self.remote.path, subject)
            .map_err(|source| self.failed("listing what refers to", source))
    }

    fn repository(&self) -> Option<(String, String)> {
        Some((
            self.remote.endpoint.host().to_owned(),
            self.remote.path.clone(),
        ))
    }
}
