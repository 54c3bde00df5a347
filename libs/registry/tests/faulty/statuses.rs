//! Answers that say no, and warnings.

use registry::{Client, RegistryError};

use crate::case::Call::{Blob, Manifest, Tags};
use crate::case::{Case, case, denied, fine, first, get, run_all, status};
use crate::common::script::{Reply, Script};
use crate::common::{basic, impatient, insecure};
use crate::content::{MANIFEST, TAGS};

fn statuses() -> Vec<Case> {
    let after = |name, value: &'static str| {
        get(name, Manifest, fine, move |_, _, n| {
            first(n).then(|| Reply::status(429).with("Retry-After", value))
        })
        .counting("GET", MANIFEST, 2)
    };
    vec![
        after("429, a second", "1"),
        after("429, an hour", "3600"),
        after("429, ages", "99999999999999999999999999"),
        after("429, a date", "Fri, 31 Dec 2100 23:59:59 GMT"),
        after("429, garbage", "when it pleases"),
        get(
            "429 for ever",
            Manifest,
            |r| status(r, 429),
            |_, _, _| Some(Reply::status(429)),
        )
        .counting("GET", MANIFEST, 3),
        get("500 twice", Manifest, fine, |_, _, n| {
            (n < 2).then(|| Reply::status(500))
        }),
        get("502 twice", Blob, fine, |_, _, n| {
            (n < 2).then(|| Reply::status(502))
        }),
        get(
            "503 for ever",
            Tags,
            |r| status(r, 503),
            |_, _, _| Some(Reply::status(503)),
        )
        .counting("GET", TAGS, 3),
        get(
            "501",
            Tags,
            |r| status(r, 501),
            |_, _, _| Some(Reply::status(501)),
        )
        .counting("GET", TAGS, 1),
        get("403", Manifest, denied, |_, _, _| Some(Reply::status(403)))
            .counting("GET", MANIFEST, 1),
        get(
            "404",
            Manifest,
            |r| r.as_ref().is_err_and(RegistryError::is_not_found),
            |_, _, _| Some(Reply::status(404)),
        )
        .counting("GET", MANIFEST, 1),
        case(
            "404 of what is no registry",
            Manifest,
            |r| status(r, 404) && !r.as_ref().is_err_and(RegistryError::is_not_found),
            |_, _, _| Some(Reply::status(404)),
        ),
        get(
            "endless error",
            Manifest,
            |r| status(r, 418),
            |_, _, _| {
                let head = b"HTTP/1.1 418 X\r\nConnection: close\r\n\r\n".to_vec();
                Some(Reply::Endless(head, vec![b'x'; 65536]))
            },
        ),
        get(
            "204 as a manifest",
            Manifest,
            |r| status(r, 204),
            |_, _, _| Some(Reply::status(204)),
        ),
    ]
}

#[test]
fn wrong_statuses() {
    run_all(&statuses());
}

#[test]
fn warnings_are_kept() {
    let server = Script::start(|_, _| Reply::ok("{}").with("Warning", "299 - \"moving soon\""));
    let client = Client::new(impatient()).unwrap();
    insecure(&client, &server.host(), basic("u", "p"))
        .ping()
        .unwrap();
    assert_eq!(client.warnings(), ["moving soon"]);
}
