//! Image names: `TRANSPORT:REST`, parsed once at the edge.
//!
//! ```text
//! docker://[HOST[:PORT]/]PATH[:TAG|@DIGEST][@@unknown-digest@@]
//! dir:PATH
//! oci:PATH[:REF | :@N]
//! oci-archive:PATH[:REF | :@N]        PATH may be `-`: standard input or output
//! docker-archive:PATH[:NAME:TAG | :@N]  PATH may be `-`
//! docker-daemon:NAME:TAG | docker-daemon:sha256:ID
//! store:NAME | store:ID
//! ```

use std::fmt;
use std::path::{Path, PathBuf};

use oci::{Algorithm, Digest, Reference, ReferenceError};
use signing::ImageIdentity;

/// The ways an image can be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A registry.
    Docker,
    /// A directory with the blobs of one image.
    Dir,
    /// An OCI image layout directory.
    Oci,
    /// An OCI image layout in a tar.
    OciArchive,
    /// A tar as `docker save` writes it.
    DockerArchive,
    /// The images of a docker engine.
    DockerDaemon,
    /// The store of this host.
    Store,
}

impl Transport {
    /// Returns the name before the colon.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Dir => "dir",
            Self::Oci => "oci",
            Self::OciArchive => "oci-archive",
            Self::DockerArchive => "docker-archive",
            Self::DockerDaemon => "docker-daemon",
            Self::Store => "store",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Transports of the original that this implementation does not have, and what to use instead.
const ABSENT: &[(&str, &str)] = &[
    (
        "containers-storage",
        "store: is the local store here; `podman save` writes an archive",
    ),
    ("atomic", "docker:// reads the same registry"),
    ("sif", "there is no replacement"),
    ("tarball", "there is no replacement"),
    ("ostree", "the original dropped it too"),
];

/// Ends a docker name that is pushed by the digest it will have.
const UNKNOWN_DIGEST: &str = "@@unknown-digest@@";

/// Why a text is no image name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no colon.
    #[error("invalid image name {0:?}, expected colon-separated transport:reference")]
    NoTransport(String),
    /// The transport is none that anybody knows.
    #[error("invalid image name {name:?}, unknown transport {transport:?}")]
    UnknownTransport {
        /// The whole name.
        name: String,
        /// What stands before the colon.
        transport: String,
    },
    /// The transport is known to the original tools but not here.
    #[error("invalid image name {name:?}: transport {transport} is not supported ({instead})")]
    AbsentTransport {
        /// The whole name.
        name: String,
        /// The transport.
        transport: &'static str,
        /// What to use in its place.
        instead: &'static str,
    },
    /// A docker name does not start with `//`.
    #[error("docker: image reference {0} does not start with //")]
    NoSlashes(String),
    /// A reference inside the name does not parse.
    #[error("invalid reference in {name:?}")]
    Reference {
        /// The whole name.
        name: String,
        /// What is wrong with it.
        source: ReferenceError,
    },
    /// `@@unknown-digest@@` goes with a bare repository only.
    #[error(
        "docker: image reference {0:?} has unknown digest set but it contains either a tag or digest"
    )]
    UnknownDigestAndTag(String),
    /// The name of an image within a layout has characters it must not have.
    #[error("invalid image {0}")]
    LayoutRef(String),
    /// `@N` without a number.
    #[error("invalid source index {0}: not a number")]
    Index(String),
    /// A reference in an archive has a digest.
    #[error("docker-archive does not support digest references: {0}")]
    ArchiveDigest(String),
    /// A name in a docker engine is ambiguous.
    #[error("Invalid docker-daemon: reference {name}: {problem}")]
    Daemon {
        /// What stands behind the transport.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A repository is wanted and a tag or digest was given, too.
    #[error("no tag or digest allowed in reference {0}")]
    TagNotAllowed(String),
    /// There is nothing behind the transport's colon.
    #[error("{0} reference is empty")]
    Empty(Transport),
    /// The path has a NUL byte.
    #[error("path in {0:?} has a NUL byte")]
    Nul(String),
}

/// A name in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerName {
    /// Repository with a tag or digest; with neither only when `unknown_digest` is set.
    pub reference: Reference,
    /// Push by whatever digest the manifest has, without a tag.
    pub unknown_digest: bool,
}

/// Which image of a layout is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutImage {
    /// The entry whose `org.opencontainers.image.ref.name` is this.
    Ref(String),
    /// The entry at this place in `index.json`; reading only.
    Index(usize),
}

/// A name in an OCI layout, directory or archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutName {
    /// The directory or the tar.
    pub path: PathBuf,
    /// The image; the only one when absent.
    pub image: Option<LayoutImage>,
}

/// Which image of a docker archive is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveImage {
    /// The image with this name and tag.
    Tag(Reference),
    /// The image at this place in `manifest.json`; reading only.
    Index(usize),
}

/// A name in a docker archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveName {
    /// The tar.
    pub path: PathBuf,
    /// The image; the only one when absent.
    pub image: Option<ArchiveImage>,
}

/// A name in a docker engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DaemonName {
    /// A repository with a tag, or, for reading, a digest.
    Reference(Reference),
    /// The id of an image, which is the digest of its configuration; for reading.
    Id(Digest),
}

/// A name in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreName {
    /// A name, a digest or the unique start of one.
    pub text: String,
    /// The text as a reference, when it is one; writing needs it.
    pub reference: Option<Reference>,
}

/// A parsed image name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageName {
    /// `docker://…`
    Docker(DockerName),
    /// `dir:PATH`
    Dir(PathBuf),
    /// `oci:PATH[:REF]`
    Oci(LayoutName),
    /// `oci-archive:PATH[:REF]`
    OciArchive(LayoutName),
    /// `docker-archive:PATH[:NAME:TAG]`
    DockerArchive(ArchiveName),
    /// `docker-daemon:NAME:TAG`
    DockerDaemon(DaemonName),
    /// `store:NAME`
    Store(StoreName),
}

impl ImageName {
    /// Parses `TRANSPORT:REST`.
    ///
    /// # Errors
    /// Unknown and unsupported transports, and what the transport's own grammar refuses.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let Some((transport, rest)) = name.split_once(':') else {
            return Err(NameError::NoTransport(name.to_owned()));
        };
        if name.contains('\0') {
            return Err(NameError::Nul(name.to_owned()));
        }
        match transport {
            "docker" => docker(name, rest).map(Self::Docker),
            "dir" if rest.is_empty() => Err(NameError::Empty(Transport::Dir)),
            "dir" => Ok(Self::Dir(PathBuf::from(rest))),
            "oci" => layout(Transport::Oci, rest).map(Self::Oci),
            "oci-archive" => layout(Transport::OciArchive, rest).map(Self::OciArchive),
            "docker-archive" => archive(name, rest).map(Self::DockerArchive),
            "docker-daemon" => daemon(name, rest).map(Self::DockerDaemon),
            "store" if rest.is_empty() => Err(NameError::Empty(Transport::Store)),
            "store" => Ok(Self::Store(StoreName {
                text: rest.to_owned(),
                reference: Reference::parse(rest).ok().map(|r| r.with_default_tag()),
            })),
            _ => Err(
                match ABSENT.iter().find(|(absent, _)| *absent == transport) {
                    Some((transport, instead)) => NameError::AbsentTransport {
                        name: name.to_owned(),
                        transport,
                        instead,
                    },
                    None => NameError::UnknownTransport {
                        name: name.to_owned(),
                        transport: transport.to_owned(),
                    },
                },
            ),
        }
    }

    /// Returns the transport.
    pub fn transport(&self) -> Transport {
        match self {
            Self::Docker(_) => Transport::Docker,
            Self::Dir(_) => Transport::Dir,
            Self::Oci(_) => Transport::Oci,
            Self::OciArchive(_) => Transport::OciArchive,
            Self::DockerArchive(_) => Transport::DockerArchive,
            Self::DockerDaemon(_) => Transport::DockerDaemon,
            Self::Store(_) => Transport::Store,
        }
    }

    /// Returns the name in docker's form, where the transport has one.
    pub fn docker_reference(&self) -> Option<&Reference> {
        match self {
            Self::Docker(name) => Some(&name.reference),
            Self::DockerArchive(ArchiveName {
                image: Some(ArchiveImage::Tag(tag)),
                ..
            }) => Some(tag),
            Self::DockerDaemon(DaemonName::Reference(reference)) => Some(reference),
            Self::Store(name) => name.reference.as_ref(),
            _ => None,
        }
    }

    /// Returns what the trust policy looks at: transport, scopes, docker reference.
    ///
    /// Paths are made absolute and free of symbolic links, as the policy's scopes are.
    pub fn identity(&self) -> ImageIdentity {
        let transport = self.transport().as_str();
        match self {
            Self::Docker(name) => ImageIdentity::by_reference(transport, &name.reference),
            Self::DockerDaemon(DaemonName::Reference(reference)) => {
                ImageIdentity::by_reference(transport, reference)
            }
            Self::DockerDaemon(DaemonName::Id(_)) => ImageIdentity::unscoped(transport),
            Self::Dir(path) => path_identity(transport, path),
            // Standard input is no file of the current directory.
            Self::OciArchive(name) if name.path.as_os_str() == "-" => {
                ImageIdentity::unscoped(transport)
            }
            Self::Oci(name) | Self::OciArchive(name) => path_identity(transport, &name.path),
            Self::DockerArchive(_) | Self::Store(_) => ImageIdentity {
                docker_reference: self.docker_reference().cloned(),
                ..ImageIdentity::unscoped(transport)
            },
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Docker(name) => {
                write!(f, "docker://{}", name.reference.familiar())?;
                if name.unknown_digest {
                    f.write_str(UNKNOWN_DIGEST)
                } else {
                    Ok(())
                }
            }
            Self::Dir(path) => write!(f, "dir:{}", path.display()),
            Self::Oci(name) => write!(f, "oci:{name}"),
            Self::OciArchive(name) => write!(f, "oci-archive:{name}"),
            Self::DockerArchive(name) => {
                write!(f, "docker-archive:{}", name.path.display())?;
                match &name.image {
                    Some(ArchiveImage::Tag(tag)) => write!(f, ":{tag}"),
                    Some(ArchiveImage::Index(index)) => write!(f, ":@{index}"),
                    None => Ok(()),
                }
            }
            Self::DockerDaemon(name) => write!(f, "docker-daemon:{name}"),
            Self::Store(name) => write!(f, "store:{}", name.text),
        }
    }
}

impl fmt::Display for LayoutName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        match &self.image {
            Some(LayoutImage::Ref(name)) => f.write_str(name),
            Some(LayoutImage::Index(index)) => write!(f, "@{index}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for DaemonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(reference) => f.write_str(&reference.familiar()),
            Self::Id(id) => id.fmt(f),
        }
    }
}

/// `sha256:HEX` is an id, never a repository of that name.
fn daemon(name: &str, rest: &str) -> Result<DaemonName, NameError> {
    let refuse = |problem| NameError::Daemon {
        name: rest.to_owned(),
        problem,
    };
    if let Ok(id) = Digest::parse(rest) {
        return match id.algorithm() {
            Algorithm::Sha256 => Ok(DaemonName::Id(id)),
            _ => Err(refuse("only digest algorithm sha256 accepted")),
        };
    }
    let reference = Reference::parse(rest).map_err(|source| NameError::Reference {
        name: name.to_owned(),
        source,
    })?;
    if reference.repository().familiar() == "sha256" {
        return Err(refuse(
            "The sha256 repository name is reserved for (non-shortened) digest references",
        ));
    }
    match (reference.tag(), reference.digest()) {
        (None, None) => Err(refuse("neither a tag nor a digest")),
        (Some(_), Some(_)) => Err(refuse("both a tag and a digest")),
        _ => Ok(DaemonName::Reference(reference)),
    }
}

fn docker(name: &str, rest: &str) -> Result<DockerName, NameError> {
    let Some(text) = rest.strip_prefix("//") else {
        return Err(NameError::NoSlashes(rest.to_owned()));
    };
    let (text, unknown_digest) = match text.strip_suffix(UNKNOWN_DIGEST) {
        Some(text) => (text, true),
        None => (text, false),
    };
    let reference = Reference::parse(text).map_err(|source| NameError::Reference {
        name: name.to_owned(),
        source,
    })?;
    if unknown_digest {
        if reference.tag().is_some() || reference.digest().is_some() {
            return Err(NameError::UnknownDigestAndTag(rest.to_owned()));
        }
        return Ok(DockerName {
            reference,
            unknown_digest,
        });
    }
    Ok(DockerName {
        reference: reference.with_default_tag(),
        unknown_digest,
    })
}

fn layout(transport: Transport, rest: &str) -> Result<LayoutName, NameError> {
    let (path, image) = rest.split_once(':').unwrap_or((rest, ""));
    if path.is_empty() {
        return Err(NameError::Empty(transport));
    }
    let image = if let Some(index) = image.strip_prefix('@') {
        Some(LayoutImage::Index(source_index(index)?))
    } else if image.is_empty() {
        None
    } else if is_layout_ref(image) {
        Some(LayoutImage::Ref(image.to_owned()))
    } else {
        return Err(NameError::LayoutRef(image.to_owned()));
    };
    Ok(LayoutName {
        path: PathBuf::from(path),
        image,
    })
}

fn archive(name: &str, rest: &str) -> Result<ArchiveName, NameError> {
    let (path, image) = match rest.split_once(':') {
        Some((path, image)) => (path, Some(image)),
        None => (rest, None),
    };
    if path.is_empty() {
        return Err(NameError::Empty(Transport::DockerArchive));
    }
    let image = match image {
        None => None,
        Some(image) => Some(match image.strip_prefix('@') {
            Some(index) => ArchiveImage::Index(source_index(index)?),
            None => {
                let tag = Reference::parse(image)
                    .map_err(|source| NameError::Reference {
                        name: name.to_owned(),
                        source,
                    })?
                    .with_default_tag();
                if tag.digest().is_some() {
                    return Err(NameError::ArchiveDigest(image.to_owned()));
                }
                ArchiveImage::Tag(tag)
            }
        }),
    };
    Ok(ArchiveName {
        path: PathBuf::from(path),
        image,
    })
}

fn source_index(digits: &str) -> Result<usize, NameError> {
    if digits.bytes().all(|b| b.is_ascii_digit())
        && let Ok(index) = digits.parse()
    {
        return Ok(index);
    }
    Err(NameError::Index(format!("@{digits}")))
}

/// The grammar of `org.opencontainers.image.ref.name` (image-spec, annotations.md): runs of
/// letters and digits joined by one of `-._:@+` or by `--`, and `/` between components.
fn is_layout_ref(text: &str) -> bool {
    text.split('/').all(|component| {
        let bytes = component.as_bytes();
        let ends_alphanumeric = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        if !ends_alphanumeric(bytes.first()) || !ends_alphanumeric(bytes.last()) {
            return false;
        }
        component
            .split(|c: char| c.is_ascii_alphanumeric())
            .all(|separator| {
                separator.is_empty()
                    || separator == "--"
                    || (separator.len() == 1 && "-._:@+".contains(separator))
            })
    })
}

/// What cannot be resolved cannot be read either; it keeps its scopes all the same.
fn path_identity(transport: &str, path: &Path) -> ImageIdentity {
    ImageIdentity::by_path(transport, resolve(path).as_deref().unwrap_or(path))
}

/// Resolves symbolic links of the longest existing part of `path`.
fn resolve(path: &Path) -> Option<PathBuf> {
    if let Ok(resolved) = path.canonicalize() {
        return Some(resolved);
    }
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return None,
    };
    Some(parent.canonicalize().ok()?.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_print_as_the_original_prints_them() {
        for (text, want) in [
            ("docker://busybox", "docker://busybox:latest"),
            (
                "docker://r.example:5000/a/b:1",
                "docker://r.example:5000/a/b:1",
            ),
            (
                "docker://r/a@@unknown-digest@@",
                "docker://r/a@@unknown-digest@@",
            ),
            ("dir:/tmp/x:y", "dir:/tmp/x:y"),
            ("oci:/tmp/x", "oci:/tmp/x:"),
            ("oci:/tmp/x:a/b:1", "oci:/tmp/x:a/b:1"),
            ("oci:/tmp/x:@2", "oci:/tmp/x:@2"),
            ("oci-archive:-", "oci-archive:-:"),
            ("docker-archive:/x.tar", "docker-archive:/x.tar"),
            (
                "docker-archive:/x.tar:b",
                "docker-archive:/x.tar:docker.io/library/b:latest",
            ),
            ("docker-archive:/x.tar:@0", "docker-archive:/x.tar:@0"),
            ("docker-daemon:app:1", "docker-daemon:app:1"),
            ("store:app:1", "store:app:1"),
        ] {
            assert_eq!(ImageName::parse(text).unwrap().to_string(), want);
        }
    }

    #[test]
    fn bad_names_say_why() {
        for (text, want) in [
            ("busybox", "expected colon-separated transport:reference"),
            ("nosuch:x", "unknown transport \"nosuch\""),
            ("docker-daemon:x", "neither a tag nor a digest"),
            ("docker-daemon:sha256:12", "reserved"),
            (
                "containers-storage:x",
                "transport containers-storage is not supported",
            ),
            ("ostree:x", "transport ostree is not supported"),
            ("docker:x", "does not start with //"),
            ("docker://a:1@@unknown-digest@@", "unknown digest"),
            ("docker://UPPER", "invalid reference"),
            ("oci:/x:a..b", "invalid image a..b"),
            ("oci:/x:-a", "invalid image -a"),
            ("oci:/x:@-1", "invalid source index @-1"),
            ("oci:", "empty"),
            ("docker-archive:/x:@x", "invalid source index"),
            ("dir:", "empty"),
            ("dir:a\0b", "NUL"),
        ] {
            let error = ImageName::parse(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn scopes_go_from_the_reference_to_the_wildcards() {
        let name = ImageName::parse("docker://a.b.example:5000/ns/app:1").unwrap();
        assert_eq!(
            name.identity().scopes,
            [
                "a.b.example:5000/ns/app:1",
                "a.b.example:5000/ns/app",
                "a.b.example:5000/ns",
                "a.b.example:5000",
                "*.b.example",
                "*.example",
            ]
        );
        let root = tempfile::tempdir().unwrap();
        let name = ImageName::parse(&format!("dir:{}/new", root.path().display())).unwrap();
        let scopes = name.identity().scopes;
        assert!(scopes[0].ends_with("/new"));
        assert!(!scopes.contains(&"/".to_owned()));
        let name = ImageName::parse("oci-archive:-").unwrap();
        assert!(
            name.identity().scopes.is_empty(),
            "no file of this directory"
        );
    }
}
