//! The bundle: a directory with config.json (runtime-spec, bundle.md).
//!
//! A temporary one is made for one run and removed after it. It holds nothing but config.json;
//! the root file system is named in there by an absolute path.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use runtime_spec::Spec;
use runtime_spec::spec::SPEC_BYTES;
use rustix::fs::OFlags;

use crate::error::RuntimeError;

/// The name of the configuration in a bundle.
const CONFIG: &str = "config.json";
/// What the names of temporary bundles begin with.
const PREFIX: &str = "bundle-";

/// A bundle; a temporary one is removed when it is dropped.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Bundle {
    /// Takes a directory that is there.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            temporary: None,
        }
    }

    /// Makes a temporary bundle below `parent`, which is made (0700) where it is missing.
    ///
    /// # Errors
    /// The directory or the file can not be written.
    pub fn temporary(parent: &Path, config: &[u8]) -> Result<Self, RuntimeError> {
        let fail = |act, path: &Path| {
            let path = path.to_owned();
            move |source| RuntimeError::Bundle { act, path, source }
        };
        make_private(parent)?;
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .map_err(fail("making a bundle in", parent))?;
        let file = dir.path().join(CONFIG);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file)
            .and_then(|mut out| out.write_all(config))
            .map_err(fail("writing", &file))?;
        Ok(Self {
            path: dir.path().to_owned(),
            temporary: Some(dir),
        })
    }

    /// Returns the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads config.json.
    ///
    /// # Errors
    /// It is missing, can not be read, or is too large.
    pub fn config(&self) -> Result<Vec<u8>, RuntimeError> {
        let path = self.path.join(CONFIG);
        let fail = |source| RuntimeError::Bundle {
            act: "reading",
            path: path.clone(),
            source,
        };
        let mut bytes = Vec::new();
        // Only a regular file is read: whoever waits for a fifo waits for ever.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(&path)
            .map_err(fail)?;
        if !file.metadata().map_err(fail)?.is_file() {
            return Err(fail(io::Error::other("is not a regular file")));
        }
        file.take(SPEC_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(fail)?;
        if bytes.len() as u64 > SPEC_BYTES {
            return Err(RuntimeError::BundleTooLarge {
                path,
                limit: SPEC_BYTES,
            });
        }
        Ok(bytes)
    }

    /// Returns where the root file system of `spec` is.
    pub fn root_of(&self, spec: &Spec) -> Option<PathBuf> {
        spec.root_path().map(|path| self.path.join(path))
    }

    /// Removes a temporary bundle; does nothing to another.
    ///
    /// # Errors
    /// The directory can not be removed.
    pub fn remove(self) -> Result<(), RuntimeError> {
        let path = self.path;
        match self.temporary {
            None => Ok(()),
            Some(dir) => removed(path, dir.close()),
        }
    }
}

/// Removes the bundle at `path` when it is a temporary one below `parent` whose maker was killed;
/// leaves every other as it is. In a `parent` that others may look into, `/tmp` say, a directory of
/// such a name may be anybody's, and stays.
///
/// # Errors
/// The directory can not be removed.
pub fn remove_left(parent: &Path, path: &Path) -> Result<(), RuntimeError> {
    let name = path.file_name().map(OsStr::as_encoded_bytes);
    let is_private =
        || fs::metadata(parent).is_ok_and(|meta| meta.permissions().mode() & 0o077 == 0);
    if path.parent() != Some(parent)
        || !name.is_some_and(|name| name.starts_with(PREFIX.as_bytes()))
        || !is_private()
    {
        return Ok(());
    }
    removed(path.to_owned(), fs::remove_dir_all(path))
}

/// Whoever made a bundle and whoever deletes its container may both remove it.
fn removed(path: PathBuf, result: io::Result<()>) -> Result<(), RuntimeError> {
    match result {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(RuntimeError::Bundle {
            act: "removing",
            path,
            source,
        }),
        _ => Ok(()),
    }
}

fn make_private(dir: &Path) -> Result<(), RuntimeError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| RuntimeError::Bundle {
            act: "making directory",
            path: dir.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_bundle_is_private_and_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let parent = dir.path().join("a/b");
        let bundle = Bundle::temporary(&parent, b"{}").unwrap();
        let path = bundle.path().to_owned();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&parent), mode(&path), mode(&path.join(CONFIG))),
            (0o700, 0o700, 0o600)
        );
        assert_eq!(bundle.config().unwrap(), b"{}");
        bundle.remove().unwrap();
        assert!(!path.exists());
        drop(Bundle::temporary(&parent, b"{}").unwrap());
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_maker_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let parent = dir.path().join("a");
        let mut left = Bundle::temporary(&parent, b"{}").unwrap();
        left.temporary.as_mut().unwrap().disable_cleanup(true);
        let own = dir.path().join("bundle-of-a-user");
        for kept in [&own, &parent.join("other"), &left.path().join("bundle-in")] {
            fs::create_dir(kept).unwrap();
            remove_left(&parent, kept).unwrap();
            assert!(kept.exists(), "{}", kept.display());
        }
        let mode = |mode| fs::set_permissions(&parent, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o755);
        remove_left(&parent, left.path()).unwrap();
        assert!(left.path().exists());
        mode(0o700);
        remove_left(&parent, left.path()).unwrap();
        assert!(!left.path().exists());
        remove_left(&parent, left.path()).unwrap();
        left.temporary.as_mut().unwrap().disable_cleanup(false);
        left.remove().unwrap();
    }

    #[test]
    fn nobody_waits_for_a_configuration_that_is_a_fifo() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(CONFIG);
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        let error = Bundle::at(dir.path()).config().unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "is not a regular file");
    }

    #[test]
    fn roots_are_relative_to_the_bundle() {
        let bundle = Bundle::at(Path::new("/b"));
        for (text, want) in [("rootfs", "/b/rootfs"), ("/abs", "/abs")] {
            let spec =
                Spec::parse(format!(r#"{{"root":{{"path":"{text}"}}}}"#).as_bytes()).unwrap();
            assert_eq!(bundle.root_of(&spec), Some(PathBuf::from(want)));
        }
    }
}
