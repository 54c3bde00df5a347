//! Owners and times beyond what their types hold.

use tests::tarball::{Header, Tarball, base256};

use crate::{Case, refused_tar, tree_tar};

pub(crate) fn cases() -> Vec<Case> {
    let pax = |key: &str, value: &[u8]| Tarball::new().pax(&[(key, value)]).file("f", "x");
    let owner = |uid: Vec<u8>, gid: Vec<u8>| {
        let mut header = Header::file("f", 1);
        header.uid = uid;
        header.gid = gid;
        Tarball::new().entry(&header, b"x")
    };
    let time = |field: Vec<u8>| {
        let mut header = Header::file("f", 1);
        header.mtime = field;
        Tarball::new().entry(&header, b"x")
    };
    let zero = || b"0000000\0".to_vec();
    vec![
        refused_tar("uid-2-to-32", pax("uid", b"4294967296"), "uid"),
        refused_tar("uid-minus-one", pax("uid", b"-1"), "uid"),
        refused_tar("uid-nobody-at-all", pax("uid", b"4294967295"), "uid"),
        refused_tar("uid-text", pax("uid", b"root"), "uid"),
        // An empty value takes the record back (POSIX), so the field of the header counts.
        tree_tar("uid-empty", pax("uid", b""), &["f file 0644 0:0 \"x\""]),
        refused_tar("gid-2-to-32", pax("gid", b"4294967296"), "gid"),
        refused_tar(
            "uid-base256-2-to-32",
            owner(base256(1 << 32, 8), zero()),
            "uid",
        ),
        refused_tar(
            "uid-base256-minus-one",
            owner(base256(-1, 8), zero()),
            "uid",
        ),
        refused_tar(
            "gid-base256-all-ones",
            owner(zero(), base256(0xffff_ffff, 8)),
            "gid",
        ),
        refused_tar("uid-field-text", owner(b"rootroot".to_vec(), zero()), "uid"),
        refused_tar("mtime-text", pax("mtime", b"now"), "mtime"),
        tree_tar(
            "uid-largest",
            pax("uid", b"4294967294"),
            &["f file 0644 4294967294:0 \"x\""],
        ),
        tree_tar(
            "uid-base256",
            owner(base256(3_000_000, 8), base256(7, 8)),
            &["f file 0644 3000000:7 \"x\""],
        ),
        tree_tar(
            "uname-means-nothing",
            pax("uname", b"daemon"),
            &["f file 0644 0:0 \"x\""],
        ),
        tree_tar(
            "mtime-fraction",
            pax("mtime", b"1700000000.123456789"),
            &["f file 0644 0:0 @1700000000.123456789 \"x\""],
        ),
        tree_tar(
            "mtime-before-1970",
            pax("mtime", b"-1.5"),
            &["f file 0644 0:0 @-2.500000000 \"x\""],
        ),
        tree_tar(
            "mtime-base256-before-1970",
            time(base256(-10, 12)),
            &["f file 0644 0:0 @-10.000000000 \"x\""],
        ),
        tree_tar(
            "mtime-2038",
            pax("mtime", b"2147483648"),
            &["f file 0644 0:0 @2147483648.000000000 \"x\""],
        ),
    ]
}
