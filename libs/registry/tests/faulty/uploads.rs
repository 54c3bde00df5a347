//! Uploads that are answered wrongly.

use oci::Digest;
use registry::{Client, RegistryError as E};

use crate::case::Call::{PushAgain, PushChunks, PushSmall};
use crate::case::{Case, case, denied, fine, first, is, run_all, status};
use crate::common::script::{End, Reply, Script, Seen};
use crate::common::{basic, impatient, insecure};
use crate::content::{BLOB_BYTES, UPLOADS, blob_path, content};

/// What a registry says of an upload that it no longer knows.
fn lost() -> Reply {
    Reply::status(404).body(r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"gone"}]}"#)
}

fn uploads() -> Vec<Case> {
    let on = |method: &str, path: &str, seen: &Seen| {
        seen.method == method && seen.target.split('?').next() == Some(path)
    };
    // The last request fails; what is asked then is how many bytes the registry has of the blob.
    let answer_lost = move |name, bytes: usize, expect: fn(&registry::Result<()>) -> bool| {
        case(name, PushChunks, expect, move |_, seen, _| {
            if on("PUT", "/up/1", seen) {
                return Some(Reply::status(500));
            }
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
            on("HEAD", &blob_path(), seen).then(|| Reply::Raw(head.into_bytes(), End::Close))
        })
    };
    vec![
        answer_lost("stored, but the answer is lost", BLOB_BYTES, fine).counting("PUT", "/up/1", 1),
        answer_lost("a part stored, and the answer lost", BLOB_BYTES - 1, |r| {
            status(r, 500)
        }),
        case("good upload", PushSmall, fine, |_, _, _| None).counting("DELETE", "/up/1", 0),
        case("good chunks", PushChunks, fine, |_, _, _| None).counting("PATCH", "/up/1", 3),
        case(
            "refused at the end",
            PushSmall,
            denied,
            move |_, seen, _| on("PUT", "/up/1", seen).then(|| Reply::status(403)),
        )
        .counting("DELETE", "/up/1", 1),
        case(
            "500 at the end, once",
            PushSmall,
            fine,
            move |_, seen, n| (on("PUT", "/up/1", seen) && first(n)).then(|| Reply::status(500)),
        )
        .counting("POST", UPLOADS, 2),
        case("upload lost, once", PushSmall, fine, move |_, seen, n| {
            (on("PUT", "/up/1", seen) && first(n)).then(lost)
        })
        .counting("POST", UPLOADS, 2),
        case(
            "upload lost within the stream, once",
            PushAgain,
            fine,
            move |_, seen, n| {
                let gone = on("GET", "/up/1", seen) || on("PATCH", "/up/1", seen) && first(n);
                gone.then(lost)
            },
        )
        .counting("POST", UPLOADS, 2),
        case(
            "upload lost at its end",
            PushAgain,
            |r| status(r, 404),
            move |_, seen, _| on("PUT", "/up/1", seen).then(lost),
        )
        .counting("PUT", "/up/1", 1),
        case(
            "stored as something else",
            PushSmall,
            is!(E::DigestMismatch { .. }),
            move |_, seen, _| {
                let reply =
                    || Reply::status(201).with("Docker-Content-Digest", Digest::sha256(b""));
                on("PUT", "/up/1", seen).then(reply)
            },
        ),
        case(
            "upload on another host",
            PushSmall,
            |r| status(r, 202),
            move |at, seen, _| {
                let location = format!("http://{}/up/9", at.other);
                on("POST", UPLOADS, seen).then(|| Reply::status(202).with("Location", location))
            },
        ),
        case(
            "upload in a file",
            PushSmall,
            is!(E::Header { .. }),
            move |_, seen, _| {
                on("POST", UPLOADS, seen).then(|| Reply::status(202).with("Location", "file:///x"))
            },
        ),
        case(
            "upload nowhere",
            PushSmall,
            is!(E::Header { .. }),
            move |_, seen, _| on("POST", UPLOADS, seen).then(|| Reply::status(202)),
        ),
        case(
            "chunk lost, and found",
            PushChunks,
            fine,
            move |_, seen, n| {
                // The second chunk arrives, but its answer is an error.
                if on("PATCH", "/up/1", seen) && n == 1 {
                    return Some(Reply::status(502));
                }
                let range = || Reply::status(204).with("Range", "0-199999");
                on("GET", "/up/1", seen).then(range)
            },
        )
        .counting("PATCH", "/up/1", 3),
        case("chunk half there", PushChunks, fine, move |_, seen, n| {
            if on("PATCH", "/up/1", seen) && n == 1 {
                return Some(Reply::status(502));
            }
            if on("PATCH", "/up/1", seen) && n == 2 {
                let rest = seen.body == content().blob[150_000..200_000]
                    && seen.header("content-range") == Some("150000-199999");
                return (!rest).then(|| Reply::status(400));
            }
            on("GET", "/up/1", seen).then(|| Reply::status(204).with("Range", "0-149999"))
        })
        .counting("PATCH", "/up/1", 4),
        case(
            "chunk thrown away",
            PushChunks,
            |r| status(r, 502),
            move |_, seen, n| {
                if on("PATCH", "/up/1", seen) && n == 1 {
                    return Some(Reply::status(502));
                }
                on("GET", "/up/1", seen).then(|| Reply::status(204).with("Range", "0-9"))
            },
        )
        .counting("DELETE", "/up/1", 1),
        case(
            "chunks larger than asked for",
            PushChunks,
            fine,
            move |at, seen, _| {
                let reply = Reply::status(202)
                    .with("Location", format!("http://{}/up/1", at.own))
                    .with("OCI-Chunk-Min-Length", 150_000);
                on("POST", UPLOADS, seen).then_some(reply)
            },
        )
        .counting("PATCH", "/up/1", 2),
    ]
}

#[test]
fn wrong_uploads() {
    run_all(&uploads());
}

#[test]
fn a_mount_that_fails_is_not_tried_again() {
    let server = Script::start(|seen, _| match seen.method.as_str() {
        "POST" => Reply::status(500),
        _ => Reply::ok("{}"),
    });
    let client = Client::new(impatient()).unwrap();
    let error = insecure(&client, &server.host(), basic("u", "p"))
        .mount_or_begin("r", &content().digest, "from")
        .unwrap_err();
    assert_eq!(error.status().map(|s| s.as_u16()), Some(500), "{error:?}");
    let asked = server.seen().iter().filter(|s| s.method == "POST").count();
    assert_eq!(asked, 1);
}
