//! Archives of images: written for others, read from others.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panic")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::process::Command;

use archive::layer::{LayerError, Rule};
use archive::tarfile::{TarIndex, TarLimits, TarWriter};
use archive::testing::{RawHeader, TarBuilder};

fn scan(tar: Vec<u8>) -> Result<TarIndex<Vec<u8>>, LayerError> {
    TarIndex::scan(tar, TarLimits::default())
}

fn content(index: &TarIndex<Vec<u8>>, name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = index.open(name)?;
    assert_eq!(Some(file.left()), index.size(name));
    file.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

#[test]
fn members_are_found_through_links() {
    let tar = TarBuilder::new()
        .dir("./")
        .dir("a/")
        .dir("a/")
        .file("./a/layer.tar", b"layer")
        .symlink("b/layer.tar", "../a/layer.tar")
        .symlink("c", "b/layer.tar")
        .hardlink("d", "a/layer.tar")
        .file("empty", b"")
        .file("large", &[7; 600_000])
        .symlink("dangling", "nowhere")
        .symlink("loop", "loop")
        .file("last", b"last");
    // The end marker may be missing.
    for tar in [tar.clone().end(), tar.cut()] {
        let index = scan(tar).unwrap();
        for name in [
            "a/layer.tar",
            "./a/layer.tar",
            "/a/layer.tar",
            "b/layer.tar",
            "c",
            "d",
        ] {
            assert_eq!(content(&index, name).unwrap(), b"layer", "{name}");
        }
        assert_eq!(content(&index, "empty").unwrap(), b"");
        assert_eq!(content(&index, "large").unwrap(), [7; 600_000]);
        assert_eq!(content(&index, "last").unwrap(), b"last");
        for name in ["a", "", "no", "dangling", "loop", "../a/layer.tar", "c/x"] {
            assert!(index.open(name).is_none(), "{name}");
        }
        let names: Vec<String> = index.names().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "a/layer.tar",
                "b/layer.tar",
                "c",
                "d",
                "dangling",
                "empty",
                "large",
                "last",
                "loop"
            ]
        );
    }
}

#[test]
fn links_are_followed_to_a_bound() {
    let mut tar = TarBuilder::new().file("0", b"x");
    for n in 1..=9 {
        tar = tar.symlink(n.to_string(), (n - 1).to_string());
    }
    let index = scan(tar.end()).unwrap();
    assert_eq!(content(&index, "8").unwrap(), b"x");
    assert!(index.open("9").is_none());
}

#[test]
fn what_is_no_archive_of_an_image() {
    let start = TarBuilder::new;
    let cases = [
        (
            "twice",
            start().file("a", b"").file("./a", b""),
            Rule::MemberTwice,
        ),
        (
            "file-over-dir",
            start().dir("a/").file("a", b""),
            Rule::MemberTwice,
        ),
        (
            "leaves",
            start().symlink("a/b", "../../etc/passwd"),
            Rule::LinkLeaves,
        ),
        (
            "absolute",
            start().symlink("a", "/etc/passwd"),
            Rule::LinkLeaves,
        ),
        (
            "hard-leaves",
            start().hardlink("a", "../x"),
            Rule::ParentComponent,
        ),
        ("dotdot", start().file("../a", b""), Rule::ParentComponent),
        (
            "fifo",
            start().entry(&RawHeader::fifo("a"), b""),
            Rule::MemberKind,
        ),
        (
            "device",
            start().entry(&RawHeader::device(b'4', "a", 8, 0), b""),
            Rule::MemberKind,
        ),
        ("sparse", start().gnu_sparse("a", &[], 9, b""), Rule::Sparse),
        ("root", start().file("./.", b""), Rule::RootReplaced),
    ];
    for (name, tar, want) in cases {
        let error = scan(tar.end()).unwrap_err();
        assert_eq!(error.rule(), Some(&want), "{name}");
    }
    let cut = TarBuilder::new().file("a", &[1; 1_000_000]).cut();
    for end in [600, 300_000, 999_999] {
        let error = scan(cut[..end].to_vec()).unwrap_err();
        assert!(
            matches!(error, LayerError::Truncated { .. }),
            "{end}: {error}"
        );
    }
    let limits = TarLimits {
        members: 1,
        ..TarLimits::default()
    };
    let two = TarBuilder::new().dir("a").dir("b").end();
    let error = TarIndex::scan(two, limits).unwrap_err();
    assert_eq!(error.rule(), Some(&Rule::Entries { limit: 1 }));
}

fn written() -> Vec<u8> {
    let long = "n/".repeat(90) + "file";
    let mut writer = TarWriter::new(Vec::new());
    writer.directory("blobs").unwrap();
    writer.file("blobs/a", 3, &b"abc"[..]).unwrap();
    writer.file(&long, 600, &[b'x'; 600][..]).unwrap();
    writer.symlink("link", "blobs/a").unwrap();
    writer.symlink("long", &long).unwrap();
    writer.finish().unwrap()
}

#[test]
fn others_read_what_is_written() {
    let tar = written();
    assert_eq!(tar, written());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar");
    fs::write(&path, &tar).unwrap();
    let listed = Command::new("tar")
        .args(["--numeric-owner", "--full-time", "--utc", "-tvf"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(listed.status.success() && listed.stderr.is_empty());
    let long = "n/".repeat(90) + "file";
    let epoch = "1970-01-01 00:00:00";
    let want = format!(
        "drwxr-xr-x 0/0               0 {epoch} blobs/\n\
         -r--r--r-- 0/0               3 {epoch} blobs/a\n\
         -r--r--r-- 0/0             600 {epoch} {long}\n\
         l--------- 0/0               0 {epoch} link -> blobs/a\n\
         l--------- 0/0               0 {epoch} long -> {long}\n"
    );
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), want);

    let index = TarIndex::scan(File::open(&path).unwrap(), TarLimits::default()).unwrap();
    let mut bytes = Vec::new();
    index.open("link").unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"abc");
    assert_eq!(index.size("long"), Some(600));
}

#[test]
fn sizes_must_be_true() {
    let mut writer = TarWriter::new(Vec::new());
    assert!(writer.file("a", 4, &b"abc"[..]).is_err());
    let mut writer = TarWriter::new(Vec::new());
    assert!(writer.file("a", 2, &b"abc"[..]).is_err());
}

#[test]
fn sizes_beyond_the_octal_field() {
    /// Counts, and keeps what is not zero.
    #[derive(Default)]
    struct Head(Vec<u8>, u64);
    impl Write for Head {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.len() < 2048 {
                self.0.extend_from_slice(bytes);
            }
            self.1 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("only the header is wanted"))
        }
    }
    let mut head = Head::default();
    let size = 9_u64 << 30;
    assert!(
        TarWriter::new(&mut head)
            .file("big", size, Failing)
            .is_err()
    );
    let mut tar = head.0;
    tar.resize(2048, 0);
    let error = scan(tar).unwrap_err();
    assert!(
        matches!(error, LayerError::Truncated { .. }),
        "the size is read as {size}: {error}"
    );
}
