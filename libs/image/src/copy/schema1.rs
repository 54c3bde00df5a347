//! Images of docker's schema 1: kept as they are where the destination takes them, else made
//! images of docker schema 2 on the way.
//!
//! A schema 1 manifest names neither sizes nor a configuration. The sizes are asked for; the
//! configuration wants the diff ids, which only the layers tell, and some destinations want it
//! before the first layer. So a conversion has two steps:
//!
//! ```text
//! source ─▶ temporary files, inflated once for the diff ids ─▶ destination, as any other image
//! ```
//! Layers that the manifest calls empty ("throwaway") are not fetched for a conversion.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Cursor, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use archive::compress::{DecodeLimits, Decoder};
use oci::schema1::Schema1;
use oci::{Algorithm, Compression, Descriptor, DiffId, Digest, Digester, ImageManifest, MediaType};
use oci::{ManifestError, RawManifest};
use signing::{Signature, TrustedManifest};

use super::image::Begun;
use super::stream::Stopped;
use super::{CopyError, CopyReport, Engine};
use crate::blob::{CHUNK, VerifyingReader, fill};
use crate::convert::ConvertError;
use crate::error::ImageError;
use crate::name::ImageName;
use crate::progress::{Note, Progress};
use crate::sink::{Blob, ImagePlan, ImageSink, LayerCompression, NewManifest, Stored};
use crate::source::ImageSource;
use crate::transport::spool;

impl Engine<'_> {
    /// Copies an image of schema 1 that the policy accepted.
    pub(super) fn copy_schema1(
        &self,
        trusted: &TrustedManifest,
        schema1: &Schema1,
        begun: Begun,
    ) -> Result<CopyReport, CopyError> {
        if begun.fixed.is_some() || self.keeps_schema1(trusted.manifest()) {
            return self.keep_schema1(trusted, schema1, begun);
        }
        let digest = *trusted.manifest().digest();
        let converted = Converted::fetch(self, schema1)?;
        let accepted = trusted
            .converted(converted.manifest.clone(), &converted.diff_ids)
            .map_err(|error| ConvertError::NotAccepted(Box::new(error)))?;
        let engine = Engine {
            source: &converted,
            progress: &SecondStep(self.progress),
            top: self.top.clone(),
            // Nothing is about what it becomes.
            unchanged: &Mutex::default(),
            ..*self
        };
        engine.copy_accepted(
            &accepted,
            &converted.image,
            Begun {
                list: begun.list.or(Some(digest)),
                ..begun
            },
        )
    }

    fn keeps_schema1(&self, manifest: &RawManifest) -> bool {
        self.options.format.is_none()
            && self.sink.layer_compression() == LayerCompression::Preserve
            && self.sink.manifest_types().contains(manifest.media_type())
    }

    /// Copies manifest and layers to the byte.
    fn keep_schema1(
        &self,
        trusted: &TrustedManifest,
        schema1: &Schema1,
        begun: Begun,
    ) -> Result<CopyReport, CopyError> {
        let manifest = trusted.manifest();
        match (self.sink.name(), begun.fixed) {
            // A registry may or may not take it.
            (ImageName::Docker(name), Some(reason)) => {
                check_embedded_name(schema1, &name.reference, reason)?;
            }
            (name, _) if !self.sink.manifest_types().contains(manifest.media_type()) => {
                return Err(self.sink_failed(ImageError::ManifestType {
                    name: name.to_string(),
                    media_type: manifest.media_type().clone(),
                }));
            }
            _ => {}
        }
        let mut report = CopyReport {
            manifest: manifest.bytes().to_vec(),
            digest: *manifest.digest(),
            media_type: manifest.media_type().clone(),
            already_present: true,
            stored: None,
        };
        if begun.signatures.is_empty() && self.is_present(manifest, begun.is_instance)? {
            self.progress.note(Note::AlreadyPresent);
            return Ok(report);
        }
        let layers = self.sized(schema1.layers().map(|(layer, _)| layer))?;
        self.begin(trusted, &layers, None, begun.list)?;
        self.copy_layers(&layers, false)?;
        self.sign_and_put(&NewManifest {
            bytes: manifest.bytes(),
            digest: report.digest,
            media_type: manifest.media_type(),
            trusted: Some(trusted),
            is_instance: begun.is_instance,
            signatures: &begun.signatures,
        })?;
        report.already_present = false;
        Ok(report)
    }

    /// Asks the source for the sizes of layers; each is there once.
    fn sized<'d>(
        &self,
        layers: impl Iterator<Item = &'d Digest>,
    ) -> Result<Vec<Descriptor>, CopyError> {
        let mut seen = BTreeSet::new();
        layers
            .filter(|digest| seen.insert(**digest))
            .map(|digest| {
                let size = self
                    .source
                    .blob_size(digest)
                    .map_err(|source| blob_failed(digest, source))?;
                let media_type = MediaType::DockerLayer(Compression::Gzip);
                Ok(Descriptor::new(media_type, *digest, size))
            })
            .collect()
    }
}

fn blob_failed(digest: &Digest, source: ImageError) -> CopyError {
    CopyError::Blob {
        digest: *digest,
        source: Box::new(source),
    }
}

/// A schema 1 manifest names repository and tag, and registries want them to be those under
/// which it is put.
fn check_embedded_name(
    schema1: &Schema1,
    wanted: &oci::Reference,
    reason: &'static str,
) -> Result<(), ConvertError> {
    let tag = wanted.tag().map_or("", oci::Tag::as_str);
    if schema1.name == wanted.repository().path() && schema1.tag == tag {
        return Ok(());
    }
    Err(ConvertError::EmbeddedName {
        name: schema1.name.chars().take(255).collect(),
        tag: schema1.tag.chars().take(128).collect(),
        reason,
    })
}

/// A schema 1 image as one of docker schema 2, its layers in temporary files.
struct Converted<'a> {
    of: &'a dyn ImageSource,
    manifest: RawManifest,
    image: ImageManifest,
    config: Vec<u8>,
    /// Those of the layers with files, lowest first.
    diff_ids: Vec<DiffId>,
    layers: BTreeMap<Digest, Spooled>,
}

impl<'a> Converted<'a> {
    fn fetch(engine: &Engine<'a>, schema1: &Schema1) -> Result<Self, CopyError> {
        let layers = engine.sized(schema1.layers_with_files())?;
        let sink = SpoolSink {
            destination: engine.sink,
            progress: engine.progress,
            tmpdir: &engine.context.tmpdir,
            layers: Mutex::default(),
        };
        let first = Engine {
            sink: &sink,
            top: engine.top.clone(),
            unchanged: &Mutex::default(),
            ..*engine
        };
        first.copy_layers(&layers, false)?;
        let layers = sink
            .layers
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let spooled = || {
            schema1
                .layers_with_files()
                .filter_map(|digest| layers.get(digest).map(|spooled| (digest, spooled)))
        };
        let diff_ids: Vec<DiffId> = spooled().map(|(_, spooled)| spooled.diff_id).collect();
        let refused = |source: oci::schema1::Schema1Error| {
            engine.source_failed(manifest_refused(engine.source, source.into()))
        };
        let config = schema1.to_docker_config(&diff_ids).map_err(refused)?;
        let image = ImageManifest {
            media_type: MediaType::DockerManifest,
            config: Descriptor::of(MediaType::DockerConfig, &config),
            layers: spooled()
                .map(|(digest, spooled)| spooled.descriptor(digest))
                .collect::<Result<_, _>>()?,
            annotations: BTreeMap::new(),
            subject: None,
            artifact_type: None,
        };
        let manifest = RawManifest::parse(image.to_bytes(), Some(&image.media_type))
            .map_err(|source| engine.source_failed(manifest_refused(engine.source, source)))?;
        Ok(Self {
            of: engine.source,
            manifest,
            image,
            config,
            diff_ids,
            layers,
        })
    }
}

fn manifest_refused(of: &dyn ImageSource, source: ManifestError) -> ImageError {
    ImageError::Manifest {
        name: of.name().to_string(),
        digest: "converted from schema 1".to_owned(),
        source: Box::new(source),
    }
}

impl ImageSource for Converted<'_> {
    fn name(&self) -> &ImageName {
        self.of.name()
    }

    fn manifest(&self, _: Option<&Digest>) -> Result<RawManifest, ImageError> {
        Ok(self.manifest.clone())
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        let (digest, size) = (descriptor.digest, Some(descriptor.size));
        if let Some(layer) = self.layers.get(&digest) {
            return Ok(Box::new(VerifyingReader::new(layer.open(), digest, size)));
        }
        let config = Cursor::new(self.config.clone());
        Ok(Box::new(VerifyingReader::new(config, digest, size)))
    }

    fn signatures(&self, _: Option<&Digest>) -> Result<Vec<Signature>, ImageError> {
        Ok(Vec::new())
    }
}

/// Tells what comes after the layers were fetched; they are not told a second time.
struct SecondStep<'a>(&'a dyn Progress);

impl Progress for SecondStep<'_> {
    fn note(&self, note: Note) {
        if !matches!(note, Note::CopyingBlob { .. }) {
            self.0.note(note);
        }
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// A layer in a nameless temporary file.
struct Spooled {
    file: Arc<File>,
    size: u64,
    compression: Compression,
    diff_id: DiffId,
}

impl Spooled {
    fn open(&self) -> FromStart {
        FromStart {
            file: Arc::clone(&self.file),
            at: 0,
        }
    }

    /// What the layer is in a manifest of docker schema 2.
    fn descriptor(&self, digest: &Digest) -> Result<Descriptor, ConvertError> {
        let media_type = MediaType::DockerLayer(self.compression);
        if matches!(self.compression, Compression::None | Compression::Gzip) {
            return Ok(Descriptor::new(media_type, *digest, self.size));
        }
        Err(ConvertError::Layer {
            layer: media_type,
            target: MediaType::DockerManifest,
        })
    }
}

/// Reads a file without its shared offset.
struct FromStart {
    file: Arc<File>,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Takes layers into temporary files on behalf of a destination.
struct SpoolSink<'a> {
    destination: &'a dyn ImageSink,
    progress: &'a dyn Progress,
    tmpdir: &'a Path,
    layers: Mutex<BTreeMap<Digest, Spooled>>,
}

impl SpoolSink<'_> {
    fn diff_id(&self, content: FromStart, compression: Compression) -> Result<DiffId, ImageError> {
        let failed = ImageError::Stream;
        let mut decoder =
            Decoder::new(content, compression, DecodeLimits::default()).map_err(failed)?;
        let mut digester = Digester::new(Algorithm::Sha256);
        let mut buffer = vec![0; CHUNK];
        loop {
            if self.progress.cancelled() {
                return Err(failed(std::io::Error::other(Stopped)));
            }
            let count = fill(&mut decoder, &mut buffer).map_err(failed)?;
            digester.update(&buffer[..count]);
            if count < buffer.len() {
                return Ok(DiffId(digester.finish()));
            }
        }
    }
}

impl ImageSink for SpoolSink<'_> {
    fn name(&self) -> &ImageName {
        self.destination.name()
    }

    fn manifest_types(&self) -> &[MediaType] {
        &[]
    }

    fn layer_compression(&self) -> LayerCompression {
        LayerCompression::Preserve
    }

    fn supports_signatures(&self) -> Result<(), ImageError> {
        Ok(())
    }

    fn begin(&self, _: &ImagePlan<'_>) -> Result<(), ImageError> {
        Ok(())
    }

    fn has_blob(&self, _: &Descriptor) -> Result<bool, ImageError> {
        Ok(false)
    }

    fn put_blob(&self, blob: Blob<'_>) -> Result<(Digest, u64), ImageError> {
        let (file, size) = spool::spool(blob.reader, self.tmpdir)?;
        let (digest, compression) = (blob.source.digest, blob.compression);
        let content = FromStart {
            file: Arc::new(file),
            at: 0,
        };
        let file = Arc::clone(&content.file);
        let spooled = Spooled {
            file,
            size,
            compression,
            diff_id: self.diff_id(content, compression)?,
        };
        self.layers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest, spooled);
        Ok((digest, size))
    }

    fn put_config(&self, _: &Descriptor, _: &[u8]) -> Result<(), ImageError> {
        Ok(())
    }

    fn put_manifest(&self, _: &NewManifest<'_>) -> Result<(), ImageError> {
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<Option<Stored>, ImageError> {
        Ok(None)
    }
}
