//! Names that climb, hide or overflow.

use tests::tarball::{Header, Tarball};

use crate::{Case, refused_tar, tree_tar};

pub(crate) fn cases() -> Vec<Case> {
    let file = |name: &str| Tarball::new().file(name, "x");
    let pax_path = |path: &[u8]| Tarball::new().pax(&[("path", path)]).file("ignored", "x");
    let mut prefix = Header::file("escape", 1);
    prefix.prefix = b"../..".to_vec();
    let mut latin1 = Header::file("", 1);
    latin1.name = b"caf\xe9".to_vec();
    let mut empty_with_prefix = Header::file("", 1);
    empty_with_prefix.prefix = b"dir".to_vec();
    let deep = "d/".repeat(900) + "f";
    vec![
        refused_tar("name-dotdot-first", file("../canary"), "`..` in a path"),
        refused_tar(
            "name-dotdot-inside",
            file("a/../../canary"),
            "`..` in a path",
        ),
        refused_tar("name-dotdot-harmless", file("a/../b"), "`..` in a path"),
        refused_tar(
            "name-dotdot-last",
            Tarball::new().dir("a/.."),
            "`..` in a path",
        ),
        refused_tar("name-dotdot-absolute", file("/../canary"), "`..` in a path"),
        refused_tar(
            "name-dotdot-alone",
            Tarball::new().dir(".."),
            "`..` in a path",
        ),
        refused_tar(
            "name-dotdot-prefix",
            Tarball::new().entry(&prefix, b"x"),
            "`..` in a path",
        ),
        refused_tar(
            "name-dotdot-pax",
            pax_path(b"../../canary"),
            "`..` in a path",
        ),
        refused_tar(
            "name-dotdot-gnu",
            Tarball::new()
                .gnu_long(b'L', "../../canary")
                .file("ignored", "x"),
            "`..` in a path",
        ),
        refused_tar(
            "name-dotdot-sparse",
            Tarball::new()
                .pax(&[
                    ("GNU.sparse.major", b"1"),
                    ("GNU.sparse.minor", b"0"),
                    ("GNU.sparse.name", b"../canary"),
                    ("GNU.sparse.realsize", b"0"),
                ])
                .file("ignored", &format!("{:\0<512}", "0\n")),
            "`..` in a path",
        ),
        refused_tar("name-empty", file(""), "name"),
        // An empty value takes the record back (POSIX), so the name of the header counts.
        tree_tar(
            "name-empty-pax",
            pax_path(b""),
            &["ignored file 0644 0:0 \"x\""],
        ),
        refused_tar("name-nul-pax", pax_path(b"a\0b"), "NUL"),
        refused_tar("name-component-256", pax_path(&[b'n'; 256]), "255"),
        refused_tar(
            "name-path-too-long",
            pax_path(("d/".repeat(2100) + "f").as_bytes()),
            "4096",
        ),
        refused_tar(
            "root-is-symlink",
            Tarball::new().symlink("./", "/etc"),
            "no directory",
        ),
        refused_tar(
            "root-is-symlink-dot",
            Tarball::new().symlink(".", "/etc"),
            "root",
        ),
        refused_tar(
            "root-is-symlink-slash",
            Tarball::new().symlink("/", "/etc"),
            "no directory",
        ),
        refused_tar("root-is-file", file("."), "root"),
        refused_tar(
            "root-is-hardlink",
            Tarball::new().file("a", "x").hardlink(".", "a"),
            "root",
        ),
        refused_tar(
            "root-is-fifo",
            Tarball::new().entry(&Header::special("./", b'6', (0, 0)), b""),
            "no directory",
        ),
        tree_tar(
            "name-absolute",
            file("/etc/abs"),
            &[
                "etc dir 0755 0:0 @0.000000000",
                "etc/abs file 0644 0:0 \"x\"",
            ],
        ),
        tree_tar(
            "name-dot-components",
            Tarball::new().dir("./a/").file("./a/./b", "x"),
            &["a dir 0755 0:0", "a/b file 0644 0:0 \"x\""],
        ),
        tree_tar(
            "name-double-slash",
            Tarball::new().dir("a").file("a//b", "x"),
            &["a dir 0755 0:0", "a/b file 0644 0:0 \"x\""],
        ),
        tree_tar(
            "name-latin1",
            Tarball::new().entry(&latin1, b"x"),
            &["caf\\xe9 file 0644 0:0 \"x\""],
        ),
        tree_tar(
            "name-control",
            file("a\nb\u{1b}[31mc"),
            &["a\\x0ab\\x1b[31mc file 0644 0:0 \"x\""],
        ),
        tree_tar(
            "name-backslash",
            file("a\\..\\b"),
            &["a\\x5c..\\x5cb file 0644 0:0 \"x\""],
        ),
        tree_tar("name-three-dots", file("..."), &["... file 0644 0:0 \"x\""]),
        tree_tar(
            "name-leading-dash",
            file("-rf"),
            &["-rf file 0644 0:0 \"x\""],
        ),
        tree_tar("name-deep", pax_path(deep.as_bytes()), &deep_tree(&deep)),
    ]
}

/// The lines of a path all of whose directories are implied.
fn deep_tree(path: &str) -> Vec<&'static str> {
    let parts: Vec<&str> = path.split('/').collect();
    (1..=parts.len())
        .map(|length| {
            let name = parts[..length].join("/");
            let line = if length == parts.len() {
                format!("{name} file 0644 0:0 \"x\"")
            } else {
                format!("{name} dir 0755 0:0 @0.000000000")
            };
            &*line.leak()
        })
        .collect()
}
