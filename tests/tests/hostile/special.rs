//! Devices, modes, replacements of one type by another, and extended attributes.

use tests::tarball::{Header, Tarball};

use crate::{Case, layers, refused_tar, tree, tree_tar};

pub(crate) fn cases() -> Vec<Case> {
    let with_xattr = |key: &str, value: &[u8]| {
        Tarball::new()
            .pax(&[(&format!("SCHILY.xattr.{key}"), value)])
            .file("f", "x")
    };
    let dropped: &[&str] = &["f file 0644 0:0 \"x\""];
    let capability: &[u8] = &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let special =
        |name: &str, kind, device| Tarball::new().entry(&Header::special(name, kind, device), b"");
    vec![
        tree_tar(
            "device-char",
            special("null", b'3', (1, 3)),
            &["null char 0644 0:0 1:3"],
        ),
        tree_tar(
            "device-block",
            special("disk", b'4', (8, 0)),
            &["disk block 0644 0:0 8:0"],
        ),
        tree_tar(
            "device-large-numbers",
            special("big", b'3', (511, 65_537)),
            &["big char 0644 0:0 511:65537"],
        ),
        refused_tar(
            "device-numbers-too-large",
            special("big", b'3', (0o7_777_777, 1)),
            "device",
        ),
        tree_tar(
            "fifo",
            special("pipe", b'6', (0, 0)),
            &["pipe fifo 0644 0:0"],
        ),
        tree(
            "fifo-replaced-by-file",
            layers([special("p", b'6', (0, 0)), Tarball::new().file("p", "x")]),
            &["p file 0644 0:0 \"x\""],
        ),
        tree(
            "device-replaced-by-file",
            layers([special("p", b'4', (8, 0)), Tarball::new().file("p", "x")]),
            &["p file 0644 0:0 \"x\""],
        ),
        tree(
            "dir-replaced-by-file",
            layers([
                Tarball::new().dir("d").file("d/a", "a"),
                Tarball::new().file("d", "x"),
            ]),
            &["d file 0644 0:0 \"x\""],
        ),
        tree(
            "file-replaced-by-dir",
            layers([
                Tarball::new().file("d", "x"),
                Tarball::new().dir("d").file("d/a", "a"),
            ]),
            &["d dir 0755 0:0", "d/a file 0644 0:0 \"a\""],
        ),
        tree(
            "file-replaced-by-implied-dir",
            layers([
                Tarball::new().file("d", "x"),
                Tarball::new().file("d/a", "a"),
            ]),
            &["d dir 0755 0:0 @0.000000000", "d/a file 0644 0:0 \"a\""],
        ),
        tree_tar(
            "file-then-dir-in-one-layer",
            Tarball::new().file("d", "x").dir("d").file("d/a", "a"),
            &["d dir 0755 0:0", "d/a file 0644 0:0 \"a\""],
        ),
        tree_tar(
            "dir-then-file-in-one-layer",
            Tarball::new().dir("d").file("d/a", "a").file("d", "x"),
            &["d file 0644 0:0 \"x\""],
        ),
        tree(
            "dir-changed-above",
            layers([
                Tarball::new().dir("d").file("d/a", "a"),
                Tarball::new().entry(&Header::dir("d").mode(0o711), b""),
            ]),
            &["d dir 0711 0:0", "d/a file 0644 0:0 \"a\""],
        ),
        tree_tar(
            "dir-twice",
            Tarball::new()
                .dir("d")
                .file("d/a", "a")
                .entry(&Header::dir("d").mode(0o700), b""),
            &["d dir 0700 0:0", "d/a file 0644 0:0 \"a\""],
        ),
        tree_tar(
            "file-twice",
            Tarball::new().file("f", "old").file("f", "new"),
            &["f file 0644 0:0 \"new\""],
        ),
        tree_tar(
            "mode-setuid",
            Tarball::new().entry(&Header::file("su", 1).mode(0o4755), b"x"),
            &["su file 4755 0:0 \"x\""],
        ),
        tree_tar(
            "mode-setgid-sticky",
            Tarball::new().entry(&Header::dir("t").mode(0o3777), b""),
            &["t dir 3777 0:0"],
        ),
        tree_tar(
            "mode-none",
            Tarball::new().entry(&Header::file("f", 1).mode(0), b"x"),
            &["f file 0000 0:0 \"x\""],
        ),
        tree_tar(
            "xattr-user",
            with_xattr("user.note", b"hi"),
            &["f file 0644 0:0 \"x\" xattr user.note=0x6869"],
        ),
        tree_tar(
            "xattr-capability",
            with_xattr("security.capability", capability),
            &[
                "f file 0644 0:0 \"x\" xattr security.capability=0x0100000200040000000000000000000000000000",
            ],
        ),
        tree_tar(
            "xattr-overlay-opaque",
            Tarball::new()
                .pax(&[("SCHILY.xattr.trusted.overlay.opaque", b"y")])
                .dir("d"),
            &["d dir 0755 0:0"],
        ),
        tree(
            "xattr-overlay-opaque-hides-nothing",
            layers([
                Tarball::new().dir("d").file("d/a", "a"),
                Tarball::new()
                    .pax(&[("SCHILY.xattr.trusted.overlay.opaque", b"y")])
                    .dir("d"),
            ]),
            &["d dir 0755 0:0", "d/a file 0644 0:0 \"a\""],
        ),
        tree_tar(
            "xattr-overlay-redirect",
            Tarball::new()
                .dir("secret")
                .file("secret/s", "s")
                .pax(&[("SCHILY.xattr.trusted.overlay.redirect", b"/secret")])
                .dir("d"),
            &[
                "d dir 0755 0:0",
                "secret dir 0755 0:0",
                "secret/s file 0644 0:0 \"s\"",
            ],
        ),
        tree_tar(
            "xattr-overlay-metacopy",
            with_xattr("trusted.overlay.metacopy", b""),
            dropped,
        ),
        tree_tar(
            "xattr-overlay-whiteout",
            with_xattr("trusted.overlay.whiteout", b""),
            dropped,
        ),
        tree_tar(
            "xattr-overlay-nested",
            with_xattr("trusted.overlay.overlay.opaque", b"y"),
            dropped,
        ),
        tree_tar(
            "xattr-user-overlay",
            with_xattr("user.overlay.redirect", b"/etc"),
            dropped,
        ),
        tree_tar("xattr-trusted", with_xattr("trusted.md5sum", b"0"), dropped),
        tree_tar(
            "xattr-selinux",
            with_xattr("security.selinux", b"system_u:object_r:shadow_t:s0"),
            dropped,
        ),
        tree_tar("xattr-ima", with_xattr("security.ima", b"\x01"), dropped),
        tree_tar(
            "xattr-acl",
            with_xattr("system.posix_acl_access", b"\x02\0\0\0"),
            dropped,
        ),
        refused_tar(
            "xattr-capability-junk",
            with_xattr("security.capability", b"junk"),
            "extended attribute security.capability cannot be set",
        ),
        refused_tar(
            "xattr-capability-revision-1",
            with_xattr("security.capability", b"\0\0\0\x01\0\x04\0\0\0\0\0\0"),
            "extended attribute security.capability cannot be set",
        ),
        refused_tar(
            "xattr-huge",
            with_xattr("user.big", &[b'v'; 70_000]),
            "extended attribute",
        ),
        refused_tar(
            "xattr-long-name",
            with_xattr(&format!("user.{}", "n".repeat(300)), b"v"),
            "extended attribute",
        ),
    ]
}
