//! Files and standard input, read with a limit, and errors that say which.

use std::path::Path;

use anyhow::{Context, Result};
use term::Interrupt;

/// Reads a file, or standard input when `path` is `-`.
pub(crate) fn read(path: &Path, limit: u64, interrupt: &Interrupt) -> Result<Vec<u8>> {
    term::input::read(path, limit, interrupt).with_context(|| {
        if path == Path::new("-") {
            "reading standard input".to_owned()
        } else {
            format!("reading {}", path.display())
        }
    })
}
