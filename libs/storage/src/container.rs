//! Containers: an image with a directory of changes.
//!
//! ```text
//! containers/ID/container.json   the record; a directory without one is no container
//! containers/ID/{upper,work}     composefs: changes, and overlayfs's own
//! containers/ID/rootfs           where it is mounted; with vfs the copy itself
//! ```
//! A container is built in a staging directory and appears by one rename. Its root file system
//! keeps set-id programs and devices, and lies below directories that root alone may enter.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::Path,
};

use rustix::fs::{Timespec, Timestamps};
use sys::mount::MountAttr;

use crate::{
    DriverKind, Store,
    error::{Result, StoreError},
    in_use::Of,
    layout::sync_dir,
    lock::Kind,
    mount::{Mount, umount_busy},
    record::{self, ContainerRecord, RECORD_FORMAT},
    remove,
    staging::Staging,
};

const NAME_BYTES: usize = 128;
/// Digits of an id that stand for it where it is shown.
const SHORT_DIGITS: usize = 12;

/// A container to make.
#[derive(Clone, Debug, Default)]
pub struct NewContainer {
    /// The image: a name, digest or prefix.
    pub image: String,
    /// The name; by default the first 12 digits of the id.
    pub name: Option<String>,
    /// Free text by key.
    pub labels: BTreeMap<String, String>,
    /// The time now (RFC 3339).
    pub now: String,
}

impl Store {
    /// Makes a container. It is not mounted.
    ///
    /// Crash points: before the rename a staging directory, which the next open removes; after it
    /// the container.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], also when the image was removed meanwhile;
    /// [`StoreError::NameTaken`], [`StoreError::BadName`], failures of the file system.
    pub fn create_container(&self, new: &NewContainer) -> Result<ContainerRecord> {
        self.check_writable()?;
        let id = random_id()?;
        let name = match &new.name {
            Some(name) => check_name(name)?.to_owned(),
            None => id.chars().take(SHORT_DIGITS).collect(),
        };
        let _commit = self.lock_commit(Kind::Shared)?;
        let image = self.image(&new.image)?;
        let staging = Staging::create(self.layout())?;
        let dir = staging.sub("container");
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700);
        for sub in ["", "rootfs", "upper", "work"] {
            let made = dir.join(sub);
            builder
                .create(&made)
                .map_err(StoreError::io("creating", &made))?;
        }
        let notes = match self.driver() {
            DriverKind::Composefs => {
                let root = self.mount_metadata(&image.tree)?;
                copy_root_metadata(&root, &dir.join("upper"))?;
                Vec::new()
            }
            DriverKind::Vfs => self.checkout(&image.tree, &dir.join("rootfs"))?.notes(),
        };
        let manifest = image.manifest;
        let record = ContainerRecord {
            format: RECORD_FORMAT,
            id: id.clone(),
            name: name.clone(),
            image: manifest,
            chain: image.chain,
            tree: image.tree,
            created: new.now.clone(),
            labels: new.labels.clone(),
            notes,
        };
        let path = dir.join("container.json");
        fs::write(&path, record::to_bytes(&record, &path)?)
            .map_err(StoreError::io("writing", &path))?;
        staging.sync()?;
        let _names = self.lock_names()?;
        // A removal that came first saw no container.
        self.image(&manifest.to_string())?;
        if let Some(taken) = self
            .container_records()?
            .into_iter()
            .find(|other| other.name == name || other.id == name)
        {
            return Err(StoreError::NameTaken { name, id: taken.id });
        }
        let to = self.layout().container(&id);
        fs::rename(&dir, &to).map_err(StoreError::io("renaming", &dir))?;
        sync_dir(&self.layout().containers())?;
        Ok(record)
    }

    /// Lists the containers, oldest first.
    ///
    /// # Errors
    /// A record that can not be read.
    pub fn containers(&self) -> Result<Vec<ContainerRecord>> {
        let mut all = self.container_records()?;
        all.sort_by(|one, other| (&one.created, &one.id).cmp(&(&other.created, &other.id)));
        Ok(all)
    }

    /// Finds a container by name, id, or a unique prefix of the id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Ambiguous`].
    pub fn container(&self, wanted: &str) -> Result<ContainerRecord> {
        let all = self.containers()?;
        if let Some(found) = all
            .iter()
            .find(|one| one.name == wanted || one.id == wanted)
        {
            return Ok(found.clone());
        }
        let fits: Vec<&ContainerRecord> = all
            .iter()
            .filter(|one| wanted.len() >= 4 && one.id.starts_with(wanted))
            .collect();
        match fits.as_slice() {
            [] => Err(StoreError::NotFound {
                kind: "container",
                wanted: wanted.to_owned(),
            }),
            [one] => Ok((*one).clone()),
            several => Err(StoreError::Ambiguous {
                wanted: wanted.to_owned(),
                candidates: several.iter().map(|one| one.id.clone()).collect(),
            }),
        }
    }

    /// Mounts the root file system of a container, writable; one that is mounted stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NoComposefs`], [`StoreError::InUse`] when it is mounted elsewhere alone, also in
    /// another mount namespace; failures of the kernel.
    pub fn mount_container(&self, wanted: &str) -> Result<Mount> {
        self.check_writable()?;
        let _commit = self.lock_commit(Kind::Shared)?;
        let _names = self.lock_names()?;
        let container = self.container(wanted)?;
        let dir = self.layout().container(&container.id);
        let path = dir.join("rootfs");
        let mount = Mount {
            id: container.id.clone(),
            path: path.clone(),
            image: Some(container.image),
            container: Some(container.id.clone()),
            notes: container.notes.clone(),
        };
        if self.driver() == DriverKind::Vfs || self.is_mounted(&container.id)? {
            return Ok(mount);
        }
        // What two overlays with one upper directory show is undefined.
        self.check_unused(&container, |of| of.is_of_container(&container.id))?;
        let detached: OwnedFd = self.mount_detached(
            &container.tree,
            &container.id,
            Some((&dir.join("upper"), &dir.join("work"))),
            MountAttr::empty(),
        )?;
        sys::mount::move_mount(&detached, &path)?;
        Ok(mount)
    }

    /// Unmounts the root file system of a container; one that is not mounted is no error.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while a process uses it.
    pub fn umount_container(&self, wanted: &str) -> Result<()> {
        self.check_writable()?;
        let container = self.container(wanted)?;
        if self.is_mounted(&container.id)? {
            umount_busy(&self.layout().container(&container.id).join("rootfs"))?;
        }
        Ok(())
    }

    /// Removes a container with its changes. A mounted one is unmounted first.
    ///
    /// Crash points: before the rename into the trash the container is there, after it it is not;
    /// what is in the trash goes with the next open.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while a process uses its root file system or something is mounted in
    /// it, also in another mount namespace. A file that can not be removed: then the container is
    /// gone, and [`Store::gc`] names what is left of it.
    pub fn remove_container(&self, wanted: &str) -> Result<ContainerRecord> {
        self.check_writable()?;
        let names = self.lock_names()?;
        let container = self.container(wanted)?;
        let dir = self.layout().container(&container.id);
        if self.is_mounted(&container.id)? {
            // Its mount point is ours to free. Whoever has it elsewhere keeps it mounted here, too.
            self.check_unused(&container, |of| *of == Of::Container(container.id.clone()))?;
            umount_busy(&dir.join("rootfs"))?;
        }
        // What is mounted there is somebody else's, and must not be emptied.
        self.check_unused(&container, |of| of.is_of_container(&container.id))?;
        // The staging directory is the trash here: it goes when it is dropped.
        let staging = Staging::create(self.layout())?;
        let to = staging.sub("container");
        fs::rename(&dir, &to).map_err(StoreError::io("renaming", &dir))?;
        sync_dir(&self.layout().containers())?;
        drop(names);
        remove::tree(&to)?;
        Ok(container)
    }

    fn check_unused(&self, container: &ContainerRecord, fits: impl Fn(&Of) -> bool) -> Result<()> {
        let by = self.lasting_uses(&fits)?.by(&fits);
        if by.is_empty() {
            return Ok(());
        }
        Err(StoreError::InUse {
            what: format!("container {}", container.name),
            by,
        })
    }

    fn is_mounted(&self, id: &str) -> Result<bool> {
        Ok(self
            .mounts()?
            .iter()
            .any(|mount| mount.container.as_deref() == Some(id)))
    }
}

/// Gives the upper directory what the root of the image has: overlayfs shows the upper one's.
fn copy_root_metadata(root: &fs::File, upper: &Path) -> Result<()> {
    let fail = || StoreError::io("setting metadata of", upper);
    let meta = root.metadata().map_err(fail())?;
    std::os::unix::fs::chown(upper, Some(meta.uid()), Some(meta.gid())).map_err(fail())?;
    let from = Path::new("/proc/self/fd")
        .join(root.as_raw_fd().to_string())
        .join(".");
    for (name, value) in
        sys::xattr::llistxattr(&from).map_err(StoreError::sys("reading attributes of", upper))?
    {
        // Those of overlayfs itself are about the tree, not part of it.
        if !name
            .to_str()
            .is_some_and(|name| name.starts_with("trusted."))
        {
            sys::xattr::lsetxattr(upper, &name, &value)
                .map_err(|error| StoreError::attribute(upper.to_owned(), error))?;
        }
    }
    fs::set_permissions(upper, fs::Permissions::from_mode(meta.mode() & 0o7777)).map_err(fail())?;
    let time = Timespec {
        tv_sec: meta.mtime(),
        tv_nsec: meta.mtime_nsec(),
    };
    let dir = fs::File::open(upper).map_err(fail())?;
    rustix::fs::futimens(
        &dir,
        &Timestamps {
            last_access: time,
            last_modification: time,
        },
    )
    .map_err(StoreError::errno("setting metadata of", upper))
}

fn check_name(name: &str) -> Result<&str> {
    let fine = !name.is_empty()
        && name.len() <= NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if fine {
        Ok(name)
    } else {
        Err(StoreError::BadName {
            name: name.chars().take(NAME_BYTES).collect(),
        })
    }
}

fn random_id() -> Result<String> {
    let mut bytes = [0_u8; 32];
    let source = "/dev/urandom";
    fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(StoreError::io("reading", source))?;
    Ok(hex::encode(bytes))
}
