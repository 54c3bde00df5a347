//! One image, alone or as an instance of a list.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use oci::{Compression, Descriptor, Digest, ImageConfig, ImageManifest, Manifest, MediaType};
use oci::{RawManifest, Reference, limits};
use signing::{Evaluation, Signature, TrustedManifest, sigstore, simple};

use super::{CopyError, CopyReport, Engine, ImageSigner};
use crate::blob::read_document;
use crate::convert::{self, ConvertError, CopiedLayer};
use crate::error::ImageError;
use crate::progress::Note;
use crate::sink::{ImagePlan, LayerCompression, NewManifest};

/// An image whose copy began.
pub(super) struct Begun {
    /// The signatures that go with it.
    pub(super) signatures: Vec<Signature>,
    /// Why its manifest must stay as it is.
    pub(super) fixed: Option<&'static str>,
    /// The manifest that it was chosen from or made of.
    pub(super) list: Option<Digest>,
    /// Whether the list that it is in is copied, too.
    pub(super) is_instance: bool,
}

impl Engine<'_> {
    /// Copies one image. `instance` is its digest when it comes out of a list; `is_instance`
    /// tells that the list is copied, too.
    pub(super) fn copy_image(
        &self,
        manifest: RawManifest,
        instance: Option<&Digest>,
        is_instance: bool,
    ) -> Result<CopyReport, CopyError> {
        let signatures = self.signatures(instance)?;
        let trusted = self.judge(manifest, &signatures)?;
        match trusted.manifest().manifest() {
            Manifest::Image(image) => {
                let begun = self.start(&trusted, signatures, instance, is_instance)?;
                self.copy_accepted(&trusted, image, begun)
            }
            Manifest::Schema1(schema1) => {
                let begun = self.start(&trusted, signatures, instance, is_instance)?;
                self.copy_schema1(&trusted, schema1, begun)
            }
            Manifest::Index(_) => Err(CopyError::NestedList {
                digest: *trusted.manifest().digest(),
            }),
        }
    }

    /// Finds out what becomes of the signatures, and whether the manifest may change.
    fn start(
        &self,
        trusted: &TrustedManifest,
        signatures: Vec<Signature>,
        instance: Option<&Digest>,
        is_instance: bool,
    ) -> Result<Begun, CopyError> {
        if !is_instance {
            self.check_demanded(trusted.manifest())?;
        }
        let signatures = if self.options.remove_signatures {
            Vec::new()
        } else {
            self.progress.note(Note::GettingSignatures);
            signatures
        };
        self.check_signatures(!signatures.is_empty(), Note::CheckingSignatureSupport)?;
        Ok(Begun {
            fixed: self.fixed(!signatures.is_empty()),
            signatures,
            list: instance.map(|_| *self.top.digest()),
            is_instance,
        })
    }

    /// Copies an image that the policy accepted.
    pub(super) fn copy_accepted(
        &self,
        trusted: &TrustedManifest,
        image: &ImageManifest,
        begun: Begun,
    ) -> Result<CopyReport, CopyError> {
        let fixed = begun.fixed;
        let manifest = trusted.manifest();
        let types = convert::candidates(
            manifest.media_type(),
            self.sink.manifest_types(),
            self.options.format,
            self.options.compression == Some(Compression::Zstd)
                && self.sink.layer_compression() != LayerCompression::Decompress,
            fixed.is_none(),
        )?;
        let keeps_type = types.first() == Some(manifest.media_type());
        if keeps_type
            && begun.signatures.is_empty()
            && self.is_present(manifest, begun.is_instance)?
        {
            self.progress.note(Note::AlreadyPresent);
            self.unchanged().push(*manifest.digest());
            return Ok(CopyReport {
                manifest: manifest.bytes().to_vec(),
                digest: *manifest.digest(),
                media_type: manifest.media_type().clone(),
                already_present: true,
                stored: None,
            });
        }
        let config = Config::new(self, image);
        let layers = unique(&image.layers);
        let first = if self.sink.wants_config_first() {
            config.parsed()?
        } else {
            None
        };
        self.begin(trusted, &layers, first, begun.list)?;
        let copied = self.copy_layers(&layers, fixed.is_none())?;
        let copied = in_manifest_order(image, &layers, &copied);
        check_diff_ids(image, first, &copied)?;
        let mut refused = None;
        for target in &types {
            match self.put_as(target, trusted, image, &config, &copied, &begun) {
                Err(CopyError::Sink {
                    source: ImageError::ManifestType { name, media_type },
                    ..
                }) => {
                    let source = ImageError::ManifestType { name, media_type };
                    refused = Some(self.sink_failed(source));
                }
                // What the destination said of the manifest as it is tells more.
                Err(CopyError::Convert(_)) if refused.is_some() => break,
                result => return result,
            }
        }
        let source_type = manifest.media_type().clone();
        Err(refused.unwrap_or_else(|| ConvertError::NoFormat { source_type }.into()))
    }

    /// Says to the destination which image comes.
    pub(super) fn begin(
        &self,
        trusted: &TrustedManifest,
        layers: &[Descriptor],
        config: Option<&ImageConfig>,
        list: Option<Digest>,
    ) -> Result<(), CopyError> {
        self.sink
            .begin(&ImagePlan {
                trusted,
                layers,
                config,
                origin: &self.source.name().to_string(),
                list,
                now: self.options.now,
                note: &|note| self.progress.note(note),
            })
            .map_err(|error| self.sink_failed(error))
    }

    /// Reads the signatures of an image, unless they are left behind and nobody judges by them.
    pub(super) fn signatures(
        &self,
        instance: Option<&Digest>,
    ) -> Result<Vec<Signature>, CopyError> {
        let is_judged = self.source.admitted().is_none();
        let identity = self.source.identity();
        if self.options.remove_signatures
            && !(is_judged && self.policy.looks_at_signatures(&identity))
        {
            return Ok(Vec::new());
        }
        self.source
            .signatures(instance)
            .map_err(|error| self.source_failed(error))
    }

    /// Asks the policy, unless the image passed it on its way into the source.
    pub(super) fn judge(
        &self,
        manifest: RawManifest,
        signatures: &[Signature],
    ) -> Result<TrustedManifest, CopyError> {
        if let Some(reason) = self.source.admitted() {
            return Ok(TrustedManifest::local_result(manifest, &reason));
        }
        let identity = self.source.identity();
        self.policy
            .evaluate(Evaluation {
                identity: &identity,
                manifest,
                signatures,
                keys: self.options.keys.as_ref(),
                now: self.options.now,
            })
            .map_err(|rejected| CopyError::Rejected(Box::new(rejected)))
    }

    /// Fails when there are signatures that the destination cannot hold.
    pub(super) fn check_signatures(&self, any: bool, note: Note) -> Result<(), CopyError> {
        if !any {
            return Ok(());
        }
        self.progress.note(note);
        self.sink
            .supports_signatures()
            .map_err(|source| CopyError::Signatures {
                name: self.sink.name().to_string(),
                source,
            })
    }

    /// Tells whether the destination has the manifest already, when that ends the work.
    pub(super) fn is_present(
        &self,
        manifest: &RawManifest,
        is_instance: bool,
    ) -> Result<bool, CopyError> {
        if !self.options.skip_present || is_instance || !self.options.signers.is_empty() {
            return Ok(false);
        }
        let present = self
            .sink
            .present()
            .map_err(|error| self.sink_failed(error))?;
        Ok(present.is_some_and(|digest| digest == *manifest.digest()))
    }

    /// Writes configuration and manifest as `target`.
    fn put_as(
        &self,
        target: &MediaType,
        trusted: &TrustedManifest,
        image: &ImageManifest,
        config: &Config<'_>,
        layers: &[CopiedLayer],
        begun: &Begun,
    ) -> Result<CopyReport, CopyError> {
        if *target != image.media_type {
            // Parsed now, so that what it contains is an error and not left out.
            config.parsed()?;
        }
        let (descriptor, written) =
            convert::config_for(target, image, || config.parsed().ok().flatten().cloned());
        let rewritten = convert::rewrite(image, target, descriptor.clone(), layers)?;
        if let (Some(_), Some(reason)) = (&rewritten, begun.fixed) {
            return Err(CopyError::MustNotModify { reason });
        }
        self.progress.note(Note::CopyingConfig {
            digest: descriptor.digest,
        });
        self.put_config(&descriptor, written.as_deref(), config)?;
        let bytes = match &rewritten {
            Some(manifest) => manifest.to_bytes(),
            None => trusted.manifest().bytes().to_vec(),
        };
        let digest = match &rewritten {
            Some(_) => Digest::sha256(&bytes),
            None => *trusted.manifest().digest(),
        };
        self.sign_and_put(&NewManifest {
            bytes: &bytes,
            digest,
            media_type: target,
            trusted: Some(trusted),
            is_instance: begun.is_instance,
            signatures: &begun.signatures,
        })?;
        if rewritten.is_none() {
            self.unchanged().push(digest);
        }
        let media_type = target.clone();
        Ok(CopyReport {
            manifest: bytes,
            digest,
            media_type,
            already_present: false,
            stored: None,
        })
    }

    fn put_config(
        &self,
        descriptor: &Descriptor,
        written: Option<&[u8]>,
        config: &Config<'_>,
    ) -> Result<(), CopyError> {
        let failed = |source| CopyError::Blob {
            digest: descriptor.digest,
            source: Box::new(source),
        };
        let unread = written.is_none() && config.bytes.get().is_none();
        if unread && self.sink.has_blob(descriptor).map_err(failed)? {
            return Ok(());
        }
        let bytes = match written {
            Some(written) => written,
            None => config.bytes()?,
        };
        self.sink.put_config(descriptor, bytes).map_err(failed)
    }

    /// Checks what a signature of the copy needs, as long as nothing was copied.
    pub(super) fn check_signing(&self) -> Result<(), CopyError> {
        if self.options.signers.is_empty() {
            return Ok(());
        }
        self.signed_identity()?;
        self.sink
            .supports_signatures()
            .map_err(|error| self.sink_failed(error))
    }

    /// Signs a manifest and writes it with its signatures, old and new.
    pub(super) fn sign_and_put(&self, manifest: &NewManifest<'_>) -> Result<(), CopyError> {
        let is_list = manifest.trusted.is_none();
        self.progress.note(if is_list {
            Note::WritingList
        } else {
            Note::WritingManifest
        });
        let mut signatures = manifest.signatures.to_vec();
        let signers = &self.options.signers;
        for (signer, number) in signers.iter().zip(1..) {
            let identity = self.signed_identity()?;
            let kind = match signer {
                ImageSigner::Simple(_) => "Signing image using simple signing",
                ImageSigner::Sigstore(_) => "Signing image using a sigstore signature",
            };
            self.progress.note(Note::CreatingSignature {
                number: (signers.len() > 1).then_some(number),
                kind: kind.to_owned(),
            });
            let (creator, now) = (&self.options.creator, self.options.now);
            signatures.push(match signer {
                ImageSigner::Simple(key) => Signature::Simple(
                    simple::sign(key.as_ref(), &manifest.digest, &identity, creator, now)
                        .map_err(CopyError::Sign)?,
                ),
                ImageSigner::Sigstore(key) => {
                    sigstore::sign(key, &manifest.digest, &identity, creator, now)
                        .map_err(CopyError::SignSigstore)?
                }
            });
        }
        self.sink
            .put_manifest(&NewManifest {
                signatures: &signatures,
                ..*manifest
            })
            .map_err(|error| self.sink_failed(error))?;
        self.progress.note(if is_list {
            Note::StoringListSignatures
        } else {
            Note::StoringSignatures
        });
        Ok(())
    }

    /// Returns the name that is signed. A destination by tag and digest is signed by its tag, which
    /// other programs look for.
    fn signed_identity(&self) -> Result<String, CopyError> {
        let destination = self.sink.name().docker_reference();
        let destination = destination.map(|name| match name.tag() {
            Some(tag) => Reference::new(name.repository().clone(), Some(tag.clone()), None),
            None => name.clone(),
        });
        match self.options.sign_identity.as_ref().or(destination.as_ref()) {
            Some(name) if name.tag().is_some() || name.digest().is_some() => Ok(name.to_string()),
            _ => Err(CopyError::NoIdentity {
                name: self.sink.name().to_string(),
            }),
        }
    }
}

/// The configuration, read when somebody wants it.
struct Config<'a> {
    engine: &'a Engine<'a>,
    descriptor: &'a Descriptor,
    bytes: OnceCell<Vec<u8>>,
    parsed: OnceCell<ImageConfig>,
}

impl<'a> Config<'a> {
    fn new(engine: &'a Engine<'_>, image: &'a ImageManifest) -> Self {
        let (bytes, parsed) = (OnceCell::new(), OnceCell::new());
        Self {
            engine,
            descriptor: &image.config,
            bytes,
            parsed,
        }
    }

    fn bytes(&self) -> Result<&[u8], CopyError> {
        if let Some(bytes) = self.bytes.get() {
            return Ok(bytes);
        }
        let digest = self.descriptor.digest;
        let failed = |source| CopyError::Blob {
            digest,
            source: Box::new(source),
        };
        let reader = self.engine.source.blob(self.descriptor).map_err(failed)?;
        let bytes = read_document(reader, self.descriptor, limits::CONFIG_BYTES)
            .map_err(|error| failed(ImageError::Stream(error)))?;
        Ok(self.bytes.get_or_init(|| bytes))
    }

    /// Returns the configuration of an image; `None` for artifacts.
    fn parsed(&self) -> Result<Option<&ImageConfig>, CopyError> {
        if !convert::is_image_config(&self.descriptor.media_type) {
            return Ok(None);
        }
        if let Some(parsed) = self.parsed.get() {
            return Ok(Some(parsed));
        }
        let name = self.engine.source.name().to_string();
        let parsed = ImageConfig::parse(self.bytes()?).map_err(|source| {
            self.engine.source_failed(ImageError::ImageConfig {
                name,
                source: Box::new(source),
            })
        })?;
        Ok(Some(self.parsed.get_or_init(|| parsed)))
    }
}

/// Returns each layer once: an image may have the same one twice.
fn unique(layers: &[Descriptor]) -> Vec<Descriptor> {
    let mut seen = std::collections::BTreeSet::new();
    layers
        .iter()
        .filter(|layer| seen.insert(layer.digest))
        .cloned()
        .collect()
}

fn in_manifest_order(
    image: &ImageManifest,
    layers: &[Descriptor],
    copied: &[CopiedLayer],
) -> Vec<CopiedLayer> {
    let by_digest: BTreeMap<Digest, &CopiedLayer> = layers
        .iter()
        .map(|layer| layer.digest)
        .zip(copied)
        .collect();
    image
        .layers
        .iter()
        .filter_map(|layer| by_digest.get(&layer.digest).copied().cloned())
        .collect()
}

/// Checks layers whose plain content was seen against the configuration, when that was read.
fn check_diff_ids(
    image: &ImageManifest,
    config: Option<&ImageConfig>,
    copied: &[CopiedLayer],
) -> Result<(), CopyError> {
    let Some(config) = config else { return Ok(()) };
    for ((layer, copied), diff_id) in image.layers.iter().zip(copied).zip(&config.rootfs.diff_ids) {
        if copied.compression == Some(Compression::None) && copied.digest != diff_id.0 {
            return Err(CopyError::DiffId {
                layer: layer.digest,
                expected: Box::new(diff_id.0),
                actual: Box::new(copied.digest),
            });
        }
    }
    Ok(())
}
