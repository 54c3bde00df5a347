//! Mounts for looking, and the table of what is mounted.
//!
//! A mount for looking is read-only, nosuid and nodev, at `mounts/MANIFESTHEX.UNIQUE` below the
//! closed root of the store. The kernel's table is the truth about what is mounted: nothing is
//! written down beside it. A root file system of a container is at `containers/ID/rootfs`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use oci::{ChainId, Digest};
use sys::mount::MountAttr;

use crate::{
    DriverKind, Store, checkout,
    driver::{self, TreeMount},
    error::{Result, StoreError},
    in_use::{self, Of},
    lock::Kind,
    object::ObjectId,
    record::ImageRecord,
    staging::{Staging, unique},
};

/// How to mount an image for looking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// Programs on it can not be run.
    pub noexec: bool,
}

/// Something that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The last component of its path, or the id of the container.
    pub id: String,
    /// Where it is.
    pub path: PathBuf,
    /// The manifest digest of the image; of a container's file system the container knows it.
    pub image: Option<Digest>,
    /// The container whose root file system it is.
    pub container: Option<String>,
    /// What it lacks, in words: a copy made without root has neither owners nor devices, and no
    /// file system keeps everything.
    pub notes: Vec<String>,
}

impl Store {
    /// Mounts an image for looking: read-only, without set-id programs and devices.
    ///
    /// With the driver `vfs` a copy is made first if there is none, and [`Mount::notes`] says what
    /// it lacks; without root the copy itself is returned.
    ///
    /// Crash points: an empty directory below `mounts/`, which a collection removes.
    ///
    /// # Errors
    /// [`StoreError::NoComposefs`], [`StoreError::NotFound`] when the image was removed meanwhile,
    /// failures of the kernel.
    pub fn mount_image(&self, image: &ImageRecord, options: &MountOptions) -> Result<Mount> {
        self.check_writable()?;
        // A collection waits while the mount is made; then the kernel holds what it needs.
        let _commit = self.lock_commit(Kind::Shared)?;
        let image = self.image(&image.manifest.to_string())?;
        let mut attributes = sys::mount::looking();
        if options.noexec {
            attributes |= MountAttr::MOUNT_ATTR_NOEXEC;
        }
        let id = format!("{}.{}", image.manifest.hex(), unique());
        let mut mount = Mount {
            path: self.layout().mounts().join(&id),
            id,
            image: Some(image.manifest),
            container: None,
            notes: Vec::new(),
        };
        let detached = match self.driver() {
            DriverKind::Composefs => {
                self.mount_detached(&image.tree, &mount.id, None, attributes)?
            }
            DriverKind::Vfs => {
                mount.notes = self.ensure_copy(&image.chain, &image.tree)?;
                let root = self.vfs_root(&image.chain);
                if !rustix::process::geteuid().is_root() {
                    mount.path = root;
                    return Ok(mount);
                }
                let detached = sys::mount::open_tree_clone(&root)?;
                sys::mount::mount_setattr(std::os::fd::AsFd::as_fd(&detached), attributes)?;
                detached
            }
        };
        // Only now, so that nobody waits for a copy: from here on a removal sees either no mount yet,
        // and the image is looked up after it, or the mount.
        let _names = self.lock_names()?;
        self.image(&image.manifest.to_string())?;
        fs::create_dir(&mount.path).map_err(StoreError::io("creating", &mount.path))?;
        if let Err(error) = sys::mount::move_mount(&detached, &mount.path) {
            let _ = fs::remove_dir(&mount.path);
            return Err(error.into());
        }
        Ok(mount)
    }

    /// Mounts a tree attached nowhere, for the mount or container `id`.
    pub(crate) fn mount_detached(
        &self,
        tree: &ObjectId,
        id: &str,
        upper: Option<(&Path, &Path)>,
        attributes: MountAttr,
    ) -> Result<std::os::fd::OwnedFd> {
        let layout = self.layout();
        let (mount, _) = driver::mount_tree(&TreeMount {
            image: &self.objects().open(tree)?,
            objects: &layout.objects(),
            source: in_use::source(tree, id),
            upper,
            verity: self.has_verity(),
            attributes,
            scratch: &layout.mounts(),
            ways: self.inner.ways,
        })?;
        Ok(mount)
    }

    /// Says in words how root file systems are made here, and why so: it is tried, with a mount
    /// that is attached nowhere.
    ///
    /// `composefs: erofs from a file, overlay by descriptor`, `vfs: as it was asked for`.
    pub fn driver_words(&self) -> String {
        let kind = self.driver();
        let why = match (kind, &self.inner.driver_reason) {
            (DriverKind::Vfs, Some(reason)) => format!("composefs did not work here: {reason}"),
            (DriverKind::Vfs, None) => "as it was asked for".to_owned(),
            (DriverKind::Composefs, _) if !rustix::process::geteuid().is_root() => {
                "mounting needs root".to_owned()
            }
            (DriverKind::Composefs, _) => {
                // On the file system of the store, which is the one that counts.
                let probed = Staging::create(self.layout()).and_then(|staging| {
                    driver::probe(staging.path(), self.has_verity(), self.inner.ways)
                });
                match probed {
                    Ok(way) => way.to_string(),
                    Err(StoreError::NoComposefs { attempts }) => {
                        format!("can not mount here: {}", attempts.join("; "))
                    }
                    Err(error) => format!("can not be tried here: {error}"),
                }
            }
        };
        format!("{kind}: {why}")
    }

    /// Makes the copy of a tree for the driver `vfs` unless there is one; returns what it lacks.
    ///
    /// The copy is made in a staging directory and appears by one rename after a sync, so one
    /// that is there is complete.
    fn ensure_copy(&self, chain: &ChainId, tree: &ObjectId) -> Result<Vec<String>> {
        let to = self.layout().vfs_copy(chain);
        let notes = to.join("notes.json");
        if let Ok(text) = fs::read(&notes) {
            return Ok(serde_json::from_slice(&text).unwrap_or_default());
        }
        let staging = Staging::create(self.layout())?;
        let copy = staging.sub("copy");
        let root = copy.join("root");
        fs::create_dir_all(&root).map_err(StoreError::io("creating", &root))?;
        let left_out = self.checkout(tree, &root)?;
        let words = left_out.notes();
        let text = serde_json::to_vec(&words).unwrap_or_default();
        let file = copy.join("notes.json");
        fs::write(&file, text).map_err(StoreError::io("writing", file))?;
        staging.sync()?;
        match fs::rename(&copy, &to) {
            Ok(()) => {}
            // Another process made the same copy.
            Err(_) if notes.exists() => {}
            Err(error) => return Err(StoreError::io("renaming", copy)(error)),
        }
        Ok(words)
    }

    /// Writes a tree into the empty directory `target`.
    pub(crate) fn checkout(&self, tree: &ObjectId, target: &Path) -> Result<checkout::LeftOut> {
        let tree = crate::Tree::open(self.objects(), tree)?;
        // Who is killed leaves a staging directory, which the next open removes.
        checkout::write(&tree, tree.root(), target, &AtomicBool::new(false))
    }

    /// Lists what is mounted: looking-mounts and root file systems of containers, as the kernel's
    /// table has them.
    ///
    /// # Errors
    /// A table that can not be read.
    pub fn mounts(&self) -> Result<Vec<Mount>> {
        let layout = self.layout();
        let root =
            fs::canonicalize(layout.root()).map_err(StoreError::io("finding", layout.root()))?;
        let table = sys::mountinfo::below(&root)
            .map_err(StoreError::io("reading", "/proc/self/mountinfo"))?;
        let mut mounts = Vec::new();
        for entry in table {
            let Ok(below) = entry.mount_point.strip_prefix(&root) else {
                continue;
            };
            let parts: Vec<&str> = below.iter().filter_map(|part| part.to_str()).collect();
            match parts.as_slice() {
                ["mounts", id] => mounts.push(Mount {
                    id: (*id).to_owned(),
                    path: layout.mounts().join(id),
                    image: id.split('.').next().and_then(image_of_hex),
                    container: None,
                    notes: Vec::new(),
                }),
                ["containers", id, "rootfs"] => mounts.push(Mount {
                    id: (*id).to_owned(),
                    path: layout.container(id).join("rootfs"),
                    image: None,
                    container: Some((*id).to_owned()),
                    notes: Vec::new(),
                }),
                _ => {}
            }
        }
        Ok(mounts)
    }

    /// Unmounts a looking-mount, named by its id or path.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::InUse`] while a process uses it.
    pub fn umount(&self, wanted: &str) -> Result<()> {
        self.check_writable()?;
        let path = fs::canonicalize(wanted).ok();
        let mount = self
            .mounts()?
            .into_iter()
            .find(|mount| {
                mount.container.is_none()
                    && (mount.id == wanted
                        || mount.path == Path::new(wanted)
                        || path.as_ref().is_some_and(|path| same(path, &mount.path)))
            })
            .ok_or_else(|| StoreError::NotFound {
                kind: "mount",
                wanted: wanted.to_owned(),
            })?;
        umount_busy(&mount.path)?;
        let is_it = |of: &Of| matches!(of, Of::Mount(id) if *id == mount.id);
        let uses = self.lasting_uses(is_it)?;
        if uses.gap().is_some() || !uses.by(is_it).is_empty() {
            // A collection removes the mount point when nobody else has it either.
            return Ok(());
        }
        match fs::remove_dir(&mount.path) {
            // Another one that unmounts it, or a collection, was there first.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(StoreError::io("removing", &mount.path)),
        }
    }

    /// Unmounts every looking-mount of an image; returns how many there were.
    ///
    /// # Errors
    /// As [`Store::umount`]; the first failure ends the work.
    pub fn umount_image(&self, image: &ImageRecord) -> Result<usize> {
        let mounts: Vec<Mount> = self
            .mounts()?
            .into_iter()
            .filter(|mount| mount.image.as_ref() == Some(&image.manifest))
            .collect();
        for mount in &mounts {
            self.umount(&mount.id)?;
        }
        Ok(mounts.len())
    }

    /// Removes the directories below `mounts/` on which nothing is mounted, by anybody: to remove
    /// one ends the mounts of others on it. The caller holds the commit lock exclusively, so
    /// nobody is about to mount there. Returns in words what stays though nobody is known to use
    /// it.
    pub(crate) fn clear_mount_points(&self) -> Result<Vec<String>> {
        let dir = self.layout().mounts();
        let points = fs::read_dir(&dir)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .map_err(StoreError::io("listing", &dir))?;
        let mut kept = Vec::new();
        if points.is_empty() {
            return Ok(kept);
        }
        let uses = self.uses()?;
        let gap = uses.gap();
        for point in points {
            let path = point.path();
            let is_it = |of: &Of| matches!(of, Of::Mount(id) if point.file_name() == **id);
            if !uses.by(is_it).is_empty() {
                continue;
            }
            match &gap {
                Some(gap) => kept.push(format!("keeping {}: {gap}", path.display())),
                None => {
                    if let Err(error) = fs::remove_dir(&path) {
                        kept.push(format!("removing {}: {error}", path.display()));
                    }
                }
            }
        }
        Ok(kept)
    }

    /// Mounts the erofs image of a tree alone, which has the metadata of its files but not their
    /// content.
    pub(crate) fn mount_metadata(&self, tree: &ObjectId) -> Result<File> {
        let (mount, _) = driver::mount_erofs(&self.objects().open(tree)?, self.inner.ways)?;
        Ok(File::from(mount))
    }
}

/// Unmounts `path`; a busy one gives [`StoreError::InUse`].
pub(crate) fn umount_busy(path: &Path) -> Result<()> {
    match sys::mount::umount(path) {
        Err(error) if error.errno() == Some(rustix::io::Errno::BUSY) => Err(StoreError::InUse {
            what: format!("the mount {}", path.display()),
            by: vec!["a running process".to_owned()],
        }),
        other => Ok(other?),
    }
}

fn same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(other).is_ok_and(|other| other == one)
}

fn image_of_hex(hex: &str) -> Option<Digest> {
    let algorithm = if hex.len() == 64 { "sha256" } else { "sha512" };
    Digest::parse(&format!("{algorithm}:{hex}")).ok()
}
