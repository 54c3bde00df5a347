//! Extended records that are refused.

use archive::layer::Rule;
use archive::testing::{RawHeader, pax_records};

use crate::{each_is_refused, pax, start};

fn twice(key: &str) -> Rule {
    let key = key.to_owned();
    Rule::PaxTwice { key }
}

fn global(key: &str) -> Rule {
    let key = key.to_owned();
    Rule::PaxGlobal { key }
}

#[test]
fn bad_overrides_are_refused() {
    let big = vec![b'v'; 1 << 20];
    each_is_refused(vec![
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
    ]);
}

#[test]
fn bad_attributes_are_refused() {
    let big = vec![b'v'; 1 << 20];
    let xattr = "SCHILY.xattr.user.";
    each_is_refused(vec![
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
    ]);
}
