//! Logging in with an identity token, which is exchanged for tokens of a scope (OAuth 2.0).
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test, and helpers fail their test at once"
)]

mod common;

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use common::script::{Reply, Script, Seen};
use common::{insecure, manifest_json, patient};
use config::Secret;
use config::auth::Credential;
use oci::{Digest, Tag};
use registry::{Client, RegistryError, TagOrDigest};

/// A registry that wants the token `t`, which it gives for the identity token `i&=`.
fn registry() -> Script {
    Script::start(|seen, _| {
        let own = seen.header("host").unwrap();
        if seen.target == "/token" {
            // Long enough for the others to come meanwhile.
            thread::sleep(Duration::from_millis(100));
            return match form(seen).get("refresh_token").map(String::as_str) {
                Some("i&=") => Reply::ok(r#"{"access_token":"t","expires_in":300}"#),
                _ => Reply::status(401),
            };
        }
        if seen.header("authorization") == Some("Bearer t") {
            let manifest = manifest_json(b"{}", b"layer");
            return Reply::ok(manifest.clone())
                .with("Content-Type", "application/vnd.oci.image.manifest.v1+json")
                .with("Docker-Content-Digest", Digest::sha256(&manifest));
        }
        let challenge = format!("Bearer realm=\"http://{own}/token\",service=\"s\"");
        Reply::status(401).with("WWW-Authenticate", challenge)
    })
}

fn form(seen: &Seen) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(&seen.body)
        .into_owned()
        .collect()
}

fn get(client: &Client, registry: &Script, token: &str) -> Result<(), RegistryError> {
    let credential = Credential::IdentityToken(Secret::new(token));
    let endpoint = insecure(client, &registry.host(), credential);
    let tag = TagOrDigest::Tag(Tag::parse("latest").unwrap());
    endpoint.manifest("r", &tag).map(drop)
}

#[test]
fn identity_tokens_are_exchanged_once() {
    let registry = registry();
    let client = Client::new(patient()).unwrap();
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| get(&client, &registry, "i&=").unwrap());
        }
    });
    assert_eq!(registry.count("POST", "/token"), 1);
    assert_eq!(registry.count("GET", "/token"), 0);
    let seen = registry.seen();
    let asked = seen.iter().find(|seen| seen.target == "/token").unwrap();
    assert_eq!(asked.header("authorization"), None);
    let content_type = asked.header("content-type");
    assert_eq!(content_type, Some("application/x-www-form-urlencoded"));
    let want = [
        ("client_id", "containers/image"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "i&="),
        ("scope", "repository:r:pull"),
        ("service", "s"),
    ];
    let want = want.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(form(asked), BTreeMap::from(want));
    // It goes to the token service alone.
    assert!(seen.iter().all(|seen| {
        let hidden = |text: &str| !text.contains("i&=") && !text.contains("i%26%3D");
        seen.headers.iter().all(|(_, value)| hidden(value)) && hidden(&seen.target)
    }));
}

#[test]
fn another_identity_has_tokens_of_its_own() {
    let registry = registry();
    let client = Client::new(patient()).unwrap();
    get(&client, &registry, "i&=").unwrap();
    let error = get(&client, &registry, "another").unwrap_err();
    assert_eq!(registry.count("POST", "/token"), 2);
    assert!(error.to_string().contains("/token"), "{error}");
}
