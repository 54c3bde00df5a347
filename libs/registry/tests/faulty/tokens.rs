//! Token services that answer wrongly, and tokens that are shared.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use config::Secret;
use config::auth::Credential;
use registry::{Client, RegistryError as E};

use crate::case::Call::{Login, Manifest};
use crate::case::{Case, Judge, case, denied, fine, first, is, run_all, status};
use crate::common::script::{Reply, Script};
use crate::common::{basic, impatient, insecure};
use crate::content::{At, MANIFEST, bearer, content, manifest};

/// A registry that wants tokens from `realm`, and takes the token `t`.
fn with_tokens(
    name: &'static str,
    judge: Judge,
    realm: impl Fn(At) -> String + Send + Sync + 'static,
    token: impl Fn(At, usize) -> Reply + Send + Sync + 'static,
) -> Case {
    case(name, Manifest, judge, move |at, seen, n| {
        let path = seen.target.split('?').next().unwrap();
        if path == "/token" {
            return Some(token(at, n));
        }
        (seen.header("authorization") != Some("Bearer t")).then(|| bearer(realm(at)))
    })
}

fn tokens() -> Vec<Case> {
    let own = |at: At| format!("http://{}/token", at.own);
    let answer = |name, judge: Judge, body: &'static str| {
        with_tokens(name, judge, own, move |_, _| Reply::ok(body))
    };
    let refused = |name, realm: &'static str| {
        with_tokens(
            name,
            is!(E::Realm { .. }),
            move |_| realm.to_owned(),
            |_, _| Reply::ok("{}"),
        )
    };
    vec![
        answer("good token", fine, r#"{"token":"t","expires_in":300}"#).counting("GET", "/token", 1),
        answer("token without life", fine, r#"{"access_token":"t","expires_in":0}"#),
        answer("token of ages", fine, r#"{"token":"t","expires_in":9223372036854775808}"#),
        answer("HTML instead of a token", is!(E::Json { .. }), "<html>"),
        answer("empty token", is!(E::Token { .. }), r#"{"token":""}"#),
        answer("token with line breaks", is!(E::Token { .. }), r#"{"token":"t\r\nX: y"}"#),
        answer("refused token", denied, r#"{"token":"other"}"#)
            .counting("GET", "/token", 1)
            .counting("GET", MANIFEST, 1),
        with_tokens(
            "no token service there",
            |r| status(r, 404) && !r.as_ref().is_err_and(E::is_not_found),
            own,
            |_, _| Reply::status(404),
        ),
        with_tokens("huge token", is!(E::TooLarge { .. }), own, |_, _| {
            Reply::ok(vec![b' '; 2 << 20])
        }),
        with_tokens("endless token", is!(E::TooLarge { .. }), own, |_, _| {
            Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; 65536])
        }),
        with_tokens("denied by the realm", denied, own, |_, _| Reply::status(401)),
        with_tokens("realm fails once", fine, own, |_, n| {
            if first(n) { Reply::status(503) } else { Reply::ok(r#"{"token":"t"}"#) }
        }),
        with_tokens("realm redirects", |r| status(r, 302), own, |at, _| {
            Reply::status(302).with("Location", format!("http://{}/token", at.other))
        }),
        with_tokens(
            "realm on another host",
            is!(E::Realm { .. }),
            |at| format!("http://localhost:{}/token", at.other.port()),
            |_, _| Reply::ok("{}"),
        ),
        refused("realm with a user name", "http://auth.docker.io@127.0.0.1/token"),
        refused("realm elsewhere", "https://auth.docker.io/token"),
        refused("realm at the metadata", "http://169.254.169.254/latest"),
        refused("realm in a file", "file:///etc/passwd"),
        refused("realm without scheme", "/token"),
        case("challenge without realm", Login, is!(E::Challenge { .. }), |_, _, _| {
            Some(Reply::status(401).with("WWW-Authenticate", "Bearer service=\"s\""))
        }),
        case("basic, refused for ever", Login, denied, |_, _, _| {
            Some(Reply::status(401).with("WWW-Authenticate", "Basic realm=\"r\""))
        })
        .counting("GET", "/v2/", 2),
        case("scope not enough", Manifest, fine, |at, seen, _| {
            let realm = format!("http://{}/token", at.own);
            if let Some(query) = seen.target.strip_prefix("/token?") {
                let token = if query.contains("more") { "t" } else { "s" };
                return Some(Reply::ok(format!("{{\"token\":\"{token}\"}}")));
            }
            match seen.header("authorization") {
                Some("Bearer t") => None,
                None => Some(bearer(realm)),
                _ => Some(Reply::status(401).with(
                    "WWW-Authenticate",
                    format!("Bearer realm=\"{realm}\",scope=\"repository:more:pull\",error=\"insufficient_scope\""),
                )),
            }
        })
        .counting("GET", "/token", 2),
        case("scope never enough", Manifest, denied, |at, seen, _| {
            if seen.target.starts_with("/token?") {
                return Some(Reply::ok(r#"{"token":"s"}"#));
            }
            let realm = format!("http://{}/token", at.own);
            Some(Reply::status(401).with(
                "WWW-Authenticate",
                format!("Bearer realm=\"{realm}\",scope=\"repository:more:pull\",error=\"insufficient_scope\""),
            ))
        })
        .counting("GET", MANIFEST, 2),
        case("asked only now", Manifest, fine, |_, seen, _| {
            // The ping is answered without asking who is there.
            if seen.target == "/v2/" {
                return Some(Reply::ok("{}"));
            }
            let challenge = || Reply::status(401).with("WWW-Authenticate", "Basic realm=\"r\"");
            seen.header("authorization").is_none().then(challenge)
        })
        .counting("GET", MANIFEST, 2),
    ]
}

#[test]
fn wrong_tokens() {
    run_all(&tokens());
}

#[test]
fn tokens_are_shared_and_asked_for_once() {
    let at: Arc<OnceLock<At>> = Arc::default();
    let own = Arc::clone(&at);
    let server = Script::start(move |seen, _| {
        if seen.target.starts_with("/token") {
            thread::sleep(Duration::from_millis(100));
            return Reply::ok(r#"{"token":"t"}"#);
        }
        match seen.header("authorization") {
            Some("Bearer t") => manifest(&content().manifest),
            _ => bearer(format!("http://{}/token", own.get().unwrap().own)),
        }
    });
    at.set(At {
        own: server.address,
        other: server.address,
    })
    .ok()
    .unwrap();
    let client = Client::new(impatient()).unwrap();
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let endpoint = insecure(&client, &server.host(), basic("u", "p"));
                Manifest.run(&endpoint).unwrap();
            });
        }
    });
    assert_eq!(server.count("GET", "/token"), 1);
    assert_eq!(server.count("GET", "/v2/"), 1);
    let token = server
        .seen()
        .into_iter()
        .find(|s| s.target.starts_with("/token"))
        .unwrap();
    assert_eq!(
        token.target,
        "/token?account=u&service=s&scope=repository%3Ar%3Apull"
    );
    // Somebody else does not get that token.
    Manifest
        .run(&insecure(&client, &server.host(), basic("v", "p")))
        .unwrap();
    assert_eq!(server.count("GET", "/token"), 2);
}

#[test]
fn a_given_token_that_fits_no_header_is_not_left_out() {
    let server =
        Script::start(|_, _| Reply::status(401).with("WWW-Authenticate", "Bearer realm=\"x\""));
    let client = Client::new(impatient()).unwrap();
    for token in ["", "two words", "line\n"] {
        let credential = Credential::RegistryToken(Secret::new(token));
        let error = insecure(&client, &server.host(), credential)
            .tags("r")
            .unwrap_err();
        assert!(matches!(error, E::Token { .. }), "{token:?}: {error:?}");
    }
}
