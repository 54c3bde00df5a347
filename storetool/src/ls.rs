//! `storetool ls`: the files of an image, without mounting it.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;
use storage::tree::{Entry, Kind};
use term::Stdout;

use crate::session::{Session, find_image};

const AFTER_HELP: &str = "\
EXAMPLES:
  storetool ls app:1 /etc
  storetool ls -lR app:1
  storetool ls -R --json app:1 | jq -r '.[] | select(.mode[0:1] == \"4\") | .path'

EXIT STATUS:
0 when the files were listed, 2 when the call was wrong, 1 otherwise.

SEE ALSO:
storetool(1), storetool-cat(1), storetool-extract(1)";

/// List files of an image, without mounting it
///
/// Needs no root. Paths are printed from the root of the image, one a line.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image
    image: String,
    /// A directory or file in it
    #[arg(default_value = "/")]
    path: PathBuf,
    /// Print mode, owner, group, size and time, too
    #[arg(short, long, conflicts_with = "json")]
    long: bool,
    /// List what is in directories, too
    #[arg(short = 'R', long)]
    recursive: bool,
    /// List a directory itself instead of what is in it
    #[arg(short, long, conflicts_with = "recursive")]
    directory: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A file, as `--json` prints it.
#[derive(Debug, Serialize)]
struct File {
    path: String,
    r#type: &'static str,
    /// Four octal digits.
    mode: String,
    uid: u32,
    gid: u32,
    size: u64,
    /// RFC 3339.
    modified: String,
    links: u32,
    /// Of a symbolic link.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// Of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<()> {
    let store = session.look()?;
    let image = find_image(&store, &args.image)?;
    let tree = store
        .tree(&image)
        .with_context(|| format!("reading the tree of {}", args.image))?;
    let start = tree
        .lookup(&args.path, false)
        .with_context(|| format!("looking into {}", args.image))?;
    let entries: Vec<Entry<'_>> = match (args.recursive, start.is_dir() && !args.directory) {
        (true, _) => below(start),
        (false, true) => start.entries().collect(),
        (false, false) => vec![start],
    };
    if args.json {
        let files: Vec<File> = entries.iter().map(file).collect();
        return Ok(term::json::print(&files)?);
    }
    let terminal = std::io::stdout().is_terminal();
    let mut out = Stdout::new();
    for entry in &entries {
        if args.long {
            out.write_all(long(entry).as_bytes())?;
        }
        let path = [b"/".as_slice(), &entry.path()].concat();
        out.write_all(&shown(&path, terminal))?;
        if let Kind::Symlink(target) = entry.kind()
            && args.long
        {
            out.write_all(b" -> ")?;
            out.write_all(&shown(target, terminal))?;
        }
        out.write_all(b"\n")?;
    }
    Ok(out.finish()?)
}

/// An entry and all below it, every directory before what is in it.
fn below(start: Entry<'_>) -> Vec<Entry<'_>> {
    let mut found = Vec::new();
    let mut stack = vec![start];
    while let Some(entry) = stack.pop() {
        found.push(entry);
        let mut entries: Vec<Entry<'_>> = entry.entries().collect();
        entries.reverse();
        stack.extend(entries);
    }
    found
}

/// A name as it is; on a terminal without what could drive it.
pub(crate) fn shown(name: &[u8], terminal: bool) -> Vec<u8> {
    match terminal {
        true => term::error::printable(&String::from_utf8_lossy(name), "?").into_bytes(),
        false => name.to_vec(),
    }
}

/// `drwxr-xr-x   1    0    0     4096 2024-01-01T00:00:00Z `
fn long(entry: &Entry<'_>) -> String {
    let meta = entry.meta();
    let size = match device(entry.kind()) {
        Some(numbers) => numbers,
        None => entry.size_bytes().to_string(),
    };
    format!(
        "{}{} {:>3} {:>5} {:>5} {size:>10} {} ",
        letter(entry.kind()),
        permissions(meta.mode),
        entry.links(),
        meta.uid,
        meta.gid,
        time(meta.mtime_secs, 0),
    )
}

fn file(entry: &Entry<'_>) -> File {
    let meta = entry.meta();
    let nanoseconds = i32::try_from(meta.mtime_nanos).unwrap_or(0);
    File {
        path: format!("/{}", String::from_utf8_lossy(&entry.path())),
        r#type: kind(entry.kind()),
        mode: format!("{:04o}", meta.mode),
        uid: meta.uid,
        gid: meta.gid,
        size: entry.size_bytes(),
        modified: time(meta.mtime_secs, nanoseconds),
        links: entry.links(),
        target: match entry.kind() {
            Kind::Symlink(target) => Some(String::from_utf8_lossy(target).into_owned()),
            _ => None,
        },
        device: device(entry.kind()),
    }
}

fn time(seconds: i64, nanoseconds: i32) -> String {
    match Timestamp::new(seconds, nanoseconds) {
        Ok(time) => time.to_string(),
        // Beyond the year 9999 there is no RFC 3339.
        Err(_) => format!("@{seconds}"),
    }
}

fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Directory(_) => "directory",
        Kind::Inline(_) | Kind::External { .. } => "file",
        Kind::Symlink(_) => "symlink",
        Kind::CharDevice(_) => "char",
        Kind::BlockDevice(_) => "block",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
    }
}

fn letter(kind: &Kind) -> char {
    match kind {
        Kind::Directory(_) => 'd',
        Kind::Inline(_) | Kind::External { .. } => '-',
        Kind::Symlink(_) => 'l',
        Kind::CharDevice(_) => 'c',
        Kind::BlockDevice(_) => 'b',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
    }
}

/// `MAJOR, MINOR` out of Linux's packing.
fn device(kind: &Kind) -> Option<String> {
    let (Kind::CharDevice(number) | Kind::BlockDevice(number)) = kind else {
        return None;
    };
    let major = ((number >> 8) & 0xfff) | ((number >> 32) & 0xffff_f000);
    let minor = (number & 0xff) | ((number >> 12) & 0xffff_ff00);
    Some(format!("{major}, {minor}"))
}

/// `rwsr-xr-t`.
fn permissions(mode: u32) -> String {
    let bit = |bit: u32| mode & bit != 0;
    let execute = |set: u32, special: u32, letter: char| match (bit(set), bit(special)) {
        (true, true) => letter,
        (false, true) => letter.to_ascii_uppercase(),
        (true, false) => 'x',
        (false, false) => '-',
    };
    let read = |set: u32| if bit(set) { 'r' } else { '-' };
    let write = |set: u32| if bit(set) { 'w' } else { '-' };
    [
        read(0o400),
        write(0o200),
        execute(0o100, 0o4000, 's'),
        read(0o040),
        write(0o020),
        execute(0o010, 0o2000, 's'),
        read(0o004),
        write(0o002),
        execute(0o001, 0o1000, 't'),
    ]
    .iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_devices_look_as_in_ls() {
        for (mode, text) in [
            (0o755, "rwxr-xr-x"),
            (0o4755, "rwsr-xr-x"),
            (0o2644, "rw-r-Sr--"),
            (0o1777, "rwxrwxrwt"),
            (0, "---------"),
        ] {
            assert_eq!(permissions(mode), text);
        }
        assert_eq!(device(&Kind::CharDevice(0x103)).as_deref(), Some("1, 3"));
        assert_eq!(device(&Kind::Fifo), None);
    }
}
