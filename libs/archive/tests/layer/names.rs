//! Paths and whiteouts that are refused.

use archive::layer::Rule;
use archive::testing::{RawHeader, field};

use crate::{each_is_refused, file, header, pax, start};

#[test]
fn bad_names_are_refused() {
    let long = "x".repeat(256);
    let deep = "x/".repeat(2049);
    each_is_refused(vec![
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
    ]);
}

#[test]
fn bad_whiteouts_are_refused() {
    each_is_refused(vec![
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
    ]);
}
