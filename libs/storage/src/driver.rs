//! How a tree is mounted: an erofs image without a block device, below an overlay whose data-only
//! layer is `objects/`.
//!
//! What the kernel can do is tried when it is needed, best first:
//!
//! | step | ways | Linux |
//! | --- | --- | --- |
//! | erofs | from the image file itself | 6.12 |
//! | | from a loop device | 5.19 |
//! | overlay | layers by descriptor (`lowerdir+`, `datadir+`) | 6.15 |
//! | | `lowerdir=TREE::OBJECTS`, with the tree attached for a moment | 6.5 |
//! | | `lowerdir=TREE:OBJECTS`, the same; `00` to `ff` in the tree's root hide the objects | 5.19 |
//!
//! What comes back is attached nowhere; it goes away with its descriptor if nobody attaches it.

use std::{
    ffi::OsString,
    fmt,
    fs::File,
    io::Read,
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use sys::{
    SysError,
    loopdev::LoopDevice,
    mount::{FsContext, MountAttr},
};

use crate::{
    erofs::{Content, Draft, Stat},
    error::{Result, StoreError},
    object::ObjectId,
    object_file::enable_verity,
    remove,
    staging::unique,
};

/// A way to mount the erofs image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErofsWay {
    File,
    Loop,
}

/// A way to put the overlay together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverlayWay {
    Descriptors,
    DataPath,
    PlainPath,
}

/// The ways that may be used, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ways {
    pub(crate) erofs: &'static [ErofsWay],
    pub(crate) overlay: &'static [OverlayWay],
}

impl Ways {
    /// All of them.
    pub(crate) const ALL: Self = Self {
        erofs: &[ErofsWay::File, ErofsWay::Loop],
        overlay: &[
            OverlayWay::Descriptors,
            OverlayWay::DataPath,
            OverlayWay::PlainPath,
        ],
    };
}

/// How a tree was mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way(pub(crate) ErofsWay, pub(crate) OverlayWay);

impl fmt::Display for ErofsWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "erofs from a file",
            Self::Loop => "erofs from a loop device",
        })
    }
}

impl fmt::Display for OverlayWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "overlay by descriptor",
            Self::DataPath => "overlay by path",
            Self::PlainPath => "overlay without data-only layers",
        })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.0, self.1)
    }
}

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
    /// What may be tried.
    pub(crate) ways: Ways,
}

/// Mounts an erofs image alone; its files are empty.
pub(crate) fn mount_erofs(image: &File, ways: Ways) -> Result<(OwnedFd, ErofsWay)> {
    let mut attempts = Vec::new();
    if ways.erofs.is_empty() {
        attempts.push("no way is allowed".to_owned());
    }
    for way in ways.erofs {
        let mounted = match way {
            ErofsWay::File => erofs(&fd_path(image)),
            ErofsWay::Loop => {
                LoopDevice::attach(image).and_then(|device| erofs(device.path().as_os_str()))
            }
        };
        match mounted {
            Ok(mount) => return Ok((mount, *way)),
            Err(error) => attempts.push(format!("{way}: {error}")),
        }
    }
    Err(StoreError::NoComposefs { attempts })
}

/// Mounts a tree.
pub(crate) fn mount_tree(request: &TreeMount<'_>) -> Result<(OwnedFd, Way)> {
    let (tree, erofs) = mount_erofs(request.image, request.ways)?;
    let open = |path: &Path| File::open(path).map_err(StoreError::io("opening", path));
    let objects = open(request.objects)?;
    let upper = match request.upper {
        Some((upper, work)) => Some((open(upper)?, open(work)?)),
        None => None,
    };
    let mut attempts = Vec::new();
    // The tree is attached once for all ways that need it.
    let mut attached: Option<Attached> = None;
    for way in request.ways.overlay {
        if *way == OverlayWay::PlainPath && !hides_objects(&tree) {
            attempts.push(format!(
                "{way}: the image has directories named as those of objects, which would be merged"
            ));
            continue;
        }
        let mounted = match way {
            OverlayWay::Descriptors => overlay_by_fd(request, &tree, &objects, upper.as_ref()),
            OverlayWay::DataPath | OverlayWay::PlainPath => {
                let at = match attached.take() {
                    Some(at) => at,
                    None => Attached::new(request.scratch, &tree)?,
                };
                let between = if *way == OverlayWay::DataPath {
                    "::"
                } else {
                    ":"
                };
                let mounted = overlay_by_path(request, &at, between, &objects, upper.as_ref());
                attached = Some(at);
                mounted
            }
        };
        match mounted {
            Ok(mount) => {
                // The overlay keeps the tree; where it was attached is no longer needed.
                attached.map_or(Ok(()), Attached::remove)?;
                return Ok((mount, Way(erofs, *way)));
            }
            Err(error) => attempts.push(format!("{way}: {error}")),
        }
    }
    attached.map_or(Ok(()), Attached::remove)?;
    Err(StoreError::NoComposefs { attempts })
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
    tree: &Attached,
    between: &str,
    objects: &File,
    upper: Option<&(File, File)>,
) -> std::result::Result<OwnedFd, SysError> {
    let context = overlay(request)?;
    let mut layers = fd_path(&tree.root);
    layers.push(between);
    layers.push(fd_path(objects));
    context.set_string("lowerdir", &layers)?;
    if let Some((upper, work)) = upper {
        context.set_string("upperdir", &fd_path(upper))?;
        context.set_string("workdir", &fd_path(work))?;
    }
    context.create(request.attributes)
}

/// A tree that is attached for a moment.
struct Attached {
    point: PathBuf,
    root: File,
}

impl Attached {
    fn new(scratch: &Path, tree: &OwnedFd) -> Result<Self> {
        let point = scratch.join(format!(".tree-{}", unique()));
        std::fs::create_dir(&point).map_err(StoreError::io("creating", &point))?;
        let attached = sys::mount::move_mount(tree, &point)
            .map_err(StoreError::from)
            .and_then(|()| File::open(&point).map_err(StoreError::io("opening", &point)));
        match attached {
            Ok(root) => Ok(Self { point, root }),
            Err(error) => {
                let _ = sys::mount::umount_detach(&point);
                let _ = std::fs::remove_dir(&point);
                Err(error)
            }
        }
    }

    fn remove(self) -> Result<()> {
        drop(self.root);
        sys::mount::umount_detach(&self.point)?;
        std::fs::remove_dir(&self.point).map_err(StoreError::io("removing", &self.point))
    }
}

/// Tells whether nothing of `objects/` shows through the root of a tree when both are merged: a
/// file or device hides a directory, a directory does not.
fn hides_objects(tree: &OwnedFd) -> bool {
    (0..=255_u8).all(|byte| {
        rustix::fs::statat(tree, format!("{byte:02x}"), AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) != FileType::Directory)
    })
}

fn fd_path(fd: &impl AsRawFd) -> OsString {
    format!("/proc/self/fd/{}", fd.as_raw_fd()).into()
}

/// Tries whether this machine can mount trees at all: makes a tree with one file below `dir`,
/// mounts it attached nowhere, and reads the file.
pub(crate) fn probe(dir: &Path, verity: bool, ways: Ways) -> Result<Way> {
    let dir = dir.join(format!(".probe-{}", unique()));
    let probed = probe_in(&dir, verity, ways);
    let removed = remove::tree(&dir);
    probed.and_then(|way| removed.map(|()| way))
}

fn probe_in(dir: &Path, verity: bool, ways: Ways) -> Result<Way> {
    let content = [b'x'; 100];
    let id = ObjectId::of(&content);
    let objects = dir.join("objects");
    let object = objects.join(id.path());
    let parent = object.parent().unwrap_or(&objects);
    std::fs::create_dir_all(parent).map_err(StoreError::io("creating", parent))?;
    std::fs::write(&object, content).map_err(StoreError::io("writing", &object))?;
    if verity {
        let file = File::open(&object).map_err(StoreError::io("opening", &object))?;
        enable_verity(&file, &object)?;
    }
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
    let (mount, way) = mount_tree(&TreeMount {
        image: &image,
        objects: &objects,
        source: "storetool-probe".to_owned(),
        upper: None,
        verity,
        attributes: sys::mount::looking(),
        scratch: dir,
        ways,
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
    Ok(way)
}
