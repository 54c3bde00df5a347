//! The tree below a directory as the kernel shows it: an independent witness of what was stored.
//!
//! One line an entry, sorted by path, so that a difference reads like a diff:
//! `PATH TYPE MODE UID:GID [@MTIME] [CONTENT | -> TARGET | MAJOR:MINOR] [xattr NAME=HEX] [link FIRST]`
//!
//! MTIME is left out where it is [`STAMP`]; CONTENT is the text of a short file, else size and hash.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use oci::Digest;

/// The modification time that images made by tests give to what they hold, in seconds.
pub const STAMP: i64 = 1_700_000_000;

/// Walks `root` and returns its entries, the root itself as `.`.
///
/// # Panics
/// When something can not be read.
pub fn walk(root: &Path) -> Vec<String> {
    let mut paths = vec![PathBuf::new()];
    let mut todo = vec![PathBuf::new()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(root.join(&dir)).expect("a directory") {
            let entry = entry.expect("an entry");
            let path = dir.join(entry.file_name());
            if entry.file_type().expect("a type").is_dir() {
                todo.push(path.clone());
            }
            paths.push(path);
        }
    }
    paths.sort();
    let xattrs = xattrs(root);
    let mut groups: BTreeMap<(u64, u64), String> = BTreeMap::new();
    paths
        .iter()
        .map(|path| {
            let full = root.join(path);
            let name = if path.as_os_str().is_empty() {
                ".".into()
            } else {
                printable(path)
            };
            let meta = fs::symlink_metadata(&full).expect("lstat");
            let kind = meta.file_type();
            let mut line = format!(
                "{name} {} {:04o} {}:{}",
                if kind.is_dir() {
                    "dir"
                } else if kind.is_file() {
                    "file"
                } else if kind.is_symlink() {
                    "symlink"
                } else if kind.is_char_device() {
                    "char"
                } else if kind.is_block_device() {
                    "block"
                } else if kind.is_fifo() {
                    "fifo"
                } else {
                    "other"
                },
                meta.mode() & 0o7777,
                meta.uid(),
                meta.gid(),
            );
            if (meta.mtime(), meta.mtime_nsec()) != (STAMP, 0) {
                line += &format!(" @{}.{:09}", meta.mtime(), meta.mtime_nsec());
            }
            if kind.is_file() {
                let bytes = fs::read(&full).expect("a readable file");
                line += &match std::str::from_utf8(&bytes) {
                    Ok(text) if text.len() <= 40 && !text.contains(char::is_control) => {
                        format!(" {text:?}")
                    }
                    _ => format!(" {} {}", bytes.len(), &Digest::sha256(&bytes).hex()[..16]),
                };
            } else if kind.is_symlink() {
                line += &format!(
                    " -> {}",
                    printable(&fs::read_link(&full).expect("a target"))
                );
            } else if kind.is_char_device() || kind.is_block_device() {
                let device = meta.rdev();
                line += &format!(
                    " {}:{}",
                    device >> 8 & 0xfff,
                    device & 0xff | device >> 12 & 0xfff00
                );
            }
            for (key, value) in xattrs.get(path).into_iter().flatten() {
                line += &format!(" xattr {key}={value}");
            }
            if !kind.is_dir() && meta.nlink() > 1 {
                let first = groups
                    .entry((meta.dev(), meta.ino()))
                    .or_insert_with(|| name.clone());
                line += &format!(" link {first}");
            }
            line
        })
        .collect()
}

/// Extended attributes by path, as `getfattr` prints them.
fn xattrs(root: &Path) -> BTreeMap<PathBuf, Vec<(String, String)>> {
    let output = Command::new("getfattr")
        .args([
            "--recursive",
            "--physical",
            "--no-dereference",
            "--dump",
            "--match=-",
        ])
        .args(["--encoding=hex", "."])
        .current_dir(root)
        .output()
        .expect("getfattr is installed (package attr)");
    let mut found: BTreeMap<PathBuf, Vec<(String, String)>> = BTreeMap::new();
    let mut path = PathBuf::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some(name) = line.strip_prefix("# file: ") {
            path = PathBuf::from(name.strip_prefix("./").unwrap_or(name));
            if name == "." {
                path = PathBuf::new();
            }
        } else if let Some((key, value)) = line.split_once('=')
            && key != "security.selinux"
        {
            found
                .entry(path.clone())
                .or_default()
                .push((key.to_owned(), value.to_owned()));
        }
    }
    for list in found.values_mut() {
        list.sort();
    }
    found
}

/// Names are bytes; what is no printable ASCII shows as `\xNN`.
fn printable(path: &Path) -> String {
    path.as_os_str()
        .as_bytes()
        .iter()
        .map(|&byte| match byte {
            b'!'..=b'~' if byte != b'\\' => char::from(byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        })
        .collect()
}
