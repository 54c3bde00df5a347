//! Files that a person names on the command line, read whole and bounded; `-` is standard input.
//! Who asks to stop while one has nothing to say is heard at once.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{OFlags, fcntl_setfl};
use sys::StoppableReader;

use crate::Interrupt;

/// Longest passphrase, in bytes.
const LINE_BYTES: u64 = 64 << 10;

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// When it cannot be read, is longer, or somebody asked to stop.
pub fn read(path: &Path, limit: u64, interrupt: &Interrupt) -> io::Result<Vec<u8>> {
    let file = if path == Path::new("-") {
        File::from(io::stdin().as_fd().try_clone_to_owned()?)
    } else {
        open(path)?
    };
    bounded(StoppableReader::new(file, || interrupt.is_set()), limit)
}

/// Opens a file without waiting for the writer of a fifo, which the reads do.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

/// Reads the first line of a file, without its line end: how passphrases are kept.
///
/// # Errors
/// When it cannot be read, is not UTF-8, is longer than 64 KiB, or somebody asked to stop.
pub fn first_line(path: &Path, interrupt: &Interrupt) -> io::Result<String> {
    let bytes = read(path, LINE_BYTES, interrupt)?;
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
        let interrupt = Interrupt::default();
        assert_eq!(first_line(&file, &interrupt).unwrap(), "secret ");
        assert_eq!(read(&file, 12, &interrupt).unwrap().len(), 12);
        let error = read(&file, 11, &interrupt).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        interrupt.stop();
        assert!(read(&file, 12, &interrupt).is_err());
    }

    #[test]
    fn a_fifo_is_read_when_its_writer_comes_until_somebody_stops() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, mode, 0).unwrap();
        let interrupt = Interrupt::default();
        let pause = std::time::Duration::from_millis(200);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(pause);
                std::fs::write(&fifo, "content").unwrap();
            });
            assert_eq!(read(&fifo, 12, &interrupt).unwrap(), b"content");
            scope.spawn(|| {
                std::thread::sleep(pause);
                interrupt.stop();
            });
            let error = read(&fifo, 12, &interrupt).unwrap_err();
            assert_eq!(error.to_string(), "interrupted");
        });
    }
}
