//! Registries as one image reaches them: mirrors, credentials, certificates, lookasides.

use std::path::Path;

use config::ConfigError;
use config::auth::{self, Credential};
use config::certs::{self, TlsFiles};
use config::registries::Endpoint as Place;
use oci::{Digest, Reference, Repository, Tag, limits};
use registry::{Client, Endpoint, EndpointConfig, RegistryError, TagOrDigest};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use signing::{Signature, lookaside};

use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::transport::attachments::Attachments;
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

/// Asks the places of `reference` one after another, the mirrors first and the registry itself last,
/// and returns the first that answers. `ask` is told whether to have all patience: the last place
/// that can be asked gets it.
pub(crate) fn first_place<T>(
    reference: &Reference,
    context: &Context,
    options: &EndpointOptions,
    ask: impl Fn(&Remote, bool) -> Result<T, ImageError>,
) -> Result<(Place, Remote, T), ImageError> {
    let resolved = context
        .registries
        .resolve(reference)
        .map_err(|error| config_failed(reference, error))?;
    let primary = resolved.primary;
    let mut mirrors = resolved.mirrors;
    // What is written to is no place to read it from.
    mirrors.retain(|mirror| options.not_from.as_ref() != Some(&mirror.repository));
    let try_at = |place: &Place, patience| {
        let remote = remote(reference, place, context, options)?;
        let answer = ask(&remote, patience)?;
        Ok((remote, answer))
    };
    let mut failures = Vec::new();
    for (place, left) in mirrors.iter().zip((0..mirrors.len()).rev()) {
        match try_at(place, left == 0 && primary.blocked) {
            Ok((remote, answer)) => return Ok((place.clone(), remote, answer)),
            Err(error) => failures.push(format!("{}: {}", place.repository, why(&error))),
        }
    }
    match try_at(&primary, true) {
        Ok((remote, answer)) => Ok((primary, remote, answer)),
        Err(error) if failures.is_empty() => Err(error),
        Err(error) => Err(ImageError::Mirrors {
            mirrors: failures.join("; "),
            source: Box::new(error),
        }),
    }
}

/// Tells how a mirror failed; the image, which is the same for all, is left out.
fn why(error: &ImageError) -> String {
    let error: &dyn std::error::Error = match error {
        ImageError::Registry { source, .. } => source,
        error => error,
    };
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
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

/// Where the signatures of a repository lie: with the registry itself, in files beside it, or
/// nowhere. The registry is asked when they are read.
pub(crate) struct Signatures {
    remote: Remote,
    beside: Option<Beside>,
    /// Sigstore signatures in the repository itself count, too.
    attachments: bool,
}

/// Signatures in files beside a registry.
struct Beside {
    repository: Repository,
    base: String,
    client: Client,
    tls: TlsFiles,
}

impl Signatures {
    /// Finds out where those of `place` lie, the mirror say that an image is read from: the
    /// original goes by that name, and not by the one of the image, too.
    pub(crate) fn of(
        reference: &Reference,
        place: &Place,
        remote: &Remote,
        context: &Context,
        options: &EndpointOptions,
    ) -> Result<Self, ImageError> {
        let repository = place.repository.clone();
        let there = Reference::new(
            repository.clone(),
            reference.tag().cloned(),
            reference.digest().copied(),
        );
        let beside = match context.lookaside.read_base(&there) {
            None => None,
            Some(base) => Some(Beside {
                repository,
                client: context.client()?,
                tls: match web_host(&base) {
                    Some(host) => certs::find(&context.env, host, options.cert_dir.as_deref())
                        .map_err(|error| config_failed(reference, error))?,
                    None => TlsFiles::default(),
                },
                base,
            }),
        };
        Ok(Self {
            remote: remote.clone(),
            beside,
            attachments: context.lookaside.use_sigstore_attachments(&there),
        })
    }

    /// Reads the signatures of a manifest.
    pub(crate) fn read(
        &self,
        name: &ImageName,
        manifest: &Digest,
    ) -> Result<Vec<Signature>, ImageError> {
        let mut found = self.simple(name, manifest)?;
        if self.attachments {
            found.extend(Attachments::of(&self.remote, manifest)?.read()?);
        }
        Ok(found)
    }

    fn simple(&self, name: &ImageName, manifest: &Digest) -> Result<Vec<Signature>, ImageError> {
        let Remote {
            endpoint,
            path,
            name: registry,
            ..
        } = &self.remote;
        let keeps = endpoint.keeps_signatures();
        if !keeps.map_err(|source| registry_failed("reaching", registry, source))? {
            return match &self.beside {
                None => Ok(Vec::new()),
                Some(beside) => beside.read(name, manifest),
            };
        }
        let found = endpoint
            .signatures(path, manifest)
            .map_err(|source| registry_failed("reading signatures of", registry, source))?;
        if found.len() > limits::SIGNATURES {
            return Err(ImageError::TooManySignatures {
                name: name.to_string(),
                limit: limits::SIGNATURES as u64,
                what: "entries",
            });
        }
        Ok(found.into_iter().map(Signature::Simple).collect())
    }
}

impl Beside {
    fn read(&self, name: &ImageName, manifest: &Digest) -> Result<Vec<Signature>, ImageError> {
        let Self {
            repository,
            base,
            client,
            tls,
        } = self;
        let directory = base.strip_prefix("file://").map(Path::new);
        read_numbered(name, |number| {
            // One more than are taken is looked for, so that too many are an error.
            let folder = lookaside::folder_path(repository, manifest);
            let path = format!("{folder}/signature-{number}");
            if let Some(directory) = directory {
                return read_file(&directory.join(path));
            }
            if web_host(base).is_none() {
                return Err(ImageError::LookasideScheme { base: base.clone() });
            }
            let url = lookaside::url(base, &path);
            client
                .get_lookaside(&url, tls.clone(), limits::SIGNATURE_BYTES)
                .map_err(|source| registry_failed("reading signature", &url, source))
        })
    }
}

/// Returns the host of a lookaside that is asked over the network, with its port.
fn web_host(base: &str) -> Option<&str> {
    let (scheme, rest) = base.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    matches!(scheme, "http" | "https").then_some(host)
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
    // A fifo must not be waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => std::fs::File::from(fd),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed(errno.into())),
    };
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(ImageError::NotRegular {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    file.take(limits::SIGNATURE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_is_no_signature_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("signature-1");
        assert!(read_file(&path).unwrap().is_none());
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            Mode::RWXU,
            0,
        )
        .unwrap();
        let error = read_file(&path).unwrap_err();
        assert!(matches!(error, ImageError::NotRegular { .. }), "{error:?}");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "x").unwrap();
        assert_eq!(read_file(&path).unwrap().as_deref(), Some(&b"x"[..]));
    }

    #[test]
    fn the_host_of_a_lookaside_is_what_certificates_go_by() {
        for (base, want) in [
            ("https://sigs.example:8443/a/b", Some("sigs.example:8443")),
            ("http://sigs.example", Some("sigs.example")),
            ("file:///var/lib/sigs", None),
            ("ftp://sigs.example/a", None),
        ] {
            assert_eq!(web_host(base), want, "{base}");
        }
    }
}
