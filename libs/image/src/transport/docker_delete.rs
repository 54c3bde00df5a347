//! Deletes images from registries.
//!
//! The name is resolved to a digest first, and what is deleted is that digest: with all its tags.
//! A tag alone is deleted where the registry does that. Where it does not, the tag is given to an
//! empty manifest of our own, and that manifest is deleted; that manifests can be deleted at all is
//! tried before, with one that has no tag.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use oci::{Digest, MediaType, Tag, limits};
use registry::{RegistryError, TagOrDigest, Upload};
use serde_json::json;
use signing::lookaside;

use crate::context::{Context, EndpointOptions};
use crate::delete::{DeleteOptions, Deleted, refuse_other_tags};
use crate::error::ImageError;
use crate::files::remove_if_any;
use crate::name::{DockerName, ImageName};
use crate::transport::docker_endpoint::{Remote, remote, wanted};
use crate::transport::docker_source::digest_of;

/// So many tags are asked at once what they point to.
const PARALLEL_TAGS: usize = 16;

/// The content of the blob that stands for nothing (image-spec, "Guidance for an Empty Descriptor").
const EMPTY: &[u8] = b"{}";

/// Deletes the image that `docker` names.
pub(crate) fn delete(
    docker: &DockerName,
    context: &Context,
    options: &EndpointOptions,
    how: DeleteOptions,
) -> Result<Deleted, ImageError> {
    let name = ImageName::Docker(docker.clone());
    if docker.unknown_digest {
        return Err(ImageError::Unsupported {
            transport: crate::Transport::Docker,
            what: "deleting an unknown digest",
        });
    }
    let reference = &docker.reference;
    let place = context.registries.own(reference);
    let remote = remote(reference, &place, context, options)?;
    let image = Image::find(&name, docker, &remote)?;
    let tag = reference.tag();
    let mut tags = Vec::new();
    if how.wants_tags() {
        tags = image.tags()?;
    }
    if how.if_only_tag {
        refuse_other_tags(&name, &image.digest, tag.map(Tag::as_str), &tags)?;
    }
    let base = context.lookaside.write_base(reference);
    let mut deleted = Deleted {
        digest: image.digest,
        tag_only: how.tag_only,
        tags,
        blobs: None,
        signatures_stay: None,
    };
    if how.tag_only {
        let tag = tag.ok_or_else(|| ImageError::NoTag {
            name: name.to_string(),
        })?;
        deleted.tags = vec![tag.to_string()];
        if !how.dry_run {
            image.delete_tag(tag)?;
        }
        return Ok(deleted);
    }
    let beside = base
        .as_deref()
        .and_then(|base| base.strip_prefix("file://"));
    if let (None, Some(base)) = (beside, &base) {
        deleted.signatures_stay = Some(base.clone());
    }
    if how.dry_run {
        return Ok(deleted);
    }
    image
        .delete(&TagOrDigest::Digest(image.digest))
        .map_err(|source| image.failed("deleting", source))?;
    if let Some(base) = beside {
        let folder = lookaside::folder_path(reference.repository(), &image.digest);
        remove_signatures(&Path::new(base).join(folder))?;
    }
    Ok(deleted)
}

/// An image that is there.
struct Image<'a> {
    name: &'a ImageName,
    remote: &'a Remote,
    digest: Digest,
    bytes: Vec<u8>,
    media_type: Option<MediaType>,
}

impl<'a> Image<'a> {
    fn find(
        name: &'a ImageName,
        docker: &DockerName,
        remote: &'a Remote,
    ) -> Result<Self, ImageError> {
        let failed = |source| ImageError::Registry {
            act: "reading manifest of",
            name: name.to_string(),
            source: Box::new(source),
        };
        let reference = &docker.reference;
        let (bytes, media_type) = remote
            .endpoint
            .manifest_bytes(&remote.path, &wanted(reference))
            .map_err(failed)?;
        let digest = match reference.digest() {
            Some(digest) => *digest,
            None => digest_of(&bytes, media_type.as_ref()),
        };
        if let (Some(tag), Some(_)) = (reference.tag(), reference.digest()) {
            let head = remote
                .endpoint
                .head_manifest(&remote.path, &TagOrDigest::Tag(tag.clone()))
                .map_err(failed)?;
            let Some(head) = head else {
                return Err(ImageError::NotFound {
                    name: format!("{}:{tag}", remote.name),
                });
            };
            if head.digest != digest {
                return Err(ImageError::TagMoved {
                    name: name.to_string(),
                    actual: Box::new(head.digest),
                });
            }
        }
        Ok(Self {
            name,
            remote,
            digest,
            bytes,
            media_type,
        })
    }

    fn failed(&self, act: &'static str, source: RegistryError) -> ImageError {
        ImageError::Registry {
            act,
            name: self.name.to_string(),
            source: Box::new(source),
        }
    }

    /// Finds all tags of the image.
    fn tags(&self) -> Result<Vec<String>, ImageError> {
        let all = self
            .remote
            .endpoint
            .tags(&self.remote.path)
            .map_err(|source| self.failed("listing the tags of", source))?;
        let next = AtomicUsize::new(0);
        let found: Mutex<Vec<String>> = Mutex::default();
        let look = || -> Result<(), ImageError> {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(text) = all.get(place) else {
                    return Ok(());
                };
                let Ok(tag) = Tag::parse(text) else { continue };
                let head = self
                    .remote
                    .endpoint
                    .head_manifest(&self.remote.path, &TagOrDigest::Tag(tag))
                    .map_err(|source| self.failed("looking at the tags of", source))?;
                if head.is_some_and(|head| head.digest == self.digest) {
                    found
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(text.clone());
                }
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..PARALLEL_TAGS.min(all.len()))
                .map(|_| scope.spawn(look))
                .collect();
            workers.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })?;
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_unstable();
        Ok(found)
    }

    fn delete(&self, which: &TagOrDigest) -> Result<(), RegistryError> {
        self.remote
            .endpoint
            .delete_manifest(&self.remote.path, which)
    }

    fn put(
        &self,
        which: &TagOrDigest,
        media_type: &MediaType,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        self.remote
            .endpoint
            .put_manifest(&self.remote.path, which, media_type, bytes.to_vec())
            .map(drop)
    }

    /// Deletes a tag alone.
    fn delete_tag(&self, tag: &Tag) -> Result<(), ImageError> {
        let tag = TagOrDigest::Tag(tag.clone());
        match self.delete(&tag) {
            Ok(()) => Ok(()),
            // Registries word it in many ways that they delete by digest only.
            Err(error) if matches!(error.status().map(|s| s.as_u16()), Some(400 | 405 | 501)) => {
                self.replace_and_delete(&tag)
            }
            Err(source) => Err(self.failed("deleting the tag of", source)),
        }
    }

    /// Gives the tag to a manifest that nobody else has, and deletes that.
    fn replace_and_delete(&self, tag: &TagOrDigest) -> Result<(), ImageError> {
        let refused = |source| self.failed("deleting the tag of", source);
        let empty = Digest::sha256(EMPTY);
        self.remote
            .endpoint
            .push_blob(
                &self.remote.path,
                EMPTY,
                Some((empty, EMPTY.len() as u64)),
                Upload::Auto,
            )
            .map_err(refused)?;
        let stand_in = self.stand_in(&empty);
        let digest = TagOrDigest::Digest(Digest::sha256(&stand_in));
        let media_type = MediaType::OciManifest;
        self.put(&digest, &media_type, &stand_in).map_err(refused)?;
        self.delete(&digest).map_err(refused)?;
        self.put(tag, &media_type, &stand_in).map_err(refused)?;
        let Err(failure) = self.delete(&digest) else {
            return Ok(());
        };
        // The tag goes back to its image.
        let own = self.media_type.as_ref().unwrap_or(&media_type);
        match self.put(tag, own, &self.bytes) {
            Ok(()) => Err(refused(failure)),
            Err(error) => Err(ImageError::inconsistent(
                self.name,
                format!(
                    "the tag stands for nothing now: neither could it be deleted ({failure}) nor \
                     given back to {} ({error})",
                    self.digest
                ),
            )),
        }
    }

    /// Makes a manifest without content that is no other's: it says whose tag it takes over.
    fn stand_in(&self, empty: &Digest) -> Vec<u8> {
        let nothing = json!({
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": empty.to_string(),
            "size": EMPTY.len(),
        });
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.skopeo-rs.deleted-tag",
            "config": nothing,
            "layers": [nothing],
            "annotations": {
                "org.opencontainers.image.description":
                    format!("stands for the deleted tag {}", self.name),
            },
        })
        .to_string()
        .into_bytes()
    }
}

/// Removes the signatures of an image beside the registry.
fn remove_signatures(folder: &Path) -> Result<(), ImageError> {
    let mut removed = false;
    for number in 1..=limits::SIGNATURES {
        let path = folder.join(format!("signature-{number}"));
        if !path.exists() {
            break;
        }
        remove_if_any(&path)?;
        removed = true;
    }
    if removed {
        // Others may have put other files there.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}
