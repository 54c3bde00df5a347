//! Good tars, made by the programs and libraries that make layers, read as those read them;
//! and any tar given back bit for bit.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panic"
)]

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::process::Command;

use archive::layer::{Chunk, EntryKind, LayerLimits, LayerReader};
use archive::testing::{RawHeader, TarBuilder};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a tar lists: kind, mode, owner, group, seconds, size or target; and the content.
type Listing = BTreeMap<String, (String, Vec<u8>)>;

fn ours(tar: &[u8]) -> Listing {
    let mut listing = Listing::new();
    let mut whole = Vec::new();
    let mut layer = LayerReader::new(tar, LayerLimits::default());
    while let Some(entry) = layer.next_entry(&mut whole).unwrap() {
        let mut content = Vec::new();
        while let Some(chunk) = layer.content_chunk().unwrap() {
            match chunk {
                Chunk::Data(bytes) => {
                    whole.extend_from_slice(bytes);
                    content.extend_from_slice(bytes);
                }
                Chunk::Hole(zeros) => content.resize(content.len() + zeros as usize, 0),
            }
        }
        let kind = match &entry.kind {
            EntryKind::Regular { size } | EntryKind::Sparse { size, .. } => format!("file {size}"),
            EntryKind::Directory => "dir".to_owned(),
            EntryKind::Symlink { target } => format!("symlink {}", target.escape_ascii()),
            EntryKind::Hardlink { target } => format!("link {target}"),
            EntryKind::Fifo => "fifo".to_owned(),
            other => format!("{other:?}"),
        };
        let text = format!(
            "{kind} {:o} {} {} {}",
            entry.mode, entry.uid, entry.gid, entry.mtime.secs
        );
        listing.insert(entry.path.to_string(), (text, content));
    }
    assert!(whole == tar, "raw bytes and contents are not the tar");
    listing
}

const PYTHON: &str = r#"
import sys, tarfile, hashlib, math
for m in tarfile.open(sys.argv[1]):
    kind = {b'0': 'file', b'\0': 'file', b'5': 'dir', b'2': 'symlink', b'1': 'link', b'6': 'fifo', b'S': 'file'}[m.type]
    f = tarfile.open(sys.argv[1]).extractfile(m.name) if kind == 'file' else None
    extra = {'file': ' %d' % m.size, 'symlink': ' ' + m.linkname, 'link': ' ' + m.linkname.lstrip('./')}.get(kind, '')
    name = m.name.lstrip('./').rstrip('/') or '/'
    digest = hashlib.sha256(f.read() if f else b'').hexdigest()
    print('%s\t%s%s %o %d %d %d\t%s' % (name, kind, extra, m.mode & 0o7777, m.uid, m.gid, math.floor(m.mtime), digest))
"#;

fn pythons(path: &Path) -> Vec<String> {
    let output = Command::new("python3")
        .args(["-c", PYTHON])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut lines: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

fn as_lines(listing: &Listing) -> Vec<String> {
    let mut lines: Vec<String> = listing
        .iter()
        .map(|(name, (text, content))| {
            format!("{name}\t{text}\t{}", oci::Digest::sha256(content).hex())
        })
        .collect();
    lines.sort();
    lines
}

fn shell(dir: &Path, script: &str) {
    let status = Command::new("sh")
        .args(["-euc", script])
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(status.success(), "{script}");
}

#[test]
fn gnu_tar_in_all_its_formats() {
    let dir = tempfile::tempdir().unwrap();
    shell(
        dir.path(),
        r#"mkdir -p t/sub && cd t && printf hello > file && ln file hard && ln -s file soft
        ln -s /nowhere/at/all dangling && mkfifo pipe && : > empty && chmod 4755 file
        long=$(printf 'd%.0s' $(seq 60)); mkdir -p $long/$long && seq 100000 > $long/$long/numbers
        ln -s $long/$long/$long/$long/$long soft-long
        touch -d '1965-01-02 03:04:05' file; touch -d '2001-01-01 00:00:00.25' empty
        truncate -s 3M holes && printf x | dd of=holes bs=1 seek=1000000 conv=notrunc status=none
        printf end >> holes"#,
    );
    for format in ["gnu", "pax", "oldgnu", "ustar", "v7"] {
        for sparse in [
            "",
            "--sparse",
            "--sparse --sparse-version=0.0",
            "--sparse --sparse-version=0.1",
        ] {
            if !sparse.is_empty() && matches!(format, "ustar" | "v7")
                || sparse.contains("version") && format != "pax"
            {
                continue;
            }
            // v7 has neither fifos nor long names; neither v7 nor ustar has times before 1970.
            let without = match format {
                "v7" => {
                    "--exclude=pipe --exclude=dddd* --exclude=soft-long --exclude=t/file --exclude=t/hard"
                }
                "ustar" => "--exclude=soft-long --exclude=t/file --exclude=t/hard",
                _ => "",
            };
            shell(
                dir.path(),
                &format!("tar --format={format} {sparse} --sort=name {without} -cf a.tar t"),
            );
            let tar = std::fs::read(dir.path().join("a.tar")).unwrap();
            let listing = ours(&tar);
            assert_eq!(
                as_lines(&listing),
                pythons(&dir.path().join("a.tar")),
                "{format} {sparse}"
            );
            assert_eq!(listing["t/holes"].1.len(), (3 << 20) + 3);
            if !sparse.is_empty() {
                assert!(tar.len() < 2 << 20, "{format} {sparse}: not sparse at all");
            }
        }
    }
}

#[test]
fn python_in_all_its_formats() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"
import tarfile, io, sys
for name, fmt in (('ustar', tarfile.USTAR_FORMAT), ('gnu', tarfile.GNU_FORMAT), ('pax', tarfile.PAX_FORMAT)):
    with tarfile.open(name + '.tar', 'w', format=fmt) as t:
        for i, (n, mtime) in enumerate((('a', 0), ('x/' * 60 + 'y', 1), ('z', 1700000000.75), ('q' * 100, 3))):
            m = tarfile.TarInfo(n); m.size = 1000 * i; m.mtime = mtime if fmt == tarfile.PAX_FORMAT else int(mtime); m.uid = 65534; m.mode = 0o640
            t.addfile(m, io.BytesIO(bytes([i]) * m.size))
        if fmt != tarfile.USTAR_FORMAT:
            m = tarfile.TarInfo('big-uid'); m.uid = 4294967294; m.gid = 3000000; t.addfile(m)
            m = tarfile.TarInfo('neg'); m.mtime = -7; t.addfile(m)
"#;
    let status = Command::new("python3")
        .args(["-c", script])
        .current_dir(dir.path())
        .status()
        .unwrap();
    assert!(status.success());
    for name in ["ustar.tar", "gnu.tar", "pax.tar"] {
        let path = dir.path().join(name);
        assert_eq!(
            as_lines(&ours(&std::fs::read(&path).unwrap())),
            pythons(&path),
            "{name}"
        );
    }
}

/// The crates `tar` and `tar-core` must see the same in what we accept.
fn second_opinions(tar: &[u8]) {
    let mut ours = Vec::new();
    let mut layer = LayerReader::new(tar, LayerLimits::default());
    while let Some(entry) = layer.next_entry(&mut Vec::new()).unwrap() {
        let mut content = Vec::new();
        layer.content().read_to_end(&mut content).unwrap();
        ours.push((entry.path.as_bytes().to_vec(), content));
    }
    let mut archive = tar::Archive::new(tar);
    let mut theirs = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let name = entry.path_bytes().into_owned();
        theirs.push((
            name.strip_suffix(b"/").map(<[u8]>::to_vec).unwrap_or(name),
            content,
        ));
    }
    assert!(ours == theirs);

    let mut parser = tar_core::parse::Parser::new(tar_core::parse::Limits::default());
    let mut rest = tar;
    let mut names = Vec::new();
    loop {
        use tar_core::parse::ParseEvent;
        match parser.parse(rest).unwrap() {
            ParseEvent::Entry { consumed, entry } => {
                names.push(entry.path.to_vec());
                rest = &rest[consumed + entry.size.next_multiple_of(512) as usize..];
            }
            ParseEvent::End { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    let names: Vec<_> = names
        .iter()
        .map(|name| name.strip_suffix(b"/").unwrap_or(name).to_vec())
        .collect();
    assert_eq!(
        names,
        ours.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
}

/// Gives its bytes in pieces of odd sizes.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1 * 7 % 1009 + 1;
        let count = self.1.min(out.len()).min(self.0.len());
        out[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// As much of a name as a header holds.
fn short(name: &str) -> &str {
    name[..name.len().min(100)].trim_end_matches('/')
}

fn any_entry() -> impl Strategy<Value = (String, Vec<u8>, u8)> {
    (
        "[a-z]{1,12}(/[a-z]{1,60}){0,4}",
        vec(any::<u8>(), 0..2000),
        0..8_u8,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_tar_comes_back_bit_for_bit(
        entries in vec(any_entry(), 0..12),
        tail in vec(any::<u8>(), 0..1500),
        start in 1..1000_usize,
    ) {
        let mut tar = TarBuilder::new();
        for (name, content, kind) in &entries {
            tar = match kind {
                0 => tar.dir(short(name)),
                1 => tar.symlink(short(name), "target"),
                2 => tar.pax(&[("path", name.as_bytes()), ("SCHILY.xattr.user.a", content)])
                    .file("short", content),
                3 => tar.long_name(name).entry(
                    &RawHeader::file("short", content.len() as u64).gnu(), content),
                _ => tar.long_name(name).file("short", content),
            };
        }
        let good = tar.end();
        second_opinions(&good);
        let tar = [good, tail].concat();
        let mut whole = Vec::new();
        let mut layer = LayerReader::new(Pieces(&tar, start), LayerLimits::default());
        let mut count = 0;
        while layer.next_entry(&mut whole).unwrap().is_some() {
            let mut content = Vec::new();
            layer.content().read_to_end(&mut content).unwrap();
            whole.extend_from_slice(&content);
            count += 1;
        }
        prop_assert_eq!(count, entries.len());
        prop_assert!(whole == tar);
    }

    #[test]
    fn a_damaged_tar_is_read_or_refused(
        entries in vec(any_entry(), 1..6),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut tar = TarBuilder::new();
        for (name, content, _) in &entries {
            tar = tar.pax(&[("path", name.as_bytes())]).file("short", content);
        }
        let mut tar = tar.end();
        for (at, byte) in damage {
            let at = at.index(tar.len());
            tar[at] = byte;
        }
        let mut whole = Vec::new();
        let mut layer = LayerReader::new(&tar[..], LayerLimits::default());
        let complete = loop {
            match layer.next_entry(&mut whole) {
                Ok(Some(entry)) => {
                    prop_assert!(entry.path.components().all(|c| c != b".." && !c.contains(&0)));
                    if layer.content().read_to_end(&mut whole).is_err() {
                        break false;
                    }
                }
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        prop_assert!(!complete || whole == tar);
    }
}
