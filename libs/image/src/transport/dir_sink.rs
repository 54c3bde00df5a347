//! Writes `dir:` directories.
//!
//! Order of writes: blobs, manifests and signatures as drafts in the directory; at commit all are
//! synced and, under the directory's lock, the old `manifest.json` goes, then the other files of the old image, then the new ones
//! get their names, `manifest.json` last. A crash before the old manifest goes leaves the old
//! image; a crash after leaves a directory without an image, which the next copy may overwrite.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci::{Algorithm, Descriptor, Digest, MediaType};

use crate::error::ImageError;
use crate::files::{Draft, Root, create_directories, remove_if_any, sync_directory};
use crate::name::ImageName;
use crate::sink::{Blob, ImageSink, LayerCompression, NewManifest, SinkOptions, Stored};
use crate::source::ImageSource;
use crate::transport::dir_source::{DirSource, blob_name, manifest_name, signature_name};
use crate::transport::signatures;

const VERSION: &str = "Directory Transport Version: 1.1\n";
/// What newer originals write when a digest is not SHA-256.
const VERSION_OTHER_DIGESTS: &str = "Directory Transport Version: 1.2\n";
const MANIFEST_TYPES: &[MediaType] = &[
    MediaType::OciManifest,
    MediaType::DockerManifest,
    MediaType::DockerSchema1Signed,
    MediaType::DockerSchema1,
    MediaType::OciIndex,
    MediaType::DockerList,
];

/// How drafts are called where they have a name.
const DRAFT: &str = ".dir-put-";

/// A `dir:` directory that is being written.
pub(crate) struct DirSink {
    name: ImageName,
    path: PathBuf,
    compression: LayerCompression,
    /// The directory was made by us and goes again unless there is a commit.
    created: bool,
    drafts: Mutex<BTreeMap<String, Draft>>,
}

impl DirSink {
    /// Opens or makes the directory.
    pub(crate) fn open(path: &Path, options: &SinkOptions) -> Result<Self, ImageError> {
        let created = !path.exists();
        if created {
            create_directories(path)?;
        } else if has_entries(path)? && !is_image_directory(path)? {
            return Err(ImageError::NotAnImageDirectory {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            name: ImageName::Dir(path.to_owned()),
            path: path.to_owned(),
            compression: options
                .dir_compression
                .unwrap_or(LayerCompression::Preserve),
            created,
            drafts: Mutex::default(),
        })
    }

    fn drafts(&self) -> MutexGuard<'_, BTreeMap<String, Draft>> {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, name: String, bytes: &[u8]) -> Result<(), ImageError> {
        let mut draft = Draft::create(&self.path, DRAFT)?;
        draft.write(bytes)?;
        self.drafts().insert(name, draft);
        Ok(())
    }
}

fn entries(path: &Path) -> Result<Vec<fs::DirEntry>, ImageError> {
    fs::read_dir(path)
        .and_then(Iterator::collect)
        .map_err(|source| ImageError::io("reading directory", path, source))
}

/// Drafts do not count: a copy that was killed may have left them.
fn has_entries(path: &Path) -> Result<bool, ImageError> {
    Ok(!entries(path)?.iter().all(is_draft))
}

fn is_draft(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    name.as_encoded_bytes().starts_with(DRAFT.as_bytes())
}

/// Tells whether a directory holds a `dir:` image, or was made for one.
pub(crate) fn is_image_directory(path: &Path) -> Result<bool, ImageError> {
    let path = path.join("version");
    match fs::read(&path) {
        Ok(version) => Ok([VERSION, VERSION_OTHER_DIGESTS]
            .iter()
            .any(|known| known.as_bytes() == version)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(ImageError::io("reading", &path, error)),
    }
}

impl ImageSink for DirSink {
    fn name(&self) -> &ImageName {
        &self.name
    }

    fn manifest_types(&self) -> &[MediaType] {
        MANIFEST_TYPES
    }

    fn layer_compression(&self) -> LayerCompression {
        self.compression
    }

    fn supports_signatures(&self) -> Result<(), ImageError> {
        Ok(())
    }

    fn present(&self) -> Result<Option<Digest>, ImageError> {
        // What is broken is written anew.
        let manifest = DirSource::open(&self.path).and_then(|source| source.manifest(None));
        Ok(manifest.ok().map(|manifest| *manifest.digest()))
    }

    fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, ImageError> {
        // Files of the image that is replaced do not count: nobody vouches for their content.
        Ok(self.drafts().contains_key(&blob_name(&descriptor.digest)))
    }

    fn put_blob(&self, blob: Blob<'_>) -> Result<(Digest, u64), ImageError> {
        let mut draft = Draft::create(&self.path, DRAFT)?;
        let (digest, size) = draft.fill(blob.reader, blob.known)?;
        // Here, while other layers still come in, so that the commit has little to wait for.
        draft.sync()?;
        self.drafts().insert(blob_name(&digest), draft);
        Ok((digest, size))
    }

    fn put_config(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), ImageError> {
        self.put(blob_name(&descriptor.digest), bytes)
    }

    fn put_manifest(&self, manifest: &NewManifest<'_>) -> Result<(), ImageError> {
        let instance = manifest.is_instance.then_some(&manifest.digest);
        self.put(manifest_name(instance), manifest.bytes)?;
        for (bytes, number) in signatures::to_stored(&self.name, manifest.signatures)?
            .iter()
            .zip(1..)
        {
            self.put(signature_name(instance, number), bytes)?;
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<Option<Stored>, ImageError> {
        let drafts = std::mem::take(&mut *self.drafts());
        let other = Algorithm::Sha512.name();
        let version = if drafts.keys().any(|name| name.starts_with(other)) {
            VERSION_OTHER_DIGESTS
        } else {
            VERSION
        };
        // Who made it took it away again, when that copy failed.
        create_directories(&self.path)?;
        let _lock = Root::open(&self.path)?.lock()?;
        let mut version_file = Draft::create(&self.path, DRAFT)?;
        version_file.write(version.as_bytes())?;
        version_file.sync()?;
        for draft in drafts.values() {
            draft.sync()?;
        }
        remove_if_any(&self.path.join("manifest.json"))?;
        for entry in entries(&self.path)? {
            if is_draft(&entry) || entry.file_name() == "version" {
                continue;
            }
            let path = entry.path();
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_directory {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.map_err(|source| ImageError::io("removing", &path, source))?;
        }
        version_file.publish(&self.path.join("version"))?;
        let (manifest, rest): (Vec<_>, Vec<_>) = drafts
            .into_iter()
            .partition(|(name, _)| name == "manifest.json");
        for (name, draft) in rest.into_iter().chain(manifest) {
            draft.publish(&self.path.join(name))?;
        }
        self.created = false;
        sync_directory(&self.path)?;
        Ok(None)
    }
}

impl Drop for DirSink {
    fn drop(&mut self) {
        self.drafts().clear();
        if self.created {
            // Only empty directories go; somebody else may have put files there meanwhile.
            let _ = fs::remove_dir(&self.path);
        }
    }
}
