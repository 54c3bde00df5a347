//! Links that lead out, and writes that follow them.

use tests::tarball::{Header, Tarball};

use crate::{Case, layers, refused, refused_tar, tree, tree_tar};

pub(crate) fn cases() -> Vec<Case> {
    let dir_link = |target: &str| Tarball::new().symlink("l", target);
    vec![
        refused_tar("symlink-empty-target", dir_link(""), "target"),
        refused_tar(
            "symlink-nul-target",
            Tarball::new()
                .pax(&[("linkpath", b"a\0b")])
                .symlink("l", "x"),
            "NUL",
        ),
        refused_tar(
            "hardlink-dotdot",
            Tarball::new().hardlink("h", "../../canary"),
            "`..` in a path",
        ),
        refused_tar(
            "hardlink-dotdot-pax",
            Tarball::new()
                .pax(&[("linkpath", b"../canary")])
                .hardlink("h", "x"),
            "`..` in a path",
        ),
        refused_tar(
            "hardlink-dotdot-gnu",
            Tarball::new()
                .gnu_long(b'K', "../canary")
                .hardlink("h", "x"),
            "`..` in a path",
        ),
        refused_tar(
            "hardlink-host-file",
            Tarball::new().hardlink("h", "/etc/passwd"),
            "neither this layer has before it",
        ),
        refused_tar(
            "hardlink-missing",
            Tarball::new().hardlink("h", "nothing"),
            "neither this layer has before it",
        ),
        refused_tar(
            "hardlink-forward",
            Tarball::new().hardlink("h", "a").file("a", "x"),
            "neither this layer has before it",
        ),
        refused_tar(
            "hardlink-self",
            Tarball::new().hardlink("h", "h"),
            "hard link",
        ),
        refused_tar(
            "hardlink-to-dir",
            Tarball::new().dir("d").hardlink("h", "d"),
            "hard link",
        ),
        refused_tar(
            "hardlink-to-root",
            Tarball::new().hardlink("h", "."),
            "hard link",
        ),
        refused_tar(
            "hardlink-empty-target",
            Tarball::new().hardlink("h", ""),
            "target",
        ),
        refused_tar(
            "hardlink-through-symlink",
            Tarball::new()
                .dir("d")
                .file("d/f", "x")
                .symlink("l", "d")
                .hardlink("h", "l/f"),
            "neither this layer has before it",
        ),
        refused(
            "hardlink-through-lower-symlink",
            layers([
                Tarball::new().symlink("l", "/etc"),
                Tarball::new().hardlink("h", "l/passwd"),
            ]),
            "neither this layer has before it",
        ),
        refused(
            "hardlink-to-lower-dir",
            layers([Tarball::new().dir("d"), Tarball::new().hardlink("h", "d")]),
            "hard link",
        ),
        refused(
            "hardlink-to-what-the-layer-hides",
            layers([
                Tarball::new().file("f", "x"),
                Tarball::new().hardlink("h", "f").file(".wh.f", ""),
            ]),
            "neither this layer has before it",
        ),
        refused(
            "hardlink-over-its-target's-parent",
            layers([
                Tarball::new().file("f", "x"),
                Tarball::new().hardlink("f/h", "f"),
            ]),
            "hard link",
        ),
        refused(
            "write-below-hardlink-to-lower",
            layers([
                Tarball::new().file("f", "x"),
                Tarball::new().hardlink("h", "f").file("h/x", "y"),
            ]),
            "is no directory",
        ),
        tree(
            "hardlink-to-lower-file",
            layers([
                Tarball::new().dir("d").file("d/f", "x").file("g", "y"),
                Tarball::new().hardlink("h", "d/f").hardlink("g", "h"),
            ]),
            &[
                "d dir 0755 0:0",
                "d/f file 0644 0:0 \"x\" link d/f",
                "g file 0644 0:0 \"x\" link d/f",
                "h file 0644 0:0 \"x\" link d/f",
            ],
        ),
        tree_tar(
            "symlink-absolute",
            dir_link("/etc/passwd"),
            &["l symlink 0777 0:0 -> /etc/passwd"],
        ),
        tree_tar(
            "symlink-dotdot",
            dir_link("../../../canary"),
            &["l symlink 0777 0:0 -> ../../../canary"],
        ),
        tree_tar(
            "symlink-loop",
            Tarball::new().symlink("a", "b").symlink("b", "a"),
            &["a symlink 0777 0:0 -> b", "b symlink 0777 0:0 -> a"],
        ),
        refused_tar(
            "symlink-then-write-through",
            Tarball::new().symlink("l", "/etc").file("l/passwd", "x"),
            "is no directory",
        ),
        tree(
            "symlink-below-then-write-through",
            layers([
                Tarball::new().symlink("l", "../.."),
                Tarball::new().file("l/canary", "x"),
            ]),
            &[
                "l dir 0755 0:0 @0.000000000",
                "l/canary file 0644 0:0 \"x\"",
            ],
        ),
        tree(
            "symlink-below-then-dir",
            layers([
                Tarball::new()
                    .dir("d")
                    .file("d/kept", "k")
                    .symlink("l", "d"),
                Tarball::new().dir("l").file("l/f", "x"),
            ]),
            &[
                "d dir 0755 0:0",
                "d/kept file 0644 0:0 \"k\"",
                "l dir 0755 0:0",
                "l/f file 0644 0:0 \"x\"",
            ],
        ),
        tree(
            "symlink-replaced-by-file",
            layers([
                Tarball::new().symlink("l", "/canary"),
                Tarball::new().file("l", "x"),
            ]),
            &["l file 0644 0:0 \"x\""],
        ),
        tree_tar(
            "symlink-over-symlink",
            Tarball::new().symlink("l", "/etc").symlink("l", "/tmp"),
            &["l symlink 0777 0:0 -> /tmp"],
        ),
        tree_tar(
            "hardlink-good",
            Tarball::new().file("a", "x").hardlink("b", "a"),
            &[
                "a file 0644 0:0 \"x\" link a",
                "b file 0644 0:0 \"x\" link a",
            ],
        ),
        tree_tar(
            "hardlink-absolute-name",
            Tarball::new().file("a", "x").hardlink("b", "/a"),
            &[
                "a file 0644 0:0 \"x\" link a",
                "b file 0644 0:0 \"x\" link a",
            ],
        ),
        tree_tar(
            "hardlink-then-replaced",
            Tarball::new()
                .file("a", "old")
                .hardlink("b", "a")
                .file("a", "new"),
            &["a file 0644 0:0 \"new\"", "b file 0644 0:0 \"old\""],
        ),
        tree_tar(
            "hardlink-to-symlink",
            Tarball::new().symlink("l", "nowhere").hardlink("h", "l"),
            &[
                "h symlink 0777 0:0 -> nowhere link h",
                "l symlink 0777 0:0 -> nowhere link h",
            ],
        ),
        tree_tar(
            "hardlink-chain-of-three",
            Tarball::new()
                .file("a", "x")
                .hardlink("b", "a")
                .hardlink("c", "b"),
            &[
                "a file 0644 0:0 \"x\" link a",
                "b file 0644 0:0 \"x\" link a",
                "c file 0644 0:0 \"x\" link a",
            ],
        ),
        tree(
            "hardlink-half-replaced-above",
            layers([
                Tarball::new().file("a", "x").hardlink("b", "a"),
                Tarball::new().file("a", "y"),
            ]),
            &["a file 0644 0:0 \"y\"", "b file 0644 0:0 \"x\""],
        ),
        tree_tar(
            "chmod-through-symlink",
            Tarball::new()
                .symlink("l", "/etc")
                .entry(&Header::dir("l").mode(0o700), b""),
            &["l dir 0700 0:0"],
        ),
    ]
}
