//! What differs between two images, or between a container and its image.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    DriverKind, Store,
    error::{Result, StoreError},
    object::ObjectId,
    object_file::digest_of,
    record::ContainerRecord,
    tree::{Entry, Kind, Tree},
};

/// How a path changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone; of a directory, all below it as well, which is not listed.
    Deleted,
    /// Its content or metadata is another.
    Changed,
}

/// A path that changed, from the root, without a slash in front.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The path as bytes.
    pub path: Vec<u8>,
    /// How.
    pub kind: ChangeKind,
}

/// Lists what one would have to change in `old` to get `new`, sorted by path.
pub fn trees(old: &Tree, new: &Tree) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(old.root(), new.root(), Vec::new(), &mut changes);
    changes.sort();
    changes
}

/// Compares two entries, and all below them, which are or would be at `path`.
fn compare<'a>(old: Entry<'a>, new: Entry<'a>, path: Vec<u8>, changes: &mut Vec<Change>) {
    let mut queue = vec![(old, new, path)];
    while let Some((old, new, path)) = queue.pop() {
        let mut theirs: BTreeMap<&OsStr, Entry<'_>> =
            old.entries().map(|entry| (entry.name(), entry)).collect();
        for entry in new.entries() {
            let child = below(&path, entry.name());
            match theirs.remove(entry.name()) {
                Some(before) => queue.push((before, entry, child)),
                None => added(entry, child, changes),
            }
        }
        for name in theirs.into_keys() {
            changes.push(Change {
                path: below(&path, name),
                kind: ChangeKind::Deleted,
            });
        }
        if !same(&old, &new) {
            changes.push(Change {
                path,
                kind: ChangeKind::Changed,
            });
        }
    }
}

/// Adds an entry, which is at `path`, and all below it.
fn added(entry: Entry<'_>, path: Vec<u8>, changes: &mut Vec<Change>) {
    let mut queue = vec![(entry, path)];
    while let Some((entry, path)) = queue.pop() {
        queue.extend(
            entry
                .entries()
                .map(|entry| (entry, below(&path, entry.name()))),
        );
        changes.push(Change {
            path,
            kind: ChangeKind::Added,
        });
    }
}

fn below(path: &[u8], name: &OsStr) -> Vec<u8> {
    let mut child = path.to_vec();
    if !child.is_empty() {
        child.push(b'/');
    }
    child.extend_from_slice(name.as_bytes());
    child
}

/// Compares everything but the entries of directories.
fn same(old: &Entry<'_>, new: &Entry<'_>) -> bool {
    old.meta() == new.meta()
        && match (old.kind(), new.kind()) {
            (Kind::Directory(_), Kind::Directory(_)) => true,
            (one, other) => one == other,
        }
}

impl Store {
    /// Lists what a container changed in its image, sorted by path.
    ///
    /// # Errors
    /// Failures of the file system, a tree that can not be read.
    pub fn container_changes(&self, container: &ContainerRecord) -> Result<Vec<Change>> {
        let tree = Tree::open(self.objects(), &container.tree)?;
        let dir = self.layout().container(&container.id);
        let (root, whole) = match self.driver() {
            DriverKind::Composefs => (dir.join("upper"), false),
            DriverKind::Vfs => (dir.join("rootfs"), true),
        };
        let mut changes = Vec::new();
        let mut queue = vec![Directory {
            before: Some(tree.root()),
            lower: Some(tree.root()),
            moved: false,
            path: root,
            name: Vec::new(),
        }];
        while let Some(dir) = queue.pop() {
            let path = dir.path.clone();
            directory(dir, whole, &tree, &mut changes, &mut queue)
                .map_err(StoreError::io("reading", path))?;
        }
        changes.sort();
        Ok(changes)
    }
}

/// A directory of a container.
struct Directory<'a> {
    /// What the image has at this path, when that is a directory.
    before: Option<Entry<'a>>,
    /// The directory of the image whose entries show through.
    lower: Option<Entry<'a>>,
    /// `lower` is another one than `before`.
    moved: bool,
    path: PathBuf,
    name: Vec<u8>,
}

/// Compares one directory with what the image has there.
///
/// With `whole` the directory is a complete copy; without, it is overlayfs's upper directory:
/// what is not in it is that of the image, a character device 0:0 is a deletion, and a directory
/// that was renamed says where the rest of it is in the image.
fn directory<'a>(
    dir: Directory<'a>,
    whole: bool,
    image: &'a Tree,
    changes: &mut Vec<Change>,
    queue: &mut Vec<Directory<'a>>,
) -> io::Result<()> {
    let hidden = whole || overlay_xattr(&dir.path, "opaque").is_some_and(|value| value == b"y");
    let lower = dir.lower.filter(|_| !hidden);
    // Where the image's own entries show through, what is not in the directory is unchanged.
    let unchanged_rest = !hidden && !dir.moved;
    let entries = |dir: Option<Entry<'a>>| -> BTreeMap<&'a OsStr, Entry<'a>> {
        dir.filter(|_| !unchanged_rest)
            .into_iter()
            .flat_map(|dir| dir.entries())
            .map(|entry| (entry.name(), entry))
            .collect()
    };
    let (mut gone, mut shown) = (entries(dir.before), entries(lower));
    for entry in fs::read_dir(&dir.path)? {
        let entry = entry?;
        let name = entry.file_name();
        let path = below(&dir.name, &name);
        let meta = entry.metadata()?;
        gone.remove(name.as_os_str());
        shown.remove(name.as_os_str());
        let before = dir.before.and_then(|image| image.child(name.as_bytes()));
        let kind = if !whole && meta.file_type().is_char_device() && meta.rdev() == 0 {
            if before.is_none() {
                continue;
            }
            ChangeKind::Deleted
        } else {
            if meta.is_dir() {
                let redirect = (!whole)
                    .then(|| overlay_xattr(&entry.path(), "redirect"))
                    .flatten();
                let below = match &redirect {
                    Some(target) => redirected(target, lower, image),
                    None => lower.and_then(|lower| lower.child(name.as_bytes())),
                };
                queue.push(Directory {
                    before: before.filter(Entry::is_dir),
                    lower: below.filter(Entry::is_dir),
                    moved: hidden || dir.moved || redirect.is_some(),
                    path: entry.path(),
                    name: path.clone(),
                });
            }
            match before {
                None => ChangeKind::Added,
                Some(before) if unchanged(&before, &entry.path(), &meta)? => continue,
                Some(_) => ChangeKind::Changed,
            }
        };
        changes.push(Change { path, kind });
    }
    for (name, entry) in shown {
        let path = below(&dir.name, name);
        match gone.remove(name) {
            Some(before) => compare(before, entry, path, changes),
            None => added(entry, path, changes),
        }
    }
    for name in gone.into_keys() {
        changes.push(Change {
            path: below(&dir.name, name),
            kind: ChangeKind::Deleted,
        });
    }
    Ok(())
}

/// Finds the directory of the image that a renamed one shows: from the root, or beside the
/// directories of `lower`.
fn redirected<'a>(target: &[u8], lower: Option<Entry<'a>>, image: &'a Tree) -> Option<Entry<'a>> {
    let start = match target.first() {
        Some(b'/') => Some(image.root()),
        _ => lower,
    };
    target
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty())
        .try_fold(start?, |dir, name| dir.child(name))
}

/// Reads an attribute of overlayfs.
fn overlay_xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let xattrs = sys::xattr::llistxattr(path).ok()?;
    let is_it = |full: &OsString| {
        full.to_str()
            .and_then(|full| full.strip_prefix("trusted.overlay."))
            == Some(name)
    };
    xattrs
        .into_iter()
        .find_map(|(full, value)| is_it(&full).then_some(value))
}

/// Compares a file with what the image has; directories by metadata alone.
fn unchanged(before: &Entry<'_>, path: &Path, now: &fs::Metadata) -> io::Result<bool> {
    let meta = before.meta();
    if (meta.mode, meta.uid, meta.gid) != (now.mode() & 0o7777, now.uid(), now.gid()) {
        return Ok(false);
    }
    Ok(match before.kind() {
        // The time of a directory changes with what is in it, which is listed itself.
        Kind::Directory(_) => now.is_dir(),
        Kind::Symlink(target) => {
            now.is_symlink() && fs::read_link(path)?.as_os_str().as_bytes() == &**target
        }
        Kind::Inline(_) | Kind::External { .. } => {
            now.is_file()
                && now.len() == before.size_bytes()
                && ObjectId::of_entry(before)
                    == Some(digest_of(
                        &mut fs::File::open(path)?,
                        &mut vec![0; 64 << 10],
                    )?)
        }
        Kind::CharDevice(device) => now.file_type().is_char_device() && packed(now) == *device,
        Kind::BlockDevice(device) => now.file_type().is_block_device() && packed(now) == *device,
        Kind::Fifo => now.file_type().is_fifo(),
        Kind::Socket => now.file_type().is_socket(),
    })
}

fn packed(meta: &fs::Metadata) -> u64 {
    let (major, minor) = (
        rustix::fs::major(meta.rdev()),
        rustix::fs::minor(meta.rdev()),
    );
    u64::from((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12))
}

impl ObjectId {
    /// The digest of a file's content, also when it stands in the tree.
    pub(crate) fn of_entry(entry: &Entry<'_>) -> Option<Self> {
        match entry.kind() {
            Kind::External { id, .. } => Some(*id),
            Kind::Inline(bytes) => Some(Self::of(bytes)),
            _ => None,
        }
    }
}
