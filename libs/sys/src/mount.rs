//! The mount calls that work on file descriptors (Linux 5.2), and what they are configured with.
#![expect(unsafe_code, reason = "rustix has no mount_setattr")]

use std::{
    ffi::OsStr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::CWD,
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    },
};

use crate::{Result, SysError};

pub use rustix::mount::MountAttrFlags as MountAttr;

/// A file system that is being configured (`fsopen(2)`).
#[derive(Debug)]
pub struct FsContext {
    fd: OwnedFd,
    kind: &'static str,
}

impl FsContext {
    /// `fsopen(2)`.
    ///
    /// # Errors
    /// `ENODEV` for a file system that the kernel lacks, `EPERM` without privilege.
    pub fn fsopen(kind: &'static str) -> Result<Self> {
        rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
            .map(|fd| Self { fd, kind })
            .map_err(|errno| SysError::new(format_args!("fsopen({kind:?})"), errno))
    }

    /// `fsconfig(2)` with `FSCONFIG_SET_FLAG`.
    ///
    /// # Errors
    /// `EINVAL` for a flag that the file system does not know.
    pub fn set_flag(&self, key: &str) -> Result<()> {
        rustix::mount::fsconfig_set_flag(&self.fd, key)
            .map_err(|errno| self.error(format_args!("fsconfig({}, {key:?})", self.kind), errno))
    }

    /// `fsconfig(2)` with `FSCONFIG_SET_STRING`; a value has at most 255 bytes.
    ///
    /// # Errors
    /// `EINVAL` for a key or value that the file system does not know.
    pub fn set_string(&self, key: &str, value: &OsStr) -> Result<()> {
        rustix::mount::fsconfig_set_string(&self.fd, key, value).map_err(|errno| {
            self.error(
                format_args!("fsconfig({}, {key:?}, {value:?})", self.kind),
                errno,
            )
        })
    }

    /// `fsconfig(2)` with `FSCONFIG_SET_FD`.
    ///
    /// # Errors
    /// `EINVAL` before Linux 6.13, and for a detached mount before 6.15.
    pub fn set_fd(&self, key: &str, fd: impl AsFd) -> Result<()> {
        rustix::mount::fsconfig_set_fd(&self.fd, key, fd).map_err(|errno| {
            self.error(format_args!("fsconfig({}, {key:?}, fd)", self.kind), errno)
        })
    }

    /// `fsconfig(2)` with `FSCONFIG_CMD_CREATE`, then `fsmount(2)`: a mount that is attached
    /// nowhere yet and goes away with its descriptor.
    ///
    /// # Errors
    /// What the file system refuses; the message holds what the kernel logged about it.
    pub fn create(self, attributes: MountAttr) -> Result<OwnedFd> {
        rustix::mount::fsconfig_create(&self.fd).map_err(|errno| {
            self.error(
                format_args!("fsconfig({}, FSCONFIG_CMD_CREATE)", self.kind),
                errno,
            )
        })?;
        rustix::mount::fsmount(&self.fd, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .map_err(|errno| self.error(format_args!("fsmount({})", self.kind), errno))
    }

    /// Adds what the kernel says about the failure, which it queues in the descriptor.
    fn error(&self, call: impl std::fmt::Display, errno: Errno) -> SysError {
        let mut text = call.to_string();
        let mut line = [0_u8; 1024];
        while let Ok(length) = rustix::io::read(&self.fd, &mut line) {
            if length == 0 {
                break;
            }
            let message = String::from_utf8_lossy(line.get(..length).unwrap_or_default());
            text.push_str(" [");
            text.push_str(message.trim_end());
            text.push(']');
        }
        SysError::new(text, errno)
    }
}

/// `move_mount(2)`: attaches the detached mount `mount` at `target`.
///
/// # Errors
/// What the call fails with.
pub fn move_mount(mount: impl AsFd, target: &Path) -> Result<()> {
    rustix::mount::move_mount(
        mount,
        "",
        CWD,
        target,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
    .map_err(|errno| SysError::new(format_args!("move_mount({target:?})"), errno))
}

/// `open_tree(2)` with `OPEN_TREE_CLONE`: a detached bind mount of `path`.
///
/// # Errors
/// What the call fails with.
pub fn open_tree_clone(path: &Path) -> Result<OwnedFd> {
    rustix::mount::open_tree(
        CWD,
        path,
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC,
    )
    .map_err(|errno| SysError::new(format_args!("open_tree({path:?}, OPEN_TREE_CLONE)"), errno))
}

/// `mount_setattr(2)` on a detached mount: adds `attributes` to it.
///
/// # Errors
/// `ENOSYS` before Linux 5.12.
pub fn mount_setattr(mount: BorrowedFd<'_>, attributes: MountAttr) -> Result<()> {
    let attr = libc::mount_attr {
        attr_set: u64::from(attributes.bits()),
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path is an empty C string, `attr` lives for the call and its size is given.
    let status = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    if status == -1 {
        return Err(SysError::last(format_args!(
            "mount_setattr({attributes:?})"
        )));
    }
    Ok(())
}

/// `mount_setattr(2)` with `MS_PRIVATE`: cuts a mount off from propagation.
///
/// # Errors
/// What the call fails with.
pub fn make_private(target: &Path) -> Result<()> {
    rustix::mount::mount_change(target, rustix::mount::MountPropagationFlags::PRIVATE)
        .map_err(|errno| SysError::new(format_args!("mount({target:?}, MS_PRIVATE)"), errno))
}

/// `umount2(2)` of `target`, which is not followed when it is a symlink.
///
/// # Errors
/// `EBUSY` while somebody uses it, `EINVAL` when nothing is mounted there.
pub fn umount(target: &Path) -> Result<()> {
    rustix::mount::unmount(target, UnmountFlags::NOFOLLOW)
        .map_err(|errno| SysError::new(format_args!("umount2({target:?})"), errno))
}

/// `umount2(2)` with `MNT_DETACH`: takes it out of the tree now, frees it with its last user.
///
/// # Errors
/// `EINVAL` when nothing is mounted there.
pub fn umount_detach(target: &Path) -> Result<()> {
    rustix::mount::unmount(target, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH)
        .map_err(|errno| SysError::new(format_args!("umount2({target:?}, MNT_DETACH)"), errno))
}

/// Attributes of a mount that is only looked at: read-only, no setuid, no devices.
pub fn looking() -> MountAttr {
    MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
}
