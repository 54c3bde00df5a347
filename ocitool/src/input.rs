//! Files and standard input, read with a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Reads a file, or standard input when `path` is `-`.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        take(io::stdin().lock(), limit, &mut bytes).context("reading standard input")?;
    } else {
        let act = || format!("reading {}", path.display());
        let file = File::open(path).with_context(act)?;
        take(file, limit, &mut bytes).with_context(act)?;
    }
    Ok(bytes)
}

fn take(from: impl Read, limit: u64, bytes: &mut Vec<u8>) -> Result<()> {
    from.take(limit + 1).read_to_end(bytes)?;
    if bytes.len() as u64 > limit {
        bail!("there are more than {limit} bytes");
    }
    Ok(())
}
