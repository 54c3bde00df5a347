//! Deletes images from `oci:` directories.
//!
//! Order of writes, under the lock of the layout: `index.json` without the entry, synced; then the
//! blobs that nothing needs any more, and the signatures. A crash in between leaves at worst blobs
//! that nothing names. Blobs in a shared directory stay: other layouts may need them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use oci::{Descriptor, Digest, Manifest, MediaType, RawManifest, limits};

use crate::context::EndpointOptions;
use crate::delete::{DeleteOptions, Deleted, refuse_other_tags};
use crate::error::ImageError;
use crate::files::{Root, remove_if_any, sync_directory};
use crate::name::{ImageName, LayoutName};
use crate::transport::layout::{LayoutIndex, REF_NAME, blob_path};
use crate::transport::oci_sink::write_file;
use crate::transport::signatures;

/// Deletes the image that `layout` names.
pub(crate) fn delete(
    layout: &LayoutName,
    options: &EndpointOptions,
    how: DeleteOptions,
) -> Result<Deleted, ImageError> {
    let name = ImageName::Oci(layout.clone());
    let root = Root::open(&layout.path)?;
    let _lock = root.lock()?;
    let bytes = root.read("index.json", limits::MANIFEST_BYTES)?;
    let mut index = LayoutIndex::parse(&name, &bytes)?;
    let place = index.position(&name, layout.image.as_ref())?;
    let entries: Vec<Descriptor> = index.descriptors().cloned().collect();
    let entry = &entries[place];
    let named = |entry: &Descriptor| entry.annotations.get(REF_NAME).cloned();
    let same = |other: &Descriptor| other.digest == entry.digest;
    if how.if_only_tag {
        let tags: Vec<String> = entries
            .iter()
            .filter(|e| same(e))
            .filter_map(named)
            .collect();
        refuse_other_tags(&name, &entry.digest, named(entry).as_deref(), &tags)?;
    }
    if how.tag_only && named(entry).is_none() {
        return Err(ImageError::NoTag {
            name: name.to_string(),
        });
    }
    let elsewhere = entries.iter().filter(|other| same(other)).count() > 1;
    let mut deleted = Deleted {
        digest: entry.digest,
        tag_only: how.tag_only,
        tags: named(entry).into_iter().collect(),
        blobs: Some((0, 0)),
        signatures_stay: None,
    };
    let mut unneeded = BTreeSet::new();
    if !how.tag_only {
        let files = Files {
            name: &name,
            root: &root,
            shared: options
                .shared_blob_dir
                .as_deref()
                .map(Root::open)
                .transpose()?,
        };
        let mut needed = BTreeSet::new();
        for (other, at) in entries.iter().zip(0..) {
            if at != place {
                files.gather(other, 0, Broken::Refuse, &mut needed)?;
            }
        }
        files.gather(entry, 0, Broken::Skip, &mut unneeded)?;
        unneeded.retain(|digest| !needed.contains(digest));
        deleted.blobs = Some(sum(&root, &unneeded)?);
    }
    if how.dry_run {
        return Ok(deleted);
    }
    let failed = |error: serde_json::Error| {
        ImageError::inconsistent(&name, format!("writing index.json: {error}"))
    };
    if how.tag_only && !elsewhere {
        index.unname(place).map_err(failed)?;
    } else {
        index.remove(place);
    }
    let bytes = index.into_bytes().map_err(failed)?;
    write_file(&layout.path, "index.json", &bytes)?;
    sync_directory(&layout.path)?;
    for digest in &unneeded {
        remove_if_any(&layout.path.join("blobs").join(blob_path(digest)))?;
        remove_signatures(&layout.path, digest)?;
    }
    Ok(deleted)
}

/// What becomes of a manifest that cannot be read.
#[derive(Clone, Copy)]
enum Broken {
    /// Nobody can tell what it needs.
    Refuse,
    /// It is on its way out.
    Skip,
}

/// The files of the layout.
struct Files<'a> {
    name: &'a ImageName,
    root: &'a Root,
    shared: Option<Root>,
}

impl Files<'_> {
    /// Gathers what an entry needs, itself included.
    fn gather(
        &self,
        entry: &Descriptor,
        level: usize,
        broken: Broken,
        into: &mut BTreeSet<Digest>,
    ) -> Result<(), ImageError> {
        let is_leaf = !(entry.media_type.is_manifest() || entry.media_type.is_index());
        if !into.insert(entry.digest) || is_leaf {
            return Ok(());
        }
        if level > limits::INDEX_LEVELS {
            return Err(ImageError::inconsistent(
                self.name,
                format!("lists more than {} levels deep", limits::INDEX_LEVELS),
            ));
        }
        let manifest = match (self.read(&entry.digest, &entry.media_type), broken) {
            (Ok(manifest), _) => manifest,
            (Err(_), Broken::Skip) => return Ok(()),
            (Err(error), Broken::Refuse) => return Err(error),
        };
        match manifest.manifest() {
            Manifest::Image(image) => {
                into.insert(image.config.digest);
                into.extend(image.layers.iter().map(|layer| layer.digest));
            }
            Manifest::Index(list) => {
                for inner in &list.manifests {
                    self.gather(inner, level + 1, broken, into)?;
                }
            }
            Manifest::Schema1(schema1) => {
                into.extend(schema1.layers().map(|(layer, _)| *layer));
            }
        }
        Ok(())
    }

    fn read(&self, digest: &Digest, media_type: &MediaType) -> Result<RawManifest, ImageError> {
        let local = format!("blobs/{}", blob_path(digest));
        let bytes = match &self.shared {
            Some(shared) => shared.read_if_any(&blob_path(digest), limits::MANIFEST_BYTES)?,
            None => None,
        };
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => self.root.read(&local, limits::MANIFEST_BYTES)?,
        };
        RawManifest::parse_expecting(bytes, Some(media_type), digest).map_err(|source| {
            ImageError::Manifest {
                name: self.name.to_string(),
                digest: digest.to_string(),
                source: Box::new(source),
            }
        })
    }
}

/// Counts the blobs that lie in the layout itself, and their bytes.
fn sum(root: &Root, blobs: &BTreeSet<Digest>) -> Result<(usize, u64), ImageError> {
    let mut sum = (0, 0);
    for digest in blobs {
        let path = format!("blobs/{}", blob_path(digest));
        if let Some((_, size)) = root.open_file_if_any(&path)? {
            sum = (sum.0 + 1, sum.1 + size);
        }
    }
    Ok(sum)
}

fn remove_signatures(layout: &Path, manifest: &Digest) -> Result<(), ImageError> {
    let first = layout.join(signatures::layout_path(manifest, 1));
    let Some(directory) = first.parent().filter(|directory| directory.exists()) else {
        return Ok(());
    };
    for number in 1..=limits::SIGNATURES {
        let path = layout.join(signatures::layout_path(manifest, number));
        if !path.exists() {
            break;
        }
        remove_if_any(&path)?;
    }
    match fs::remove_dir(directory) {
        // Somebody put something else there.
        Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
        done => done.map_err(|source| ImageError::io("removing", directory, source)),
    }
}
