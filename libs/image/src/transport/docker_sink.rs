//! Writes images to registries.
//!
//! Each layer is asked for first, then mounted from the source's repository if that is on the
//! same registry, and uploaded only then. The manifest comes last, so a tag never points to an
//! image whose blobs are not all there. What is signed is put by its digest first, and under its
//! tag when the signatures are stored: registries that keep them take none for a manifest that
//! they lack.

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci::{Descriptor, Digest, Index, Manifest, MediaType, limits};
use registry::referrers_tag;
use registry::{Cancel, Mount, RegistryError, TagOrDigest, Upload, UploadSession};
use signing::{Signature, lookaside};

use crate::context::{Context, EndpointOptions};
use crate::copy::Stopped;
use crate::error::ImageError;
use crate::files::{Draft, Root, create_directories, remove_if_any, sync_directory};
use crate::name::{DockerName, ImageName};
use crate::sink::{Again, Blob, ImageSink, LayerCompression, NewManifest, SinkOptions, Stored};
use crate::transport::attachments::Attachments;
use crate::transport::docker_endpoint::{Remote, remote};
use crate::transport::oci_archive_sink::hash_to_spool;
use crate::transport::pushed::{Blobs, Claim, Found};
use crate::transport::signatures;

const MANIFEST_TYPES: &[MediaType] = &[
    MediaType::OciManifest,
    MediaType::DockerManifest,
    MediaType::OciIndex,
    MediaType::DockerList,
];

/// An image in a registry that is being written.
pub(crate) struct DockerSink {
    name: ImageName,
    docker: DockerName,
    remote: Remote,
    tmpdir: PathBuf,
    precompute: bool,
    /// Where signatures go when the registry does not keep them: a directory, or none.
    lookaside: Option<String>,
    /// Sigstore signatures go into the repository itself.
    attachments: bool,
    mount_from: Option<String>,
    cancel: Cancel,
    /// What is known of the repository.
    blobs: Arc<Blobs>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Blobs that we are to bring.
    claims: BTreeMap<Digest, Claim>,
    /// Uploads that the registry began when it was asked to mount.
    begun: BTreeMap<Digest, UploadSession>,
}

impl DockerSink {
    /// Makes ready to write. The registry is asked with the first blob.
    pub(crate) fn open(
        docker: &DockerName,
        context: &Context,
        endpoint: &EndpointOptions,
        options: &SinkOptions,
    ) -> Result<Self, ImageError> {
        let place = context.registries.own(&docker.reference);
        let remote = remote(&docker.reference, &place, context, endpoint)?;
        Ok(Self {
            name: ImageName::Docker(docker.clone()),
            blobs: context
                .pushed
                .repository(remote.endpoint.host(), &remote.path),
            cancel: context.client.cancel.clone(),
            remote,
            docker: docker.clone(),
            tmpdir: context.tmpdir.clone(),
            precompute: options.precompute_digests,
            lookaside: context.lookaside.write_base(&docker.reference),
            attachments: context
                .lookaside
                .use_sigstore_attachments(&docker.reference),
            mount_from: None,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, act: &'static str, source: RegistryError) -> ImageError {
        ImageError::Registry {
            act,
            name: self.remote.name.clone(),
            source: Box::new(source),
        }
    }

    /// Tells whether a blob is there. When it is not, others wait until we brought it, or gave up.
    fn is_there(&self, digest: &Digest, size: u64) -> Result<bool, ImageError> {
        if self.state().claims.contains_key(digest) {
            return Ok(false);
        }
        let claim = match self
            .blobs
            .claim(*digest, size, || self.cancel.is_cancelled())
        {
            Found::There => return Ok(true),
            Found::Ours(claim) => claim,
            Found::Stopped => return Err(ImageError::Stream(std::io::Error::other(Stopped))),
        };
        let found = self
            .remote
            .endpoint
            .head_blob(&self.remote.path, digest)
            .map_err(|source| self.failed("looking for a blob of", source))?;
        let there = found == Some(size);
        match there {
            true => claim.done(size),
            false => drop(self.state().claims.insert(*digest, claim)),
        }
        Ok(there)
    }

    /// Notes that a blob is there now, which others may wait for.
    fn note(&self, digest: Digest, size: u64) {
        match self.state().claims.remove(&digest) {
            Some(claim) => claim.done(size),
            None => self.blobs.note(digest, size),
        }
    }

    /// Sends a blob, with the upload that was `begun` for it if there is one.
    fn push(
        &self,
        mut body: impl std::io::Read,
        again: Option<Again<'_>>,
        known: Option<(Digest, u64)>,
        begun: Option<UploadSession>,
    ) -> Result<(Digest, u64), ImageError> {
        let failed = |source| self.failed("pushing a blob to", source);
        let upload = match begun {
            Some(upload) => upload,
            None => self
                .remote
                .endpoint
                .begin_upload(&self.remote.path)
                .map_err(failed)?,
        };
        let (digest, size) = match (again, known) {
            (Some(again), Some(known)) => {
                upload.push_repeatable(&mut body, again, known, Upload::Auto)
            }
            (_, known) => upload.push(&mut body, known, Upload::Auto),
        }
        .map_err(failed)?;
        self.note(digest, size);
        Ok((digest, size))
    }

    fn put(&self, which: &TagOrDigest, manifest: &NewManifest<'_>) -> Result<(), ImageError> {
        let put = self.remote.endpoint.put_manifest(
            &self.remote.path,
            which,
            manifest.media_type,
            manifest.bytes.to_vec(),
        );
        match put {
            Ok(_) => Ok(()),
            Err(error) if is_type_refused(&error) => Err(ImageError::ManifestType {
                name: format!("{} ({error})", self.name),
                media_type: manifest.media_type.clone(),
            }),
            Err(source) => Err(self.failed("writing manifest to", source)),
        }
    }

    fn put_signatures(&self, simple: &[Vec<u8>], manifest: &Digest) -> Result<(), ImageError> {
        if self.keeps_signatures()? {
            return self
                .remote
                .endpoint
                .add_signatures(&self.remote.path, manifest, simple)
                .map_err(|source| self.failed("writing signatures to", source));
        }
        let base = self.lookaside_directory()?;
        let repository = self.docker.reference.repository();
        let path = |n| lookaside::signature_path(repository, manifest, n);
        let folder = base.join(lookaside::folder_path(repository, manifest));
        create_directories(&folder)?;
        // Who signs another tag of the same image keeps ours, and we keep theirs.
        let root = Root::open(&folder)?;
        let _lock = root.lock()?;
        let mut all = signatures::of_other_names(&self.name, &root, simple)?;
        let new: Vec<Signature> = simple.iter().cloned().map(Signature::Simple).collect();
        all.extend(signatures::to_stored(&self.name, &new)?);
        let mut number = 1;
        for bytes in all {
            let Some(path) = path(number) else {
                return Err(ImageError::TooManySignatures {
                    name: self.name.to_string(),
                    limit: limits::SIGNATURES as u64,
                    what: "files",
                });
            };
            let path = base.join(path);
            let parent = path.parent().unwrap_or(base).to_owned();
            create_directories(&parent)?;
            let mut draft = Draft::create(&parent, ".signature-")?;
            draft.write(&bytes)?;
            draft.sync()?;
            draft.publish(&path)?;
            sync_directory(&parent)?;
            number += 1;
        }
        while let Some(path) = path(number).map(|path| base.join(path)) {
            if !path.exists() {
                break;
            }
            remove_if_any(&path)?;
            number += 1;
        }
        Ok(())
    }

    /// Tells whether the registry itself keeps signatures.
    fn keeps_signatures(&self) -> Result<bool, ImageError> {
        let keeps = self.remote.endpoint.keeps_signatures();
        keeps.map_err(|source| self.failed("reaching", source))
    }

    fn no_signatures(&self, why: &'static str) -> ImageError {
        ImageError::NoSignatures {
            name: self.name.to_string(),
            why,
        }
    }

    /// Returns the directory that signatures are written below.
    fn lookaside_directory(&self) -> Result<&Path, ImageError> {
        let base = self.lookaside.as_deref().ok_or_else(|| {
            self.no_signatures("no lookaside to write them to is configured in registries.d")
        })?;
        base.strip_prefix("file://")
            .map(Path::new)
            .ok_or_else(|| self.no_signatures("the lookaside to write them to is no file: URL"))
    }
}

/// Tells whether the registry refused the manifest for what it is, so that another type may do.
fn is_type_refused(error: &RegistryError) -> bool {
    let RegistryError::Status(status) = error else {
        return false;
    };
    match status.status.as_u16() {
        415 => true,
        400..=499 => status.errors.iter().any(|e| {
            matches!(
                e.code.as_str(),
                "MANIFEST_INVALID" | "TAG_INVALID" | "UNSUPPORTED"
            )
        }),
        _ => false,
    }
}

impl ImageSink for DockerSink {
    fn name(&self) -> &ImageName {
        &self.name
    }

    fn manifest_types(&self) -> &[MediaType] {
        MANIFEST_TYPES
    }

    fn layer_compression(&self) -> LayerCompression {
        LayerCompression::Compress
    }

    fn supports_signatures(&self) -> Result<(), ImageError> {
        if self.attachments || self.keeps_signatures()? {
            return Ok(());
        }
        self.lookaside_directory().map(drop)
    }

    fn offer_mounts(&mut self, host: &str, path: &str) {
        if host == self.remote.endpoint.host() && path != self.remote.path {
            self.mount_from = Some(path.to_owned());
        }
    }

    fn keeps_foreign_layers(&self) -> bool {
        true
    }

    fn present(&self) -> Result<Option<Digest>, ImageError> {
        let Some(tag) = self.docker.reference.tag() else {
            return Ok(None);
        };
        let head = self
            .remote
            .endpoint
            .head_manifest(&self.remote.path, &TagOrDigest::Tag(tag.clone()))
            .map_err(|source| self.failed("looking for the manifest of", source))?;
        Ok(head.map(|head| head.digest))
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, ImageError> {
        let digest = descriptor.digest;
        if self.is_there(&digest, descriptor.size)? {
            return Ok(true);
        }
        let Some(from) = &self.mount_from else {
            return Ok(false);
        };
        match self
            .remote
            .endpoint
            .mount_or_begin(&self.remote.path, &digest, from)
        {
            Ok(Mount::Mounted) => {
                self.note(digest, descriptor.size);
                Ok(true)
            }
            Ok(Mount::Upload(upload)) => {
                self.state().begun.insert(digest, upload);
                Ok(false)
            }
            // A registry that does not mount can still be pushed to.
            Err(error) if error.status().is_some() => Ok(false),
            Err(source) => Err(self.failed("mounting a blob to", source)),
        }
    }

    fn put_blob(&self, blob: Blob<'_>) -> Result<(Digest, u64), ImageError> {
        // Whatever becomes of the layer on its way, the upload that asking for the mount began is
        // taken: it holds a connection.
        let begun = self.state().begun.remove(&blob.source.digest);
        if blob.known.is_some() || !self.precompute {
            let pushed = self.push(blob.reader, blob.again, blob.known, begun);
            // Whoever waits for the blob as the source has it must bring it.
            drop(self.state().claims.remove(&blob.source.digest));
            return pushed;
        }
        drop(self.state().claims.remove(&blob.source.digest));
        let (file, digest, size) = hash_to_spool(blob.reader, &self.tmpdir)?;
        if self.is_there(&digest, size)? {
            return Ok((digest, size));
        }
        let again = || (&file).seek(SeekFrom::Start(0)).map(drop);
        self.push(&file, Some(&again), Some((digest, size)), begun)
    }

    fn put_config(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), ImageError> {
        if !self.is_there(&descriptor.digest, descriptor.size)? {
            let known = (descriptor.digest, bytes.len() as u64);
            let pushed = self.push(bytes, None, Some(known), None);
            drop(self.state().claims.remove(&descriptor.digest));
            pushed?;
        }
        Ok(())
    }

    fn put_manifest(&self, manifest: &NewManifest<'_>) -> Result<(), ImageError> {
        let mut simple = Vec::new();
        let mut sigstore = Vec::new();
        for signature in manifest.signatures {
            match signature {
                Signature::Simple(bytes) => simple.push(bytes.clone()),
                Signature::Sigstore { .. } if self.attachments => sigstore.push(signature.clone()),
                Signature::Sigstore { .. } => {
                    return Err(self.no_signatures(
                        "sigstore signatures go into the repository, and use-sigstore-attachments \
                         is not on in registries.d",
                    ));
                }
                _ => {
                    return Err(self.no_signatures(
                        "registries and lookasides hold simple and sigstore signatures only",
                    ));
                }
            }
        }
        let signed = !(simple.is_empty() && sigstore.is_empty());
        let tag = self
            .docker
            .reference
            .tag()
            .filter(|_| !manifest.is_instance)
            .map(|tag| TagOrDigest::Tag(tag.clone()));
        if tag.is_none() || signed {
            self.put(&TagOrDigest::Digest(manifest.digest), manifest)?;
        }
        if !simple.is_empty() {
            self.put_signatures(&simple, &manifest.digest)?;
        }
        if !sigstore.is_empty() {
            Attachments::of(&self.remote, &manifest.digest)?.add(&sigstore)?;
        }
        tag.map_or(Ok(()), |tag| self.put(&tag, manifest))
    }

    fn put_referrer(
        &self,
        manifest: &NewManifest<'_>,
        subject: &Digest,
        described: &Descriptor,
    ) -> Result<(), ImageError> {
        let failed = |source| self.failed("writing what refers to an image to", source);
        let (endpoint, path) = (&self.remote.endpoint, &self.remote.path);
        let (media_type, bytes) = (manifest.media_type, manifest.bytes.to_vec());
        let listed = endpoint
            .put_referrer(path, &manifest.digest, media_type, bytes)
            .map_err(failed)?;
        let Some(tag) = referrers_tag(subject).filter(|_| !listed) else {
            return Ok(());
        };
        let _lock = self.blobs.lock_referrers();
        let tag = TagOrDigest::Tag(tag);
        let mut list = match endpoint.manifest(path, &tag) {
            Ok(there) => match there.manifest() {
                Manifest::Index(list) => list.clone(),
                _ => {
                    return Err(ImageError::inconsistent(
                        &format!("{}:{tag}", self.remote.name),
                        "the tag is for a list of referrers, and something else has it",
                    ));
                }
            },
            Err(error) if error.is_not_found() => Index {
                media_type: MediaType::OciIndex,
                manifests: Vec::new(),
                annotations: BTreeMap::new(),
                subject: None,
                artifact_type: None,
            },
            Err(error) => return Err(failed(error)),
        };
        if list
            .manifests
            .iter()
            .any(|it| it.digest == described.digest)
        {
            return Ok(());
        }
        list.manifests.push(described.clone());
        endpoint
            .put_manifest(path, &tag, &MediaType::OciIndex, list.to_bytes())
            .map(drop)
            .map_err(failed)
    }

    fn commit(self: Box<Self>) -> Result<Option<Stored>, ImageError> {
        // The manifest that was put last made the image visible.
        Ok(None)
    }
}
