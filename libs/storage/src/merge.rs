//! Layers, lowest first, into one tree: the same tree for every driver.
//!
//! The rules are those of an overlay of the unpacked layers, so that an image looks the same
//! whoever mounts it:
//!
//! - A parent that no layer names is a directory 0755 of root, with the time 0.
//! - A whiteout or opaque marker hides what *lower* layers have, wherever in its layer it stands:
//!   all of a layer's markers are applied before its first entry.
//! - An entry below something that is no directory in a lower layer turns that into a directory.
//!   Below something of its own layer that is no directory it is refused: tools differ about it.
//! - A directory over a directory keeps the lower one's entries; anything else replaces.
//! - The last of several entries of one name wins.
//! - A hard link shares the inode of its target: another name before it in the same layer, or one
//!   of a lower layer that no marker of this layer hides. Symlinks on the way to it are not
//!   followed, and it is no directory. Layers of podman, buildah and umoci always hold both names,
//!   other builders' need not.
//!
//! The tree is written by `erofs`.

use std::{io::Read, sync::PoisonError};

use archive::layer::{
    Chunk, Discard, Entry, EntryKind, LayerError, LayerLimits, LayerPath, LayerReader,
};
use oci::DiffId;

use crate::{
    erofs::{Content, Draft, Ino, Stat},
    error::{Result, StoreError, TreeRule},
    import::INLINE_BYTES,
    object::{ObjectId, VerityHasher},
    object_file::Objects,
    splitstream::{Passed, SkeletonReader},
};

/// Most bytes of all extended attributes of one file (Linux's `XATTR_LIST_MAX`).
const XATTR_BYTES: usize = 64 << 10;
/// Most extended attributes of one file: erofs counts shared ones in a byte, and overlayfs has
/// two of its own.
const XATTRS: usize = 250;
/// Longest target of a symlink in bytes (Linux's `PATH_MAX` without the final NUL).
const SYMLINK_BYTES: usize = 4095;

/// One layer to merge.
#[derive(Clone, Debug)]
pub(crate) struct MergeLayer {
    pub(crate) diff_id: DiffId,
    pub(crate) stream: ObjectId,
}

/// Merges `layers` and hands the erofs image of the tree to `sink`, piece by piece; returns its
/// size in bytes.
pub(crate) fn write_tree(
    objects: &Objects,
    layers: &[MergeLayer],
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<u64> {
    let mut merge = Merge {
        tree: Draft::new(),
        layer: 0,
    };
    for layer in layers {
        merge.add(objects, layer)?;
    }
    merge.tree.write(sink)
}

struct Merge {
    tree: Draft,
    layer: u16,
}

/// The content of a file.
enum Found {
    Small(Vec<u8>),
    Object(ObjectId, u64),
}

impl Merge {
    /// Puts a layer on top.
    fn add(&mut self, objects: &Objects, layer: &MergeLayer) -> Result<()> {
        // The lowest layer has nothing to hide.
        if self.layer > 0 {
            self.each(objects, layer, |merge, entry, _| match entry.kind {
                EntryKind::Whiteout => {
                    merge.hide(&entry.path);
                    Ok(())
                }
                EntryKind::OpaqueDir => merge.hide_below(&entry.path),
                _ => Ok(()),
            })?;
        }
        self.each(objects, layer, |merge, entry, content| {
            let stat = merge.stat_of(&entry)?;
            match stat {
                Some(stat) => merge.put(&entry, stat, content)?,
                None => Err(TreeRule::AttributesTooLarge),
            }
            .map_err(|rule| StoreError::Tree {
                diff_id: layer.diff_id,
                path: entry.path.to_string(),
                rule,
            })
        })?;
        self.layer = self.layer.saturating_add(1);
        Ok(())
    }

    /// Calls `take` with every entry of a layer and its content.
    fn each(
        &mut self,
        objects: &Objects,
        layer: &MergeLayer,
        mut take: impl FnMut(&mut Self, Entry, Option<Found>) -> Result<()>,
    ) -> Result<()> {
        let skeleton = SkeletonReader::open(objects, &layer.stream)?;
        let passed = skeleton.passed();
        let mut reader = LayerReader::new(skeleton, LayerLimits::default());
        let failed = |source: LayerError| StoreError::Layer {
            blob: layer.diff_id.0,
            source: Box::new(source),
        };
        while let Some(entry) = reader.next_entry(&mut Discard).map_err(failed)? {
            let content = match entry.kind {
                EntryKind::Regular { size } if size > INLINE_BYTES => {
                    reader
                        .seek_over(|skeleton, _| skeleton.seek_over())
                        .map_err(failed)?;
                    let id = next(&passed).ok_or_else(|| StoreError::Tree {
                        diff_id: layer.diff_id,
                        path: entry.path.to_string(),
                        rule: TreeRule::ContentMissing,
                    })?;
                    Some(Found::Object(id, size))
                }
                EntryKind::Regular { .. } | EntryKind::Sparse { .. } => {
                    Some(small_or_sparse(&mut reader, entry.kind.size()).map_err(failed)?)
                }
                _ => None,
            };
            take(self, entry, content)?;
        }
        Ok(())
    }

    /// Removes what lower layers have at `path`.
    fn hide(&mut self, path: &LayerPath) {
        if let Some((dir, name)) = self.existing_dir(path, true).zip(path.file_name()) {
            self.tree.unlink(dir, name);
        }
    }

    /// Empties the directory `path` of lower layers.
    fn hide_below(&mut self, path: &LayerPath) -> Result<()> {
        match self.existing_dir(path, false) {
            Some(dir) => self.tree.clear(dir),
            None => Ok(()),
        }
    }

    /// Finds the directory `path`, or the one that holds `path`.
    fn existing_dir(&self, path: &LayerPath, parent: bool) -> Option<Ino> {
        let mut dir = Draft::ROOT;
        let mut components = path.components();
        if parent {
            components.next_back()?;
        }
        for component in components {
            dir = self.tree.child(dir, component)?;
        }
        self.tree.is_dir(dir).then_some(dir)
    }

    /// The metadata of an entry; `None` when its extended attributes are too large.
    fn stat_of(&mut self, entry: &Entry) -> Result<Option<Stat>> {
        let mut bytes = 0;
        for (name, value) in &entry.xattrs {
            bytes += name.len() + value.len() + 8;
            if name.len() > 255 || bytes > XATTR_BYTES {
                return Ok(None);
            }
        }
        if entry.xattrs.len() > XATTRS {
            return Ok(None);
        }
        Ok(Some(Stat {
            mode: match entry.kind {
                // Linux has no other for a symlink, whatever the tar says.
                EntryKind::Symlink { .. } => 0o777,
                _ => (entry.mode & 0o7777) as u16,
            },
            uid: entry.uid,
            gid: entry.gid,
            mtime_secs: entry.mtime.secs,
            mtime_nanos: entry.mtime.nanos,
            xattrs: self.tree.xattrs(&entry.xattrs)?,
        }))
    }

    /// Puts one entry into the tree.
    fn put(
        &mut self,
        entry: &Entry,
        stat: Stat,
        content: Option<Found>,
    ) -> Result<std::result::Result<(), TreeRule>> {
        let Some(name) = entry.path.file_name() else {
            return Ok(match entry.kind {
                EntryKind::Directory => {
                    self.tree.set_stat(Draft::ROOT, stat);
                    Ok(())
                }
                EntryKind::OpaqueDir => Ok(()),
                _ => Err(TreeRule::RootIsNoDirectory),
            });
        };
        // What a marker hides is gone; its parent exists, as it does in an unpacked layer.
        let dir = match self.make_parents(&entry.path)? {
            Ok(dir) => dir,
            Err(rule) => return Ok(Err(rule)),
        };
        let content = match &entry.kind {
            EntryKind::Whiteout => return Ok(Ok(())),
            EntryKind::OpaqueDir => return Ok(self.enter(dir, name)?.map(drop)),
            EntryKind::Hardlink { target } => {
                return match self.link_target(target) {
                    Ok(ino) => self.tree.link(dir, name, ino, self.layer).map(Ok),
                    Err(rule) => Ok(Err(rule)),
                };
            }
            EntryKind::Directory => match self.tree.child(dir, name) {
                Some(existing) if self.tree.is_dir(existing) => {
                    self.tree.set_stat(existing, stat);
                    return Ok(Ok(()));
                }
                _ => Content::Directory,
            },
            EntryKind::Regular { .. } | EntryKind::Sparse { .. } => match &content {
                Some(Found::Small(bytes)) => Content::Inline(bytes),
                Some(Found::Object(id, size)) => Content::External(*id, *size),
                None => return Ok(Err(TreeRule::ContentMissing)),
            },
            EntryKind::Symlink { target } => {
                if target.is_empty() || target.len() > SYMLINK_BYTES {
                    return Ok(Err(TreeRule::SymlinkTarget));
                }
                Content::Symlink(target)
            }
            EntryKind::CharDevice { major, minor } => Content::CharDevice(device(*major, *minor)),
            EntryKind::BlockDevice { major, minor } => Content::BlockDevice(device(*major, *minor)),
            EntryKind::Fifo => Content::Fifo,
        };
        let ino = self.tree.add(stat, content)?;
        self.tree.link(dir, name, ino, self.layer)?;
        Ok(Ok(()))
    }

    /// Makes every directory above `path`; returns the last.
    fn make_parents(&mut self, path: &LayerPath) -> Result<std::result::Result<Ino, TreeRule>> {
        let mut dir = Draft::ROOT;
        let mut components = path.components();
        components.next_back();
        for component in components {
            match self.enter(dir, component)? {
                Ok(next) => dir = next,
                Err(rule) => return Ok(Err(rule)),
            }
        }
        Ok(Ok(dir))
    }

    /// Goes into the directory `name`, making it, or making a directory of what a lower layer has.
    fn enter(&mut self, dir: Ino, name: &[u8]) -> Result<std::result::Result<Ino, TreeRule>> {
        match self.tree.child_of_layer(dir, name) {
            Some((ino, _)) if self.tree.is_dir(ino) => return Ok(Ok(ino)),
            Some((_, layer)) if layer == self.layer => {
                return Ok(Err(TreeRule::ParentIsNoDirectory));
            }
            _ => {}
        }
        let ino = self.tree.add(Stat::implied(), Content::Directory)?;
        self.tree.link(dir, name, ino, self.layer)?;
        Ok(Ok(ino))
    }

    /// Finds the leaf that a hard link means.
    fn link_target(&self, target: &LayerPath) -> std::result::Result<Ino, TreeRule> {
        if target.is_root() {
            return Err(TreeRule::LinkToDirectory);
        }
        let found = (self.existing_dir(target, true).zip(target.file_name()))
            .and_then(|(dir, name)| self.tree.child(dir, name));
        match found {
            Some(ino) if self.tree.is_dir(ino) => Err(TreeRule::LinkToDirectory),
            Some(ino) => Ok(ino),
            None => Err(TreeRule::LinkTargetMissing),
        }
    }
}

/// Reads a small file, or a sparse one whose object is found by its content.
fn small_or_sparse<R: Read>(
    reader: &mut LayerReader<R>,
    size: u64,
) -> std::result::Result<Found, LayerError> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut small = Vec::new();
    let mut hasher = VerityHasher::new();
    let inline = size <= INLINE_BYTES;
    while let Some(chunk) = reader.content_chunk()? {
        match chunk {
            Chunk::Data(bytes) if inline => small.extend_from_slice(bytes),
            Chunk::Data(bytes) => hasher.update(bytes),
            Chunk::Hole(bytes) if inline => {
                let filled = (small.len() as u64 + bytes).min(INLINE_BYTES);
                small.resize(usize::try_from(filled).unwrap_or_default(), 0);
            }
            Chunk::Hole(mut bytes) => {
                while bytes > 0 {
                    let now = usize::try_from(bytes)
                        .unwrap_or(usize::MAX)
                        .min(ZEROS.len());
                    hasher.update(ZEROS.get(..now).unwrap_or_default());
                    bytes -= now as u64;
                }
            }
        }
    }
    Ok(if inline {
        Found::Small(small)
    } else {
        Found::Object(hasher.finish(), size)
    })
}

fn next(passed: &Passed) -> Option<ObjectId> {
    passed
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop_front()
}

/// Linux's packing of a device number (`new_encode_dev`), which erofs stores.
fn device(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}
