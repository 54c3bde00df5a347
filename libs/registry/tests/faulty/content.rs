//! What the good registry has, and how its answers look.

use std::net::SocketAddr;
use std::sync::OnceLock;

use oci::Digest;

use crate::common::script::{Reply, Seen};
use crate::common::{manifest_json, noise};

pub(crate) const BLOB_BYTES: usize = 300_000;

pub(crate) struct Content {
    pub(crate) blob: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) manifest: Vec<u8>,
}

pub(crate) fn content() -> &'static Content {
    static CONTENT: OnceLock<Content> = OnceLock::new();
    CONTENT.get_or_init(|| {
        let blob = noise(BLOB_BYTES, 1);
        let manifest = manifest_json(b"{}", &blob);
        Content {
            digest: Digest::sha256(&blob),
            blob,
            manifest,
        }
    })
}

/// The addresses that a case may speak of.
#[derive(Clone, Copy)]
pub(crate) struct At {
    pub(crate) own: SocketAddr,
    pub(crate) other: SocketAddr,
}

pub(crate) fn blob_path() -> String {
    format!("/v2/r/blobs/{}", content().digest)
}

pub(crate) const MANIFEST: &str = "/v2/r/manifests/latest";

pub(crate) const TAGS: &str = "/v2/r/tags/list";

pub(crate) fn referrers_path() -> String {
    format!("/v2/r/referrers/{}", content().digest)
}

/// A list of referrers with one entry of a type.
pub(crate) fn referrers(artifact_type: &str) -> Reply {
    let digest = Digest::sha256(artifact_type.as_bytes());
    let list = format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":5,"artifactType":"{artifact_type}"}}]}}"#
    );
    Reply::ok(list).with("Content-Type", INDEX)
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) const UPLOADS: &str = "/v2/r/blobs/uploads/";

/// What a good registry with basic authentication answers.
pub(crate) fn good(at: At, seen: &Seen) -> Reply {
    let c = content();
    let path = seen.target.split('?').next().unwrap();
    match (seen.method.as_str(), path) {
        ("GET", "/v2/") => Reply::status(401).with("WWW-Authenticate", "Basic realm=\"r\""),
        ("GET", p) if p == blob_path() => ranged(seen, "\"e\""),
        ("GET" | "HEAD", MANIFEST) => manifest(&c.manifest),
        ("GET", p) if p == referrers_path() => referrers("a/b"),
        ("GET", TAGS) => Reply::ok(r#"{"name":"r","tags":["a","b"]}"#),
        ("POST", UPLOADS) => {
            Reply::status(202).with("Location", format!("http://{}/up/1?s=0", at.own))
        }
        ("PATCH", "/up/1") => Reply::status(202).with("Location", "/up/1?s=1"),
        ("PUT", "/up/1") => Reply::status(201),
        ("DELETE", "/up/1") => Reply::status(204),
        _ => Reply::status(404),
    }
}

pub(crate) fn manifest(bytes: &[u8]) -> Reply {
    Reply::ok(bytes)
        .with("Content-Type", "application/vnd.oci.image.manifest.v1+json")
        .with("Docker-Content-Digest", Digest::sha256(bytes))
}

pub(crate) fn ranged(seen: &Seen, etag: &str) -> Reply {
    let blob = &content().blob;
    match seen.offset() {
        None => Reply::ok(blob.clone()).with("ETag", etag),
        Some(offset) => Reply::status(206)
            .with("ETag", etag)
            .with(
                "Content-Range",
                format!("bytes {offset}-{}/{}", blob.len() - 1, blob.len()),
            )
            .body(&blob[offset..]),
    }
}

/// The head of an answer and the first `cut` bytes of the blob.
pub(crate) fn cut_blob(length: Option<usize>, cut: usize) -> Vec<u8> {
    let mut raw = b"HTTP/1.1 200 OK\r\n".to_vec();
    if let Some(length) = length {
        raw.extend(format!("Content-Length: {length}\r\n").bytes());
    }
    raw.extend(b"ETag: \"e\"\r\nConnection: close\r\n\r\n");
    raw.extend(&content().blob[..cut]);
    raw
}

pub(crate) fn chunked(good_end: bool) -> Vec<u8> {
    let mut raw =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".to_vec();
    for chunk in content().blob.chunks(100_000) {
        raw.extend(format!("{:x}\r\n", chunk.len()).bytes());
        raw.extend(chunk);
        raw.extend(b"\r\n");
        if !good_end {
            raw.extend(b"zz\r\n");
            return raw;
        }
    }
    raw.extend(b"0\r\n\r\n");
    raw
}

pub(crate) fn bearer(realm: impl std::fmt::Display) -> Reply {
    Reply::status(401).with(
        "WWW-Authenticate",
        format!("Bearer realm=\"{realm}\",service=\"s\""),
    )
}
