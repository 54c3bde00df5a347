//! Lists of tags.

use registry::RegistryError as E;

use crate::case::Call::Tags;
use crate::case::{Case, Judge, fine, get, is, run_all};
use crate::common::script::Reply;
use crate::content::TAGS;

fn tags() -> Vec<Case> {
    let link = |name, judge: Judge, link: &'static str| {
        get(name, Tags, judge, move |_, _, _| {
            Some(Reply::ok(r#"{"tags":["a"]}"#).with("Link", link))
        })
    };
    vec![
        link(
            "page after itself",
            is!(E::Link { .. }),
            "</v2/r/tags/list>; rel=\"next\"",
        )
        .counting("GET", TAGS, 1),
        link("page that is none", is!(E::Link { .. }), "oh no"),
        link(
            "page by ftp",
            is!(E::Link { .. }),
            "<ftp://127.0.0.1/>; rel=next",
        ),
        get(
            "page on another host",
            Tags,
            is!(E::Link { .. }),
            |at, _, _| {
                let next = format!("<http://{}/v2/r/tags/list>; rel=next", at.other);
                Some(Reply::ok(r#"{"tags":["a"]}"#).with("Link", next))
            },
        ),
        get("pages without end", Tags, is!(E::Link { .. }), |_, _, n| {
            let next = format!("<?last={n}>; rel=next");
            Some(Reply::ok(r#"{"tags":["a"]}"#).with("Link", next))
        })
        .counting("GET", TAGS, 1000),
        get(
            "two pages that meet",
            Tags,
            is!(E::Link { .. }),
            |_, seen, _| {
                let next = if seen.target.ends_with("=a") {
                    "b"
                } else {
                    "a"
                };
                let next = format!("<?last={next}>; rel=next");
                Some(Reply::ok(r#"{"tags":["a"]}"#).with("Link", next))
            },
        )
        .counting("GET", TAGS, 3),
        get("100,000 tags", Tags, fine, |_, _, _| {
            let names: Vec<String> = (0..100_000).map(|n| format!("\"v1.2.{n}\"")).collect();
            Some(Reply::ok(format!(
                "{{\"name\":\"r\",\"tags\":[{}]}}",
                names.join(",")
            )))
        }),
        get("tags as text", Tags, is!(E::Json { .. }), |_, _, _| {
            Some(Reply::ok(r#"{"tags":"a"}"#))
        }),
    ]
}

#[test]
fn wrong_tag_lists() {
    run_all(&tags());
}
