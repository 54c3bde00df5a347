//! Manifests that are not what was asked for.

use oci::Digest;
use registry::RegistryError as E;

use crate::case::Call::{HeadThenGet, Manifest};
use crate::case::{Case, case, fine, get, is, run_all, status};
use crate::common::manifest_json;
use crate::common::script::Reply;
use crate::content::{content, manifest};

fn manifests() -> Vec<Case> {
    vec![
        get("good manifest", Manifest, fine, |_, _, _| None),
        get(
            "wrong digest header",
            Manifest,
            is!(E::DigestMismatch { .. }),
            |_, _, _| {
                Some(
                    Reply::ok(content().manifest.clone())
                        .with("Docker-Content-Digest", Digest::sha256(b"x")),
                )
            },
        ),
        get(
            "no digest in the header",
            Manifest,
            is!(E::Header { .. }),
            |_, _, _| {
                Some(Reply::ok(content().manifest.clone()).with("Docker-Content-Digest", "md5:00"))
            },
        ),
        get(
            "encoded manifest",
            Manifest,
            is!(E::Encoded { .. }),
            |_, _, _| Some(manifest(&content().manifest).with("Content-Encoding", "br")),
        ),
        get(
            "manifest of 5 MiB",
            Manifest,
            is!(E::TooLarge { .. }),
            |_, _, _| Some(Reply::ok(vec![b' '; 5 << 20])),
        ),
        get(
            "endless manifest",
            Manifest,
            is!(E::TooLarge { .. }),
            |_, _, _| {
                let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
                Some(Reply::Endless(head, vec![b' '; 65536]))
            },
        ),
        get(
            "HTML manifest",
            Manifest,
            is!(E::Manifest { .. }),
            |_, _, _| Some(Reply::ok("<html>")),
        ),
        case(
            "changed between HEAD and GET",
            HeadThenGet,
            is!(E::Manifest { .. }),
            |_, seen, _| {
                let asked = seen
                    .target
                    .strip_prefix("/v2/r/manifests/sha256:")
                    .is_some();
                asked.then(|| manifest(&manifest_json(b"{ }", b"")))
            },
        ),
        case(
            "wrong digest announced by HEAD",
            HeadThenGet,
            |r| status(r, 404),
            |_, seen, _| {
                (seen.method == "HEAD")
                    .then(|| manifest(b"").with("Docker-Content-Digest", Digest::sha256(b"other")))
            },
        ),
    ]
}

#[test]
fn wrong_manifests() {
    run_all(&manifests());
}
