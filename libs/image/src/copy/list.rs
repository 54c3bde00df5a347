//! A list with all its instances, or the list alone.

use oci::{Digest, Index};

use super::{CopyError, CopyReport, Engine, Instances, instance};
use crate::convert::{self, CopiedInstance};
use crate::progress::Note;
use crate::sink::NewManifest;

impl Engine<'_> {
    /// Copies the list that the source's top manifest is.
    pub(super) fn copy_list(&self, list: &Index) -> Result<CopyReport, CopyError> {
        if !self.options.remove_signatures {
            self.progress.note(Note::GettingListSignatures);
        }
        // The policy judges a list by its instances; where none is copied nothing else is judged.
        let alone = self.options.instances == Instances::IndexOnly || list.manifests.is_empty();
        let signatures = if self.options.remove_signatures && !alone {
            Vec::new()
        } else {
            self.signatures(None)?
        };
        if alone {
            self.judge(self.top.clone(), &signatures)?;
        }
        let signatures = if self.options.remove_signatures {
            Vec::new()
        } else {
            signatures
        };
        self.check_signatures(!signatures.is_empty(), Note::CheckingListSignatureSupport)?;
        self.check_demanded(&self.top)?;
        let fixed = self.fixed(!signatures.is_empty());
        let accepted = self.sink.manifest_types();
        let target = convert::list_type(&list.media_type, accepted, self.options.format)?;
        if target == list.media_type
            && signatures.is_empty()
            && self.is_present(&self.top, false)?
        {
            self.progress.note(Note::AlreadyPresent);
            return Ok(CopyReport {
                manifest: self.top.bytes().to_vec(),
                digest: *self.top.digest(),
                media_type: target,
                already_present: true,
                stored: None,
            });
        }
        let copied = self.copy_instances(list)?;
        let rewritten = convert::rewrite_list(list, &target, &copied);
        if let (Some(_), Some(reason)) = (&rewritten, fixed) {
            return Err(CopyError::MustNotModify { reason });
        }
        let (bytes, digest) = match &rewritten {
            Some(list) => {
                let bytes = list.to_bytes();
                let digest = Digest::sha256(&bytes);
                (bytes, digest)
            }
            None => (self.top.bytes().to_vec(), *self.top.digest()),
        };
        self.sign_and_put(&NewManifest {
            bytes: &bytes,
            digest,
            media_type: &target,
            trusted: None,
            is_instance: false,
            signatures: &signatures,
        })?;
        Ok(CopyReport {
            manifest: bytes,
            digest,
            media_type: target,
            already_present: false,
            stored: None,
        })
    }

    fn copy_instances(&self, list: &Index) -> Result<Vec<Option<CopiedInstance>>, CopyError> {
        let of = list.manifests.len();
        let count = if self.options.instances == Instances::All {
            of
        } else {
            0
        };
        self.progress.note(Note::CopyingInstances { count, of });
        let mut copied = Vec::with_capacity(of);
        for (entry, number) in list.manifests.iter().take(count).zip(1..) {
            let digest = entry.digest;
            self.progress.note(Note::CopyingInstance {
                digest,
                number,
                count,
            });
            let manifest = instance(self.source, list, &digest)?;
            let report = self.copy_image(manifest, Some(&digest), true)?;
            copied.push(Some(CopiedInstance {
                digest: report.digest,
                size: report.manifest.len() as u64,
                media_type: report.media_type,
            }));
        }
        copied.resize_with(of, || None);
        Ok(copied)
    }
}
