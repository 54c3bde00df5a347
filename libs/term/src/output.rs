//! Files that a person names on the command line to be written: replaced in one step, so that
//! nobody reads half of one and an error leaves the old content.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// As many links in a row as the kernel follows.
const LINKS: u32 = 40;

/// Writes all of a file. Through links their target is replaced; its mode stays. What is no file
/// (a fifo, `/dev/stdout`), and a file in a directory that takes no others, is written in place.
///
/// Crash points: before the rename a file `.NAME.*` may be left and the old content holds, after it
/// the new one does.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match replaceable(path)? {
        Some(target) => replace(&target, bytes),
        None => fs::write(path, bytes),
    }
}

/// Follows links to the file to replace, or to where there is none yet; `None` when it is no
/// regular file, or one that somebody has open for us: the links below `/proc`.
fn replaceable(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Some(name) = path.file_name() else {
            return Ok(None);
        };
        let dir = match path.parent() {
            Some(dir) if dir != Path::new("") => dir.canonicalize()?,
            _ => Path::new(".").canonicalize()?,
        };
        let found = dir.join(name);
        match found.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(found)),
            Err(error) => return Err(error),
            Ok(meta) if meta.is_symlink() && !dir.starts_with("/proc") => {
                path = dir.join(fs::read_link(&found)?);
            }
            Ok(meta) => return Ok(meta.is_file().then_some(found)),
        }
    }
    Err(rustix::io::Errno::LOOP.into())
}

fn replace(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = fs::metadata(target).ok();
    let dir = target.parent().unwrap_or(Path::new("/"));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let made = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        // The umask is taken off, as it is of every new file.
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(dir);
    let mut file = match made {
        Err(_) if old.is_some() => return fs::write(target, bytes),
        made => made?,
    };
    file.write_all(bytes)?;
    if let Some(old) = old {
        // Only root can give files away; the new content matters more than whose it is.
        let _ = fchown(file.as_file(), Some(old.uid()), Some(old.gid()));
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(target)?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_target_of_links_is_replaced_and_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link, other] = ["file", "link", "other"].map(|name| dir.path().join(name));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        symlink("link", &other).unwrap();
        let mut reader = File::open(&file).unwrap();
        write(&other, b"new").unwrap();
        assert!(link.is_symlink() && other.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o640);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "old", "who reads sees one of the two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn new_files_are_made_also_behind_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let [link, file] = ["link", "file"].map(|name| dir.path().join(name));
        symlink("file", &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        let plain = dir.path().join("plain");
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().mode();
        assert_eq!(mode(&file), mode(&plain));
        symlink("loop", dir.path().join("loop")).unwrap();
        assert!(write(&dir.path().join("loop"), b"").is_err());
        assert!(write(dir.path(), b"").is_err());
    }

    #[test]
    fn what_is_open_for_us_is_written_in_place() {
        use std::os::fd::AsRawFd;
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("f")).unwrap();
        let ino = file.metadata().unwrap().ino();
        let place = format!("/proc/self/fd/{}", file.as_raw_fd());
        write(Path::new(&place), b"new").unwrap();
        assert_eq!(dir.path().join("f").metadata().unwrap().ino(), ino);
        assert_eq!(fs::read(dir.path().join("f")).unwrap(), b"new");
    }
}
