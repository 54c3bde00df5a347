//! What is about an image: signatures, bills of materials, attestations.
//!
//! They go with the image they are about, and so do those that are about them. An image that became
//! another one on its way leaves them behind: they would be about nothing.

use std::collections::BTreeSet;

use oci::{Descriptor, Digest, Manifest, limits};

use super::{CopyError, Engine};
use crate::progress::Note;
use crate::referrers::describe;
use crate::sink::{Blob, NewManifest};

/// Most referrers that go with one copy.
const MOST: usize = 1_000;

impl Engine<'_> {
    /// Copies what is about the manifests that were copied unchanged.
    pub(super) fn copy_referrers(&self, changed: bool) -> Result<(), CopyError> {
        let subjects = std::mem::take(&mut *self.unchanged());
        if changed && subjects.is_empty() {
            return Err(CopyError::ReferrersOfNothing);
        }
        let mut seen: BTreeSet<Digest> = subjects.iter().copied().collect();
        for subject in subjects {
            self.referrers_of(&subject, 0, &mut seen)?;
        }
        Ok(())
    }

    fn referrers_of(
        &self,
        subject: &Digest,
        level: usize,
        seen: &mut BTreeSet<Digest>,
    ) -> Result<(), CopyError> {
        let listed = self
            .source
            .referrers(subject)
            .map_err(|error| self.source_failed(error))?;
        for descriptor in listed {
            if !seen.insert(descriptor.digest) {
                continue;
            }
            if level > limits::INDEX_LEVELS || seen.len() > MOST {
                return Err(CopyError::ListLoop {
                    digest: descriptor.digest,
                });
            }
            self.progress.note(Note::CopyingReferrer {
                digest: descriptor.digest,
                artifact_type: descriptor.artifact_type.clone(),
            });
            self.copy_whole(&descriptor, Some(subject), 0)?;
            self.referrers_of(&descriptor.digest, level + 1, seen)?;
        }
        Ok(())
    }

    /// Copies a manifest and all that it names, byte for byte.
    fn copy_whole(
        &self,
        descriptor: &Descriptor,
        subject: Option<&Digest>,
        level: usize,
    ) -> Result<(), CopyError> {
        let digest = descriptor.digest;
        if level > limits::INDEX_LEVELS {
            return Err(CopyError::ListLoop { digest });
        }
        let manifest = self
            .source
            .manifest(Some(&digest))
            .map_err(|error| self.source_failed(error))?;
        match manifest.manifest() {
            Manifest::Image(image) => {
                for blob in std::iter::once(&image.config).chain(&image.layers) {
                    self.copy_blob(blob)?;
                }
            }
            Manifest::Index(list) => {
                for entry in &list.manifests {
                    self.copy_whole(entry, None, level + 1)?;
                }
            }
            Manifest::Schema1(_) => return Err(CopyError::NestedList { digest }),
        }
        let new = NewManifest {
            bytes: manifest.bytes(),
            digest,
            media_type: manifest.media_type(),
            trusted: None,
            is_instance: true,
            signatures: &[],
        };
        match subject {
            None => self.sink.put_manifest(&new),
            Some(subject) => {
                let described = describe(&manifest, descriptor);
                self.sink.put_referrer(&new, subject, &described)
            }
        }
        .map_err(|error| self.sink_failed(error))
    }

    fn copy_blob(&self, blob: &Descriptor) -> Result<(), CopyError> {
        let failed = |source| CopyError::Blob {
            digest: blob.digest,
            source: Box::new(source),
        };
        if self.sink.has_blob(blob).map_err(failed)? {
            return Ok(());
        }
        let mut reader = self.source.blob(blob).map_err(failed)?;
        self.sink
            .put_blob(Blob {
                source: blob,
                known: Some((blob.digest, blob.size)),
                compression: oci::Compression::None,
                reader: &mut reader,
                again: None,
            })
            .map(drop)
            .map_err(failed)
    }
}
