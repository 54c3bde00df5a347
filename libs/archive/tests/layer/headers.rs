//! Headers and sizes that are refused.

use archive::layer::Rule;
use archive::testing::{RawHeader, field};

use crate::{each_is_refused, header, pax, start};

fn field_error(field: &'static str) -> Rule {
    Rule::BadNumber { field }
}

fn range(field: &'static str) -> Rule {
    Rule::OutOfRange { field }
}

#[test]
fn bad_headers_are_refused() {
    each_is_refused(vec![
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
    ]);
}

#[test]
fn bad_sizes_are_refused() {
    each_is_refused(vec![
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
    ]);
}
