//! What entries say, and how a tar may end.

use archive::layer::{EntryKind, LayerError, LayerLimits, Rule, Timestamp};
use archive::testing::{RawHeader, field};

use crate::{accept, one, path, read, start};

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
