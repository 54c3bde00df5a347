//! Writes `oci:` directories.
//!
//! Order of writes: blobs as drafts in the layout; at commit all are synced, get
//! their names, the directories are synced, signatures replace those that were there, and then
//! `index.json` is read, changed and renamed into place under the layout's lock. So a writer
//! beside us loses no entry, and a crash leaves at worst blobs that nothing names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci::{Descriptor, Digest, MediaType, limits};

use crate::context::EndpointOptions;
use crate::error::ImageError;
use crate::files::{Draft, Root, create_directories, remove_if_any, sync_directory};
use crate::name::{ImageName, LayoutImage, LayoutName};
use crate::sink::{Blob, ImageSink, LayerCompression, NewManifest, SinkOptions, Stored};
use crate::transport::layout::{LayoutIndex, OCI_LAYOUT, blob_path};
use crate::transport::signatures;

pub(crate) const MANIFEST_TYPES: &[MediaType] = &[MediaType::OciManifest, MediaType::OciIndex];
const DRAFT: &str = "oci-put-blob";

/// An `oci:` directory that is being written.
pub(crate) struct OciSink {
    name: ImageName,
    layout: LayoutName,
    /// Where `ALGORITHM/HEX` files are: `blobs` of the layout, or the shared directory.
    blobs: PathBuf,
    accept_uncompressed: bool,
    /// The layout was made by us and goes again unless there is a commit.
    created: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    drafts: BTreeMap<Digest, Draft>,
    /// Blobs that were found under their names.
    found: BTreeSet<Digest>,
    signatures: BTreeMap<Digest, Vec<Vec<u8>>>,
    top: Option<Descriptor>,
    /// Entries beside it: what is about an image.
    referrers: Vec<Descriptor>,
}

impl OciSink {
    /// Opens or makes the layout.
    pub(crate) fn open(
        layout: &LayoutName,
        endpoint: &EndpointOptions,
        options: &SinkOptions,
    ) -> Result<Self, ImageError> {
        if matches!(layout.image, Some(LayoutImage::Index(_))) {
            return Err(ImageError::Unsupported {
                transport: crate::Transport::Oci,
                what: "writing to an index @N",
            });
        }
        let created = !layout.path.exists();
        create_directories(&layout.path)?;
        Ok(Self {
            name: ImageName::Oci(layout.clone()),
            blobs: endpoint
                .shared_blob_dir
                .clone()
                .unwrap_or_else(|| layout.path.join("blobs")),
            layout: layout.clone(),
            accept_uncompressed: options.accept_uncompressed,
            created,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(blob_path(digest))
    }

    /// Drafts lie where the blobs go, which may be another file system than the layout's.
    fn draft(&self, digest: Option<&Digest>) -> Result<Draft, ImageError> {
        let algorithm = digest.map_or(oci::Algorithm::Sha256, Digest::algorithm);
        let directory = self.blobs.join(algorithm.name());
        create_directories(&directory)?;
        Draft::create(&directory, DRAFT)
    }

    fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<(), ImageError> {
        if self.is_there(digest, bytes.len() as u64)? {
            return Ok(());
        }
        let mut draft = self.draft(Some(digest))?;
        draft.write(bytes)?;
        self.state().drafts.insert(*digest, draft);
        Ok(())
    }

    /// Tells whether a blob is there under its name, which it gets only when it was verified
    /// and synced.
    fn is_there(&self, digest: &Digest, size: u64) -> Result<bool, ImageError> {
        if self.state().drafts.contains_key(digest) {
            return Ok(true);
        }
        let path = self.path(digest);
        match fs::symlink_metadata(&path) {
            Ok(found) => {
                let is_there = found.is_file() && found.len() == size;
                if is_there {
                    self.state().found.insert(*digest);
                }
                Ok(is_there)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(ImageError::io("looking at", &path, error)),
        }
    }

    fn publish_signatures(&self, all: &BTreeMap<Digest, Vec<Vec<u8>>>) -> Result<(), ImageError> {
        for (manifest, signatures) in all {
            let path = |number| {
                let path = signatures::layout_path(manifest, number);
                self.layout.path.join(path)
            };
            let first = path(1);
            let directory = first.parent().unwrap_or(&self.layout.path);
            if signatures.is_empty() && !directory.exists() {
                continue;
            }
            create_directories(directory)?;
            let mut number = 1;
            for bytes in signatures {
                let mut draft = Draft::create(directory, DRAFT)?;
                draft.write(bytes)?;
                draft.sync()?;
                draft.publish(&path(number))?;
                number += 1;
            }
            for stale in (number..=limits::SIGNATURES).map(path) {
                if !stale.exists() {
                    break;
                }
                remove_if_any(&stale)?;
            }
            // The folders of the algorithm and of all signatures may be new, too.
            for changed in directory.ancestors().take(3) {
                sync_directory(changed)?;
            }
        }
        Ok(())
    }

    fn publish_index(
        &self,
        top: Descriptor,
        referrers: Vec<Descriptor>,
        blobs: &[Digest],
    ) -> Result<(), ImageError> {
        let root = Root::open(&self.layout.path)?;
        let _lock = root.lock()?;
        // Who deletes an image holds the lock, too: what is here now stays until it has a name.
        if let Some(gone) = blobs.iter().find(|digest| !self.path(digest).exists()) {
            return Err(ImageError::inconsistent(
                &self.name,
                format!("somebody deleted blob {gone} meanwhile; copy again"),
            ));
        }
        write_file(&self.layout.path, "oci-layout", OCI_LAYOUT)?;
        let mut index = match root.read_if_any("index.json", limits::MANIFEST_BYTES)? {
            Some(bytes) => LayoutIndex::parse(&self.name, &bytes)?,
            None => LayoutIndex::empty(),
        };
        let ref_name = match &self.layout.image {
            Some(LayoutImage::Ref(name)) => Some(name.as_str()),
            _ => None,
        };
        let add_all = |index: &mut LayoutIndex| {
            for entry in referrers {
                index.add(entry, None)?;
            }
            index.add(top, ref_name)
        };
        let bytes = add_all(&mut index)
            .and_then(|()| index.into_bytes())
            .map_err(|error| {
                ImageError::inconsistent(&self.name, format!("writing index.json: {error}"))
            })?;
        write_file(&self.layout.path, "index.json", &bytes)?;
        sync_directory(&self.layout.path)
    }
}

/// Writes a small file of a layout, whole or not at all.
pub(crate) fn write_file(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), ImageError> {
    let mut draft = Draft::create(directory, DRAFT)?;
    draft.write(bytes)?;
    draft.sync()?;
    draft.publish(&directory.join(name))
}

impl ImageSink for OciSink {
    fn name(&self) -> &ImageName {
        &self.name
    }

    fn manifest_types(&self) -> &[MediaType] {
        MANIFEST_TYPES
    }

    fn layer_compression(&self) -> LayerCompression {
        if self.accept_uncompressed {
            LayerCompression::Preserve
        } else {
            LayerCompression::Compress
        }
    }

    fn supports_signatures(&self) -> Result<(), ImageError> {
        Ok(())
    }

    fn keeps_foreign_layers(&self) -> bool {
        true
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, ImageError> {
        self.is_there(&descriptor.digest, descriptor.size)
    }

    fn put_blob(&self, blob: Blob<'_>) -> Result<(Digest, u64), ImageError> {
        let mut draft = self.draft(blob.known.as_ref().map(|(digest, _)| digest))?;
        let (digest, size) = draft.fill(blob.reader, blob.known)?;
        // Here, while other layers still come in, so that the commit has little to wait for.
        draft.sync()?;
        self.state().drafts.insert(digest, draft);
        Ok((digest, size))
    }

    fn put_config(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), ImageError> {
        self.put(&descriptor.digest, bytes)
    }

    fn put_manifest(&self, manifest: &NewManifest<'_>) -> Result<(), ImageError> {
        self.put(&manifest.digest, manifest.bytes)?;
        if !manifest.is_instance {
            let size = manifest.bytes.len() as u64;
            let top = Descriptor::new(manifest.media_type.clone(), manifest.digest, size);
            self.state().top = Some(top);
        }
        let stored = signatures::to_stored(&self.name, manifest.signatures)?;
        self.state().signatures.insert(manifest.digest, stored);
        Ok(())
    }

    fn put_referrer(
        &self,
        manifest: &NewManifest<'_>,
        _: &Digest,
        described: &Descriptor,
    ) -> Result<(), ImageError> {
        self.put(&manifest.digest, manifest.bytes)?;
        self.state().referrers.push(described.clone());
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<Option<Stored>, ImageError> {
        let State {
            drafts,
            found,
            signatures,
            top,
            referrers,
        } = std::mem::take(&mut *self.state());
        let blobs: Vec<Digest> = drafts.keys().chain(&found).copied().collect();
        for draft in drafts.values() {
            draft.sync()?;
        }
        let mut directories: Vec<PathBuf> = Vec::new();
        for (digest, draft) in drafts {
            let path = self.path(&digest);
            if let Some(parent) = path
                .parent()
                .filter(|p| !directories.iter().any(|d| d == p))
            {
                // Who made it took it away again, when that copy failed.
                create_directories(parent)?;
                directories.push(parent.to_owned());
            }
            draft.publish(&path)?;
        }
        for directory in &directories {
            sync_directory(directory)?;
        }
        self.publish_signatures(&signatures)?;
        if let Some(top) = top {
            self.publish_index(top, referrers, &blobs)?;
        }
        self.created = false;
        Ok(None)
    }
}

impl Drop for OciSink {
    fn drop(&mut self) {
        *self.state() = State::default();
        if self.created {
            // Empty directories only: a writer beside us may have filled the layout meanwhile.
            for algorithm in [oci::Algorithm::Sha256, oci::Algorithm::Sha512] {
                let _ = fs::remove_dir(self.layout.path.join("blobs").join(algorithm.name()));
            }
            let _ = fs::remove_dir(self.layout.path.join("blobs"));
            let _ = fs::remove_dir(&self.layout.path);
        }
    }
}
