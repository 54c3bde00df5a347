//! The table of mounts (`/proc/self/mountinfo`, proc_pid_mountinfo(5)).

use std::{
    ffi::OsString,
    io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountEntry {
    /// The id of the mount.
    pub id: u32,
    /// The id of the mount that it lies on.
    pub parent: u32,
    /// The device of the file system, major and minor number.
    pub device: (u32, u32),
    /// What part of the file system is mounted.
    pub root: PathBuf,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// The options of this mount, for example `ro,nosuid`.
    pub options: String,
    /// The type of the file system.
    pub kind: String,
    /// What is mounted, as the file system calls it.
    pub source: OsString,
    /// The options of the file system.
    pub super_options: String,
}

/// Reads the mounts of the calling process.
///
/// # Errors
/// When procfs is not there or has an unknown form.
pub fn read() -> io::Result<Vec<MountEntry>> {
    parse(&std::fs::read("/proc/self/mountinfo")?)
}

/// Reads the mounts at or below `dir`, the deepest last.
///
/// # Errors
/// As [`read`].
pub fn below(dir: &Path) -> io::Result<Vec<MountEntry>> {
    let mut mounts = read()?;
    mounts.retain(|entry| entry.mount_point.starts_with(dir));
    Ok(mounts)
}

/// Parses the table.
///
/// # Errors
/// `InvalidData` with the line that has an unknown form.
pub fn parse(table: &[u8]) -> io::Result<Vec<MountEntry>> {
    table
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            parse_line(line).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!(
                        "mountinfo: unknown line {:?}",
                        String::from_utf8_lossy(line)
                    ),
                )
            })
        })
        .collect()
}

fn parse_line(line: &[u8]) -> Option<MountEntry> {
    let mut fields = line.split(|byte| *byte == b' ');
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok();
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let device = std::str::from_utf8(fields.next()?).ok()?.split_once(':')?;
    let device = (device.0.parse().ok()?, device.1.parse().ok()?);
    let root = PathBuf::from(unescape(fields.next()?));
    let mount_point = PathBuf::from(unescape(fields.next()?));
    let options = text(fields.next()?);
    // Any number of optional fields, then a lone hyphen.
    loop {
        if fields.next()? == b"-" {
            break;
        }
    }
    Some(MountEntry {
        id,
        parent,
        device,
        root,
        mount_point,
        options,
        kind: text(fields.next()?),
        source: unescape(fields.next()?),
        super_options: fields.next().map(text).unwrap_or_default(),
    })
}

/// Undoes the kernel's octal escapes of blank, tab, newline and backslash.
fn unescape(field: &[u8]) -> OsString {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'\\'
            && let Some((digits, after)) = tail.split_at_checked(3)
            && let Ok(octal) = std::str::from_utf8(digits)
            && let Ok(value) = u8::from_str_radix(octal, 8)
        {
            out.push(value);
            rest = after;
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    OsString::from_vec(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_and_without_optional_fields() {
        let table = b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n\
            37 36 0:25 / /x ro,nosuid - overlay composefs:a\\134b ro\n";
        let mounts = parse(table).unwrap();
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].mount_point, Path::new("/mnt 2"));
        assert_eq!(mounts[0].kind, "ext3");
        assert_eq!(mounts[0].super_options, "rw,errors=continue");
        assert_eq!(mounts[1].source, "composefs:a\\b");
        assert_eq!((mounts[0].device, mounts[1].device), ((98, 0), (0, 25)));
        assert_eq!((mounts[1].id, mounts[1].parent), (37, 36));
        assert!(parse(b"36 35 98:0 /mnt1\n").is_err());
    }

    #[test]
    fn the_root_is_mounted() {
        assert!(
            read()
                .unwrap()
                .iter()
                .any(|entry| entry.mount_point == Path::new("/"))
        );
    }
}
