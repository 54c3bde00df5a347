//! The mounts of every mount namespace, and what place of a file system a mount is about, which
//! is the same in all of them: paths are not.
//!
//! A namespace that no process is in, or none that this one's procfs shows, is not found.

use std::{
    collections::HashSet,
    ffi::OsString,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use rustix::io::Errno;

use crate::mountinfo::{self, MountEntry};

/// What the processes of one mount namespace see.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// One of its processes; `None` for the namespace of the caller.
    pub process: Option<u32>,
    /// Its table of mounts.
    pub mounts: Vec<MountEntry>,
}

/// The mounts of all namespaces.
#[derive(Clone, Debug)]
pub struct Namespaces {
    /// The namespace of the caller is the first.
    pub all: Vec<Namespace>,
    /// How many processes may not be looked at. Any of them may be in a namespace of its own.
    pub unseen: usize,
}

/// A file or directory as its file system knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The device of the file system.
    pub device: (u32, u32),
    /// The path from the root of the file system.
    pub path: PathBuf,
}

/// Reads the mounts of every namespace once, as the processes in it see them.
///
/// # Errors
/// When procfs is not there or has an unknown form.
pub fn read() -> io::Result<Namespaces> {
    let mut reader = Reader::default();
    let own = reader.table("/proc/self")?.unwrap_or_default();
    let mut found = Namespaces {
        all: vec![Namespace {
            process: None,
            mounts: mountinfo::parse(&own)?,
        }],
        unseen: 0,
    };
    let mut processes: Vec<u32> = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        processes.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    // The oldest process of a namespace is the one that its user knows.
    processes.sort_unstable();
    for process in processes {
        match reader.table(&format!("/proc/{process}")) {
            Ok(None) => {}
            Ok(Some(table)) => found.all.push(Namespace {
                process: Some(process),
                mounts: mountinfo::parse(&table)?,
            }),
            Err(error) if is_gone(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => found.unseen += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// What was read already.
#[derive(Default)]
struct Reader {
    /// Namespaces and root directories: whoever has another root sees less.
    namespaces: HashSet<(PathBuf, PathBuf)>,
    /// The ids in a table are those of its mounts alone.
    tables: HashSet<Vec<u8>>,
}

impl Reader {
    /// Reads the table of a process, unless it is one that was read before.
    fn table(&mut self, process: &str) -> io::Result<Option<Vec<u8>>> {
        let process = Path::new(process);
        let link = |name| std::fs::read_link(process.join(name));
        let namespace = match link("ns/mnt").and_then(|mnt| Ok((mnt, link("root")?))) {
            Ok(namespace) if self.namespaces.contains(&namespace) => return Ok(None),
            Ok(namespace) => Some(namespace),
            // Of other users' processes the table alone may be read.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            Err(error) => return Err(error),
        };
        let table = std::fs::read(process.join("mountinfo"))?;
        self.namespaces.extend(namespace);
        Ok(self.tables.insert(table.clone()).then_some(table))
    }
}

/// A process that ended has no files any more, or, before its parent noticed, none that open.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOENT | Errno::SRCH | Errno::INVAL)
    )
}

/// The place of `path`, which is absolute and has no symlinks, by a table in which it is seen;
/// `None` where the table lacks the mount that it is on, as in a root directory that is no mount.
pub fn place_of(path: &Path, mounts: &[MountEntry]) -> Option<Place> {
    let is_top = |entry: &&MountEntry| on(entry, mounts).is_none();
    // As the kernel walks: the first mount on the way, then what lies on that.
    let mut at = mounts
        .iter()
        .filter(|it| path.starts_with(&it.mount_point))
        .find(is_top)?;
    let mut steps = mounts.len();
    while let Some(next) = mounts
        .iter()
        .filter(|it| it.parent == at.id && it.id != at.id && path.starts_with(&it.mount_point))
        .min_by_key(|it| it.mount_point.as_os_str().len())
        && steps > 0
    {
        at = next;
        steps -= 1;
    }
    below(at, path)
}

impl MountEntry {
    /// The place that the mount covers; `None` where the table lacks the mount below it, as for
    /// the root of a namespace.
    pub fn covers(&self, mounts: &[MountEntry]) -> Option<Place> {
        below(on(self, mounts)?, &self.mount_point)
    }

    /// The place that the mount shows.
    pub fn shows(&self) -> Place {
        Place {
            device: self.device,
            path: self.root.clone(),
        }
    }
}

/// The mount that `entry` lies on. The first of all lies on itself.
fn on<'a>(entry: &MountEntry, mounts: &'a [MountEntry]) -> Option<&'a MountEntry> {
    mounts
        .iter()
        .find(|it| it.id == entry.parent && it.id != entry.id)
}

/// The place of `path`, which is seen on the mount `on`.
fn below(on: &MountEntry, path: &Path) -> Option<Place> {
    let rest = path.strip_prefix(&on.mount_point).ok()?;
    Some(Place {
        device: on.device,
        path: on.root.join(rest),
    })
}

impl Place {
    /// The path from `dir` to this place, when it lies at or below it.
    pub fn below(&self, dir: &Place) -> Option<&Path> {
        let rest = self.path.strip_prefix(&dir.path).ok()?;
        (self.device == dir.device).then_some(rest)
    }
}

/// The name of a process, for messages; empty when it is gone.
pub fn process_name(process: u32) -> OsString {
    let name = std::fs::read(format!("/proc/{process}/comm")).unwrap_or_default();
    std::ffi::OsStr::from_bytes(name.trim_ascii_end()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"1 1 0:2 / / rw - rootfs rootfs rw\n\
        20 1 8:1 /@ / rw - ext4 /dev/sda rw\n\
        21 20 8:2 / /var rw - ext4 /dev/sdb rw\n\
        22 20 8:3 /deep /var/lib rw - ext4 /dev/sdc rw\n\
        23 21 0:40 / /var/lib/store/mounts/x ro - overlay composefs:t:x ro\n\
        24 20 8:2 /lib/store/vfs/c/root /mnt ro - ext4 /dev/sdb rw\n";

    #[test]
    fn places_are_those_of_the_file_system() {
        let mounts = mountinfo::parse(TABLE).unwrap();
        let place = |path: &str| place_of(Path::new(path), &mounts).unwrap();
        let at = |minor, path: &str| Place {
            device: (8, minor),
            path: path.into(),
        };
        assert_eq!(place("/etc"), at(1, "/@/etc"));
        // What was mounted at /var/lib before /var is hidden by it.
        assert_eq!(place("/var/lib/store"), at(2, "/lib/store"));
        let store = place("/var/lib/store");
        let covers = |id: u32| {
            let entry = mounts.iter().find(|it| it.id == id).unwrap();
            entry.covers(&mounts)
        };
        assert_eq!(covers(1), None);
        let covered = covers(23).unwrap();
        assert_eq!(covered.below(&store), Some(Path::new("mounts/x")));
        let shown = mounts[5].shows();
        assert_eq!(shown.below(&store), Some(Path::new("vfs/c/root")));
        assert_eq!(covers(24).unwrap().below(&store), None);
    }

    #[test]
    fn the_callers_namespace_is_the_first_and_read_once() {
        let found = read().unwrap();
        assert_eq!(found.all[0].process, None);
        assert!(!found.all[0].mounts.is_empty());
        let own = std::process::id();
        assert!(found.all.iter().all(|it| it.process != Some(own)));
        assert_eq!(process_name(0), "");
    }
}
