//! Files that a person names on the command line, read whole and bounded; `-` is standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Longest passphrase, in bytes.
const LINE_BYTES: u64 = 64 << 10;

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// When it cannot be read or is longer.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    if path == Path::new("-") {
        bounded(io::stdin().lock(), limit)
    } else {
        bounded(File::open(path)?, limit)
    }
}

/// Reads the first line of a file, without its line end: how passphrases are kept.
///
/// # Errors
/// When it cannot be read, is not UTF-8, or is longer than 64 KiB.
pub fn first_line(path: &Path) -> io::Result<String> {
    let bytes = read(path, LINE_BYTES)?;
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    String::from_utf8(line.to_vec())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn bounded(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_bounded_and_lines_end() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        std::fs::write(&file, "secret \nmore").unwrap();
        assert_eq!(first_line(&file).unwrap(), "secret ");
        assert_eq!(read(&file, 12).unwrap().len(), 12);
        let error = read(&file, 11).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
