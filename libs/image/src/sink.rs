//! What can be written to.

use std::io::Read;

use jiff::Timestamp;
use oci::{Compression, Descriptor, Digest, ImageConfig, MediaType, Reference};
use signing::{Signature, TrustedManifest};
use storage::{ImageRecord, Totals};

use crate::context::{Context, EndpointOptions};
use crate::error::ImageError;
use crate::name::ImageName;
use crate::progress::Note;
use crate::transport;

/// What a destination does with the compression of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerCompression {
    /// Leaves layers as they are.
    Preserve,
    /// Compresses those that are not.
    Compress,
    /// Decompresses those that are.
    Decompress,
}

/// Settings of one destination.
#[derive(Clone, Debug, Default)]
pub struct SinkOptions {
    /// `dir:` only: compress or decompress layers.
    pub dir_compression: Option<LayerCompression>,
    /// `oci:` only: keep layers uncompressed that are.
    pub accept_uncompressed: bool,
    /// `docker-archive:` only: more names for the image.
    pub additional_tags: Vec<Reference>,
    /// Know the digest of a layer before it is uploaded, by way of a temporary file.
    pub precompute_digests: bool,
    /// `store:` only: more names for the image.
    pub names: Vec<Reference>,
    /// `store:` only: keep the blobs as they came, too.
    pub keep_blobs: bool,
}

/// What an image has, said before its first blob.
pub struct ImagePlan<'a> {
    /// The manifest that the policy accepted.
    pub trusted: &'a TrustedManifest,
    /// The layers, each once.
    pub layers: &'a [Descriptor],
    /// The configuration, when the sink asked for it ([`ImageSink::wants_config_first`]).
    pub config: Option<&'a ImageConfig>,
    /// The name it is read by.
    pub origin: &'a str,
    /// The list that it was chosen from.
    pub list: Option<Digest>,
    /// The time now.
    pub now: Timestamp,
    /// Takes what a person should know meanwhile.
    pub note: &'a dyn Fn(Note),
}

/// What the store has of an image that was committed to it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The image.
    pub record: ImageRecord,
    /// What was new.
    pub totals: Totals,
}

/// A layer on its way in.
pub struct Blob<'a> {
    /// The layer as the source names it.
    pub source: &'a Descriptor,
    /// Digest and size of what [`Self::reader`] gives, when they are known; the reader then
    /// checks them itself. Unknown when the compression is changed on the way.
    pub known: Option<(Digest, u64)>,
    /// How the bytes are compressed.
    pub compression: Compression,
    /// The content; an error of it must fail the call.
    pub reader: &'a mut (dyn Read + Send),
    /// Makes [`Self::reader`] start anew, where the same bytes can be had again.
    pub again: Option<Again<'a>>,
}

/// Makes a reader start anew.
pub type Again<'a> = &'a (dyn Fn() -> std::io::Result<()> + Sync);

/// A manifest on its way in.
pub struct NewManifest<'a> {
    /// The bytes to store.
    pub bytes: &'a [u8],
    /// Their digest.
    pub digest: Digest,
    /// Their type.
    pub media_type: &'a MediaType,
    /// What the policy accepted; absent for lists, which no destination needs it for.
    pub trusted: Option<&'a TrustedManifest>,
    /// Whether this is one instance of a list that follows.
    pub is_instance: bool,
    /// All signatures that it has at the destination.
    pub signatures: &'a [Signature],
}

/// A place that an image is written to.
///
/// The order of calls: `begin`, `put_blob` for each layer (from several threads when
/// [`Self::parallel_blobs`]), `put_config`, `put_manifest`; the same again for each
/// instance of a list, then for the list; last `commit`. A sink that is dropped without `commit`
/// leaves nothing visible.
pub trait ImageSink: Send + Sync {
    /// Returns the name it was opened by.
    fn name(&self) -> &ImageName;

    /// Returns the types of manifest it takes, best first.
    fn manifest_types(&self) -> &[MediaType];

    /// Returns what it does with the compression of layers.
    fn layer_compression(&self) -> LayerCompression;

    /// Tells whether it can hold signatures.
    ///
    /// # Errors
    /// [`ImageError::NoSignatures`], or that it could not be found out.
    fn supports_signatures(&self) -> Result<(), ImageError>;

    /// Tells whether several blobs may be written at once.
    fn parallel_blobs(&self) -> bool {
        true
    }

    /// Tells whether [`ImagePlan::config`] is needed.
    fn wants_config_first(&self) -> bool {
        false
    }

    /// Returns the digest that the destination's name demands.
    fn demanded_digest(&self) -> Option<Digest> {
        match self.name() {
            ImageName::Docker(name) => name.reference.digest().copied(),
            _ => None,
        }
    }

    /// Says from which repository blobs may be mounted.
    fn offer_mounts(&mut self, host: &str, path: &str) {
        let _ = (host, path);
    }

    /// Tells whether layers that lie elsewhere ("foreign") may stay there.
    fn keeps_foreign_layers(&self) -> bool {
        false
    }

    /// Returns the digest of the manifest that the destination has now, cheaply or not at all.
    ///
    /// # Errors
    /// When it could not be found out.
    fn present(&self) -> Result<Option<Digest>, ImageError> {
        Ok(None)
    }

    /// Says which image comes.
    ///
    /// # Errors
    /// When the sink cannot take it.
    fn begin(&self, plan: &ImagePlan<'_>) -> Result<(), ImageError> {
        let _ = plan;
        Ok(())
    }

    /// Tells whether the layer is there already; where it can be had without moving bytes it is.
    ///
    /// # Errors
    /// When it could not be found out.
    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, ImageError>;

    /// Takes a layer and returns its digest and size in bytes as stored.
    ///
    /// # Errors
    /// When the content fails its checks or cannot be stored.
    fn put_blob(&self, blob: Blob<'_>) -> Result<(Digest, u64), ImageError>;

    /// Takes the configuration.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn put_config(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), ImageError>;

    /// Takes a manifest and its signatures, which nobody finds without them.
    ///
    /// # Errors
    /// When they cannot be stored; [`ImageError::ManifestType`] when another type may be taken.
    fn put_manifest(&self, manifest: &NewManifest<'_>) -> Result<(), ImageError>;

    /// Takes a manifest that is about `subject`, whose blobs it has; `described` is what a list of
    /// referrers says of it.
    ///
    /// # Errors
    /// When it cannot be stored, or the transport has no referrers.
    fn put_referrer(
        &self,
        manifest: &NewManifest<'_>,
        subject: &Digest,
        described: &Descriptor,
    ) -> Result<(), ImageError> {
        let _ = (manifest, subject, described);
        Err(ImageError::Unsupported {
            transport: self.name().transport(),
            what: "referring to images",
        })
    }

    /// Makes everything durable and visible; the store says what it has now.
    ///
    /// # Errors
    /// When it cannot; what is visible then is what was visible before.
    fn commit(self: Box<Self>) -> Result<Option<Stored>, ImageError>;
}

/// Opens a destination for writing.
///
/// # Errors
/// When it cannot be reached, or holds something that must not be overwritten.
pub fn open_sink(
    name: &ImageName,
    context: &Context,
    endpoint: &EndpointOptions,
    options: &SinkOptions,
) -> Result<Box<dyn ImageSink>, ImageError> {
    Ok(match name {
        ImageName::Docker(docker) => Box::new(transport::docker_sink::DockerSink::open(
            docker, context, endpoint, options,
        )?),
        ImageName::Dir(path) => Box::new(transport::dir_sink::DirSink::open(path, options)?),
        ImageName::Oci(layout) => Box::new(transport::oci_sink::OciSink::open(
            layout, endpoint, options,
        )?),
        ImageName::OciArchive(layout) => Box::new(
            transport::oci_archive_sink::OciArchiveSink::open(layout, context, options)?,
        ),
        ImageName::DockerArchive(archive) => Box::new(
            transport::docker_archive_sink::DockerArchiveSink::open(archive, context, options)?,
        ),
        ImageName::DockerDaemon(name) => Box::new(
            transport::docker_archive_sink::DockerArchiveSink::to_engine(name, context, endpoint)?,
        ),
        ImageName::Store(name) => Box::new(transport::store_sink::StoreSink::open(
            name, context, options,
        )?),
    })
}
