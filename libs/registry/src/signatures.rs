//! Signatures kept by the registry itself: the extension of the OpenShift registry
//! (`X-Registry-Supports-Signatures: 1` in the answer at `/v2/`).
//!
//! ```text
//! GET /extensions/v2/REPOSITORY/signatures/DIGEST   {"signatures":[SIGNATURE, ...]}
//! PUT the same                                      SIGNATURE, answered with 201
//! SIGNATURE = {"schemaVersion":2,"name":"DIGEST@32HEX","type":"atomic","content":BASE64}
//! ```
//! Signatures are shared by all who may write, so they are added and never taken away.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, StatusCode};
use oci::{Digest, json, limits};
use serde::{Deserialize, Serialize};

use crate::error::{RegistryError, Result, redacted};
use crate::exchange::{Ask, Session};
use crate::manifest::scope;
use crate::name::check_repository;

/// Version and type of the signatures that are read and written: simple signing.
const VERSION: i64 = 2;
const ATOMIC: &str = "atomic";
/// Most bytes of the list of one manifest's signatures.
const LIST_BYTES: u64 = limits::SIGNATURES_TOTAL_BYTES;

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    signatures: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "schemaVersion", default)]
    version: i64,
    #[serde(default)]
    name: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    content: Option<String>,
}

#[derive(Serialize)]
struct NewEntry<'a> {
    #[serde(rename = "schemaVersion")]
    version: i64,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    content: String,
}

/// The names that are taken, and the content of simple signatures.
#[derive(Default)]
struct Known {
    names: BTreeSet<String>,
    contents: Vec<Vec<u8>>,
}

impl Session {
    pub(crate) async fn signatures(&self, repo: &str, digest: &Digest) -> Result<Vec<Vec<u8>>> {
        Ok(self.known_signatures(repo, digest).await?.contents)
    }

    pub(crate) async fn add_signatures(
        &self,
        repo: &str,
        digest: &Digest,
        signatures: &[Vec<u8>],
    ) -> Result<()> {
        let mut known = self.known_signatures(repo, digest).await?;
        for signature in signatures {
            if known.contents.contains(signature) {
                continue;
            }
            let Some(name) = new_name(digest, signature, &known.names) else {
                continue;
            };
            let url = self.url(&path(repo, digest)).await?;
            let mut ask = Ask::new(Method::PUT, url, Some(vec![scope(repo, "pull,push")]));
            let entry = NewEntry {
                version: VERSION,
                name: &name,
                kind: ATOMIC,
                content: STANDARD.encode(signature),
            };
            let body = serde_json::to_vec(&entry).map_err(|source| RegistryError::Json {
                url: redacted(&ask.url),
                what: "writing a signature",
                source: json::JsonError::Shape(source),
            })?;
            ask.body = Some(Bytes::from(body));
            let _slot = self.slot().await?;
            self.send(&ask, &[StatusCode::CREATED]).await?;
            known.names.insert(name);
            known.contents.push(signature.clone());
        }
        Ok(())
    }

    async fn known_signatures(&self, repo: &str, digest: &Digest) -> Result<Known> {
        check_repository(repo)?;
        let _slot = self.slot().await?;
        let url = self.url(&path(repo, digest)).await?;
        let ask = Ask::new(Method::GET, url, Some(vec![scope(repo, "pull")]));
        let (_, bytes) = self
            .fetch(&ask, &[StatusCode::OK], "list of signatures", LIST_BYTES)
            .await?;
        read(&bytes).map_err(|source| RegistryError::Json {
            url: redacted(&ask.url),
            what: "the answer is no list of signatures",
            source,
        })
    }
}

fn path(repo: &str, digest: &Digest) -> String {
    format!("/extensions/v2/{repo}/signatures/{digest}")
}

/// Invents a name for a signature. The one that its content gives is the same for whoever adds
/// it, so that two at once do not add it twice; `None` when all that are tried are taken.
fn new_name(digest: &Digest, signature: &[u8], taken: &BTreeSet<String>) -> Option<String> {
    let hex = Digest::sha256(signature).hex();
    [hex.get(..32), hex.get(32..)]
        .into_iter()
        .flatten()
        .map(|half| format!("{digest}@{half}"))
        .find(|name| !taken.contains(name))
}

/// Reads a list; signatures of other versions and types are passed over.
fn read(bytes: &[u8]) -> std::result::Result<Known, json::JsonError> {
    let list: List = json::from_slice(bytes, LIST_BYTES)?;
    let mut known = Known::default();
    for entry in list.signatures.unwrap_or_default() {
        if entry.version == VERSION && entry.kind == ATOMIC {
            // Line ends within are passed over, as Go does.
            let mut text = entry.content.unwrap_or_default();
            text.retain(|c| !matches!(c, '\r' | '\n'));
            let content = STANDARD.decode(&text).map_err(|error| {
                json::JsonError::Shape(serde::de::Error::custom(format_args!(
                    "content of signature is no base64: {error}"
                )))
            })?;
            known.contents.push(content);
        }
        known.names.insert(entry.name);
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_simple_signature_is_passed_over() {
        let list = br#"{"signatures":[
            {"schemaVersion":2,"name":"a","type":"atomic","content":"AQI="},
            {"schemaVersion":1,"name":"b","type":"atomic","content":"AwQ="},
            {"schemaVersion":2,"name":"c","type":"other","content":"*"},
            {"schemaVersion":2,"name":"d","type":"atomic","content":"BQ=\n="},
            {"name":"e"}]}"#;
        let known = read(list).unwrap();
        assert_eq!(known.contents, [vec![1, 2], vec![5]]);
        assert_eq!(known.names.len(), 5);
        for empty in [
            &b"{}"[..],
            br#"{"signatures":null}"#,
            br#"{"signatures":[]}"#,
        ] {
            assert!(read(empty).unwrap().contents.is_empty());
        }
        for wrong in [
            &b"[]"[..],
            b"",
            br#"{"signatures":{}}"#,
            br#"{"signatures":[{"schemaVersion":"2"}]}"#,
            br#"{"signatures":[{"schemaVersion":2,"type":"atomic","content":"*"}]}"#,
            br#"{"signatures":[],"signatures":[]}"#,
        ] {
            assert!(read(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn names_are_new() {
        let digest = Digest::sha256(b"");
        let first = new_name(&digest, b"s", &BTreeSet::new()).unwrap();
        assert_eq!(first.len(), digest.to_string().len() + 33);
        let taken = BTreeSet::from([first.clone()]);
        let second = new_name(&digest, b"s", &taken).unwrap();
        assert_ne!(first, second);
        assert_eq!(
            new_name(&digest, b"s", &BTreeSet::from([first, second])),
            None
        );
    }
}
