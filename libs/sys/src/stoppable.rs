//! Reads that can be stopped: of a pipe or a terminal that says nothing for long.
//!
//! A handler that only raises a flag does not end `read(2)`: the kernel begins it anew, or the
//! signal reaches another thread. So the file is polled, and the flag looked at in between.

use std::fs::File;
use std::io::{self, Read};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How long a stop may stay unnoticed.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Somebody asked to stop while a file was read.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Stopped;

/// A file whose reads fail with [`Stopped`] as soon as `stop` says so.
#[derive(Debug)]
pub struct StoppableReader<S> {
    file: File,
    stop: S,
}

impl<S: Fn() -> bool> StoppableReader<S> {
    /// Reads `file` until `stop` returns true.
    pub fn new(file: File, stop: S) -> Self {
        Self { file, stop }
    }
}

impl<S: Fn() -> bool> Read for StoppableReader<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if (self.stop)() {
                // Not `ErrorKind::Interrupted`, which readers take as "try again".
                return Err(io::Error::other(Stopped));
            }
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&TICK)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return self.file.read(buffer),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_silent_pipe_is_read_until_somebody_stops() {
        let (reader, mut writer) = io::pipe().unwrap();
        let looks = Cell::new(0);
        // The third look comes after a tick in which nothing was there.
        let mut reader = StoppableReader::new(OwnedFd::from(reader).into(), || {
            looks.set(looks.get() + 1);
            looks.get() == 3
        });
        writer.write_all(b"abc").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(reader.read(&mut buffer).unwrap(), 3);
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(error.get_ref().unwrap().is::<Stopped>());
        drop(writer);
        assert_eq!(reader.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn files_are_read_to_their_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "content").unwrap();
        let mut text = String::new();
        let mut reader = StoppableReader::new(File::open(path).unwrap(), || false);
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
    }
}
