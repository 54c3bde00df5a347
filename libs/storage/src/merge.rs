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
//! - A hard link's target must stand before it in the same layer and be no directory. Images of
//!   docker, podman, buildah and umoci never need another: a layer is a tar of changed files, and
//!   a changed link count of a lower file makes those tools write the file again.
//!
//! The tree is composefs's own, so that no second one has to fit into memory.

use std::{
    collections::BTreeMap, ffi::OsStr, io::Read, os::unix::ffi::OsStrExt, sync::PoisonError,
};

use archive::layer::{
    Chunk, Discard, Entry, EntryKind, LayerError, LayerLimits, LayerPath, LayerReader,
};
use composefs::{
    erofs::writer::{ValidatedFileSystem, mkfs_erofs},
    fsverity::Sha256HashValue,
    generic_tree::LeafId,
    tree::{Directory, FileSystem, Inode, LeafContent, RegularFile, Stat},
};
use oci::DiffId;

use crate::{
    error::{Result, StoreError, TreeRule},
    import::INLINE_BYTES,
    object::{ObjectId, VerityHasher},
    object_file::Objects,
    splitstream::{Passed, SkeletonReader},
};

type Id = Sha256HashValue;

/// Most bytes of all extended attributes of one file (Linux's `XATTR_LIST_MAX`).
const XATTR_BYTES: usize = 64 << 10;
/// Longest target of a symlink in bytes (Linux's `PATH_MAX` without the final NUL).
const SYMLINK_BYTES: usize = 4095;
/// Stack of the thread that builds trees: composefs clones and drops directories recursively, and
/// a path may have 2,048 components. Only what is touched takes memory.
const STACK_BYTES: usize = 256 << 20;

/// One layer to merge.
#[derive(Clone, Debug)]
pub(crate) struct MergeLayer {
    pub(crate) diff_id: DiffId,
    pub(crate) stream: ObjectId,
}

/// Merges `layers` and returns the erofs image of the tree.
pub(crate) fn erofs_of(objects: &Objects, layers: &[MergeLayer]) -> Result<Box<[u8]>> {
    on_deep_stack(|| {
        let mut merge = Merge::new();
        for layer in layers {
            merge.add(objects, layer)?;
        }
        let tree = merge.finish()?;
        Ok(mkfs_erofs(&tree))
    })
}

/// Runs `work` on a thread whose stack is deep enough for any tree.
pub(crate) fn on_deep_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("tree".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|error| StoreError::TreeWriter {
                reason: error.to_string(),
            })?
            .join()
            .unwrap_or_else(|_| {
                Err(StoreError::TreeWriter {
                    reason: "composefs gave up on the tree".to_owned(),
                })
            })
    })
}

struct Merge {
    tree: FileSystem<Id>,
    /// Which layer each leaf is from.
    layer_of: Vec<u16>,
    layer: u16,
}

impl Merge {
    fn new() -> Self {
        Self {
            tree: FileSystem::new(implied()),
            layer_of: Vec::new(),
            layer: 0,
        }
    }

    /// Puts a layer on top.
    fn add(&mut self, objects: &Objects, layer: &MergeLayer) -> Result<()> {
        // The lowest layer has nothing to hide.
        if self.layer > 0 {
            self.each(objects, layer, |merge, entry, _| {
                match entry.kind {
                    EntryKind::Whiteout => merge.hide(&entry.path),
                    EntryKind::OpaqueDir => merge.hide_below(&entry.path),
                    _ => {}
                }
                Ok(())
            })?;
        }
        self.each(objects, layer, |merge, entry, content| {
            merge
                .put(entry, content)
                .map_err(|(path, rule)| StoreError::Tree {
                    diff_id: layer.diff_id,
                    path,
                    rule,
                })
        })?;
        self.layer += 1;
        Ok(())
    }

    /// Calls `take` with every entry of a layer and its content.
    fn each(
        &mut self,
        objects: &Objects,
        layer: &MergeLayer,
        mut take: impl FnMut(&mut Self, Entry, Option<RegularFile<Id>>) -> Result<()>,
    ) -> Result<()> {
        let skeleton = SkeletonReader::open(objects.clone(), &layer.stream)?;
        let passed = skeleton.passed();
        let mut reader = LayerReader::new(skeleton, LayerLimits::default());
        let failed = |source: LayerError| StoreError::Layer {
            blob: layer.diff_id.0,
            source: Box::new(source),
        };
        while let Some(entry) = reader.next_entry(&mut Discard).map_err(failed)? {
            let content = match entry.kind {
                EntryKind::Regular { size } if size > INLINE_BYTES => {
                    reader.skip().map_err(failed)?;
                    let id = next(&passed).ok_or_else(|| StoreError::Tree {
                        diff_id: layer.diff_id,
                        path: entry.path.to_string(),
                        rule: TreeRule::ContentMissing,
                    })?;
                    Some(RegularFile::External(id.to_composefs(), size))
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
        let Some((name, dir)) = path.file_name().zip(self.existing_dir(path, true)) else {
            return;
        };
        dir.remove(OsStr::from_bytes(name));
    }

    /// Empties the directory `path` of lower layers.
    fn hide_below(&mut self, path: &LayerPath) {
        if let Some(dir) = self.existing_dir(path, false) {
            let names: Vec<_> = dir.entries().map(|(name, _)| name.to_owned()).collect();
            for name in names {
                dir.remove(&name);
            }
        }
    }

    /// Finds the directory `path`, or the one that holds `path`.
    fn existing_dir(&mut self, path: &LayerPath, parent: bool) -> Option<&mut Directory<Id>> {
        let mut dir = &mut self.tree.root;
        let mut components = path.components();
        if parent {
            components.next_back()?;
        }
        for component in components {
            dir = dir.get_directory_mut(OsStr::from_bytes(component)).ok()?;
        }
        Some(dir)
    }

    /// Puts one entry into the tree.
    fn put(
        &mut self,
        entry: Entry,
        content: Option<RegularFile<Id>>,
    ) -> std::result::Result<(), (String, TreeRule)> {
        let path = entry.path.clone();
        let refuse = |rule| (path.to_string(), rule);
        let stat = stat_of(&entry).ok_or_else(|| refuse(TreeRule::AttributesTooLarge))?;
        let Some(name) = path.file_name() else {
            return match entry.kind {
                EntryKind::Directory => {
                    self.tree.root.stat = stat;
                    Ok(())
                }
                EntryKind::OpaqueDir => Ok(()),
                _ => Err(refuse(TreeRule::RootIsNoDirectory)),
            };
        };
        let name = OsStr::from_bytes(name);
        // What a marker hides is gone; its parent exists, as it does in an unpacked layer.
        let leaf = match entry.kind {
            EntryKind::Whiteout => {
                self.make_parents(&path).map_err(refuse)?;
                return Ok(());
            }
            EntryKind::OpaqueDir => {
                self.make_parents(&path).map_err(refuse)?;
                let layer = self.layer;
                let (dir, layer_of) = self
                    .parent(&path)
                    .ok_or_else(|| refuse(TreeRule::ParentIsNoDirectory))?;
                return enter(dir, layer_of, layer, name).map(drop).map_err(refuse);
            }
            EntryKind::Directory => {
                self.make_parents(&path).map_err(refuse)?;
                let (dir, _) = self
                    .parent(&path)
                    .ok_or_else(|| refuse(TreeRule::ParentIsNoDirectory))?;
                match dir.get_directory_mut(name) {
                    Ok(existing) => existing.stat = stat,
                    Err(_) => {
                        dir.insert(name, Inode::Directory(Box::new(Directory::new(stat))));
                    }
                }
                return Ok(());
            }
            EntryKind::Hardlink { ref target } => {
                let id = self.link_target(target).map_err(refuse)?;
                self.make_parents(&path).map_err(refuse)?;
                let (dir, _) = self
                    .parent(&path)
                    .ok_or_else(|| refuse(TreeRule::ParentIsNoDirectory))?;
                dir.insert(name, Inode::leaf(id));
                return Ok(());
            }
            EntryKind::Regular { .. } | EntryKind::Sparse { .. } => {
                LeafContent::Regular(content.ok_or_else(|| refuse(TreeRule::ContentMissing))?)
            }
            EntryKind::Symlink { ref target } => {
                if target.is_empty() || target.len() > SYMLINK_BYTES {
                    return Err(refuse(TreeRule::SymlinkTarget));
                }
                LeafContent::Symlink(OsStr::from_bytes(target).into())
            }
            EntryKind::CharDevice { major, minor } => {
                LeafContent::CharacterDevice(device(major, minor))
            }
            EntryKind::BlockDevice { major, minor } => {
                LeafContent::BlockDevice(device(major, minor))
            }
            EntryKind::Fifo => LeafContent::Fifo,
        };
        self.make_parents(&path).map_err(refuse)?;
        let id = self.tree.push_leaf(stat, leaf);
        self.layer_of.push(self.layer);
        let (dir, _) = self
            .parent(&path)
            .ok_or_else(|| refuse(TreeRule::ParentIsNoDirectory))?;
        dir.insert(name, Inode::leaf(id));
        Ok(())
    }

    /// Makes every directory above `path`.
    fn make_parents(&mut self, path: &LayerPath) -> std::result::Result<(), TreeRule> {
        let mut dir = &mut self.tree.root;
        let mut components = path.components();
        components.next_back();
        for component in components {
            dir = enter(
                dir,
                &self.layer_of,
                self.layer,
                OsStr::from_bytes(component),
            )?;
        }
        Ok(())
    }

    /// Finds the directory above `path`, which must exist.
    fn parent(&mut self, path: &LayerPath) -> Option<(&mut Directory<Id>, &[u16])> {
        let mut dir = &mut self.tree.root;
        let mut components = path.components();
        components.next_back()?;
        for component in components {
            dir = dir.get_directory_mut(OsStr::from_bytes(component)).ok()?;
        }
        Some((dir, &self.layer_of))
    }

    /// Finds the leaf that a hard link means.
    fn link_target(&self, target: &LayerPath) -> std::result::Result<LeafId, TreeRule> {
        let mut dir = &self.tree.root;
        let mut components = target.components();
        let name = components.next_back().ok_or(TreeRule::LinkToDirectory)?;
        for component in components {
            dir = dir
                .get_directory(OsStr::from_bytes(component))
                .map_err(|_| TreeRule::LinkTargetMissing)?;
        }
        match dir.lookup(OsStr::from_bytes(name)) {
            Some(Inode::Leaf(id, _)) if self.layer_of.get(id.0) == Some(&self.layer) => Ok(*id),
            Some(Inode::Directory(_)) => Err(TreeRule::LinkToDirectory),
            _ => Err(TreeRule::LinkTargetMissing),
        }
    }

    fn finish(mut self) -> Result<ValidatedFileSystem<Id>> {
        // Leaves that were hidden or replaced are still in the table.
        self.tree.compact();
        ValidatedFileSystem::new(self.tree).map_err(|error| StoreError::TreeWriter {
            reason: format!("{error:#}"),
        })
    }
}

/// Goes into the directory `name`, making it, or making a directory of what a lower layer has.
fn enter<'a>(
    dir: &'a mut Directory<Id>,
    layer_of: &[u16],
    layer: u16,
    name: &OsStr,
) -> std::result::Result<&'a mut Directory<Id>, TreeRule> {
    match dir.lookup(name) {
        Some(Inode::Directory(_)) => {}
        Some(Inode::Leaf(id, _)) if layer_of.get(id.0) == Some(&layer) => {
            return Err(TreeRule::ParentIsNoDirectory);
        }
        _ => {
            dir.insert(name, Inode::Directory(Box::new(Directory::new(implied()))));
        }
    }
    dir.get_directory_mut(name)
        .map_err(|_| TreeRule::ParentIsNoDirectory)
}

/// Reads a small file, or a sparse one whose object is found by its content.
fn small_or_sparse<R: Read>(
    reader: &mut LayerReader<R>,
    size: u64,
) -> std::result::Result<RegularFile<Id>, LayerError> {
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
        RegularFile::Inline(small.into())
    } else {
        RegularFile::External(hasher.finish().to_composefs(), size)
    })
}

fn next(passed: &Passed) -> Option<ObjectId> {
    passed
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop_front()
}

/// The metadata of a directory that no layer names.
fn implied() -> Stat {
    Stat {
        st_mode: 0o755,
        st_uid: 0,
        st_gid: 0,
        st_mtim_sec: 0,
        st_mtim_nsec: 0,
        xattrs: BTreeMap::new(),
    }
}

/// The metadata of an entry; `None` when its extended attributes are too large.
fn stat_of(entry: &Entry) -> Option<Stat> {
    let mut bytes = 0;
    let mut xattrs = BTreeMap::new();
    for (name, value) in &entry.xattrs {
        bytes += name.len() + value.len() + 8;
        if name.len() > 255 || bytes > XATTR_BYTES {
            return None;
        }
        xattrs.insert(
            OsStr::from_bytes(name).into(),
            value.clone().into_boxed_slice(),
        );
    }
    Some(Stat {
        st_mode: match entry.kind {
            // Linux has no other for a symlink, whatever the tar says.
            EntryKind::Symlink { .. } => 0o777,
            _ => entry.mode & 0o7777,
        },
        st_uid: entry.uid,
        st_gid: entry.gid,
        st_mtim_sec: entry.mtime.secs,
        st_mtim_nsec: entry.mtime.nanos,
        xattrs,
    })
}

/// Linux's packing of a device number (`new_encode_dev`), which erofs stores.
fn device(major: u32, minor: u32) -> u64 {
    u64::from((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12))
}
