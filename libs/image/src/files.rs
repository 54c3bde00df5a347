//! Files of layouts that somebody else made, and files that we make beside them.
//!
//! Reading: every file is opened with `openat2(2)` below the layout's directory, follows no
//! symbolic link, does not block on a fifo, and must be a regular file; its size comes from the
//! open descriptor. Writing: a file without a name in the layout, data synced, then its name.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oci::{Digest, Digester};
use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, ResolveFlags};
use tempfile::TempPath;

use crate::blob::{CHUNK, fill};
use crate::error::ImageError;

/// How long somebody else may hold the lock of a directory; it is held for small writes and renames.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// So many bytes come together before the disk is told to begin with them.
const WRITEBACK_BYTES: u64 = 8 << 20;

/// The mode of what is made, less the umask.
const MODE: Mode = Mode::from_raw_mode(0o644);

/// A directory that files are opened below.
#[derive(Debug)]
pub(crate) struct Root {
    fd: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// Opens the directory `path`, following links up to it: the user named it.
    pub(crate) fn open(path: &Path) -> Result<Self, ImageError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| ImageError::io("opening directory", path, errno.into()))?;
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// Opens a regular file below the directory; the result says how long it is.
    pub(crate) fn open_file(&self, name: &str) -> Result<(File, u64), ImageError> {
        let path = self.path.join(name);
        let failed = |source| ImageError::io("opening", &path, source);
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let fd = rustix::fs::openat2(&self.fd, name, flags, Mode::empty(), resolve)
            .map_err(|errno| failed(errno.into()))?;
        let stat = rustix::fs::fstat(&fd).map_err(|errno| failed(errno.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(ImageError::NotRegular { path });
        }
        Ok((
            File::from(fd),
            u64::try_from(stat.st_size).unwrap_or_default(),
        ))
    }

    /// Opens a file that may be absent.
    pub(crate) fn open_file_if_any(&self, name: &str) -> Result<Option<(File, u64)>, ImageError> {
        match self.open_file(name) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.is_missing_file() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a small file whole.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, ImageError> {
        let (file, size) = self.open_file(name)?;
        let path = self.path.join(name);
        if size > limit {
            return Err(ImageError::FileTooLarge { path, size, limit });
        }
        let mut bytes = Vec::new();
        // The file may grow while it is read; the limit holds nevertheless.
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| ImageError::io("reading", &path, source))?;
        let size = bytes.len() as u64;
        if size > limit {
            return Err(ImageError::FileTooLarge { path, size, limit });
        }
        Ok(bytes)
    }

    /// Reads a small file whole that may be absent.
    pub(crate) fn read_if_any(
        &self,
        name: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, ImageError> {
        match self.read(name, limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_missing_file() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits for the only right to commit to the directory. It ends with the value.
    pub(crate) fn lock(&self) -> Result<CommitLock, ImageError> {
        let failed = |errno: rustix::io::Errno| ImageError::io("locking", &self.path, errno.into());
        // A descriptor of its own: the lock belongs to the open file description.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, ".", flags, Mode::empty()).map_err(failed)?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(CommitLock { _fd: fd }),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(ImageError::Locked {
                        path: self.path.clone(),
                    });
                }
                Err(errno) => return Err(failed(errno)),
            }
        }
    }
}

/// The right to commit to a directory, for as long as the value lives.
#[derive(Debug)]
pub(crate) struct CommitLock {
    _fd: OwnedFd,
}

/// A file that has no name until it is published, so that nothing of it stays, whatever ends us.
/// Where the file system has no such files it has a temporary one, and a kill leaves it.
#[derive(Debug)]
pub(crate) struct Draft {
    file: File,
    directory: PathBuf,
    prefix: &'static str,
    name: Option<TempPath>,
}

impl Draft {
    /// Starts a file in `directory`; a temporary name, if need be, begins with `prefix`.
    pub(crate) fn create(directory: &Path, prefix: &'static str) -> Result<Self, ImageError> {
        let failed = |source| ImageError::io("creating a file in", directory, source);
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        let (file, name) = match rustix::fs::open(directory, flags, MODE) {
            Ok(file) => (File::from(file), None),
            // Kernels say EISDIR and file systems EOPNOTSUPP; some file systems have other words.
            Err(_) => {
                let (file, name) = tempfile::Builder::new()
                    .prefix(prefix)
                    .permissions(fs::Permissions::from_mode(MODE.bits()))
                    .tempfile_in(directory)
                    .map_err(failed)?
                    .into_parts();
                (file, Some(name))
            }
        };
        Ok(Self {
            file,
            directory: directory.to_owned(),
            prefix,
            name,
        })
    }

    /// Takes over the mode of the file that it will replace, and the owner where that is allowed.
    pub(crate) fn be_like(&self, old: &fs::Metadata) -> Result<(), ImageError> {
        let file = self.as_file();
        // The owner first: a change of owner clears bits of the mode.
        let _ = std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()));
        file.set_permissions(old.permissions())
            .map_err(|source| ImageError::io("changing the mode of", self.place(), source))
    }

    /// Writes a small document.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        self.file
            .write_all(bytes)
            .map_err(|source| ImageError::io("writing", self.place(), source))
    }

    /// Copies `reader` in. With `known`, the reader has checked the content itself; without,
    /// it is hashed here.
    pub(crate) fn fill(
        &mut self,
        reader: &mut dyn Read,
        known: Option<(Digest, u64)>,
    ) -> Result<(Digest, u64), ImageError> {
        let mut buffer = vec![0; CHUNK];
        let mut digester = known
            .is_none()
            .then(|| Digester::new(oci::Algorithm::Sha256));
        let (mut size, mut begun) = (0, 0);
        loop {
            let count = fill(reader, &mut buffer).map_err(ImageError::Stream)?;
            self.write(&buffer[..count])?;
            if let Some(digester) = &mut digester {
                digester.update(&buffer[..count]);
            }
            size += count as u64;
            if count < buffer.len() {
                break;
            }
            if size - begun >= WRITEBACK_BYTES {
                // The disk works meanwhile; where it can not, the sync at the end does it all.
                let _ = sys::file::begin_writeback(self.as_file(), begun..size);
                begun = size;
            }
        }
        match (known, digester) {
            (None, Some(digester)) => Ok((digester.finish(), size)),
            (Some((digest, _)), _) => Ok((digest, size)),
            (None, None) => Ok((Digest::sha256(b""), 0)),
        }
    }

    /// Makes the content durable.
    pub(crate) fn sync(&self) -> Result<(), ImageError> {
        self.file
            .sync_data()
            .map_err(|source| ImageError::io("syncing", self.place(), source))
    }

    /// Gives the file its name, replacing what had it.
    pub(crate) fn publish(self, path: &Path) -> Result<(), ImageError> {
        let failed = |source| ImageError::io("renaming a file to", path, source);
        let name = match self.name {
            Some(name) => name,
            None => match link(&self.file, path) {
                Ok(()) => return Ok(()),
                // A link replaces nothing; a rename does.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    tempfile::Builder::new()
                        .prefix(self.prefix)
                        .make_in(&self.directory, |name| link(&self.file, name))
                        .map_err(failed)?
                        .into_temp_path()
                }
                Err(error) => return Err(failed(error)),
            },
        };
        name.persist(path).map_err(|error| failed(error.error))
    }

    /// Returns the open file.
    pub(crate) fn as_file(&self) -> &File {
        &self.file
    }

    /// Where the file is, for messages.
    fn place(&self) -> &Path {
        self.name.as_deref().unwrap_or(&self.directory)
    }
}

/// Gives a file without a name one that nothing has.
fn link(file: &File, path: &Path) -> io::Result<()> {
    match rustix::fs::linkat(file, "", CWD, path, AtFlags::EMPTY_PATH) {
        // Before Linux 6.10 it takes a privilege, and says that nothing is there without it.
        Err(rustix::io::Errno::NOENT) => {
            let own = format!("/proc/self/fd/{}", file.as_raw_fd());
            rustix::fs::linkat(CWD, own, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
            Ok(())
        }
        done => Ok(done?),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), ImageError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| ImageError::io("syncing", path, source))
}

/// Creates a directory and those above it.
pub(crate) fn create_directories(path: &Path) -> Result<(), ImageError> {
    fs::create_dir_all(path).map_err(|source| ImageError::io("creating", path, source))
}

/// Removes a file; it may be gone already.
pub(crate) fn remove_if_any(path: &Path) -> Result<(), ImageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ImageError::io("removing", path, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_are_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("plain"), b"12345").unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        std::os::unix::fs::symlink("plain", at("link")).unwrap();
        fs::create_dir(at("sub")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let root = Root::open(directory.path()).unwrap();
        assert_eq!(root.read("plain", 5).unwrap(), b"12345");
        assert!(matches!(
            root.read("plain", 4),
            Err(ImageError::FileTooLarge { size: 5, .. })
        ));
        assert!(root.read("zero", 5).is_err());
        assert!(root.read("link", 5).is_err());
        assert!(matches!(
            root.read("sub", 5),
            Err(ImageError::NotRegular { .. })
        ));
        assert!(matches!(
            root.read("fifo", 5),
            Err(ImageError::NotRegular { .. })
        ));
        assert!(root.read("../plain", 5).is_err());
        assert!(root.read_if_any("none", 5).unwrap().is_none());
    }

    #[test]
    fn a_draft_of_a_killed_program_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let mut draft = Draft::create(directory.path(), "x-").unwrap();
        if draft.name.is_some() {
            eprintln!("skipped: the file system has no files without a name");
            return;
        }
        draft.write(b"half").unwrap();
        std::mem::forget(draft);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_draft_replaces_what_had_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("it");
        for content in ["first", "second"] {
            let mut draft = Draft::create(directory.path(), "x-").unwrap();
            draft.write(content.as_bytes()).unwrap();
            draft.publish(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_draft_that_is_not_published_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let mut draft = Draft::create(directory.path(), "x-").unwrap();
        draft.write(b"a").unwrap();
        drop(draft);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let mut draft = Draft::create(directory.path(), "x-").unwrap();
        let (digest, size) = draft.fill(&mut &b"abc"[..], None).unwrap();
        assert_eq!((digest, size), (Digest::sha256(b"abc"), 3));
        draft.publish(&directory.path().join("abc")).unwrap();
        let mode = fs::metadata(directory.path().join("abc"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o644);
    }
}
