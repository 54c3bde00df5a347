//! A list with all its instances, or the list alone.

use oci::platform::PlatformWanted;
use oci::{Descriptor, Digest, Index};

use super::{CopyError, CopyReport, Engine, Instances, instance};
use crate::convert::{self, CopiedInstance};
use crate::progress::Note;
use crate::sink::NewManifest;

/// The annotation by which docker's builder says to which instance an attestation belongs.
const ABOUT: &str = "vnd.docker.reference.digest";

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
            self.unchanged().push(*self.top.digest());
            let named = list.manifests.iter().map(|entry| entry.digest);
            self.unchanged().extend(named);
            return Ok(CopyReport {
                manifest: self.top.bytes().to_vec(),
                digest: *self.top.digest(),
                media_type: target,
                already_present: true,
                stored: None,
            });
        }
        let chosen = self.chosen(list)?;
        let copied = self.copy_instances(list, &chosen)?;
        let strip = self.options.strip_instances;
        let rewritten = convert::rewrite_list(list, &target, &copied, strip);
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
        if rewritten.is_none() {
            self.unchanged().push(digest);
        }
        Ok(CopyReport {
            manifest: bytes,
            digest,
            media_type: target,
            already_present: false,
            stored: None,
        })
    }

    /// Tells of each instance whether it is copied.
    fn chosen(&self, list: &Index) -> Result<Vec<bool>, CopyError> {
        let platforms = match &self.options.instances {
            Instances::All => return Ok(vec![true; list.manifests.len()]),
            Instances::IndexOnly | Instances::System => {
                return Ok(vec![false; list.manifests.len()]);
            }
            Instances::Platforms(platforms) => platforms,
        };
        let is_for = |entry: &Descriptor, wanted: &PlatformWanted| {
            entry.platform.as_ref().is_some_and(|it| wanted.names(it))
        };
        for wanted in platforms {
            if !list.manifests.iter().any(|entry| is_for(entry, wanted)) {
                return Err(CopyError::NoPlatform(wanted.clone()));
            }
        }
        let named = |entry: &Descriptor| platforms.iter().any(|wanted| is_for(entry, wanted));
        let named: Vec<String> = list
            .manifests
            .iter()
            .filter(|entry| named(entry))
            .map(|entry| entry.digest.to_string())
            .collect();
        let is_chosen = |entry: &Descriptor| {
            let about = entry.annotations.get(ABOUT);
            named.contains(&entry.digest.to_string()) || about.is_some_and(|it| named.contains(it))
        };
        Ok(list.manifests.iter().map(is_chosen).collect())
    }

    fn copy_instances(
        &self,
        list: &Index,
        chosen: &[bool],
    ) -> Result<Vec<Option<CopiedInstance>>, CopyError> {
        let of = list.manifests.len();
        let count = chosen.iter().filter(|chosen| **chosen).count();
        self.progress.note(Note::CopyingInstances { count, of });
        let mut copied = Vec::with_capacity(of);
        let mut number = 0;
        for (entry, chosen) in list.manifests.iter().zip(chosen) {
            if !chosen {
                copied.push(None);
                continue;
            }
            number += 1;
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
        Ok(copied)
    }
}
