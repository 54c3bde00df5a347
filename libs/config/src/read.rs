//! Bounded reading of configuration files and directories.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::ConfigError;

/// Most bytes of one file: far above any real one, far below what would hurt.
pub(crate) const FILE_BYTES: u64 = 1 << 20;
/// Most entries of one directory that are looked at.
const DIRECTORY_ENTRIES: usize = 10_000;

/// Reads a file.
pub(crate) fn required(path: &Path) -> Result<Vec<u8>, ConfigError> {
    read(path).map_err(|problem| problem.into_error(path))
}

/// Reads a file; one that does not exist is `None`. A file that may not be read is an error: what
/// it says is unknown, not absent.
pub(crate) fn optional(path: &Path) -> Result<Option<Vec<u8>>, ConfigError> {
    match read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Problem::Io(source)) if is_absent(&source) => Ok(None),
        Err(problem) => Err(problem.into_error(path)),
    }
}

/// Returns the text of a file's bytes.
pub(crate) fn text(path: &Path, bytes: Vec<u8>) -> Result<String, ConfigError> {
    String::from_utf8(bytes).map_err(|error| ConfigError::NotUtf8 {
        path: path.to_owned(),
        at: error.utf8_error().valid_up_to(),
    })
}

/// Returns the sorted names in a directory; one that does not exist has none.
pub(crate) fn directory(path: &Path) -> Result<Vec<OsString>, ConfigError> {
    let refuse = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(source) if is_absent(&source) => return Ok(Vec::new()),
        Err(source) => return Err(refuse(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        if names.len() == DIRECTORY_ENTRIES {
            return Err(ConfigError::Invalid {
                path: path.to_owned(),
                place: "directory".to_owned(),
                problem: "more than 10000 entries",
            });
        }
        names.push(entry.map_err(refuse)?.file_name());
    }
    names.sort();
    Ok(names)
}

/// Tells whether an error says that nothing lies at a path.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

enum Problem {
    Io(io::Error),
    NotAFile,
    TooLong,
}

impl Problem {
    fn into_error(self, path: &Path) -> ConfigError {
        let path = path.to_owned();
        match self {
            Self::Io(source) => ConfigError::Read { path, source },
            Self::NotAFile => ConfigError::NotAFile { path },
            Self::TooLong => ConfigError::TooLong {
                path,
                limit: FILE_BYTES,
            },
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let file = open(path).map_err(Problem::Io)?;
    let about = file.metadata().map_err(Problem::Io)?;
    // `--authfile /dev/null` and `<(...)` are in use; they end, and are bounded all the same.
    if about.is_dir() {
        return Err(Problem::NotAFile);
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(Problem::Io)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(Problem::TooLong);
    }
    Ok(bytes)
}

/// Opens without becoming the owner of a terminal that lies there.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOCTTY.bits() as i32)
        .open(path)
}
