//! Blobs that are not what was asked for.

use registry::RegistryError as E;

use crate::case::Call::Blob;
use crate::case::{Case, fine, first, get, is, run_all};
use crate::common::noise;
use crate::common::script::{End, Reply, Seen};
use crate::content::{BLOB_BYTES, blob_path, chunked, content, cut_blob, ranged};

fn blobs() -> Vec<Case> {
    vec![
        get(
            "flipped bit",
            Blob,
            is!(E::DigestMismatch { .. }),
            |_, _, _| {
                let mut blob = content().blob.clone();
                blob[200_000] ^= 4;
                Some(Reply::ok(blob))
            },
        )
        .counting("GET", blob_path(), 1),
        get(
            "zeros put in",
            Blob,
            is!(E::DigestMismatch { .. }),
            |_, _, _| {
                let mut blob = content().blob.clone();
                blob.splice(1000..1000, [0; 512]);
                blob.truncate(BLOB_BYTES);
                Some(Reply::ok(blob))
            },
        ),
        get(
            "shorter, and says so",
            Blob,
            is!(E::SizeMismatch {
                at_least: false,
                ..
            }),
            |_, _, _| Some(Reply::ok(&content().blob[..BLOB_BYTES - 1])),
        ),
        get(
            "longer, and says so",
            Blob,
            is!(E::SizeMismatch { .. }),
            |_, _, _| {
                let mut blob = content().blob.clone();
                blob.push(0);
                Some(Reply::ok(blob))
            },
        ),
        get("bytes behind the length", Blob, fine, |_, _, _| {
            let mut raw = cut_blob(Some(BLOB_BYTES), BLOB_BYTES);
            raw.extend([0; 5000]);
            Some(Reply::Raw(raw, End::Close))
        }),
        get("no length", Blob, fine, |_, _, _| {
            Some(Reply::Raw(cut_blob(None, BLOB_BYTES), End::Close))
        }),
        get(
            "no length, too long",
            Blob,
            is!(E::SizeMismatch { at_least: true, .. }),
            |_, _, _| {
                let mut raw = cut_blob(None, BLOB_BYTES);
                raw.push(0);
                Some(Reply::Raw(raw, End::Close))
            },
        ),
        get("no length, too short", Blob, fine, |_, _, n| {
            first(n).then(|| Reply::Raw(cut_blob(None, BLOB_BYTES - 1), End::Close))
        }),
        get(
            "no length, endless",
            Blob,
            is!(E::SizeMismatch { .. }),
            |_, _, _| Some(Reply::Endless(cut_blob(None, BLOB_BYTES), vec![7; 65536])),
        ),
        get("all there, then a stall", Blob, fine, |_, _, _| {
            Some(Reply::Raw(cut_blob(None, BLOB_BYTES), End::Stall))
        })
        .counting("GET", blob_path(), 1),
        get("chunked", Blob, fine, |_, _, _| {
            Some(Reply::Raw(chunked(true), End::Close))
        }),
        get("chunk error once", Blob, fine, |_, _, n| {
            first(n).then(|| Reply::Raw(chunked(false), End::Close))
        }),
        get("encoded", Blob, is!(E::Encoded { .. }), |_, _, _| {
            Some(Reply::ok(content().blob.clone()).with("Content-Encoding", "gzip"))
        }),
        get("200 for a range", Blob, fine, |_, _, n| {
            Some(if first(n) {
                Reply::Raw(cut_blob(Some(BLOB_BYTES), 123_456), End::Close)
            } else {
                Reply::ok(content().blob.clone())
            })
        }),
        get(
            "another 200 for a range",
            Blob,
            is!(E::DigestMismatch { .. }),
            |_, _, n| {
                Some(if first(n) {
                    Reply::Raw(cut_blob(Some(BLOB_BYTES), 123_456), End::Close)
                } else {
                    Reply::ok(noise(BLOB_BYTES, 2))
                })
            },
        ),
        out_of_step("another range", |_| {
            Reply::status(206)
                .with(
                    "Content-Range",
                    format!("bytes 0-{}/{BLOB_BYTES}", BLOB_BYTES - 1),
                )
                .body(content().blob.clone())
        }),
        out_of_step("206 without a range", |_| {
            Reply::status(206).body(&content().blob[CUT..])
        }),
        out_of_step("another total", |_| {
            Reply::status(206)
                .with(
                    "Content-Range",
                    format!("bytes {CUT}-{}/999999", BLOB_BYTES - 1),
                )
                .body(&content().blob[CUT..])
        }),
        out_of_step("another etag", |seen| ranged(seen, "\"f\"")),
        out_of_step("416", |_| Reply::status(416)),
        get(
            "another blob after 416",
            Blob,
            is!(E::DigestMismatch { .. }),
            |_, seen, n| {
                Some(match (first(n), seen.offset()) {
                    (true, _) => Reply::Raw(cut_blob(Some(BLOB_BYTES), CUT), End::Close),
                    (_, Some(_)) => Reply::status(416),
                    (_, None) => Reply::ok(noise(BLOB_BYTES, 2)),
                })
            },
        )
        .counting("GET", blob_path(), 3),
        get(
            "416 and a cut, again and again",
            Blob,
            is!(E::Broken { .. }),
            |_, seen, _| {
                Some(match seen.offset() {
                    None => Reply::Raw(cut_blob(Some(BLOB_BYTES), CUT), End::Close),
                    Some(_) => Reply::status(416),
                })
            },
        )
        .counting("GET", blob_path(), 5),
    ]
}

/// Where the first answer is cut.
const CUT: usize = 123_456;

/// A blob whose rest is answered with something else, and which is there as a whole.
fn out_of_step(name: &'static str, rest: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Case {
    get(name, Blob, fine, move |_, seen, n| {
        if first(n) {
            return Some(Reply::Raw(cut_blob(Some(BLOB_BYTES), CUT), End::Close));
        }
        seen.offset().map(|_| rest(seen))
    })
    .counting("GET", blob_path(), 3)
}

#[test]
fn wrong_blobs() {
    run_all(&blobs());
}
