//! Writing a tree out as files.
//!
//! The target directory is new and ours. Directories are made level by level, each opened from
//! the root without following symlinks, so that depth costs no descriptors; what a directory may
//! do and when it was changed is set last, deepest first.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::File,
    io::Read,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    fs::{AtFlags, FileType, Gid, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps, Uid},
    io::Errno,
};

use crate::{
    error::{Result, StoreError},
    tree::{Content, Entry, Kind, Meta, Tree},
};

/// What a checkout had to leave out, without root or on a file system that can not keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Files that belong to the caller instead of their owner.
    pub(crate) owners: u64,
    /// Devices.
    pub(crate) devices: u64,
    /// Extended attributes.
    pub(crate) xattrs: u64,
    /// Files with another time of change than the image says.
    pub(crate) times: u64,
}

impl LeftOut {
    /// Says it in words; nothing when nothing was left out.
    pub(crate) fn notes(mut self) -> Vec<String> {
        self.words()
            .into_iter()
            .filter(|(count, _)| **count > 0)
            .map(|(count, text)| format!("{count} {text}"))
            .collect()
    }

    /// Reads [`LeftOut::notes`] back; other words say nothing.
    pub(crate) fn of_notes(notes: &[String]) -> Self {
        let mut left_out = Self::default();
        for note in notes {
            for (count, text) in left_out.words() {
                if let Some(number) = note.strip_suffix(text) {
                    *count = number.trim_end().parse().unwrap_or(0);
                }
            }
        }
        left_out
    }

    fn words(&mut self) -> [(&mut u64, &'static str); 4] {
        [
            (
                &mut self.owners,
                "files belong to you instead of their owner",
            ),
            (&mut self.devices, "devices were left out"),
            (&mut self.xattrs, "extended attributes were left out"),
            (
                &mut self.times,
                "files have another time, as the file system can not keep theirs",
            ),
        ]
    }
}

/// Writes what is in the directory `from` into the existing, empty directory `target`,
/// until `stop` says to stop.
pub(crate) fn write(
    tree: &Tree,
    from: Entry<'_>,
    target: &Path,
    stop: &AtomicBool,
) -> Result<LeftOut> {
    let root = File::open(target).map_err(StoreError::io("opening", target))?;
    let privileged = rustix::process::geteuid().is_root();
    let mut writer = Writer {
        target,
        root,
        privileged,
        reflink: true,
        first_names: HashMap::new(),
        left_out: LeftOut::default(),
    };
    let base = from.path();
    let mut dirs = vec![(from, Vec::new())];
    let mut next = 0;
    while let Some((dir, path)) = dirs.get(next).cloned() {
        next += 1;
        let fd = writer.open_dir(&path)?;
        for entry in dir.entries() {
            if stop.load(Ordering::Relaxed) {
                return Err(StoreError::Interrupted);
            }
            let mut child = path.clone();
            if !child.is_empty() {
                child.push(b'/');
            }
            child.extend_from_slice(entry.name().as_bytes());
            if entry.is_dir() {
                rustix::fs::mkdirat(&fd, entry.name(), Mode::RWXU)
                    .map_err(StoreError::errno("creating", writer.full(&child)))?;
                dirs.push((entry, child));
            } else {
                writer.leaf(&fd, entry, &child)?;
            }
        }
    }
    debug_assert!(base.is_empty() || !tree.is_empty());
    for (dir, path) in dirs.iter().rev() {
        let fd = writer.open_dir(path)?;
        writer.finish(&fd, dir.meta(), path)?;
    }
    Ok(writer.left_out)
}

struct Writer<'a> {
    target: &'a Path,
    root: File,
    privileged: bool,
    /// Until the file system says that it can not.
    reflink: bool,
    /// Where the first name of a file with several lies.
    first_names: HashMap<u32, Vec<u8>>,
    left_out: LeftOut,
}

impl Writer<'_> {
    fn full(&self, path: &[u8]) -> PathBuf {
        self.target.join(OsStr::from_bytes(path))
    }

    fn open_dir(&self, path: &[u8]) -> Result<OwnedFd> {
        let relative = if path.is_empty() { b"." } else { path };
        sys::open::open_beneath(
            &self.root,
            Path::new(OsStr::from_bytes(relative)),
            OFlags::RDONLY | OFlags::DIRECTORY,
            Mode::empty(),
        )
        .map_err(StoreError::sys("opening", self.full(path)))
    }

    /// Makes anything but a directory.
    fn leaf(&mut self, dir: &OwnedFd, entry: Entry<'_>, path: &[u8]) -> Result<()> {
        let name = entry.name();
        if entry.links() > 1
            && let Some(first) = self.first_names.get(&entry.inode_number())
        {
            return rustix::fs::linkat(
                &self.root,
                OsStr::from_bytes(first),
                dir,
                name,
                AtFlags::empty(),
            )
            .map_err(StoreError::errno("linking", self.full(path)));
        }
        let made = match entry.kind() {
            Kind::Inline(_) | Kind::External { .. } => {
                let file = self.file(dir, entry, path)?;
                self.finish(&file, entry.meta(), path)?;
                true
            }
            Kind::Symlink(target) => {
                rustix::fs::symlinkat(OsStr::from_bytes(target), dir, name)
                    .map_err(StoreError::errno("linking", self.full(path)))?;
                self.finish_at(dir, entry, path)?;
                true
            }
            Kind::CharDevice(device) => {
                self.special(dir, entry, path, FileType::CharacterDevice, *device)?
            }
            Kind::BlockDevice(device) => {
                self.special(dir, entry, path, FileType::BlockDevice, *device)?
            }
            Kind::Fifo => self.special(dir, entry, path, FileType::Fifo, 0)?,
            Kind::Socket | Kind::Directory(_) => false,
        };
        if made && entry.links() > 1 {
            self.first_names.insert(entry.inode_number(), path.to_vec());
        }
        Ok(())
    }

    fn file(&mut self, dir: &OwnedFd, entry: Entry<'_>, path: &[u8]) -> Result<File> {
        let fd = rustix::fs::openat(
            dir,
            entry.name(),
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::RUSR | Mode::WUSR,
        )
        .map_err(StoreError::errno("creating", self.full(path)))?;
        let mut file = File::from(fd);
        let mut content = entry.open()?;
        if let Content::Object(object) = &content
            && self.reflink
        {
            if sys::file::ficlone(&file, object)
                .map_err(StoreError::sys("cloning", self.full(path)))?
            {
                return Ok(file);
            }
            self.reflink = false;
        }
        let copied = match &mut content {
            Content::Object(object) => copy_sparse(object, &mut file),
            Content::Inline(bytes) => std::io::copy(bytes, &mut file).map(drop),
        };
        copied.map_err(StoreError::io("writing", self.full(path)))?;
        Ok(file)
    }

    fn special(
        &mut self,
        dir: &OwnedFd,
        entry: Entry<'_>,
        path: &[u8],
        kind: FileType,
        device: u64,
    ) -> Result<bool> {
        let (major, minor) = unpack(device);
        let made = rustix::fs::mknodat(
            dir,
            entry.name(),
            kind,
            Mode::RUSR,
            rustix::fs::makedev(major, minor),
        );
        match made {
            Err(Errno::PERM) if !self.privileged => {
                self.left_out.devices += 1;
                return Ok(false);
            }
            other => other.map_err(StoreError::errno("creating", self.full(path)))?,
        }
        self.finish_at(dir, entry, path)?;
        Ok(true)
    }

    /// Sets owner, attributes, mode and time, in this order: a change of owner clears set-id bits
    /// and capabilities, and anything changes the time.
    fn finish(&mut self, fd: &impl AsFd, meta: &Meta, path: &[u8]) -> Result<()> {
        let fail = || StoreError::errno("setting metadata of", self.full(path));
        if self.privileged {
            rustix::fs::fchown(
                fd,
                Some(Uid::from_raw(meta.uid)),
                Some(Gid::from_raw(meta.gid)),
            )
            .map_err(fail())?;
        } else if meta.uid != rustix::process::geteuid().as_raw() {
            self.left_out.owners += 1;
        }
        for (name, value) in &meta.xattrs {
            match sys::xattr::fsetxattr(fd, OsStr::from_bytes(name), value) {
                Ok(()) => {}
                Err(error) if may_leave_out(self.privileged, error.errno()) => {
                    self.left_out.xattrs += 1;
                }
                Err(error) => return Err(StoreError::attribute(self.full(path), error)),
            }
        }
        let fail = || StoreError::errno("setting metadata of", self.full(path));
        rustix::fs::fchmod(fd, Mode::from_raw_mode(meta.mode)).map_err(fail())?;
        rustix::fs::futimens(fd, &times(meta)).map_err(fail())?;
        let stat = rustix::fs::fstat(fd).map_err(fail())?;
        self.left_out.times += u64::from(!has_time(&stat, meta));
        Ok(())
    }

    /// As [`Writer::finish`] for what can not be opened.
    fn finish_at(&mut self, dir: &OwnedFd, entry: Entry<'_>, path: &[u8]) -> Result<()> {
        let (name, meta) = (entry.name(), entry.meta());
        let fail = || StoreError::errno("setting metadata of", self.full(path));
        if self.privileged {
            rustix::fs::chownat(
                dir,
                name,
                Some(Uid::from_raw(meta.uid)),
                Some(Gid::from_raw(meta.gid)),
                AtFlags::SYMLINK_NOFOLLOW,
            )
            .map_err(fail())?;
        }
        let here = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
        for (attribute, value) in &meta.xattrs {
            match sys::xattr::lsetxattr(&here, OsStr::from_bytes(attribute), value) {
                Ok(()) => {}
                Err(error) if may_leave_out(self.privileged, error.errno()) => {
                    self.left_out.xattrs += 1;
                }
                Err(error) => return Err(StoreError::attribute(self.full(path), error)),
            }
        }
        let fail = || StoreError::errno("setting metadata of", self.full(path));
        if !matches!(entry.kind(), Kind::Symlink(_)) {
            // Just made by us in a directory that nobody else has: it is no symlink.
            rustix::fs::chmodat(dir, name, Mode::from_raw_mode(meta.mode), AtFlags::empty())
                .map_err(fail())?;
        }
        rustix::fs::utimensat(dir, name, &times(meta), AtFlags::SYMLINK_NOFOLLOW).map_err(fail())?;
        let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(fail())?;
        self.left_out.times += u64::from(!has_time(&stat, meta));
        Ok(())
    }
}

/// Copies an object and leaves its holes what they are: a file of a layer may be some bytes and a
/// terabyte of nothing.
fn copy_sparse(from: &mut File, to: &mut File) -> std::io::Result<()> {
    let meta = from.metadata()?;
    if meta.blocks() * 512 >= meta.len() {
        // The kernel copies between files.
        return std::io::copy(from, to).map(drop);
    }
    let mut end = 0;
    loop {
        let start = match rustix::fs::seek(&*from, SeekFrom::Data(end)) {
            Ok(start) => start,
            // Nothing but a hole is left.
            Err(Errno::NXIO) => break,
            Err(errno) => return Err(errno.into()),
        };
        end = rustix::fs::seek(&*from, SeekFrom::Hole(start))?;
        rustix::fs::seek(&*from, SeekFrom::Start(start))?;
        rustix::fs::seek(&*to, SeekFrom::Start(start))?;
        std::io::copy(&mut (&*from).take(end - start), to)?;
    }
    to.set_len(meta.len())
}

/// Attributes of the `user` namespace need a file system that has them and a file or directory;
/// capabilities need root.
fn may_leave_out(privileged: bool, errno: Option<Errno>) -> bool {
    match errno {
        Some(Errno::PERM) => !privileged,
        Some(Errno::OPNOTSUPP) => true,
        _ => false,
    }
}

fn times(meta: &Meta) -> Timestamps {
    let time = Timespec {
        tv_sec: meta.mtime_secs,
        tv_nsec: i64::from(meta.mtime_nanos),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// Tells whether a file has the time that it was given: one that is out of the range of the file
/// system, or too fine for it, becomes the next that it knows.
pub(crate) fn has_time(stat: &Stat, meta: &Meta) -> bool {
    (stat.st_mtime, stat.st_mtime_nsec) == (meta.mtime_secs, meta.mtime_nanos.into())
}

/// Undoes Linux's packing of a device number.
pub(crate) fn unpack(device: u64) -> (u32, u32) {
    let device = u32::try_from(device).unwrap_or(u32::MAX);
    (
        (device >> 8) & 0xfff,
        (device & 0xff) | ((device >> 12) & 0xf_ff00),
    )
}
