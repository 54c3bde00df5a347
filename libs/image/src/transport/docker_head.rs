//! What a registry has, asked without reading it.

use oci::{Digest, MediaType, RawManifest};
use registry::{Endpoint, RegistryError, TagOrDigest};
use signing::Signature;

use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::name::{DockerName, ImageName};
use crate::transport::docker_endpoint::{Remote, Signatures, first_place, remote, wanted};

/// An image that is there: what the registry, or the mirror that has it, announces.
pub(crate) struct Head {
    name: String,
    remote: Remote,
    signatures: Signatures,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its type, where that is announced.
    pub(crate) media_type: Option<MediaType>,
}

/// Asks the mirrors of an image, and then the registry itself.
pub(crate) fn find(
    docker: &DockerName,
    context: &Context,
    options: &EndpointOptions,
) -> Result<Head, ImageError> {
    let name = ImageName::Docker(docker.clone()).to_string();
    let reference = &docker.reference;
    let which = wanted(reference);
    let (place, remote, head) = first_place(reference, context, options, |remote, patience| {
        let ask = match patience {
            true => Endpoint::head_manifest,
            false => Endpoint::head_manifest_in_time,
        };
        let head =
            ask(&remote.endpoint, &remote.path, &which).map_err(|source| failed(&name, source))?;
        head.ok_or_else(|| ImageError::NotFound { name: name.clone() })
    })?;
    let signatures = Signatures::of(reference, &place, &remote, context, options)?;
    Ok(Head {
        name,
        remote,
        signatures,
        digest: head.digest,
        media_type: head.media_type,
    })
}

/// Asks the registry that is named, as a destination is: for a digest or tag, `None` when it has
/// none.
pub(crate) fn own(
    docker: &DockerName,
    context: &Context,
    options: &EndpointOptions,
) -> Result<Option<Digest>, ImageError> {
    let reference = &docker.reference;
    let remote = remote(
        reference,
        &context.registries.own(reference),
        context,
        options,
    )?;
    let head = remote
        .endpoint
        .head_manifest(&remote.path, &wanted(reference))
        .map_err(|source| failed(&remote.name, source))?;
    Ok(head.map(|head| head.digest))
}

fn failed(name: &str, source: RegistryError) -> ImageError {
    ImageError::Registry {
        act: "looking for the manifest of",
        name: name.to_owned(),
        source: Box::new(source),
    }
}

impl Head {
    /// Reads the manifest.
    pub(crate) fn manifest(&self) -> Result<RawManifest, ImageError> {
        self.remote
            .endpoint
            .manifest(&self.remote.path, &TagOrDigest::Digest(self.digest))
            .map_err(|source| failed(&self.name, source))
    }

    /// Reads the signatures of a manifest.
    pub(crate) fn signatures(
        &self,
        name: &ImageName,
        digest: &Digest,
    ) -> Result<Vec<Signature>, ImageError> {
        self.signatures.read(name, digest)
    }
}
