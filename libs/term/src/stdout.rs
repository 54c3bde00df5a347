//! Standard output on which a closed pipe is not an error of the program.
//!
//! `skopeo-rs list-tags --lines REPO | head -1` ends well: the reader has what it wants. A broken
//! pipe anywhere else (a registry that hangs up) stays the error that it is, so the two are told
//! apart by an inner type and not by errno.

use std::io::{self, BufWriter, Write};

/// Says that the reader of standard output has gone.
#[derive(Debug, Clone, Copy)]
pub struct StdoutClosed(());

impl StdoutClosed {
    /// The I/O error that carries it.
    pub fn error() -> io::Error {
        io::Error::new(io::ErrorKind::BrokenPipe, StdoutClosed(()))
    }
}

impl std::fmt::Display for StdoutClosed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("standard output was closed by its reader")
    }
}

impl std::error::Error for StdoutClosed {}

/// Buffered standard output. Call [`Stdout::finish`] at the end: what could not be written is an
/// error, not a silent loss.
#[derive(Debug)]
pub struct Stdout {
    inner: BufWriter<io::Stdout>,
}

impl Stdout {
    /// Opens standard output.
    pub fn new() -> Stdout {
        Stdout {
            inner: BufWriter::new(io::stdout()),
        }
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// When writing fails; [`StdoutClosed`] inside when the reader has gone.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Default for Stdout {
    fn default() -> Stdout {
        Stdout::new()
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes).map_err(failed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush().map_err(failed)
    }
}

/// Writes all of `bytes` to standard output and flushes it.
///
/// # Errors
/// As [`Stdout::finish`].
pub fn write_all(bytes: &[u8]) -> io::Result<()> {
    let mut out = Stdout::new();
    out.write_all(bytes)?;
    out.finish()
}

/// Writes one line to standard output and flushes it.
///
/// # Errors
/// As [`Stdout::finish`].
pub fn line(text: &str) -> io::Result<()> {
    let mut out = Stdout::new();
    writeln!(out, "{text}")?;
    out.finish()
}

fn failed(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => StdoutClosed::error(),
        // What is tried again is no failure.
        io::ErrorKind::Interrupted => error,
        kind => io::Error::new(kind, StdoutFailed(error)),
    }
}

/// Says what could not be written, which the system's word does not.
#[derive(Debug)]
struct StdoutFailed(io::Error);

impl std::fmt::Display for StdoutFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("writing standard output")
    }
}

impl std::error::Error for StdoutFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
