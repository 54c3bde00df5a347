//! What goes wrong at a transport.

use std::io;
use std::path::{Path, PathBuf};

use config::ConfigError;
use oci::{Digest, ManifestError, MediaType};
use registry::RegistryError;

use crate::blob::BlobError;
use crate::name::{NameError, Transport};
use crate::sync::FilterError;

/// Why an image could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The name of the image is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A configuration file could not be read.
    #[error("reading the configuration for {name}")]
    Config {
        /// The image.
        name: String,
        /// What was wrong.
        source: Box<ConfigError>,
    },
    /// The configuration forbids the registry.
    #[error("registry {host} is blocked in the configuration")]
    Blocked {
        /// The host.
        host: String,
    },
    /// A call to a registry failed.
    #[error("{act} {name}")]
    Registry {
        /// What was tried.
        act: &'static str,
        /// On what.
        name: String,
        /// How it failed.
        source: Box<RegistryError>,
    },
    /// Neither the mirrors nor the registry itself gave the image.
    #[error("no mirror gave the image ({mirrors}), nor did the registry itself")]
    Mirrors {
        /// Each mirror and its failure.
        mirrors: String,
        /// How the registry itself failed.
        source: Box<ImageError>,
    },
    /// The system refused something.
    #[error("{act} {}", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// On which file.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// Content broke off or was not what it ought to be.
    #[error("copying content")]
    Stream(#[source] io::Error),
    /// A file of a layout is a device, a fifo, a directory or a link.
    #[error("{} is not a regular file", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// A document is longer than such a document may be.
    #[error("{} has {size} bytes, {limit} are allowed", path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A blob has another size or digest than it ought to have.
    #[error("checking content")]
    Blob(#[source] Box<BlobError>),
    /// A manifest was refused.
    #[error("reading manifest {digest} of {name}")]
    Manifest {
        /// The image.
        name: String,
        /// The manifest, or what it was asked for by.
        digest: String,
        /// Why.
        source: Box<ManifestError>,
    },
    /// A configuration was refused.
    #[error("reading configuration of {name}")]
    ImageConfig {
        /// The image.
        name: String,
        /// Why.
        source: Box<oci::image_config::ConfigError>,
    },
    /// A document of a layout or archive is no JSON of the form it ought to have.
    #[error("reading {document} of {name}")]
    Document {
        /// Which document.
        document: &'static str,
        /// The image.
        name: String,
        /// Why.
        source: Box<oci::json::JsonError>,
    },
    /// The image is not there.
    #[error("{name}: no such image")]
    NotFound {
        /// The image.
        name: String,
    },
    /// The layout or archive has several images and the name says none.
    #[error("{name}: more than one image, choose one of {choice}")]
    Choose {
        /// The image.
        name: String,
        /// The names it has.
        choice: String,
    },
    /// The index into a layout or archive is beyond its end.
    #[error("{name}: index is too large, there are {count} images")]
    IndexTooLarge {
        /// The image.
        name: String,
        /// How many there are.
        count: usize,
    },
    /// A layout or archive contradicts itself.
    #[error("{name}: {what}")]
    Inconsistent {
        /// The image.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The transport cannot do what is asked.
    #[error("{transport}: {what} is not supported")]
    Unsupported {
        /// The transport.
        transport: Transport,
        /// What was asked.
        what: &'static str,
    },
    /// The destination does not take this kind of manifest.
    #[error("{name} does not take manifests of type {media_type}")]
    ManifestType {
        /// The destination.
        name: String,
        /// The type.
        media_type: MediaType,
    },
    /// A directory that is not empty and no image would be overwritten.
    #[error("{}: not a containers image directory, not overwriting what may be important", path.display())]
    NotAnImageDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// A file that is no archive would be overwritten.
    #[error("{}: no docker archive that an image could be added to, not overwriting what may be important", path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What reading it said.
        source: Box<ImageError>,
    },
    /// An archive could not be read.
    #[error("reading archive {}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: Box<archive::tarfile::TarError>,
    },
    /// Somebody else holds the lock of a layout for too long.
    #[error("{}: somebody else is writing and does not end", path.display())]
    Locked {
        /// The layout.
        path: PathBuf,
    },
    /// A signature could not be read.
    #[error("reading signature {number} of {name}")]
    Signature {
        /// The image.
        name: String,
        /// Which, from 1.
        number: usize,
        /// Why.
        source: Box<signing::StoredError>,
    },
    /// There are more signatures than are looked at.
    #[error("{name}: more than {limit} {what} of signatures")]
    TooManySignatures {
        /// The image.
        name: String,
        /// The limit.
        limit: u64,
        /// Its unit.
        what: &'static str,
    },
    /// The lookaside configured for signatures has a form that is not known.
    #[error("lookaside {base}: neither file, http nor https")]
    LookasideScheme {
        /// Its URL.
        base: String,
    },
    /// The destination has no place for signatures.
    #[error("{name} cannot hold signatures: {why}")]
    NoSignatures {
        /// The destination.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// The store failed.
    #[error("{act} {name}")]
    Store {
        /// What was tried.
        act: &'static str,
        /// On what.
        name: String,
        /// How it failed.
        source: Box<storage::StoreError>,
    },
    /// The store takes an image only as it was received.
    #[error("{name}: the store keeps manifests as they were received and takes no edited one")]
    StoreEdited {
        /// The destination.
        name: String,
    },
    /// A blob that is wanted is none of the image's.
    #[error("{name} has no blob {digest}")]
    UnknownBlob {
        /// The image.
        name: String,
        /// The blob.
        digest: Digest,
    },
    /// The layers of the manifest and of the configuration are not equally many.
    #[error("{name}: {layers} layers but {diff_ids} diff ids")]
    LayerCount {
        /// The image.
        name: String,
        /// Layers in the manifest.
        layers: usize,
        /// Diff ids in the configuration.
        diff_ids: usize,
    },
    /// A filter of tags is none.
    #[error("filtering tags")]
    Filter(#[source] Box<FilterError>),
    /// When an image was made could not be found out.
    #[error("reading the age of {name}")]
    Age {
        /// The image.
        name: String,
        /// Why.
        source: Box<crate::copy::CopyError>,
    },
    /// Other tags point to the image that is to be deleted.
    #[error("{name}: {digest} has other tags, too: {tags}")]
    OtherTags {
        /// The image.
        name: String,
        /// Its digest.
        digest: Box<Digest>,
        /// The tags, parted by commas.
        tags: String,
    },
    /// A tag points to another image than the name says.
    #[error("{name}: the tag points to {actual}")]
    TagMoved {
        /// The image, by tag and digest.
        name: String,
        /// What the tag points to.
        actual: Box<Digest>,
    },
    /// A tag is wanted, and the name has none.
    #[error("{name} has no tag")]
    NoTag {
        /// The image.
        name: String,
    },
    /// A layer is nothing that can be unpacked: encrypted, or of a type that nobody knows.
    #[error("layer {digest} of type {media_type} can not be unpacked")]
    LayerType {
        /// The layer.
        digest: Digest,
        /// What the manifest says it is.
        media_type: MediaType,
    },
}

impl From<BlobError> for ImageError {
    fn from(error: BlobError) -> Self {
        Self::Blob(Box::new(error))
    }
}

impl From<FilterError> for ImageError {
    fn from(error: FilterError) -> Self {
        Self::Filter(Box::new(error))
    }
}

impl ImageError {
    pub(crate) fn io(act: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            act,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn inconsistent(name: &impl ToString, what: impl Into<String>) -> Self {
        Self::Inconsistent {
            name: name.to_string(),
            what: what.into(),
        }
    }

    /// Tells whether a file is simply not there.
    pub(crate) fn is_missing_file(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Tells whether a blob, or the file that it would be, is not there.
    pub(crate) fn is_missing_blob(&self) -> bool {
        matches!(self, Self::UnknownBlob { .. }) || self.is_missing_file()
    }

    /// Tells whether the image is not there, as opposed to unreadable.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::NotFound { .. } => true,
            Self::Registry { source, .. } => source.is_not_found(),
            Self::Mirrors { source, .. } => source.is_not_found(),
            _ => false,
        }
    }

    /// Tells whether a registry refused the caller.
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Registry { source, .. } => source.is_denied(),
            Self::Mirrors { source, .. } => source.is_denied(),
            _ => false,
        }
    }

    /// Tells whether the same may succeed when it is tried again.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Registry { source, .. } => source.is_retryable(),
            Self::Mirrors { source, .. } => source.is_retryable(),
            Self::Stream(source) => {
                RegistryError::from_io(source).is_some_and(RegistryError::is_retryable)
            }
            _ => false,
        }
    }
}
