//! The engine that copies an image, or a list of images, from a source to a sink.
//!
//! Order of work: the policy judges the manifest as it was received, before anything else of
//! the image is read; the destination is asked what it has; layers run in parallel, each byte
//! is read once and its digest verified; the configuration; new signatures are made, and the
//! manifest is written with all of them; last the sink's commit, which makes all of it visible.
//! The first failure stops the other layers, and a sink that is not committed leaves nothing.

mod image;
mod layers;
mod limit;
mod list;
mod referrers;
mod schema1;
mod stream;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use oci::platform::{self, PlatformWanted};
use oci::{Compression, Digest, Index, Manifest, MediaType, RawManifest, Reference, limits};
use signing::{FsKeys, KeySource, Policy, Rejected, SignError, Signer, SigstoreKey};

use crate::blob::BlobError;
use crate::context::Context;
use crate::convert::ConvertError;
use crate::error::ImageError;
use crate::progress::Progress;
use crate::sink::{ImageSink, Stored};
use crate::source::ImageSource;

pub use limit::Limit;
pub(crate) use stream::Stopped;

/// How many layers move at once unless told otherwise; the original's number.
pub const PARALLEL_LAYERS: usize = 6;

/// A format that manifests can be asked to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestFormat {
    /// OCI image manifests and indexes.
    Oci,
    /// Docker schema 2 manifests and lists.
    V2s2,
}

impl ManifestFormat {
    /// Returns the type of an image's manifest.
    pub fn image_type(self) -> MediaType {
        match self {
            Self::Oci => MediaType::OciManifest,
            Self::V2s2 => MediaType::DockerManifest,
        }
    }

    /// Returns the type of a list.
    pub fn list_type(self) -> MediaType {
        match self {
            Self::Oci => MediaType::OciIndex,
            Self::V2s2 => MediaType::DockerList,
        }
    }
}

/// Which instances of a list are copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Instances {
    /// The one for [`Context::platform`], without the list.
    #[default]
    System,
    /// All, and the list.
    All,
    /// The list alone.
    IndexOnly,
    /// Those for these platforms, with what belongs to them (attestations), and the list.
    Platforms(Vec<PlatformWanted>),
}

/// Something that signs images.
#[derive(Clone)]
pub enum ImageSigner {
    /// Makes simple signatures.
    Simple(Arc<dyn Signer + Send + Sync>),
    /// Makes sigstore signatures.
    Sigstore(Arc<SigstoreKey>),
}

/// How an image is copied.
#[derive(Clone)]
pub struct CopyOptions {
    /// Which instances of a list.
    pub instances: Instances,
    /// Write the list without the instances that are not copied.
    pub strip_instances: bool,
    /// Copy what is about the image, too: signatures, bills of materials, attestations.
    pub referrers: bool,
    /// Leave the signatures of the source behind; the policy sees them nevertheless.
    pub remove_signatures: bool,
    /// The format that manifests must have; the best that the destination takes otherwise.
    pub format: Option<ManifestFormat>,
    /// Fail rather than change any digest.
    pub preserve_digests: bool,
    /// The compression that layers get where the destination compresses.
    pub compression: Option<Compression>,
    /// Its level; `None` is the format's default.
    pub compression_level: Option<i32>,
    /// Do not use a blob at the destination that is compressed otherwise.
    pub force_compression: bool,
    /// Keys to sign the copy with.
    pub signers: Vec<ImageSigner>,
    /// The name that is signed instead of the destination's.
    pub sign_identity: Option<Reference>,
    /// Who signs, as signatures name it: program and version.
    pub creator: String,
    /// How many layers move at once; `None` is [`PARALLEL_LAYERS`].
    pub parallel: Option<NonZeroUsize>,
    /// How many layers move at once in all copies that have the same value here.
    pub limit: Option<Arc<Limit>>,
    /// Do nothing when the destination's manifest is the one that would be written.
    pub skip_present: bool,
    /// Reads the key files that the policy names.
    pub keys: Arc<dyn KeySource + Send + Sync>,
    /// When keys and signatures must be valid.
    pub now: Timestamp,
}

impl CopyOptions {
    /// Makes the options of a plain copy at the time `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            instances: Instances::System,
            strip_instances: false,
            referrers: false,
            remove_signatures: false,
            format: None,
            preserve_digests: false,
            compression: None,
            compression_level: None,
            force_compression: false,
            signers: Vec::new(),
            sign_identity: None,
            creator: String::new(),
            parallel: None,
            limit: None,
            skip_present: false,
            keys: Arc::new(FsKeys),
            now,
        }
    }
}

/// What a copy did.
#[derive(Clone, Debug)]
pub struct CopyReport {
    /// The manifest, or list, that the destination has now.
    pub manifest: Vec<u8>,
    /// Its digest, as `--digestfile` gets it.
    pub digest: Digest,
    /// Its type.
    pub media_type: MediaType,
    /// Whether the destination had it before.
    pub already_present: bool,
    /// What the store has of it, when the destination is the store.
    pub stored: Option<Stored>,
}

/// Why a copy failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The trust policy does not accept the image.
    #[error(transparent)]
    Rejected(Box<Rejected>),
    /// Reading from the source failed.
    #[error("reading {name}")]
    Source {
        /// The source.
        name: String,
        /// How.
        source: ImageError,
    },
    /// Writing to the destination failed.
    #[error("writing {name}")]
    Sink {
        /// The destination.
        name: String,
        /// How.
        source: ImageError,
    },
    /// Copying one layer or the configuration failed.
    #[error("copying blob {digest}")]
    Blob {
        /// The blob.
        digest: Digest,
        /// How.
        source: Box<ImageError>,
    },
    /// The destination cannot hold the signatures that the source has.
    #[error("Can not copy signatures to {name} (they can be left behind with --remove-signatures)")]
    Signatures {
        /// The destination.
        name: String,
        /// Why.
        source: ImageError,
    },
    /// An artifact has no image configuration to look at.
    #[error("not an image but an artifact with a configuration of type {config}")]
    Artifact {
        /// The type of its configuration.
        config: MediaType,
    },
    /// A manifest cannot have the format that is wanted.
    #[error("converting the manifest")]
    Convert(#[from] ConvertError),
    /// The manifest would have to change, and it must not.
    #[error("the manifest would have to change: {reason}")]
    MustNotModify {
        /// Why it must not.
        reason: &'static str,
    },
    /// The destination's name demands another digest.
    #[error("Digest of source image's manifest would not match destination reference {demanded}")]
    Demanded {
        /// The digest in the destination's name.
        demanded: Digest,
    },
    /// The destination's name demands the list, and one instance of it was to be copied.
    #[error("{demanded} is the list, of which one instance is copied (--all copies the list)")]
    DemandedList {
        /// The digest in the destination's name.
        demanded: Digest,
    },
    /// No instance of the list is for this platform.
    #[error(
        "no image found in manifest list for architecture {:?}, variant {:?}, OS {:?}",
        .0.architecture, .0.variant.as_deref().unwrap_or_default(), .0.os
    )]
    NoInstance(PlatformWanted),
    /// No instance of the list is for a platform that was named.
    #[error("the list has no instance for {os}/{architecture}{variant}", os = .0.os, architecture = .0.architecture, variant = .0.variant.as_ref().map(|it| format!("/{it}")).unwrap_or_default())]
    NoPlatform(PlatformWanted),
    /// Lists lead to lists, too deep or in a circle.
    #[error(
        "list {digest} lies within itself or more than {} levels deep",
        limits::INDEX_LEVELS
    )]
    ListLoop {
        /// The list that goes too far.
        digest: Digest,
    },
    /// Nothing that is about the image can go with it.
    #[error("what refers to the image would be about nothing: the copy has another digest")]
    ReferrersOfNothing,
    /// A list within a list cannot be copied with all its instances.
    #[error("list {digest} is an instance of another list, which cannot be copied whole")]
    NestedList {
        /// The inner list.
        digest: Digest,
    },
    /// A layer is not the one that the configuration names.
    #[error("layer {layer}: its content is {actual}, the configuration says {expected}")]
    DiffId {
        /// The blob.
        layer: Digest,
        /// The diff id in the configuration.
        expected: Box<Digest>,
        /// The digest of the content.
        actual: Box<Digest>,
    },
    /// Signing needs the name under which the copy will be found.
    #[error("cannot sign: {name} has no docker reference with a tag or digest, give an identity")]
    NoIdentity {
        /// The destination.
        name: String,
    },
    /// A signature could not be made.
    #[error("signing the image")]
    Sign(#[source] SignError),
    /// A sigstore signature could not be made.
    #[error("signing the image")]
    SignSigstore(#[source] signing::sigstore::KeyError),
    /// Somebody asked the copy to stop.
    #[error("interrupted")]
    Cancelled,
}

impl CopyError {
    fn image(&self) -> Option<&ImageError> {
        match self {
            Self::Source { source, .. }
            | Self::Sink { source, .. }
            | Self::Signatures { source, .. } => Some(source),
            Self::Blob { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Tells whether the source image is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Source { source, .. } if source.is_not_found())
    }

    /// Tells whether a registry refused the caller.
    pub fn is_denied(&self) -> bool {
        self.image().is_some_and(ImageError::is_denied)
    }

    /// Tells whether the same may succeed when it is tried again.
    pub fn is_retryable(&self) -> bool {
        self.image().is_some_and(ImageError::is_retryable)
    }
}

/// Copies what `source` names to `sink`.
///
/// # Errors
/// When the policy rejects the image, either side fails, or [`Progress::cancelled`] says so.
/// The destination is then as it was before.
pub fn copy(
    context: &Context,
    source: &dyn ImageSource,
    mut sink: Box<dyn ImageSink>,
    policy: &Policy,
    options: &CopyOptions,
    progress: &dyn Progress,
) -> Result<CopyReport, CopyError> {
    for note in source.notes() {
        progress.note(note);
    }
    if let Some((host, path)) = source.repository() {
        sink.offer_mounts(&host, &path);
    }
    let top = source
        .manifest(None)
        .map_err(|error| from_source(source, error))?;
    let unchanged = Mutex::default();
    let engine = Engine {
        context,
        source,
        sink: sink.as_ref(),
        policy,
        options,
        progress,
        top,
        unchanged: &unchanged,
    };
    let mut report = engine.run()?;
    if options.referrers {
        engine.copy_referrers(!report.already_present)?;
    }
    if progress.cancelled() {
        return Err(CopyError::Cancelled);
    }
    if !report.already_present {
        let name = sink.name().to_string();
        report.stored = sink
            .commit()
            .map_err(|source| CopyError::Sink { name, source })?;
    }
    Ok(report)
}

fn from_source(source: &dyn ImageSource, error: ImageError) -> CopyError {
    CopyError::Source {
        name: source.name().to_string(),
        source: error,
    }
}

/// Finds the instance of a list that is for `wanted`, through lists of lists if need be.
///
/// # Errors
/// When there is none, or lists lead on too far.
pub(crate) fn select_instance(
    source: &dyn ImageSource,
    top: &RawManifest,
    wanted: &PlatformWanted,
) -> Result<(RawManifest, Option<Digest>), CopyError> {
    let mut visited = BTreeSet::from([*top.digest()]);
    let mut current = (top.clone(), None);
    while let Manifest::Index(list) = current.0.manifest() {
        let entry = platform::choose(list, wanted)
            .ok_or_else(|| CopyError::NoInstance(wanted.clone()))?
            .clone();
        if visited.len() > limits::INDEX_LEVELS || !visited.insert(entry.digest) {
            return Err(CopyError::ListLoop {
                digest: entry.digest,
            });
        }
        current = (instance(source, list, &entry.digest)?, Some(entry.digest));
    }
    Ok(current)
}

/// Reads an instance of a list and checks it against its entry.
fn instance(
    source: &dyn ImageSource,
    list: &Index,
    digest: &Digest,
) -> Result<RawManifest, CopyError> {
    let failed = |error| from_source(source, error);
    let manifest = source.manifest(Some(digest)).map_err(failed)?;
    let actual = manifest.bytes().len() as u64;
    let wrong = list
        .manifests
        .iter()
        .find(|e| e.digest == *digest && e.size != actual);
    if let Some(entry) = wrong {
        let error = BlobError::Size {
            digest: *digest,
            expected: entry.size,
            actual,
        };
        return Err(failed(error.into()));
    }
    Ok(manifest)
}

/// One copy at work.
struct Engine<'a> {
    context: &'a Context,
    source: &'a dyn ImageSource,
    sink: &'a dyn ImageSink,
    policy: &'a Policy,
    options: &'a CopyOptions,
    progress: &'a dyn Progress,
    top: RawManifest,
    /// The manifests that are at the destination as they were at the source.
    unchanged: &'a Mutex<Vec<Digest>>,
}

impl Engine<'_> {
    fn run(&self) -> Result<CopyReport, CopyError> {
        self.check_signing()?;
        let Manifest::Index(list) = self.top.manifest() else {
            return self.copy_image(self.top.clone(), None, false);
        };
        if self.options.instances != Instances::System {
            return self.copy_list(list);
        }
        let (manifest, instance) = select_instance(self.source, &self.top, &self.context.platform)?;
        self.copy_image(manifest, instance.as_ref(), false)
    }

    fn unchanged(&self) -> MutexGuard<'_, Vec<Digest>> {
        self.unchanged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn sink_failed(&self, source: ImageError) -> CopyError {
        CopyError::Sink {
            name: self.sink.name().to_string(),
            source,
        }
    }

    fn source_failed(&self, source: ImageError) -> CopyError {
        from_source(self.source, source)
    }

    /// Returns why manifests must stay as they are, given whether signatures are kept.
    fn fixed(&self, signed: bool) -> Option<&'static str> {
        if self.options.preserve_digests {
            Some("Instructed to preserve digests")
        } else if self.sink.demanded_digest().is_some() {
            Some("Destination specifies a digest")
        } else if signed {
            Some("Would invalidate signatures")
        } else {
            None
        }
    }

    /// Checks that the destination's name allows the manifest.
    fn check_demanded(&self, manifest: &RawManifest) -> Result<(), CopyError> {
        match self.sink.demanded_digest() {
            Some(demanded) if has_digest(manifest, &demanded) => Ok(()),
            Some(demanded) if has_digest(&self.top, &demanded) => {
                Err(CopyError::DemandedList { demanded })
            }
            Some(demanded) => Err(CopyError::Demanded { demanded }),
            None => Ok(()),
        }
    }
}

/// Tells whether this is the digest of a manifest, also when it came by one of another algorithm.
fn has_digest(manifest: &RawManifest, digest: &Digest) -> bool {
    let read = || {
        let bytes = manifest.bytes().to_vec();
        RawManifest::parse_expecting(bytes, Some(manifest.media_type()), digest)
    };
    manifest.digest() == digest || read().is_ok()
}
