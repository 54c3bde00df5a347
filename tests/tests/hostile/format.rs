//! Archives that two readers would read differently, and broken ones.

use tests::layout::Image;
use tests::tarball::{Header, Tarball, base256, pax_record};

use crate::{Case, refused, refused_tar, tree, tree_tar};

pub(crate) fn cases() -> Vec<Case> {
    let sized = |mut header: Header| {
        header.size = b"00000001000\0".to_vec();
        // The body is a header of its own: who skips it and who reads it see two trees.
        let smuggled = Tarball::new().file("smuggled", "").unfinished();
        Tarball::new().entry(&header, &smuggled)
    };
    let size_field = |field: Vec<u8>| {
        let mut header = Header::file("f", 0);
        header.size = field;
        Tarball::new().entry(&header, b"")
    };
    let kind = |flag: u8| {
        let mut header = Header::file("f", 0);
        header.kind = flag;
        Tarball::new().entry(&header, b"")
    };
    let mut wrong_sum = Header::file("f", 1);
    wrong_sum.checksum_off_by = 1;
    let mut claims_more = Header::file("f", 3);
    claims_more.size = b"00000000001\0".to_vec();
    let good = || Tarball::new().file("f", "x");
    let f: &[&str] = &["f file 0644 0:0 \"x\""];
    let sparse =
        |records: &[(&str, &[u8])], stored: &str| Tarball::new().pax(records).file("s", stored);
    let cut = |at: usize| {
        let mut bytes = Tarball::new().file("f", &"x".repeat(2000)).done();
        bytes.truncate(at);
        Image::new().tar(&bytes)
    };
    vec![
        refused_tar(
            "symlink-with-size",
            sized(Header::symlink("l", "t")),
            "on an entry that has none",
        ),
        refused_tar(
            "hardlink-with-size",
            Tarball::new()
                .file("a", "")
                .raw(&sized(Header::hardlink("h", "a")).unfinished()),
            "on an entry that has none",
        ),
        refused_tar(
            "directory-with-size",
            sized(Header::dir("d")),
            "on an entry that has none",
        ),
        refused_tar(
            "fifo-with-size",
            sized(Header::special("p", b'6', (0, 0))),
            "on an entry that has none",
        ),
        refused_tar(
            "device-with-size",
            sized(Header::special("p", b'3', (1, 3))),
            "on an entry that has none",
        ),
        refused_tar(
            "pax-size-on-symlink",
            Tarball::new()
                .pax(&[("size", b"512")])
                .symlink("l", "t")
                .raw(&Tarball::new().file("smuggled", "").unfinished()),
            "on an entry that has none",
        ),
        refused_tar("size-negative", size_field(base256(-1, 12)), "size"),
        refused_tar("size-2-to-63", size_field(base256(1 << 63, 12)), "size"),
        refused_tar(
            "size-8-eib",
            size_field(base256((1 << 63) - 1, 12)),
            "17179869184 is the limit",
        ),
        refused_tar("size-text", size_field(b"lots of them".to_vec()), "size"),
        refused_tar(
            "pax-size-negative",
            Tarball::new().pax(&[("size", b"-1")]).file("f", ""),
            "size",
        ),
        refused_tar(
            "pax-size-overflow",
            Tarball::new()
                .pax(&[("size", b"99999999999999999999")])
                .file("f", ""),
            "size",
        ),
        refused_tar(
            "pax-global-path",
            Tarball::new()
                .pax_global(&[("path", b"elsewhere")])
                .file("f", "x"),
            "global",
        ),
        refused_tar(
            "pax-global-size",
            Tarball::new().pax_global(&[("size", b"1")]).file("f", "x"),
            "global",
        ),
        refused_tar(
            "pax-global-linkpath",
            Tarball::new()
                .pax_global(&[("linkpath", b"/etc")])
                .symlink("l", "x"),
            "global",
        ),
        refused_tar(
            "pax-record-without-equals",
            Tarball::new()
                .pax_records(b'x', b"8 hello\n")
                .file("f", "x"),
            "PAX",
        ),
        refused_tar(
            "pax-record-length-wrong",
            Tarball::new()
                .pax_records(b'x', b"99 path=a\n")
                .file("f", "x"),
            "PAX",
        ),
        refused_tar(
            "pax-record-length-zero",
            Tarball::new()
                .pax_records(b'x', b"0 path=a\n")
                .file("f", "x"),
            "PAX",
        ),
        refused_tar(
            "pax-record-without-newline",
            Tarball::new()
                .pax_records(b'x', b"9 path=abc")
                .file("f", "x"),
            "PAX",
        ),
        refused_tar(
            "pax-path-twice",
            Tarball::new()
                .pax_records(
                    b'x',
                    &[pax_record("path", b"a"), pax_record("path", b"b")].concat(),
                )
                .file("f", "x"),
            "PAX",
        ),
        refused_tar(
            "pax-and-gnu-name",
            Tarball::new()
                .gnu_long(b'L', "gnu")
                .pax(&[("path", b"pax")])
                .file("f", "x"),
            "two",
        ),
        refused_tar(
            "gnu-name-twice",
            Tarball::new()
                .gnu_long(b'L', "one")
                .gnu_long(b'L', "two")
                .file("f", "x"),
            "two",
        ),
        refused_tar(
            "pax-header-64-mib",
            Tarball::new()
                .pax(&[("comment", &vec![b'c'; 64 << 20])])
                .file("f", "x"),
            "1048576",
        ),
        refused_tar(
            "pax-header-without-entry",
            Tarball::new().pax(&[("path", b"a")]),
            "an override without an entry",
        ),
        refused_tar(
            "checksum-wrong",
            Tarball::new().entry(&wrong_sum, b"x"),
            "checksum",
        ),
        refused_tar("type-unknown", kind(b'Z'), "type"),
        refused_tar("type-multivolume", kind(b'M'), "type"),
        refused_tar("type-gnu-dumpdir", kind(b'D'), "type"),
        refused_tar(
            "size-smaller-than-content",
            Tarball::new().entry(&claims_more, &[b'x'; 600]),
            "checksum",
        ),
        refused("truncated-in-header", cut(200), "within an entry"),
        refused("truncated-in-content", cut(1500), "within an entry"),
        refused("truncated-in-padding", cut(512 + 2020), "within an entry"),
        refused("junk", Image::new().tar(&[b'j'; 4096]), "checksum"),
        refused_tar(
            "sparse-8-eib",
            sparse(
                &[
                    ("GNU.sparse.major", b"1"),
                    ("GNU.sparse.minor", b"0"),
                    ("GNU.sparse.name", b"s"),
                    ("GNU.sparse.realsize", b"9223372036854775807"),
                ],
                &format!("{:\0<512}", "0\n"),
            ),
            "17179869184 is the limit",
        ),
        refused_tar(
            "sparse-overlap",
            sparse(
                &[
                    ("GNU.sparse.major", b"1"),
                    ("GNU.sparse.minor", b"0"),
                    ("GNU.sparse.name", b"s"),
                    ("GNU.sparse.realsize", b"10"),
                ],
                &format!("{:\0<512}abcd", "2\n0\n2\n1\n2\n"),
            ),
            "sparse",
        ),
        refused_tar(
            "sparse-beyond-the-end",
            sparse(
                &[
                    ("GNU.sparse.major", b"1"),
                    ("GNU.sparse.minor", b"0"),
                    ("GNU.sparse.name", b"s"),
                    ("GNU.sparse.realsize", b"3"),
                ],
                &format!("{:\0<512}abcd", "1\n0\n4\n"),
            ),
            "sparse",
        ),
        refused_tar(
            "sparse-map-without-numbers",
            sparse(
                &[
                    ("GNU.sparse.major", b"1"),
                    ("GNU.sparse.minor", b"0"),
                    ("GNU.sparse.name", b"s"),
                    ("GNU.sparse.realsize", b"3"),
                ],
                &format!("{:\0<512}", "x\n"),
            ),
            "sparse",
        ),
        tree_tar(
            "sparse-good",
            sparse(
                &[
                    ("GNU.sparse.major", b"1"),
                    ("GNU.sparse.minor", b"0"),
                    ("GNU.sparse.name", b"s"),
                    ("GNU.sparse.realsize", b"8"),
                ],
                &format!("{:\0<512}abXY", "2\n0\n2\n6\n2\n"),
            ),
            &["s file 0644 0:0 8 eae6b5efc762009c"],
        ),
        tree_tar(
            "pax-size-wins",
            Tarball::new().pax(&[("size", b"3")]).entry(
                &{
                    let mut header = Header::file("f", 0);
                    header.size = b"00000000000\0".to_vec();
                    header
                },
                b"abc",
            ),
            &["f file 0644 0:0 \"abc\""],
        ),
        tree_tar(
            "pax-global-comment",
            Tarball::new()
                .pax_global(&[("comment", b"made by git")])
                .file("f", "x"),
            f,
        ),
        tree_tar(
            "pax-unknown-key",
            Tarball::new()
                .pax(&[("VENDOR.colour", b"blue")])
                .file("f", "x"),
            f,
        ),
        tree_tar(
            "gnu-long-name",
            Tarball::new()
                .gnu_long(b'L', &"n".repeat(200))
                .file("f", "x"),
            &[&*format!("{} file 0644 0:0 \"x\"", "n".repeat(200)).leak()],
        ),
        tree_tar(
            "type-old-regular",
            {
                let mut header = Header::file("f", 1);
                header.kind = 0;
                Tarball::new().entry(&header, b"x")
            },
            f,
        ),
        tree_tar(
            "type-contiguous",
            {
                let mut header = Header::file("f", 1);
                header.kind = b'7';
                Tarball::new().entry(&header, b"x")
            },
            f,
        ),
        tree("no-end-blocks", Image::new().tar(&good().unfinished()), f),
        tree(
            "single-end-block",
            Image::new().tar(&good().raw(&[0; 512]).unfinished()),
            f,
        ),
        tree(
            "data-after-the-end",
            Image::new().tar(&good().raw(&[0; 1024]).file("late", "x").unfinished()),
            f,
        ),
        tree(
            "padded-to-a-record",
            Image::new().tar(&good().raw(&[0; 9216]).unfinished()),
            f,
        ),
        tree(
            "empty-archive",
            Image::new().tar(&Tarball::new().done()),
            &[],
        ),
    ]
}
