//! A root file system that an image filled, and that is therefore not to be trusted.
//!
//! Everything is opened relative to the root and resolved inside of it, so no symlink leads to
//! the host. Files are first opened by path only and looked at: a fifo would wait for a writer,
//! and opening a device can act on it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use runtime_spec::user::{DATABASE_BYTES, UserDatabase, UserError};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// Why a root file system is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootfsError {
    /// The directory can not be opened.
    #[error("opening root file system {}", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path inside can not be opened or read.
    #[error("reading /{} of the root file system", path.display())]
    Read {
        /// The path inside.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory that the runtime mounts on is something else. A symlink there has led runtimes
    /// to the host (CVE-2026-41579).
    #[error("/{} of the root file system is {found} where only a directory is safe", path.display())]
    NotADirectory {
        /// The path inside.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A file that is to be read is something else.
    #[error("/{} of the root file system is {found} and no regular file", path.display())]
    NotAFile {
        /// The path inside.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A file is too large.
    #[error("/{} of the root file system has more than {limit} bytes", path.display())]
    TooLarge {
        /// The path inside.
        path: PathBuf,
        /// How many bytes are allowed.
        limit: usize,
    },
}

/// The bytes of `/etc/passwd` and `/etc/group`; empty where the file is missing.
#[derive(Clone, Debug, Default)]
pub struct Users {
    passwd: Vec<u8>,
    group: Vec<u8>,
}

impl Users {
    /// Returns the database to resolve names in.
    ///
    /// # Errors
    /// None that is known: the sizes were bounded when the files were read.
    pub fn database(&self) -> Result<UserDatabase<'_>, UserError> {
        UserDatabase::new(&self.passwd, &self.group)
    }
}

/// Most symlinks on the way to one place, as in the kernel.
const LINKS: u32 = 40;
/// Most steps on the way to one place: as many as a path has.
const STEPS: usize = 4_096;

/// Where a path of the container leads in its root file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The path without symlinks. From the first part that is missing on, the rest is as written.
    pub path: PathBuf,
    /// How many symlinks were followed.
    pub links: u32,
    /// What is there; `None` when it is missing.
    pub found: Option<FileType>,
    /// Its permission bits; 0 when it is missing.
    pub mode: u32,
}

/// An open root file system.
#[derive(Debug)]
pub struct Rootfs {
    dir: OwnedFd,
    path: PathBuf,
}

impl Rootfs {
    /// Opens the directory `path`, which itself is the caller's and may be a symlink.
    ///
    /// # Errors
    /// It is no directory or can not be opened.
    pub fn open(path: &Path) -> Result<Self, RootfsError> {
        let fail = |source| RootfsError::Open {
            path: path.to_owned(),
            source,
        };
        let path_only = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, path_only, Mode::empty()).map_err(|e| fail(e.into()))?;
        let path = std::path::absolute(path).map_err(fail)?;
        Ok(Self { dir, path })
    }

    /// Returns the absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Holds `/dev`, `/proc` and `/sys` to be directories or missing.
    ///
    /// What is found is true of this moment only; nothing else may write to the root meanwhile.
    ///
    /// # Errors
    /// One of them is a symlink or a file.
    pub fn check(&self) -> Result<(), RootfsError> {
        for name in ["dev", "proc", "sys"] {
            let path = Path::new(name);
            let Some(fd) = self.open_path(path, OFlags::NOFOLLOW)? else {
                continue;
            };
            let found = file_type(&fd).map_err(|source| read_error(path, source))?;
            if found != FileType::Directory {
                return Err(RootfsError::NotADirectory {
                    path: path.to_owned(),
                    found: name_of(found),
                });
            }
        }
        Ok(())
    }

    /// Reads `/etc/passwd` and `/etc/group`.
    ///
    /// # Errors
    /// One of them is no regular file, is too large, or can not be read.
    pub fn users(&self) -> Result<Users, RootfsError> {
        Ok(Users {
            passwd: self.read(Path::new("etc/passwd"), DATABASE_BYTES)?,
            group: self.read(Path::new("etc/group"), DATABASE_BYTES)?,
        })
    }

    /// Follows `path` as a process of the container would, before anything is mounted: each
    /// symlink is read and never opened, so that one into `/proc` leads to its text.
    ///
    /// # Errors
    /// More than 40 symlinks, or something on the way can not be looked at.
    pub fn follow(&self, path: &Path) -> Result<Followed, RootfsError> {
        let fail = |errno: Errno| read_error(path.strip_prefix("/").unwrap_or(path), errno.into());
        let names = |path: &Path| -> Vec<OsString> {
            let mut names: Vec<OsString> = path
                .components()
                .map(|part| part.as_os_str().to_owned())
                .collect();
            names.reverse();
            names
        };
        let mut rest = names(path);
        let mut done = PathBuf::new();
        let mut out = Followed {
            path: PathBuf::new(),
            links: 0,
            found: Some(FileType::Directory),
            mode: 0o755,
        };
        for _ in 0..STEPS {
            let Some(name) = rest.pop() else {
                out.path = Path::new("/").join(done);
                return Ok(out);
            };
            if name == "/" {
                done = PathBuf::new();
                out.found = Some(FileType::Directory);
                continue;
            }
            if name == "." {
                continue;
            }
            if name == ".." {
                done.pop();
                out.found = Some(FileType::Directory);
                continue;
            }
            let next = done.join(&name);
            let there = match out.found {
                Some(FileType::Directory) => self.open_path(&next, OFlags::NOFOLLOW)?,
                _ => None,
            };
            let Some(fd) = there else {
                done = next;
                (out.found, out.mode) = (None, 0);
                continue;
            };
            let stat = rustix::fs::fstat(&fd).map_err(fail)?;
            let found = FileType::from_raw_mode(stat.st_mode);
            if found == FileType::Symlink {
                out.links += 1;
                if out.links > LINKS {
                    return Err(fail(Errno::LOOP));
                }
                let target = rustix::fs::readlinkat(&fd, "", Vec::new()).map_err(fail)?;
                rest.extend(names(Path::new(OsStr::from_bytes(target.to_bytes()))));
            } else {
                done = next;
                (out.found, out.mode) = (Some(found), stat.st_mode & 0o7777);
            }
        }
        Err(fail(Errno::NAMETOOLONG))
    }

    /// Opens `path` without touching what it names; `None` when it is missing.
    fn open_path(&self, path: &Path, more: OFlags) -> Result<Option<OwnedFd>, RootfsError> {
        match sys::open::open_in_root(&self.dir, path, OFlags::PATH | more) {
            Ok(fd) => Ok(Some(fd)),
            Err(error) if error.errno() == Some(Errno::NOENT) => Ok(None),
            Err(error) => Err(read_error(path, io::Error::other(error))),
        }
    }

    fn read(&self, path: &Path, limit: usize) -> Result<Vec<u8>, RootfsError> {
        let Some(fd) = self.open_path(path, OFlags::empty())? else {
            return Ok(Vec::new());
        };
        let fail = |source| read_error(path, source);
        let found = file_type(&fd).map_err(fail)?;
        if found != FileType::RegularFile {
            return Err(RootfsError::NotAFile {
                path: path.to_owned(),
                found: name_of(found),
            });
        }
        // The very file that was looked at, now for reading.
        let file = File::open(format!("/proc/self/fd/{}", fd.as_raw_fd())).map_err(fail)?;
        let mut bytes = Vec::new();
        file.take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(fail)?;
        if bytes.len() > limit {
            return Err(RootfsError::TooLarge {
                path: path.to_owned(),
                limit,
            });
        }
        Ok(bytes)
    }
}

fn read_error(path: &Path, source: io::Error) -> RootfsError {
    RootfsError::Read {
        path: path.to_owned(),
        source,
    }
}

fn file_type(fd: &OwnedFd) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode))
}

pub(crate) fn name_of(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symlink",
        FileType::Fifo => "a fifo",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "something unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, mknodat};

    use super::*;

    fn root() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(dir.path().join("secret"), "host:x:0:0::/:\n").unwrap();
        (dir, root)
    }

    fn passwd(root: &Path) -> Result<Vec<u8>, RootfsError> {
        Rootfs::open(root)
            .unwrap()
            .users()
            .map(|users| users.passwd)
    }

    #[test]
    fn passwd_is_read_inside_only() {
        let (dir, root) = root();
        assert_eq!(passwd(&root).unwrap(), b"");
        fs::write(root.join("real"), "in\n").unwrap();
        for (target, want) in [
            ("/real", &b"in\n"[..]),
            ("../real", b"in\n"),
            ("../../../real", b"in\n"),
        ] {
            symlink(target, root.join("etc/passwd")).unwrap();
            assert_eq!(passwd(&root).unwrap(), want, "{target}");
            fs::remove_file(root.join("etc/passwd")).unwrap();
        }
        for target in [dir.path().join("secret"), PathBuf::from("../../secret")] {
            symlink(&target, root.join("etc/passwd")).unwrap();
            assert_eq!(passwd(&root).unwrap(), b"", "{target:?}");
            fs::remove_file(root.join("etc/passwd")).unwrap();
        }
        symlink("/proc/self/root/etc/passwd", root.join("etc/passwd")).unwrap();
        assert_eq!(passwd(&root).unwrap(), b"");
        fs::remove_file(root.join("etc/passwd")).unwrap();
        symlink("passwd", root.join("etc/passwd")).unwrap();
        assert!(matches!(passwd(&root), Err(RootfsError::Read { .. })));
    }

    #[test]
    fn fifos_directories_and_large_files_are_refused() {
        let (_dir, root) = root();
        let path = root.join("etc/passwd");
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(matches!(
            passwd(&root),
            Err(RootfsError::NotAFile {
                found: "a fifo",
                ..
            })
        ));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(
            passwd(&root),
            Err(RootfsError::NotAFile {
                found: "a directory",
                ..
            })
        ));
        fs::remove_dir(&path).unwrap();
        let file = File::create(&path).unwrap();
        file.set_len(DATABASE_BYTES as u64 + 1).unwrap();
        assert!(matches!(passwd(&root), Err(RootfsError::TooLarge { .. })));
        file.set_len(DATABASE_BYTES as u64).unwrap();
        assert_eq!(passwd(&root).unwrap().len(), DATABASE_BYTES);
    }

    #[test]
    fn paths_are_followed_inside_only() {
        let (_dir, root) = root();
        for (target, name) in [
            ("/etc", "abs"),
            ("../../../etc", "up"),
            ("abs/x", "chain"),
            ("loop", "loop"),
            ("/proc/self/fd/7", "fd"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        fs::write(root.join("etc/file"), "").unwrap();
        let root = Rootfs::open(&root).unwrap();
        for (path, want, links, found) in [
            ("/", "/", 0, Some(FileType::Directory)),
            ("/etc/./file", "/etc/file", 0, Some(FileType::RegularFile)),
            ("/../../etc", "/etc", 0, Some(FileType::Directory)),
            ("/abs/file", "/etc/file", 1, Some(FileType::RegularFile)),
            ("/up", "/etc", 1, Some(FileType::Directory)),
            ("/chain/y", "/etc/x/y", 2, None),
            ("/etc/file/y", "/etc/file/y", 0, None),
            (
                "/etc/no/../file",
                "/etc/file",
                0,
                Some(FileType::RegularFile),
            ),
            ("/fd", "/proc/self/fd/7", 1, None),
            ("/fd/../8", "/proc/self/fd/8", 1, None),
        ] {
            let got = root.follow(Path::new(path)).unwrap();
            assert_eq!(
                (got.path.as_path(), got.links, got.found),
                (Path::new(want), links, found),
                "{path}"
            );
        }
        let Err(RootfsError::Read { source, .. }) = root.follow(Path::new("/loop")) else {
            panic!("a loop has no end");
        };
        assert_eq!(source.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        let long = "/etc/..".repeat(2_100);
        assert!(matches!(
            root.follow(Path::new(&long)),
            Err(RootfsError::Read { .. })
        ));
    }

    #[test]
    fn mount_points_have_to_be_directories() {
        for name in ["dev", "proc", "sys"] {
            let (dir, root) = root();
            let check = || Rootfs::open(&root).unwrap().check();
            assert!(check().is_ok());
            symlink(dir.path(), root.join(name)).unwrap();
            assert!(matches!(
                check(),
                Err(RootfsError::NotADirectory {
                    found: "a symlink",
                    ..
                })
            ));
            fs::remove_file(root.join(name)).unwrap();
            fs::write(root.join(name), "").unwrap();
            assert!(matches!(
                check(),
                Err(RootfsError::NotADirectory {
                    found: "a file",
                    ..
                })
            ));
            fs::remove_file(root.join(name)).unwrap();
            fs::create_dir(root.join(name)).unwrap();
            assert!(check().is_ok(), "{name}");
        }
    }
}
