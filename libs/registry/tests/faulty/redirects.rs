//! Redirects to where nobody should go.

use registry::RegistryError as E;

use crate::case::Call::{Blob, Manifest};
use crate::case::{Case, Judge, case, fine, get, is, run_all, status};
use crate::common::script::Reply;
use crate::content::{blob_path, content};

fn redirects() -> Vec<Case> {
    let to = |name, judge: Judge, location: &'static str| {
        get(name, Blob, judge, move |_, _, _| {
            Some(Reply::status(307).with("Location", location))
        })
    };
    vec![
        get("to another host", Blob, fine, |at, _, _| {
            Some(Reply::status(307).with("Location", format!("http://{}/blob?X-Sig=1", at.other)))
        }),
        get(
            "manifest on another host",
            Manifest,
            |r| status(r, 202),
            |at, _, _| Some(Reply::status(302).with("Location", format!("http://{}/m", at.other))),
        ),
        to("to a file", is!(E::Redirect { .. }), "file:///etc/passwd"),
        to("to nothing", is!(E::Redirect { .. }), ""),
        to("to itself", is!(E::Redirect { .. }), "?"),
        to(
            "with a user name",
            is!(E::Redirect { .. }),
            "http://user:pw@127.0.0.1/",
        ),
        to(
            "to another protocol",
            is!(E::Redirect { .. }),
            "ftp://127.0.0.1/",
        ),
        case(
            "twenty hops",
            Blob,
            is!(E::Redirect { .. }),
            |_, seen, _| {
                let hop = seen
                    .target
                    .strip_prefix("/hop")
                    .and_then(|n| n.parse::<u32>().ok());
                if seen.target == blob_path() || hop.is_some_and(|hop| hop < 20) {
                    let next = format!("/hop{}", hop.unwrap_or(0) + 1);
                    return Some(Reply::status(302).with("Location", next));
                }
                hop.map(|_| Reply::ok(content().blob.clone()))
            },
        )
        .counting("GET", "/hop5", 1)
        .counting("GET", "/hop6", 0),
        case("five hops", Blob, fine, |_, seen, _| {
            let hop = seen
                .target
                .strip_prefix("/hop")
                .and_then(|n| n.parse::<u32>().ok());
            if seen.target == blob_path() || hop.is_some_and(|hop| hop < 5) {
                let next = format!("/hop{}", hop.unwrap_or(0) + 1);
                return Some(Reply::status(302).with("Location", next));
            }
            hop.map(|_| Reply::ok(content().blob.clone()))
        }),
        get(
            "without location",
            Blob,
            is!(E::Redirect { .. }),
            |_, _, _| Some(Reply::status(302)),
        ),
    ]
}

#[test]
fn wrong_redirects() {
    run_all(&redirects());
}
