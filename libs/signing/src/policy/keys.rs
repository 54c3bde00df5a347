//! Where the key files that a policy names are read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::openpgp::KEYRING_BYTES;

/// Reads the key files that a policy names.
pub trait KeySource {
    /// Returns the content of the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read; the requirement that named it then rejects.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// The file system of this process: regular files of at most [`KEYRING_BYTES`].
#[derive(Clone, Copy, Debug, Default)]
pub struct FsKeys;

impl KeySource for FsKeys {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // A fifo would make the open wait for a writer; asking first is enough, as the paths are
        // the administrator's own.
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let mut bytes = Vec::new();
        File::open(path)?
            .take(KEYRING_BYTES + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > KEYRING_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("more than {KEYRING_BYTES} bytes"),
            ));
        }
        Ok(bytes)
    }
}
