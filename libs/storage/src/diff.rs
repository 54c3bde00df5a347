//! What differs between two images, or between a container and its image.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
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
    let mut queue = vec![(old.root(), new.root())];
    while let Some((old, new)) = queue.pop() {
        if !same(&old, &new) {
            changes.push(Change {
                path: new.path(),
                kind: ChangeKind::Changed,
            });
        }
        let mut theirs: BTreeMap<&OsStr, Entry<'_>> =
            old.entries().map(|entry| (entry.name(), entry)).collect();
        for entry in new.entries() {
            match theirs.remove(entry.name()) {
                Some(before) => queue.push((before, entry)),
                None => added(entry, &mut changes),
            }
        }
        for entry in theirs.into_values() {
            changes.push(Change {
                path: entry.path(),
                kind: ChangeKind::Deleted,
            });
        }
    }
    changes.sort();
    changes
}

/// Adds an entry and all below it.
fn added(entry: Entry<'_>, changes: &mut Vec<Change>) {
    let mut queue = vec![entry];
    while let Some(entry) = queue.pop() {
        changes.push(Change {
            path: entry.path(),
            kind: ChangeKind::Added,
        });
        queue.extend(entry.entries());
    }
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
        let mut queue = vec![(Some(tree.root()), root, Vec::new())];
        while let Some((entry, path, name)) = queue.pop() {
            directory(entry, &path, &name, whole, &mut changes, &mut queue)
                .map_err(StoreError::io("reading", &path))?;
        }
        changes.sort();
        Ok(changes)
    }
}

type Queue<'a> = Vec<(Option<Entry<'a>>, PathBuf, Vec<u8>)>;

/// Compares one directory with what the image has there.
///
/// With `whole` the directory is a complete copy; without, it is overlayfs's upper directory:
/// what is not in it is unchanged, and a character device 0:0 is a deletion.
fn directory<'a>(
    image: Option<Entry<'a>>,
    path: &Path,
    name: &[u8],
    whole: bool,
    changes: &mut Vec<Change>,
    queue: &mut Queue<'a>,
) -> io::Result<()> {
    let opaque = !whole && is_opaque(path);
    let mut theirs: BTreeMap<&OsStr, Entry<'a>> = match image {
        Some(image) if whole || opaque => {
            image.entries().map(|entry| (entry.name(), entry)).collect()
        }
        _ => BTreeMap::new(),
    };
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let mut below = name.to_vec();
        if !below.is_empty() {
            below.push(b'/');
        }
        below.extend_from_slice(entry.file_name().as_bytes());
        let meta = entry.metadata()?;
        theirs.remove(entry.file_name().as_os_str());
        let before = image.and_then(|image| image.child(entry.file_name().as_bytes()));
        let kind = if !whole && meta.file_type().is_char_device() && meta.rdev() == 0 {
            ChangeKind::Deleted
        } else {
            if meta.is_dir() {
                let same_dir = before.filter(Entry::is_dir);
                queue.push((same_dir, entry.path(), below.clone()));
            }
            match before {
                None => ChangeKind::Added,
                Some(before) if unchanged(&before, &entry.path(), &meta)? => continue,
                Some(_) => ChangeKind::Changed,
            }
        };
        changes.push(Change { path: below, kind });
    }
    for entry in theirs.into_values() {
        changes.push(Change {
            path: entry.path(),
            kind: ChangeKind::Deleted,
        });
    }
    Ok(())
}

fn is_opaque(path: &Path) -> bool {
    sys::xattr::llistxattr(path).is_ok_and(|xattrs| {
        xattrs
            .iter()
            .any(|(name, value)| name == "trusted.overlay.opaque" && value == b"y")
    })
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
    fn of_entry(entry: &Entry<'_>) -> Option<Self> {
        match entry.kind() {
            Kind::External { id, .. } => Some(*id),
            Kind::Inline(bytes) => Some(Self::of(bytes)),
            _ => None,
        }
    }
}
