//! What the reader of layers accepts, what it refuses and why, and that nothing gets lost.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panic"
)]

use std::io::Read;

use archive::layer::{
    Chunk, Entry, EntryKind, LayerError, LayerLimits, LayerPath, LayerReader, Rule, Timestamp,
};
use archive::testing::{RawHeader, TarBuilder, field, pax_records};

type Listed = Vec<(Entry, Vec<u8>)>;

/// Reads a tar; gives the entries with their content and the bytes that came out in order.
fn read(tar: &[u8], limits: LayerLimits) -> Result<(Listed, Vec<u8>), LayerError> {
    let mut layer = LayerReader::new(tar, limits);
    let mut whole = Vec::new();
    let mut entries = Vec::new();
    while let Some(entry) = layer.next_entry(&mut whole)? {
        let mut content = Vec::new();
        while let Some(chunk) = layer.content_chunk()? {
            match chunk {
                Chunk::Data(bytes) => {
                    whole.extend_from_slice(bytes);
                    content.extend_from_slice(bytes);
                }
                Chunk::Hole(zeros) => content.resize(content.len() + zeros as usize, 0),
            }
        }
        assert_eq!(content.len() as u64, entry.kind.size());
        entries.push((entry, content));
    }
    Ok((entries, whole))
}

fn accept(tar: &[u8]) -> Listed {
    let (entries, whole) = read(tar, LayerLimits::default()).unwrap();
    assert!(whole == tar, "raw bytes and contents are not the tar");
    entries
}

fn one(tar: TarBuilder) -> Entry {
    let mut entries = accept(&tar.end());
    assert_eq!(entries.len(), 1);
    entries.remove(0).0
}

fn refused(tar: &[u8]) -> Rule {
    match read(tar, LayerLimits::default()) {
        Err(LayerError::Refused(offence)) => offence.rule,
        other => panic!("not refused: {other:?}"),
    }
}

fn path(name: impl AsRef<[u8]>) -> LayerPath {
    LayerPath::parse(name.as_ref()).unwrap()
}

fn start() -> TarBuilder {
    TarBuilder::new()
}

#[test]
fn entries_say_what_their_headers_say() {
    let header = RawHeader::file("./bin/sh", 3)
        .mode(0o104755)
        .uid(1000)
        .gid(0xffff_fffe);
    let entry = one(start().entry(&header.mtime(-5), b"abc"));
    assert_eq!(entry.path, path("bin/sh"));
    assert_eq!(entry.kind, EntryKind::Regular { size: 3 });
    assert_eq!(
        (entry.mode, entry.uid, entry.gid),
        (0o4755, 1000, 0xffff_fffe)
    );
    assert_eq!(entry.mtime, Timestamp { secs: -5, nanos: 0 });

    let kinds: &[(RawHeader, &str, EntryKind)] = &[
        (RawHeader::dir("d/"), "d", EntryKind::Directory),
        (RawHeader::dir("./"), "", EntryKind::Directory),
        (RawHeader::dir("/"), "", EntryKind::Directory),
        (RawHeader::new(0, "d/").v7(), "d", EntryKind::Directory),
        (
            RawHeader::new(0, "f").v7(),
            "f",
            EntryKind::Regular { size: 0 },
        ),
        (
            RawHeader::new(b'7', "f"),
            "f",
            EntryKind::Regular { size: 0 },
        ),
        (RawHeader::fifo("/p"), "p", EntryKind::Fifo),
        (
            RawHeader::device(b'3', "null", 1, 3),
            "null",
            EntryKind::CharDevice { major: 1, minor: 3 },
        ),
        (
            RawHeader::device(b'4', "b", 0, 0),
            "b",
            EntryKind::BlockDevice { major: 0, minor: 0 },
        ),
        (
            RawHeader::symlink("l", "/abs/../x"),
            "l",
            EntryKind::Symlink {
                target: b"/abs/../x".to_vec(),
            },
        ),
        (
            RawHeader::hardlink("h", "./t"),
            "h",
            EntryKind::Hardlink { target: path("t") },
        ),
        (RawHeader::new(b'0', "d/.wh.x"), "d/x", EntryKind::Whiteout),
        (
            RawHeader::new(b'0', "d/.wh..wh..opq"),
            "d",
            EntryKind::OpaqueDir,
        ),
        (
            RawHeader::new(b'0', ".wh..wh..opq"),
            "",
            EntryKind::OpaqueDir,
        ),
        (
            RawHeader::new(b'0', "b").set(field::PREFIX, b"a"),
            "a/b",
            EntryKind::Regular { size: 0 },
        ),
        (
            RawHeader::new(b'0', "b")
                .gnu()
                .set(field::GNU_ATIME, b"00000000001"),
            "b",
            EntryKind::Regular { size: 0 },
        ),
    ];
    for (header, name, kind) in kinds {
        let entry = one(start().entry(header, b""));
        assert_eq!(entry.path.as_bytes(), name.as_bytes());
        assert_eq!(&entry.kind, kind, "{name}");
    }
}

#[test]
fn overrides_win() {
    let entry = one(start()
        .pax(&[
            ("path", b"long/name"),
            ("size", b"3"),
            ("uid", b"4294967294"),
            ("mtime", b"-1.5"),
            ("atime", b"whatever"),
            ("SCHILY.xattr.user.a", b"\0=\n"),
            ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
        ])
        // The header's own size, 0, would have "abc" read as a header.
        .entry(&RawHeader::file("short", 0), b"abc"));
    assert_eq!(entry.path, path("long/name"));
    assert_eq!(entry.kind, EntryKind::Regular { size: 3 });
    assert_eq!(entry.uid, 4_294_967_294);
    assert_eq!(
        entry.mtime,
        Timestamp {
            secs: -2,
            nanos: 500_000_000
        }
    );
    assert_eq!(entry.xattrs, [(b"user.a".to_vec(), b"\0=\n".to_vec())]);
    assert_eq!(entry.dropped_xattrs, [b"trusted.overlay.opaque".to_vec()]);

    let long = "n/".repeat(200) + "x";
    let entry = one(start()
        .long_name(&long)
        .long_link(&long)
        .symlink("cut", "cut"));
    assert_eq!(entry.path, path(&long));
    assert_eq!(
        entry.kind,
        EntryKind::Symlink {
            target: long.into_bytes()
        }
    );
    assert_eq!(
        one(start().pax(&[("path", b"")]).file("x", b"")).path,
        path("x")
    );
    assert_eq!(
        one(start().global(&[("comment", b"x")]).file("x", b"")).path,
        path("x")
    );
    assert_eq!(one(start().file(b"\xff\xfe", b"")).path, path(b"\xff\xfe"));
}

#[test]
fn odd_ends_are_good_ends() {
    let tar = start().file("a", b"x").cut();
    for tail in [
        vec![],
        vec![0; 512],
        vec![0; 1024],
        vec![0; 10_240],
        [
            vec![0; 1024],
            b"junk that is no header, and no whole block".to_vec(),
        ]
        .concat(),
        [vec![0; 1024], start().file("smuggled", b"").cut()].concat(),
    ] {
        assert_eq!(accept(&[tar.clone(), tail].concat()).len(), 1);
    }
    assert!(accept(b"").is_empty());
}

#[test]
fn cut_tars_are_no_tars() {
    let tar = start().pax(&[("path", b"b")]).file("a", &[7; 700]).cut();
    for end in 1..tar.len() {
        let error = read(&tar[..end], LayerLimits::default()).unwrap_err();
        match error {
            LayerError::Truncated { .. } => {}
            // Cut behind the PAX header, which then has no entry.
            LayerError::Refused(offence) => {
                assert_eq!((end, offence.rule), (1024, Rule::Dangling));
            }
            other => panic!("{end}: {other}"),
        }
    }
    let lone = start().raw(&[0; 512]).file("a", b"").end();
    let error = read(&lone, LayerLimits::default()).unwrap_err();
    assert!(
        matches!(error, LayerError::LoneZeroBlock { offset: 512 }),
        "{error}"
    );
}

#[test]
fn sparse_files_are_expanded() {
    let many: Vec<(u64, u64)> = (0..100).map(|at| (at * 1024, 512)).collect();
    let cases: &[(&[(u64, u64)], u64)] = &[
        (&[], 0),
        (&[], 4096),
        (&[(0, 512)], 512),
        (&[(0, 512), (4096, 1024)], 8192),
        (&[(1024, 512), (2048, 100)], 2148),
        (&[(0, 1), (3, 1), (5, 1)], 7),
        (&[(4096, 0)], 4096),
        (&many, 200_000),
    ];
    for (map, size) in cases {
        let stored: u64 = map.iter().map(|(_, length)| length).sum();
        let data: Vec<u8> = (0..stored).map(|at| (at % 251) as u8 + 1).collect();
        let mut want = vec![0; *size as usize];
        let mut from = 0;
        for &(offset, length) in *map {
            let (offset, length) = (offset as usize, length as usize);
            want[offset..offset + length].copy_from_slice(&data[from..from + length]);
            from += length;
        }
        for tar in [
            start().gnu_sparse("s", map, *size, &data),
            start().pax_sparse_0_0("s", map, *size, &data),
            start().pax_sparse_1_0("s", map, *size, &data),
            start().pax_sparse_0_1("s", map, *size, &data),
        ]
        .into_iter()
        // An empty record is none, so 0.1 cannot say "no fragments".
        .take(if map.is_empty() { 3 } else { 4 })
        {
            let tar = tar.file("after", b"z").end();
            let entries = accept(&tar);
            assert_eq!(entries[0].0.path, path("s"));
            assert_eq!(
                entries[0].0.kind,
                EntryKind::Sparse {
                    size: *size,
                    stored
                }
            );
            assert!(entries[0].1 == want, "{map:?}");
            assert_eq!(entries[1].1, b"z");

            let mut layer = LayerReader::new(&tar[..], LayerLimits::default());
            layer.next_entry(&mut Vec::new()).unwrap();
            let mut content = Vec::new();
            layer.content().read_to_end(&mut content).unwrap();
            assert!(content == want, "{map:?}");
        }
    }
}

#[test]
fn what_is_refused_and_why() {
    let file = |name: &str| start().file(name, b"");
    let header = |header: RawHeader| start().entry(&header, b"");
    let pax = |records: &[(&str, &[u8])]| start().pax(records).file("x", b"");
    let sparse = |map: &[(u64, u64)], size, data: &[u8]| start().gnu_sparse("s", map, size, data);
    let long = "x".repeat(256);
    let deep = "x/".repeat(2049);
    let big = vec![b'v'; 1 << 20];
    let field_error = |field| Rule::BadNumber { field };
    let range = |field| Rule::OutOfRange { field };
    let twice = |key: &str| Rule::PaxTwice {
        key: key.to_owned(),
    };
    let global = |key: &str| Rule::PaxGlobal {
        key: key.to_owned(),
    };
    let too_many: Vec<(u64, u64)> = (0..4097).map(|at| (at * 1024, 0)).collect();
    let xattr = "SCHILY.xattr.user.";
    let cases: Vec<(&str, TarBuilder, Rule)> = vec![
        // names
        ("dotdot", file("../x"), Rule::ParentComponent),
        ("dotdot-inside", file("a/../x"), Rule::ParentComponent),
        ("dotdot-absolute", file("/../x"), Rule::ParentComponent),
        (
            "prefix-dotdot",
            header(RawHeader::file("x", 0).set(field::PREFIX, b"..")),
            Rule::ParentComponent,
        ),
        (
            "pax-path-dotdot",
            pax(&[("path", b"a/../../x")]),
            Rule::ParentComponent,
        ),
        (
            "gnu-name-dotdot",
            start().long_name("../x").file("x", b""),
            Rule::ParentComponent,
        ),
        (
            "sparse-name-dotdot",
            start().pax_sparse_1_0("../x", &[], 0, b""),
            Rule::ParentComponent,
        ),
        (
            "hardlink-dotdot",
            start().hardlink("x", "../y"),
            Rule::ParentComponent,
        ),
        (
            "pax-linkpath-dotdot",
            start().pax(&[("linkpath", b"../y")]).hardlink("x", "y"),
            Rule::ParentComponent,
        ),
        ("empty-name", file(""), Rule::EmptyName),
        ("empty-target", start().symlink("x", ""), Rule::EmptyTarget),
        (
            "empty-hardlink",
            start().hardlink("x", ""),
            Rule::EmptyTarget,
        ),
        (
            "empty-gnu-name",
            start().long_name("").file("x", b""),
            Rule::EmptyName,
        ),
        ("pax-nul-name", pax(&[("path", b"a\0b")]), Rule::NulInName),
        (
            "gnu-nul-name",
            start().long_name("a\0b").file("x", b""),
            Rule::NulInName,
        ),
        (
            "pax-nul-target",
            start().pax(&[("linkpath", b"a\0")]).symlink("x", "y"),
            Rule::NulInTarget,
        ),
        (
            "gnu-nul-target",
            start().long_link("a\0b").symlink("x", "y"),
            Rule::NulInTarget,
        ),
        (
            "component-256",
            start().long_name(&long).file("x", b""),
            Rule::LongComponent { bytes: 256 },
        ),
        (
            "path-4097",
            start().long_name(&deep).dir("x"),
            Rule::LongPath { bytes: 4097 },
        ),
        (
            "target-4096",
            start().long_link("x".repeat(4096)).symlink("x", "y"),
            Rule::LongTarget { bytes: 4096 },
        ),
        ("root-is-file", file("."), Rule::RootReplaced),
        (
            "root-is-symlink",
            start().symlink(".", "/"),
            Rule::RootReplaced,
        ),
        (
            "root-is-hardlink",
            start().hardlink(".", "x"),
            Rule::RootReplaced,
        ),
        ("root-slash-is-file", file("/"), Rule::TrailingSlash),
        ("file-with-slash", file("x/"), Rule::TrailingSlash),
        (
            "symlink-with-slash",
            start().symlink("x/", "y"),
            Rule::TrailingSlash,
        ),
        (
            "hardlink-to-root",
            start().hardlink("x", "/"),
            Rule::HardlinkTarget,
        ),
        (
            "hardlink-to-itself",
            start().hardlink("x", "./x"),
            Rule::HardlinkTarget,
        ),
        // whiteouts
        ("wh-empty", file(".wh."), Rule::WhiteoutName),
        ("wh-dot", file("d/.wh.."), Rule::WhiteoutName),
        ("wh-dotdot", file("d/.wh..."), Rule::WhiteoutName),
        ("wh-in-dir", file(".wh.d/x"), Rule::WhiteoutComponent),
        (
            "wh-hardlink-target",
            start().hardlink("x", "d/.wh.y"),
            Rule::WhiteoutComponent,
        ),
        (
            "wh-with-content",
            start().file(".wh.x", b"c"),
            Rule::WhiteoutKind,
        ),
        ("wh-dir", start().dir(".wh.x/"), Rule::WhiteoutKind),
        (
            "wh-symlink",
            start().symlink(".wh.x", "y"),
            Rule::WhiteoutKind,
        ),
        (
            "wh-hardlink",
            start().hardlink(".wh.x", "y"),
            Rule::WhiteoutKind,
        ),
        (
            "wh-sparse",
            start().gnu_sparse(".wh.x", &[], 9, b""),
            Rule::WhiteoutKind,
        ),
        ("wh-aufs", file(".wh..wh.aufs"), Rule::AufsName),
        ("wh-plnk", start().dir(".wh..wh.plnk/"), Rule::WhiteoutKind),
        (
            "wh-plnk-file",
            file(".wh..wh.plnk/x"),
            Rule::WhiteoutComponent,
        ),
        (
            "wh-chardev",
            header(RawHeader::device(b'3', "x", 0, 0)),
            Rule::OverlayWhiteout,
        ),
        // headers
        (
            "checksum",
            header(RawHeader::file("x", 0).bad_checksum()),
            Rule::Checksum,
        ),
        ("checksum-blank", start().raw(&[b'x'; 512]), Rule::Checksum),
        (
            "magic",
            header(RawHeader::file("x", 0).set(field::MAGIC, b"ustar 00")),
            Rule::UnknownFormat,
        ),
        (
            "v7-prefix",
            header(RawHeader::file("x", 0).v7().set(field::PREFIX, b"p")),
            Rule::UnknownFormat,
        ),
        (
            "gnu-prefix",
            header(RawHeader::file("x", 0).gnu().set(field::PREFIX, b"p")),
            Rule::AmbiguousPrefix,
        ),
        (
            "type-X",
            header(RawHeader::new(b'X', "x")),
            Rule::UnknownType { flag: b'X' },
        ),
        (
            "type-D",
            header(RawHeader::new(b'D', "x")),
            Rule::UnknownType { flag: b'D' },
        ),
        (
            "type-ff",
            header(RawHeader::new(0xff, "x")),
            Rule::UnknownType { flag: 0xff },
        ),
        (
            "type-S-ustar",
            header(RawHeader::new(b'S', "x")),
            Rule::UnknownType { flag: b'S' },
        ),
        (
            "uid-text",
            header(RawHeader::file("x", 0).uid_text(b"root")),
            field_error("uid"),
        ),
        (
            "uid-minus-one-text",
            header(RawHeader::file("x", 0).uid_text(b"-1")),
            field_error("uid"),
        ),
        (
            "uid-minus-one",
            header(RawHeader::file("x", 0).uid(-1)),
            range("uid"),
        ),
        (
            "uid-2^32-1",
            header(RawHeader::file("x", 0).uid(0xffff_ffff)),
            range("uid"),
        ),
        (
            "uid-2^32",
            header(RawHeader::file("x", 0).uid(1 << 32)),
            range("uid"),
        ),
        (
            "gid-2^32",
            header(RawHeader::file("x", 0).gid(1 << 32)),
            range("gid"),
        ),
        ("pax-uid-2^32", pax(&[("uid", b"4294967296")]), range("uid")),
        (
            "pax-uid-2^32-1",
            pax(&[("uid", b"4294967295")]),
            range("uid"),
        ),
        (
            "pax-uid-negative",
            pax(&[("uid", b"-1")]),
            field_error("uid"),
        ),
        ("pax-uid-text", pax(&[("uid", b"root")]), field_error("uid")),
        ("pax-gid-plus", pax(&[("gid", b"+1")]), field_error("gid")),
        (
            "device-large",
            header(RawHeader::device(b'4', "x", 4096, 0)),
            range("device major"),
        ),
        (
            "device-minor",
            header(RawHeader::device(b'4', "x", 0, 1 << 20)),
            range("device minor"),
        ),
        (
            "mode-negative",
            header(RawHeader::file("x", 0).base256(field::MODE, -1)),
            range("mode"),
        ),
        (
            "mtime-text",
            header(RawHeader::file("x", 0).set(field::MTIME, b"now")),
            field_error("mtime"),
        ),
        (
            "pax-mtime-text",
            pax(&[("mtime", b"now")]),
            field_error("mtime"),
        ),
        // sizes
        (
            "size-negative",
            header(RawHeader::file("x", 0).base256(field::SIZE, -1)),
            range("size"),
        ),
        (
            "size-2^63",
            header(RawHeader::file("x", 1 << 63)),
            range("size"),
        ),
        (
            "size-2^72",
            header(RawHeader::file("x", 0).base256(field::SIZE, 1 << 72)),
            range("size"),
        ),
        (
            "size-large",
            header(RawHeader::file("x", 1 << 40)),
            Rule::FileBytes {
                size: 1 << 40,
                limit: 16 << 30,
            },
        ),
        (
            "pax-size-2^63",
            pax(&[("size", b"9223372036854775808")]),
            range("size"),
        ),
        (
            "pax-size-negative",
            pax(&[("size", b"-1")]),
            field_error("size"),
        ),
        (
            "hardlink-with-size",
            header(RawHeader::hardlink("x", "y").size(512)),
            Rule::SizeOnHeaderOnly { size: 512 },
        ),
        (
            "symlink-with-size",
            header(RawHeader::symlink("x", "y").size(512)),
            Rule::SizeOnHeaderOnly { size: 512 },
        ),
        (
            "dir-with-size",
            header(RawHeader::dir("x").size(1)),
            Rule::SizeOnHeaderOnly { size: 1 },
        ),
        (
            "v7-dir-with-size",
            header(RawHeader::new(0, "x/").size(1)),
            Rule::SizeOnHeaderOnly { size: 1 },
        ),
        (
            "fifo-with-size",
            header(RawHeader::fifo("x").size(1)),
            Rule::SizeOnHeaderOnly { size: 1 },
        ),
        (
            "chardev-with-size",
            header(RawHeader::device(b'3', "x", 1, 3).size(1)),
            Rule::SizeOnHeaderOnly { size: 1 },
        ),
        (
            "pax-size-on-symlink",
            start().pax(&[("size", b"512")]).symlink("x", "y"),
            Rule::SizeOnHeaderOnly { size: 512 },
        ),
        // overrides
        (
            "pax-junk",
            start().extension(b'x', b"junk\n").file("x", b""),
            Rule::PaxRecord,
        ),
        (
            "pax-zeros",
            start().extension(b'x', &[0; 100]).file("x", b""),
            Rule::PaxRecord,
        ),
        (
            "pax-short",
            start().extension(b'x', b"9 path=abc\n").file("x", b""),
            Rule::PaxRecord,
        ),
        (
            "pax-long",
            start().extension(b'x', b"99 path=abc\n").file("x", b""),
            Rule::PaxRecord,
        ),
        (
            "pax-path-twice",
            pax(&[("path", b"a"), ("path", b"b")]),
            twice("path"),
        ),
        (
            "pax-size-twice",
            pax(&[("size", b"0"), ("size", b"0")]),
            twice("size"),
        ),
        (
            "pax-two-headers",
            start()
                .pax(&[("path", b"a")])
                .pax(&[("uid", b"1")])
                .file("x", b""),
            Rule::TwoOverrides { what: "PAX header" },
        ),
        (
            "gnu-two-names",
            start().long_name("a").long_name("b").file("x", b""),
            Rule::TwoOverrides { what: "name" },
        ),
        (
            "gnu-two-links",
            start().long_link("a").long_link("b").symlink("x", "y"),
            Rule::TwoOverrides {
                what: "link target",
            },
        ),
        (
            "gnu-and-pax-name",
            start().long_name("a").pax(&[("path", b"b")]).file("x", b""),
            Rule::TwoOverrides { what: "name" },
        ),
        (
            "pax-and-gnu-link",
            start()
                .pax(&[("linkpath", b"b")])
                .long_link("a")
                .symlink("x", "y"),
            Rule::TwoOverrides {
                what: "link target",
            },
        ),
        (
            "pax-size-then-gnu",
            start().pax(&[("size", b"0")]).long_name("a").file("x", b""),
            Rule::TwoOverrides { what: "size" },
        ),
        (
            "pax-dangling",
            start().pax(&[("path", b"a")]),
            Rule::Dangling,
        ),
        (
            "pax-then-global",
            start()
                .pax(&[("path", b"a")])
                .global(&[("comment", b"")])
                .file("x", b""),
            Rule::Dangling,
        ),
        (
            "global-path",
            start().global(&[("path", b"a")]).file("x", b""),
            global("path"),
        ),
        (
            "global-linkpath",
            start().global(&[("linkpath", b"a")]).file("x", b""),
            global("linkpath"),
        ),
        (
            "global-size",
            start().global(&[("size", b"0")]).file("x", b""),
            global("size"),
        ),
        (
            "global-xattr",
            start()
                .global(&[("SCHILY.xattr.user.a", b"")])
                .file("x", b""),
            global("SCHILY.xattr.user.a"),
        ),
        (
            "pax-header-2mib",
            start()
                .extension(b'x', &pax_records(&[("comment", &big)]))
                .file("x", b""),
            Rule::Metadata { limit: 1 << 20 },
        ),
        (
            "pax-header-size-8eib",
            start().entry(&RawHeader::new(b'x', "p").size(i64::MAX as u64), b""),
            Rule::Metadata { limit: 1 << 20 },
        ),
        (
            "gnu-name-64mib",
            start().entry(&RawHeader::new(b'L', "p").size(64 << 20), b""),
            Rule::Metadata { limit: 1 << 20 },
        ),
        // sparse
        (
            "sparse-overlap",
            sparse(&[(0, 512), (511, 1)], 512, &[1; 513]),
            Rule::SparseFragments,
        ),
        (
            "sparse-order",
            sparse(&[(512, 512), (0, 512)], 1024, &[1; 1024]),
            Rule::SparseFragments,
        ),
        (
            "sparse-past-end",
            sparse(&[(0, 512), (1024, 512)], 1500, &[1; 1024]),
            Rule::SparseFragments,
        ),
        (
            "sparse-less-data",
            sparse(&[(0, 512)], 1024, &[1; 511]),
            Rule::SparseFragments,
        ),
        (
            "sparse-more-data",
            sparse(&[(0, 512)], 1024, &[1; 513]),
            Rule::SparseFragments,
        ),
        (
            "sparse-too-many",
            sparse(&too_many, 1 << 30, b""),
            Rule::SparseCount { limit: 4096 },
        ),
        (
            "sparse-0.0-too-many",
            start().pax_sparse_0_0("s", &too_many, 1 << 30, b""),
            Rule::SparseCount { limit: 4096 },
        ),
        (
            "sparse-0.1-too-many",
            start().pax_sparse_0_1("s", &too_many, 1 << 30, b""),
            Rule::SparseCount { limit: 4096 },
        ),
        (
            "sparse-1.0-too-many",
            start().pax_sparse_1_0("s", &too_many, 1 << 30, b""),
            Rule::SparseCount { limit: 4096 },
        ),
        (
            "sparse-8eib",
            start().pax_sparse_1_0("s", &[], i64::MAX as u64, b""),
            Rule::FileBytes {
                size: i64::MAX as u64,
                limit: 16 << 30,
            },
        ),
        (
            "sparse-name-alone",
            pax(&[("GNU.sparse.name", b"a")]),
            Rule::SparseMap,
        ),
        (
            "sparse-odd-map",
            pax(&[
                ("GNU.sparse.map", b"1,2,3"),
                ("GNU.sparse.numblocks", b"1"),
                ("GNU.sparse.size", b"9"),
            ]),
            Rule::SparseMap,
        ),
        (
            "sparse-wrong-count",
            pax(&[
                ("GNU.sparse.map", b"0,0"),
                ("GNU.sparse.numblocks", b"2"),
                ("GNU.sparse.size", b"9"),
            ]),
            Rule::SparseMap,
        ),
        (
            "sparse-no-size",
            pax(&[("GNU.sparse.map", b"0,0"), ("GNU.sparse.numblocks", b"1")]),
            Rule::SparseMap,
        ),
        (
            "sparse-2.0",
            pax(&[("GNU.sparse.major", b"2"), ("GNU.sparse.minor", b"0")]),
            Rule::SparseMap,
        ),
        (
            "sparse-1.0-no-map",
            pax(&[
                ("GNU.sparse.major", b"1"),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.realsize", b"0"),
            ]),
            Rule::SparseMap,
        ),
        (
            "sparse-on-dir",
            start()
                .pax(&[
                    ("GNU.sparse.map", b"0,0"),
                    ("GNU.sparse.numblocks", b"1"),
                    ("GNU.sparse.size", b"9"),
                ])
                .dir("d/"),
            Rule::SparseMap,
        ),
        // attributes
        (
            "xattr-empty-name",
            pax(&[(xattr, b"v")]),
            Rule::Xattr {
                name: "user.".to_owned(),
            },
        ),
        (
            "xattr-twice",
            pax(&[("SCHILY.xattr.user.a", b"1"), ("SCHILY.xattr.user.a", b"2")]),
            Rule::Xattr {
                name: "user.a".to_owned(),
            },
        ),
        (
            "xattr-huge",
            pax(&[("SCHILY.xattr.user.a", &big[..65_537])]),
            Rule::Xattr {
                name: "user.a".to_owned(),
            },
        ),
        (
            "xattr-base64",
            pax(&[("LIBARCHIVE.xattr.user.a", b"=!")]),
            Rule::Xattr {
                name: "user.a".to_owned(),
            },
        ),
    ];
    for (name, tar, want) in cases {
        let got = refused(&tar.end());
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn limits_hold_before_content_is_read() {
    let limits = LayerLimits {
        file_bytes: 1000,
        layer_bytes: 10_000,
        entries: 3,
    };
    let rule = |tar: Vec<u8>| match read(&tar, limits) {
        Err(LayerError::Refused(offence)) => Some(offence.rule),
        Ok(_) => None,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(rule(start().file("a", &[1; 1000]).end()), None);
    let large = Rule::FileBytes {
        size: 1001,
        limit: 1000,
    };
    assert_eq!(rule(start().file("a", &[1; 1001]).end()), Some(large));
    let large = Rule::FileBytes {
        size: 2000,
        limit: 1000,
    };
    assert_eq!(
        rule(start().gnu_sparse("a", &[], 2000, b"").end()),
        Some(large)
    );
    let four = start().dir("a").dir("b").dir("c");
    assert_eq!(rule(four.clone().end()), None);
    assert_eq!(rule(four.dir("d").end()), Some(Rule::Entries { limit: 3 }));
    let total = Some(Rule::TotalBytes { limit: 10_000 });
    assert_eq!(
        rule([start().file("a", b"").end(), vec![0; 20_000_000]].concat()),
        total
    );
    let small = LayerLimits {
        layer_bytes: 2000,
        ..limits
    };
    let tar = start()
        .gnu_sparse("a", &[], 900, b"")
        .gnu_sparse("b", &[], 900, b"")
        .end();
    let error = read(&tar, small).unwrap_err();
    assert_eq!(error.rule(), Some(&Rule::TotalBytes { limit: 2000 }));
}

#[test]
fn content_must_be_read_or_skipped() {
    let tar = start()
        .file("a", &[1; 600])
        .gnu_sparse("s", &[], 10, b"")
        .file("b", b"x")
        .end();
    let mut layer = LayerReader::new(&tar[..], LayerLimits::default());
    let mut raw = Vec::new();
    layer.next_entry(&mut raw).unwrap();
    let error = layer.next_entry(&mut raw).unwrap_err();
    assert!(
        matches!(error, LayerError::Unread { bytes: 600 }),
        "{error}"
    );
    assert!(
        layer.next_entry(&mut raw).unwrap().is_none(),
        "an error is the end"
    );

    let mut layer = LayerReader::new(&tar[..], LayerLimits::default());
    let mut names = Vec::new();
    while let Some(entry) = layer.next_entry(&mut raw).unwrap() {
        names.push(entry.path.to_string());
        layer.skip().unwrap();
    }
    assert_eq!(names, ["a", "s", "b"]);
    assert_eq!(layer.position(), tar.len() as u64);
}

#[test]
fn errors_name_the_entry_and_show_nothing_raw() {
    let tar = start().file("ok", b"").file("a\x1b[2J/../b", b"").end();
    let error = read(&tar, LayerLimits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tar entry a\\x1b[2J/../b at byte 512: `..` in a path"
    );
}
