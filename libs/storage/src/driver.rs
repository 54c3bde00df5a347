//! How a tree is mounted: an erofs image without a block device, below an overlay whose data-only
//! layer is `objects/`.
//!
//! What the kernel can do is tried when it is needed, best first:
//!
//! | step | best | else |
//! | --- | --- | --- |
//! | erofs | the image file itself (Linux 6.12) | a loop device |
//! | overlay | layers by descriptor (`lowerdir+`, `datadir+`, Linux 6.15) | `lowerdir=TREE::OBJECTS`, with the tree attached for a moment |
//!
//! What comes back is attached nowhere; it goes away with its descriptor if nobody attaches it.

use std::{
    ffi::OsString,
    fs::File,
    io::Read,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
};

use rustix::fs::{Mode, OFlags};
use sys::{
    SysError,
    loopdev::LoopDevice,
    mount::{FsContext, MountAttr},
};

use crate::{
    erofs::{Content, Draft, Stat},
    error::{Result, StoreError},
    layout::Layout,
    object::ObjectId,
    remove,
    staging::unique,
};

/// What to mount.
pub(crate) struct TreeMount<'a> {
    /// The erofs image.
    pub(crate) image: &'a File,
    /// The directory `objects/`.
    pub(crate) objects: &'a Path,
    /// Where the mount table says it is from.
    pub(crate) source: String,
    /// Upper and work directory of a container.
    pub(crate) upper: Option<(&'a Path, &'a Path)>,
    /// Lets the kernel refuse objects without fs-verity.
    pub(crate) verity: bool,
    /// Attributes of the mount.
    pub(crate) attributes: MountAttr,
    /// An existing directory below which a moment's mount point may be made.
    pub(crate) scratch: &'a Path,
}

/// Mounts an erofs image alone; its files are empty.
pub(crate) fn mount_erofs(image: &File) -> Result<OwnedFd> {
    let mut attempts = Vec::new();
    match erofs(&fd_path(image)) {
        Ok(mount) => return Ok(mount),
        Err(error) => attempts.push(describe("erofs from a file", &error)),
    }
    match LoopDevice::attach(image).and_then(|device| erofs(device.path().as_os_str())) {
        Ok(mount) => Ok(mount),
        Err(error) => {
            attempts.push(describe("erofs from a loop device", &error));
            Err(StoreError::NoComposefs { attempts })
        }
    }
}

/// Mounts a tree.
pub(crate) fn mount_tree(request: &TreeMount<'_>) -> Result<OwnedFd> {
    let tree = mount_erofs(request.image)?;
    let open = |path: &Path| File::open(path).map_err(StoreError::io("opening", path));
    let objects = open(request.objects)?;
    let upper = match request.upper {
        Some((upper, work)) => Some((open(upper)?, open(work)?)),
        None => None,
    };
    let mut attempts = Vec::new();
    match overlay_by_fd(request, &tree, &objects, upper.as_ref()) {
        Ok(mount) => return Ok(mount),
        Err(error) => attempts.push(describe("overlay with layers by descriptor", &error)),
    }
    match overlay_by_path(request, tree, &objects, upper.as_ref()) {
        Ok(Ok(mount)) => Ok(mount),
        Ok(Err(error)) => {
            attempts.push(describe("overlay with lowerdir=", &error));
            Err(StoreError::NoComposefs { attempts })
        }
        Err(error) => Err(error),
    }
}

fn erofs(source: &std::ffi::OsStr) -> std::result::Result<OwnedFd, SysError> {
    let context = FsContext::fsopen("erofs")?;
    context.set_flag("ro")?;
    context.set_string("source", source)?;
    context.create(MountAttr::MOUNT_ATTR_RDONLY)
}

/// Options that both ways share.
fn overlay(request: &TreeMount<'_>) -> std::result::Result<FsContext, SysError> {
    let context = FsContext::fsopen("overlay")?;
    context.set_string("source", request.source.as_ref())?;
    context.set_string("metacopy", "on".as_ref())?;
    context.set_string("redirect_dir", "on".as_ref())?;
    if request.verity {
        context.set_string("verity", "require".as_ref())?;
    }
    Ok(context)
}

fn overlay_by_fd(
    request: &TreeMount<'_>,
    tree: &OwnedFd,
    objects: &File,
    upper: Option<&(File, File)>,
) -> std::result::Result<OwnedFd, SysError> {
    let context = overlay(request)?;
    context.set_fd("lowerdir+", tree)?;
    context.set_fd("datadir+", objects)?;
    if let Some((upper, work)) = upper {
        context.set_fd("upperdir", upper)?;
        context.set_fd("workdir", work)?;
    }
    context.create(request.attributes)
}

/// Before Linux 6.15 a layer has to be attached somewhere.
fn overlay_by_path(
    request: &TreeMount<'_>,
    tree: OwnedFd,
    objects: &File,
    upper: Option<&(File, File)>,
) -> Result<std::result::Result<OwnedFd, SysError>> {
    let point = request.scratch.join(format!(".tree-{}", unique()));
    std::fs::create_dir(&point).map_err(StoreError::io("creating", &point))?;
    let mounted = (|| {
        sys::mount::move_mount(&tree, &point)?;
        let attached = File::open(&point).map_err(|source| SysError {
            call: format!("open({point:?})"),
            source,
        })?;
        let context = overlay(request)?;
        let mut layers = fd_path(&attached);
        layers.push("::");
        layers.push(fd_path(objects));
        context.set_string("lowerdir", &layers)?;
        if let Some((upper, work)) = upper {
            context.set_string("upperdir", &fd_path(upper))?;
            context.set_string("workdir", &fd_path(work))?;
        }
        context.create(request.attributes)
    })();
    // The overlay keeps the tree; where it was attached is no longer needed.
    let _ = sys::mount::umount_detach(&point);
    drop(tree);
    std::fs::remove_dir(&point).map_err(StoreError::io("removing", &point))?;
    Ok(mounted)
}

fn fd_path(fd: &impl AsRawFd) -> OsString {
    format!("/proc/self/fd/{}", fd.as_raw_fd()).into()
}

fn describe(way: &str, error: &SysError) -> String {
    format!("{way}: {error}")
}

/// Tries whether this machine can mount trees at all: makes a tree with one file, mounts it
/// attached nowhere, and reads the file.
pub(crate) fn probe(layout: &Layout) -> Result<()> {
    let dir = layout.staging().join(format!(".probe-{}", unique()));
    let probed = probe_in(&dir);
    let removed = remove::tree(&dir);
    probed.and(removed)
}

fn probe_in(dir: &Path) -> Result<()> {
    let content = [b'x'; 100];
    let id = ObjectId::of(&content);
    let objects = dir.join("objects");
    let object = objects.join(id.path());
    let parent = object.parent().unwrap_or(&objects);
    std::fs::create_dir_all(parent).map_err(StoreError::io("creating", parent))?;
    std::fs::write(&object, content).map_err(StoreError::io("writing", &object))?;
    let mut tree = Draft::new();
    let file = tree.add(Stat::implied(), Content::External(id, 100))?;
    tree.link(Draft::ROOT, b"probe", file, 0)?;
    let mut bytes = Vec::new();
    tree.write(&mut |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    let path = dir.join("tree");
    std::fs::write(&path, bytes).map_err(StoreError::io("writing", &path))?;
    let image = File::open(&path).map_err(StoreError::io("opening", &path))?;
    let mount = mount_tree(&TreeMount {
        image: &image,
        objects: &objects,
        source: "storetool-probe".to_owned(),
        upper: None,
        verity: false,
        attributes: sys::mount::looking(),
        scratch: dir,
    })?;
    let file = rustix::fs::openat(
        &mount,
        "probe",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(StoreError::errno("opening", &path))?;
    let mut read = Vec::new();
    File::from(file)
        .read_to_end(&mut read)
        .map_err(StoreError::io("reading", &path))?;
    if read != content {
        return Err(StoreError::NoComposefs {
            attempts: vec!["the mounted tree shows other content".to_owned()],
        });
    }
    Ok(())
}
