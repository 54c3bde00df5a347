//! Registries as one image reaches them: mirrors, credentials, certificates, lookasides.

use std::path::Path;

use config::auth::{self, Credential};
use config::registries::Endpoint as Place;
use config::{ConfigError, certs};
use oci::{Digest, Reference, Repository, Tag, limits};
use registry::{Client, Endpoint, EndpointConfig, RegistryError, TagOrDigest};
use signing::{Signature, lookaside};

use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::transport::signatures::read_numbered;

/// A repository that can be asked.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) endpoint: Endpoint,
    /// The path of the repository there.
    pub(crate) path: String,
    /// The name, for messages.
    pub(crate) name: String,
}

/// Returns the registry itself, and the mirrors to try before it.
pub(crate) fn places(
    reference: &Reference,
    context: &Context,
) -> Result<(Place, Vec<Place>), ImageError> {
    let resolved = context
        .registries
        .resolve(reference)
        .map_err(|e| config_failed(reference, e))?;
    Ok((resolved.primary, resolved.mirrors))
}

/// Makes ready to ask one of the places of `reference`.
pub(crate) fn remote(
    reference: &Reference,
    place: &Place,
    context: &Context,
    options: &EndpointOptions,
) -> Result<Remote, ImageError> {
    let failed = |error| config_failed(reference, error);
    let host = place.repository.host();
    if place.blocked {
        return Err(ImageError::Blocked {
            host: host.to_owned(),
        });
    }
    // What was given on the command line is for the host that was named there, no other.
    let given = options.credential.as_ref().filter(|credential| {
        matches!(credential, Credential::Anonymous) || host == reference.repository().host()
    });
    let credential = match given {
        Some(credential) => credential.clone(),
        None => auth::find_with_helpers(
            &context.env,
            options.authfile.as_deref(),
            &place.repository,
            &context.registries.credential_helpers(),
        )
        .map_err(failed)?,
    };
    let endpoint = context.client()?.endpoint(EndpointConfig {
        host: host.to_owned(),
        insecure: options.tls_verify.map_or(place.insecure, |verify| !verify),
        tls: certs::find(&context.env, host, options.cert_dir.as_deref()).map_err(failed)?,
        credential,
    });
    let path = place.repository.path().to_owned();
    Ok(Remote {
        endpoint,
        path,
        name: place.repository.to_string(),
    })
}

fn config_failed(reference: &Reference, source: ConfigError) -> ImageError {
    ImageError::Config {
        name: reference.to_string(),
        source: Box::new(source),
    }
}

/// Returns what to ask a registry for: the digest when there is one, so that nobody can answer
/// with another image.
pub(crate) fn wanted(reference: &Reference) -> TagOrDigest {
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => TagOrDigest::Digest(*digest),
        (None, Some(tag)) => TagOrDigest::Tag(tag.clone()),
        (None, None) => TagOrDigest::Tag(Tag::latest()),
    }
}

/// Where the signatures of a repository lie.
pub(crate) enum Signatures {
    /// With the registry itself.
    Registry(Remote),
    /// In files beside it.
    Lookaside {
        repository: Repository,
        base: String,
        client: Client,
    },
    /// Nowhere.
    None,
}

impl Signatures {
    /// Finds out where those of `place` lie, the mirror say that an image is read from: the
    /// original goes by that name, and not by the one of the image, too.
    pub(crate) fn of(
        reference: &Reference,
        place: &Place,
        remote: &Remote,
        context: &Context,
    ) -> Result<Self, ImageError> {
        let keeps = remote.endpoint.keeps_signatures();
        if keeps.map_err(|source| registry_failed("reaching", &remote.name, source))? {
            return Ok(Self::Registry(remote.clone()));
        }
        let repository = place.repository.clone();
        let there = Reference::new(
            repository.clone(),
            reference.tag().cloned(),
            reference.digest().copied(),
        );
        Ok(match context.lookaside.read_base(&there) {
            None => Self::None,
            Some(base) => Self::Lookaside {
                repository,
                base,
                client: context.client()?,
            },
        })
    }

    /// Reads the signatures of a manifest.
    pub(crate) fn read(
        &self,
        name: &ImageName,
        manifest: &Digest,
    ) -> Result<Vec<Signature>, ImageError> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Registry(remote) => {
                let found =
                    remote
                        .endpoint
                        .signatures(&remote.path, manifest)
                        .map_err(|source| {
                            registry_failed("reading signatures of", &remote.name, source)
                        })?;
                if found.len() > limits::SIGNATURES {
                    return Err(ImageError::TooManySignatures {
                        name: name.to_string(),
                        limit: limits::SIGNATURES as u64,
                        what: "entries",
                    });
                }
                Ok(found.into_iter().map(Signature::Simple).collect())
            }
            Self::Lookaside {
                repository,
                base,
                client,
            } => read_lookaside(name, repository, base, client, manifest),
        }
    }
}

fn read_lookaside(
    name: &ImageName,
    repository: &Repository,
    base: &str,
    client: &Client,
    manifest: &Digest,
) -> Result<Vec<Signature>, ImageError> {
    let is_web = base.starts_with("http://") || base.starts_with("https://");
    let directory = base.strip_prefix("file://").map(Path::new);
    read_numbered(name, |number| {
        // One more than are taken is looked for, so that too many are an error.
        let folder = lookaside::folder_path(repository, manifest);
        let path = format!("{folder}/signature-{number}");
        if let Some(directory) = directory {
            return read_file(&directory.join(path));
        }
        if !is_web {
            return Err(ImageError::LookasideScheme {
                base: base.to_owned(),
            });
        }
        let url = lookaside::url(base, &path);
        client
            .get_lookaside(&url, limits::SIGNATURE_BYTES)
            .map_err(|source| registry_failed("reading signature", &url, source))
    })
}

fn registry_failed(act: &'static str, name: &str, source: RegistryError) -> ImageError {
    ImageError::Registry {
        act,
        name: name.to_owned(),
        source: Box::new(source),
    }
}

fn read_file(path: &Path) -> Result<Option<Vec<u8>>, ImageError> {
    use std::io::Read;
    let failed = |source| ImageError::io("reading", path, source);
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(limits::SIGNATURE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(Some(bytes))
}
