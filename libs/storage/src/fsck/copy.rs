//! Whether the copies of the driver `vfs` are still what their trees say.
//!
//! What a copy never had, by its own notes, is not missed: as many owners, devices,
//! attributes and times as they name. A copy that no image and no container needs is garbage, and not looked at.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use oci::{ChainId, Digest};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

use super::{BUFFER_BYTES, Check, Finding, chain_of, list, text};
use crate::{
    checkout::{LeftOut, has_time, unpack},
    error::Result,
    object::ObjectId,
    object_file::digest_of,
    tree::{Entry, Kind, Tree},
};

/// Attributes that the kernel gives to files by itself.
const KERNEL_XATTRS: [&str; 4] = [
    "security.selinux",
    "security.SMACK64",
    "security.ima",
    "security.evm",
];

impl Check<'_> {
    /// Compares every copy with the tree of its chain in `trees`.
    pub(super) fn copies(&self, trees: &BTreeMap<ChainId, ObjectId>) -> Result<()> {
        let mut copies = Vec::new();
        for path in list(&self.store.layout().vfs())? {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let chain = Digest::parse(&format!("sha256:{name}")).map(ChainId);
            let notes = read_notes(&path);
            match (chain, notes) {
                (Ok(chain), Some(notes)) => {
                    copies.extend(trees.get(&chain).map(|tree| (path, *tree, notes)));
                }
                _ => self.found(Finding::Stray { path: text(&path) }),
            }
        }
        self.each(&copies, |(path, id, notes)| {
            // Trees that can not be read are found with their images.
            if let Ok(tree) = Tree::open(self.store.objects(), id) {
                self.copy(path, &tree, *notes);
            }
        });
        Ok(())
    }

    fn copy(&self, path: &Path, tree: &Tree, notes: LeftOut) {
        let root = path.join("root");
        let opened = File::open(&root).and_then(|dir| Ok((dir, fs::metadata(path)?)));
        let (dir, made) = match opened {
            Ok(opened) => opened,
            Err(error) => return self.differs(&root, error.to_string()),
        };
        let mut copy = Copy {
            check: self,
            root,
            dir,
            made_by: made.uid(),
            notes,
            files: HashMap::new(),
            taken: HashMap::new(),
        };
        let here = proc_path(&copy.dir).join(".");
        match rustix::fs::fstat(&copy.dir) {
            Ok(stat) => copy.metadata(tree.root(), b"", &stat, &here),
            Err(error) => self.differs(&copy.root, error.to_string()),
        }
        let mut queue = vec![(tree.root(), Vec::new())];
        while let Some((entry, path)) = queue.pop() {
            copy.directory(entry, &path, &mut queue);
        }
    }

    fn differs(&self, path: &Path, reason: String) {
        self.found(Finding::CopyDiffers {
            path: text(path),
            reason,
        });
    }
}

/// What a copy is said to lack; `None` when it says nothing, as no copy does.
fn read_notes(copy: &Path) -> Option<LeftOut> {
    let bytes = fs::read(copy.join("notes.json")).ok()?;
    let words: Vec<String> = serde_json::from_slice(&bytes).ok()?;
    Some(LeftOut::of_notes(&words))
}

fn proc_path(fd: &impl AsRawFd) -> PathBuf {
    Path::new("/proc/self/fd").join(fd.as_raw_fd().to_string())
}

/// A copy that is compared.
struct Copy<'a> {
    check: &'a Check<'a>,
    root: PathBuf,
    dir: File,
    /// Who made it; all files of who is not root are theirs.
    made_by: u32,
    /// What it may still lack.
    notes: LeftOut,
    /// The file of each inode of the tree, and the other way round.
    files: HashMap<u32, (u64, u64)>,
    taken: HashMap<(u64, u64), u32>,
}

impl Copy<'_> {
    fn differs(&self, path: &[u8], reason: impl Into<String>) {
        let path = self.root.join(OsStr::from_bytes(path));
        self.check.differs(&path, reason.into());
    }

    /// Compares the entries of one directory.
    fn directory<'t>(
        &mut self,
        dir: Entry<'t>,
        path: &[u8],
        queue: &mut Vec<(Entry<'t>, Vec<u8>)>,
    ) {
        let relative = if path.is_empty() { b"." } else { path };
        let opened = sys::open::open_beneath(
            &self.dir,
            Path::new(OsStr::from_bytes(relative)),
            OFlags::RDONLY | OFlags::DIRECTORY,
            Mode::empty(),
        );
        let fd = match opened {
            Ok(fd) => fd,
            Err(error) => return self.differs(path, chain_of(&error)),
        };
        let below = |name: &OsStr| {
            let mut child = path.to_vec();
            if !child.is_empty() {
                child.push(b'/');
            }
            child.extend_from_slice(name.as_bytes());
            child
        };
        let mut strangers: BTreeSet<OsString> = match names(&fd) {
            Ok(names) => names,
            Err(error) => return self.differs(path, error.to_string()),
        };
        for entry in dir.entries() {
            let child = below(entry.name());
            if !strangers.remove(entry.name()) {
                self.missing(entry, &child);
                continue;
            }
            let stat = rustix::fs::statat(&fd, entry.name(), AtFlags::SYMLINK_NOFOLLOW);
            match stat {
                Ok(stat) if type_of(entry) != FileType::from_raw_mode(stat.st_mode) => {
                    self.differs(&child, "its type");
                }
                Ok(stat) => {
                    if self.file(entry, &child, &stat) {
                        self.content(&fd, entry, &child, &stat);
                        let here = proc_path(&fd).join(entry.name());
                        self.metadata(entry, &child, &stat, &here);
                    }
                    if entry.is_dir() {
                        queue.push((entry, child));
                    }
                }
                Err(error) => self.differs(&child, error.to_string()),
            }
        }
        for name in strangers {
            self.differs(&below(&name), "the image does not have it");
        }
    }

    fn missing(&mut self, entry: Entry<'_>, path: &[u8]) {
        match entry.kind() {
            Kind::CharDevice(_) | Kind::BlockDevice(_) if take(&mut self.notes.devices) => {}
            // No checkout makes one.
            Kind::Socket => {}
            _ => self.differs(path, "it is missing"),
        }
    }

    /// Compares which names are one file; says whether it is seen for the first time.
    fn file(&mut self, entry: Entry<'_>, path: &[u8], stat: &Stat) -> bool {
        if entry.is_dir() {
            return true;
        }
        let (number, file) = (entry.inode_number(), (stat.st_dev, stat.st_ino));
        let known = self.files.get(&number).copied();
        if known.is_some_and(|known| known != file)
            || self.taken.get(&file).is_some_and(|other| *other != number)
        {
            self.differs(path, "its hard links");
            return true;
        }
        self.files.insert(number, file);
        self.taken.insert(file, number);
        known.is_none()
    }

    fn content(&self, dir: &OwnedFd, entry: Entry<'_>, path: &[u8], stat: &Stat) {
        let same = match entry.kind() {
            Kind::Inline(_) | Kind::External { .. } => self.same_bytes(dir, entry, stat),
            Kind::Symlink(target) => rustix::fs::readlinkat(dir, entry.name(), Vec::new())
                .map(|there| there.as_bytes() == &**target)
                .map_err(Into::into),
            Kind::CharDevice(device) | Kind::BlockDevice(device) => {
                let there = (
                    rustix::fs::major(stat.st_rdev),
                    rustix::fs::minor(stat.st_rdev),
                );
                Ok(unpack(*device) == there)
            }
            Kind::Directory(_) | Kind::Fifo | Kind::Socket => Ok(true),
        };
        match same {
            Ok(true) => {}
            Ok(false) => self.differs(path, "its content"),
            Err(error) => self.differs(path, error.to_string()),
        }
    }

    fn same_bytes(&self, dir: &OwnedFd, entry: Entry<'_>, stat: &Stat) -> std::io::Result<bool> {
        if u64::try_from(stat.st_size).ok() != Some(entry.size_bytes()) {
            return Ok(false);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(dir, entry.name(), flags, Mode::empty())?;
        let actual = digest_of(&mut File::from(fd), &mut vec![0; BUFFER_BYTES])?;
        self.check
            .bytes
            .fetch_add(entry.size_bytes(), Ordering::Relaxed);
        Ok(ObjectId::of_entry(&entry) == Some(actual))
    }

    /// Compares mode, owner, time and attributes; `here` leads to the file without a symlink.
    fn metadata(&mut self, entry: Entry<'_>, path: &[u8], stat: &Stat, here: &Path) {
        let meta = entry.meta();
        if !matches!(entry.kind(), Kind::Symlink(_)) && stat.st_mode & 0o7777 != meta.mode {
            self.differs(path, "its mode");
        }
        let owner = if self.made_by == 0 {
            (stat.st_uid, stat.st_gid) == (meta.uid, meta.gid)
        } else {
            stat.st_uid == self.made_by
        };
        if !owner {
            self.differs(path, "its owner");
        }
        if !has_time(stat, meta) && !take(&mut self.notes.times) {
            self.differs(path, "its time");
        }
        match sys::xattr::llistxattr(here) {
            Ok(there) => self.xattrs(entry, path, there),
            Err(error) => self.differs(path, chain_of(&error)),
        }
    }

    fn xattrs(&mut self, entry: Entry<'_>, path: &[u8], there: Vec<(OsString, Vec<u8>)>) {
        let mut there: BTreeMap<OsString, Vec<u8>> = there.into_iter().collect();
        let mut same = true;
        for (name, value) in &entry.meta().xattrs {
            same &= match there.remove(OsStr::from_bytes(name)) {
                Some(found) => found == *value,
                None => take(&mut self.notes.xattrs),
            };
        }
        let strange = |name: &OsString| !KERNEL_XATTRS.iter().any(|kernel| name == kernel);
        if !same || there.keys().any(strange) {
            self.differs(path, "its attributes");
        }
    }
}

/// Takes one from what may be lacking; says whether there was one left.
fn take(count: &mut u64) -> bool {
    let left = *count > 0;
    *count = count.saturating_sub(1);
    left
}

fn names(dir: &impl AsFd) -> std::io::Result<BTreeSet<OsString>> {
    let mut names = BTreeSet::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.insert(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

fn type_of(entry: Entry<'_>) -> FileType {
    match entry.kind() {
        Kind::Directory(_) => FileType::Directory,
        Kind::Inline(_) | Kind::External { .. } => FileType::RegularFile,
        Kind::Symlink(_) => FileType::Symlink,
        Kind::CharDevice(_) => FileType::CharacterDevice,
        Kind::BlockDevice(_) => FileType::BlockDevice,
        Kind::Fifo => FileType::Fifo,
        Kind::Socket => FileType::Socket,
    }
}
