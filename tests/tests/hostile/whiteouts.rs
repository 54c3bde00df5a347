//! Whiteouts: of odd names and types, and what they hide.

use tests::tarball::{Header, Tarball};

use crate::{Case, layers, refused_tar, tree, tree_tar};

pub(crate) fn cases() -> Vec<Case> {
    let file = |name: &str| Tarball::new().file(name, "");
    let below = || {
        Tarball::new()
            .dir("d")
            .file("d/a", "a")
            .file("d/b", "b")
            .file("f", "f")
    };
    let typed = |header: Header| Tarball::new().entry(&header, b"");
    vec![
        refused_tar("wh-empty-name", file(".wh."), "whiteout"),
        refused_tar("wh-dot", file(".wh.."), "whiteout"),
        refused_tar("wh-dotdot", file("d/.wh..."), "whiteout"),
        refused_tar("wh-of-root", file("./.wh.."), "whiteout"),
        refused_tar("wh-is-dir", typed(Header::dir(".wh.a")), "whiteout"),
        refused_tar(
            "wh-is-symlink",
            typed(Header::symlink(".wh.a", "/etc")),
            "whiteout",
        ),
        refused_tar(
            "wh-is-hardlink",
            Tarball::new().file("a", "").hardlink(".wh.a", "a"),
            "whiteout",
        ),
        refused_tar(
            "wh-is-fifo",
            typed(Header::special(".wh.a", b'6', (0, 0))),
            "whiteout",
        ),
        refused_tar(
            "wh-is-device",
            typed(Header::special(".wh.a", b'3', (1, 3))),
            "whiteout",
        ),
        refused_tar(
            "wh-has-content",
            Tarball::new().file(".wh.a", "x"),
            "whiteout",
        ),
        refused_tar(
            "wh-in-directory-name",
            file(".wh.d/f"),
            "`.wh.` within a path",
        ),
        refused_tar(
            "wh-opaque-has-content",
            Tarball::new().file("d/.wh..wh..opq", "x"),
            "whiteout",
        ),
        refused_tar(
            "wh-as-hardlink-target",
            Tarball::new().hardlink("h", ".wh.a"),
            "`.wh.` within a path",
        ),
        refused_tar(
            "wh-char-device-0-0",
            typed(Header::special("f", b'3', (0, 0))),
            "0:0",
        ),
        tree(
            "wh-file",
            layers([below(), file(".wh.f")]),
            &[
                "d dir 0755 0:0",
                "d/a file 0644 0:0 \"a\"",
                "d/b file 0644 0:0 \"b\"",
            ],
        ),
        tree(
            "wh-dir",
            layers([below(), file(".wh.d")]),
            &["f file 0644 0:0 \"f\""],
        ),
        tree(
            "wh-in-dir",
            layers([below(), file("d/.wh.a")]),
            &[
                "d dir 0755 0:0",
                "d/b file 0644 0:0 \"b\"",
                "f file 0644 0:0 \"f\"",
            ],
        ),
        tree(
            "wh-of-nothing",
            layers([
                Tarball::new().file("f", "f"),
                file(".wh.gone").file("d/.wh.x", ""),
            ]),
            &["d dir 0755 0:0 @0.000000000", "f file 0644 0:0 \"f\""],
        ),
        tree(
            "wh-same-layer-before",
            layers([below(), file(".wh.f").file("f", "new")]),
            &[
                "d dir 0755 0:0",
                "d/a file 0644 0:0 \"a\"",
                "d/b file 0644 0:0 \"b\"",
                "f file 0644 0:0 \"new\"",
            ],
        ),
        tree(
            "wh-same-layer-after",
            layers([below(), Tarball::new().file("f", "new").file(".wh.f", "")]),
            &[
                "d dir 0755 0:0",
                "d/a file 0644 0:0 \"a\"",
                "d/b file 0644 0:0 \"b\"",
                "f file 0644 0:0 \"new\"",
            ],
        ),
        tree(
            "wh-dir-then-recreate",
            layers([below(), file(".wh.d").dir("d").file("d/c", "c")]),
            &[
                "d dir 0755 0:0",
                "d/c file 0644 0:0 \"c\"",
                "f file 0644 0:0 \"f\"",
            ],
        ),
        tree(
            "wh-recreate-then-dir",
            layers([
                below(),
                Tarball::new().dir("d").file("d/c", "c").file(".wh.d", ""),
            ]),
            &[
                "d dir 0755 0:0",
                "d/c file 0644 0:0 \"c\"",
                "f file 0644 0:0 \"f\"",
            ],
        ),
        tree(
            "wh-opaque",
            layers([
                below(),
                Tarball::new()
                    .dir("d")
                    .file("d/.wh..wh..opq", "")
                    .file("d/c", "c"),
            ]),
            &[
                "d dir 0755 0:0",
                "d/c file 0644 0:0 \"c\"",
                "f file 0644 0:0 \"f\"",
            ],
        ),
        tree(
            "wh-opaque-after-sibling",
            layers([
                below(),
                Tarball::new()
                    .dir("d")
                    .file("d/c", "c")
                    .file("d/.wh..wh..opq", ""),
            ]),
            &[
                "d dir 0755 0:0",
                "d/c file 0644 0:0 \"c\"",
                "f file 0644 0:0 \"f\"",
            ],
        ),
        tree(
            "wh-opaque-root",
            layers([
                below(),
                Tarball::new().file(".wh..wh..opq", "").file("only", "o"),
            ]),
            &["only file 0644 0:0 \"o\""],
        ),
        tree(
            "wh-below-lower-symlink",
            layers([
                Tarball::new().dir("d").file("d/a", "a").symlink("l", "d"),
                file("l/.wh.a"),
            ]),
            &[
                "d dir 0755 0:0",
                "d/a file 0644 0:0 \"a\"",
                "l dir 0755 0:0 @0.000000000",
            ],
        ),
        tree(
            "wh-keeps-lower-hardlink",
            layers([
                Tarball::new().file("a", "x").hardlink("b", "a"),
                file(".wh.a"),
            ]),
            &["b file 0644 0:0 \"x\""],
        ),
        tree_tar(
            "wh-in-the-lowest-layer",
            Tarball::new().file(".wh.a", "").file("b", "b"),
            &["b file 0644 0:0 \"b\""],
        ),
        tree(
            "wh-name-starts-with-wh-inside",
            layers([Tarball::new().file("a.wh.b", "x"), file(".wh.a.wh.b")]),
            &[],
        ),
        tree(
            "wh-middle-layer",
            layers([below(), file(".wh.d"), Tarball::new().file("d/z", "z")]),
            &[
                "d dir 0755 0:0 @0.000000000",
                "d/z file 0644 0:0 \"z\"",
                "f file 0644 0:0 \"f\"",
            ],
        ),
    ]
}
