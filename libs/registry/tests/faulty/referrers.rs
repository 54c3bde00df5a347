//! Lists of referrers: by the registry, under a tag, and wrong ones.

use registry::RegistryError as E;

use crate::case::Call::Referrers;
use crate::case::{Case, Judge, case, fine, get, is, run_all};
use crate::common::script::Reply;
use crate::content::{content, referrers, referrers_path};

fn tag_path() -> String {
    let digest = content().digest.to_string();
    format!("/v2/r/manifests/{}", digest.replace(':', "-"))
}

fn lists() -> Vec<Case> {
    let under_tag = |name, status: u16, judge: Judge| {
        case(name, Referrers, judge, move |_, seen, _| {
            let path = seen.target.split('?').next().unwrap();
            match (seen.method.as_str(), path) {
                ("GET", path) if path == referrers_path() => Some(Reply::status(status)),
                ("GET", path) if path == tag_path() => Some(referrers("c/d")),
                _ => None,
            }
        })
    };
    let link = |name, judge: Judge, link: &'static str| {
        get(name, Referrers, judge, move |_, _, _| {
            Some(referrers("a/b").with("Link", link))
        })
    };
    vec![
        get("the registry's list", Referrers, fine, |_, _, _| None).counting("GET", tag_path(), 0),
        under_tag("a registry without the list", 404, fine).counting("GET", tag_path(), 1),
        under_tag("a registry that does not know the path", 405, fine),
        under_tag("a registry that refuses", 403, is!(E::Status(_))).counting("GET", tag_path(), 0),
        get("two pages", Referrers, fine, |_, seen, _| {
            Some(match seen.target.contains("page=2") {
                true => referrers("e/f"),
                false => referrers("a/b").with("Link", "<?page=2>; rel=next"),
            })
        })
        .counting("GET", referrers_path(), 2),
        link("a page after itself", is!(E::Link { .. }), "<?>; rel=next"),
        get(
            "pages on another host",
            Referrers,
            is!(E::Link { .. }),
            |at, _, _| {
                let next = format!("<http://{}/v2/r>; rel=next", at.other);
                Some(referrers("a/b").with("Link", next))
            },
        ),
        get(
            "pages without end",
            Referrers,
            is!(E::Link { .. }),
            |_, _, n| Some(referrers("a/b").with("Link", format!("<?last={n}>; rel=next"))),
        ),
        get("HTML", Referrers, is!(E::Manifest { .. }), |_, _, _| {
            Some(Reply::ok("<html>").with("Content-Type", "text/html"))
        }),
        get(
            "a list that is too long",
            Referrers,
            is!(E::TooLarge { .. }),
            |_, _, _| Some(Reply::ok(vec![b' '; (4 << 20) + 1])),
        ),
    ]
}

#[test]
fn lists_of_referrers() {
    run_all(&lists());
}
