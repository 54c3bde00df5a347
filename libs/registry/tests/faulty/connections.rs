//! Connections that break, stall or never come about.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use config::auth::Credential;
use config::certs::TlsFiles;
use oci::Tag;
use registry::{
    Cancel, Client, ClientOptions, EndpointConfig, RegistryError, RegistryError as E, TagOrDigest,
};

use crate::case::Call::{Blob, Login, Manifest};
use crate::case::{Case, case, fine, first, get, is, run_all};
use crate::common::debian::Certificates;
use crate::common::script::{End, Reply, Script};
use crate::common::{basic, impatient, insecure, manifest_json};
use crate::content::{
    BLOB_BYTES, MANIFEST, bearer, blob_path, content, cut_blob, manifest, ranged,
};

fn connections() -> Vec<Case> {
    let close = || Reply::Raw(Vec::new(), End::Close);
    vec![
        get("closed once", Blob, fine, move |_, _, n| {
            first(n).then(close)
        }),
        get(
            "closed always",
            Blob,
            is!(E::Broken { .. }),
            move |_, _, _| Some(close()),
        )
        .counting("GET", blob_path(), 3),
        case("closed during the ping", Login, fine, move |_, seen, n| {
            if first(n) {
                Some(close())
            } else {
                seen.header("authorization").map(|_| Reply::ok("{}"))
            }
        }),
        get("reset in the middle", Blob, fine, |_, _, n| {
            first(n).then(|| Reply::Raw(cut_blob(Some(BLOB_BYTES), 150_000), End::Reset))
        })
        .counting("GET", blob_path(), 2),
        get("end in the middle", Blob, fine, |_, _, n| {
            first(n).then(|| Reply::Raw(cut_blob(Some(BLOB_BYTES), 1), End::Close))
        }),
        get(
            "end in the middle each time",
            Blob,
            is!(E::Broken { .. }),
            |_, seen, _| {
                seen.offset()
                    .is_none()
                    .then(|| Reply::Raw(cut_blob(Some(BLOB_BYTES), 0), End::Close))
            },
        )
        .counting("GET", blob_path(), 3),
        get("stall in the middle", Blob, fine, |_, _, n| {
            first(n).then(|| Reply::Raw(cut_blob(Some(BLOB_BYTES), 100_000), End::Stall))
        }),
        get(
            "stall before the answer",
            Manifest,
            is!(E::Timeout { .. }),
            |_, _, _| Some(Reply::Raw(Vec::new(), End::Stall)),
        ),
        get(
            "stall in a manifest",
            Manifest,
            is!(E::Timeout { .. }),
            |_, _, _| {
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{".to_vec();
                Some(Reply::Raw(head, End::Stall))
            },
        ),
        get(
            "byte by byte",
            Manifest,
            is!(E::TooSlow { .. }),
            |_, _, _| {
                Some(Reply::Slow {
                    at_once: b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n".to_vec(),
                    then: vec![b' '; 500],
                    every: Duration::from_millis(50),
                })
            },
        ),
        get(
            "no HTTP at all",
            Manifest,
            is!(E::Broken { .. }),
            |_, _, _| {
                Some(Reply::Raw(
                    b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(),
                    End::Close,
                ))
            },
        ),
        get(
            "header of 1 MiB",
            Manifest,
            is!(E::Broken { .. }),
            |_, _, _| Some(Reply::ok("{}").with("X", "x".repeat(1 << 20))),
        ),
    ]
}

#[test]
fn broken_connections() {
    run_all(&connections());
}

#[test]
fn nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = free.local_addr().unwrap().to_string();
    drop(free);
    let client = Client::new(ClientOptions::default()).unwrap();
    let error = insecure(&client, &host, basic("u", "p"))
        .ping()
        .unwrap_err();
    assert!(matches!(error, E::Connect { .. }), "{error:?}");
}

#[test]
fn a_host_that_never_answered_is_not_tried_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let tried = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tried);
    thread::spawn(move || {
        // Each is closed at once, before the end of the TLS handshake.
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    let client = Client::new(ClientOptions::default()).unwrap();
    let endpoint = client.endpoint(EndpointConfig {
        host,
        insecure: false,
        tls: TlsFiles::default(),
        credential: basic("u", "p"),
    });
    for times in 1..=2 {
        let error = endpoint.ping().unwrap_err();
        assert!(matches!(error, E::Connect { .. }), "{error:?}");
        assert_eq!(tried.load(Ordering::SeqCst), times);
    }
}

#[test]
fn cancelling_ends_a_stalled_download() {
    let server = Script::start(|seen, _| match seen.target.as_str() {
        "/v2/" => Reply::ok("{}"),
        _ => Reply::Raw(cut_blob(Some(BLOB_BYTES), 1000), End::Stall),
    });
    let cancel = Cancel::default();
    // Nothing but cancelling ends it: the idle timeout is longer than the registry's patience.
    let mut options = ClientOptions {
        cancel: cancel.clone(),
        ..ClientOptions::default()
    };
    options.timeouts.idle = Duration::from_secs(3600);
    options.timeouts.floor_window = Duration::from_secs(3600);
    let client = Client::new(options).unwrap();
    let endpoint = insecure(&client, &server.host(), basic("u", "p"));
    let mut reader = endpoint
        .blob("r", &content().digest, Some(BLOB_BYTES as u64))
        .unwrap();
    let mut start = [0; 1000];
    reader.read_exact(&mut start).unwrap();
    thread::spawn(move || {
        // Most likely the reader waits by then; when not, it is cancelled before it waits.
        thread::sleep(Duration::from_millis(200));
        cancel.cancel();
    });
    let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(
        matches!(RegistryError::from_io(&error), Some(E::Cancelled)),
        "{error:?}"
    );
    assert!(!server.gave_up(), "the registry ended the connection");
    assert_eq!(server.count("GET", &blob_path()), 1);
    assert!(matches!(endpoint.tags("r"), Err(E::Cancelled)));
}

#[test]
fn connections_are_limited_and_given_back() {
    let server = Script::start(|seen, _| match seen.target.as_str() {
        "/v2/" => Reply::ok("{}"),
        _ => ranged(seen, "\"e\""),
    });
    let options = ClientOptions {
        max_connections_per_host: 2,
        ..impatient()
    };
    let client = Client::new(options).unwrap();
    let endpoint = insecure(&client, &server.host(), basic("u", "p"));
    let open = || endpoint.blob("r", &content().digest, Some(BLOB_BYTES as u64));
    // These are finished by the registry, and unread; nothing moves any more.
    let (first, _second) = (open().unwrap(), open().unwrap());
    drop(first);
    let mut third = open().unwrap();
    assert_eq!(third.read_to_end(&mut Vec::new()).unwrap(), BLOB_BYTES);
}

#[test]
fn plain_http_that_says_nothing_is_waited_for_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let waiting = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&waiting);
    thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut begin = [0; 3];
            stream.read_exact(&mut begin).unwrap();
            if begin == *b"GET" {
                count.fetch_add(1, Ordering::SeqCst);
            } else {
                stream
                    .write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                    .unwrap();
            }
            open.push(stream);
        }
    });
    let client = Client::new(impatient()).unwrap();
    let error = insecure(&client, &host, Credential::Anonymous)
        .ping()
        .unwrap_err();
    // Not that the answer to the other scheme was no TLS.
    assert!(
        matches!(&error, E::Timeout { url, .. } if url.starts_with("http://")),
        "{error:?}"
    );
    assert_eq!(waiting.load(Ordering::SeqCst), 1);
}

#[test]
fn https_counts_also_when_it_says_no() {
    let server = Script::start_tls(&Certificates::make(), |seen, _| match seen.tls {
        true => Reply::status(404),
        false => Reply::Raw(Vec::new(), End::Reset),
    });
    let client = Client::new(impatient()).unwrap();
    let error = insecure(&client, &server.host(), basic("u", "p"))
        .ping()
        .unwrap_err();
    assert_eq!(error.status().map(|s| s.as_u16()), Some(404), "{error:?}");
    let over_tls = server.seen().iter().filter(|seen| seen.tls).count();
    assert_eq!(over_tls, 1);
}

#[test]
fn the_first_request_without_credentials_is_the_wanted_one() {
    let latest = TagOrDigest::Tag(Tag::parse("latest").unwrap());
    for (answers, credential, pings, asked) in [
        ("open", Credential::Anonymous, 0, 1),
        ("token", Credential::Anonymous, 0, 2),
        ("missing", Credential::Anonymous, 1, 2),
        ("busy", Credential::Anonymous, 0, 2),
        ("open", basic("u", "p"), 1, 1),
    ] {
        let server = Script::start(move |seen, n| match (answers, seen.target.as_str()) {
            ("busy", MANIFEST) if n == 0 => Reply::status(429).with("Retry-After", "0"),
            (_, "/v2/") => Reply::ok("{}").with("X-Registry-Supports-Signatures", "1"),
            (_, "/token?service=s&scope=repository%3Ar%3Apull") => Reply::ok(r#"{"token":"t"}"#),
            ("missing", _) => Reply::status(404),
            ("token", _) if seen.header("authorization") != Some("Bearer t") => {
                bearer(format!("http://{}/token", seen.header("host").unwrap()))
            }
            _ => manifest(&content().manifest),
        });
        let client = Client::new(impatient()).unwrap();
        let endpoint = insecure(&client, &server.host(), credential);
        match endpoint.manifest("r", &latest) {
            Ok(raw) => assert_eq!(raw.bytes(), content().manifest),
            Err(error) => assert!(answers == "missing" && error.is_not_found(), "{error:?}"),
        }
        let counts = || (server.count("GET", "/v2/"), server.count("GET", MANIFEST));
        assert_eq!(counts(), (pings, asked), "{answers}");
        // That is said to a ping alone, once.
        for _ in 0..2 {
            assert!(endpoint.keeps_signatures().unwrap());
        }
        assert_eq!(counts(), (1, asked), "{answers}");
    }
}

#[test]
fn https_counts_also_when_http_answers_the_first_request() {
    let server = Script::start_tls(&Certificates::make(), |seen, _| match seen.tls {
        true => manifest(&content().manifest),
        false => manifest(&manifest_json(b"other", b"")),
    });
    let client = Client::new(impatient()).unwrap();
    let latest = TagOrDigest::Tag(Tag::parse("latest").unwrap());
    let raw = insecure(&client, &server.host(), Credential::Anonymous)
        .manifest("r", &latest)
        .unwrap();
    assert_eq!(raw.bytes(), content().manifest);
    assert_eq!(server.seen().iter().filter(|seen| seen.tls).count(), 1);
}

#[test]
fn who_has_credentials_shows_them_where_others_needed_none() {
    let server = Script::start(|seen, _| match seen.target.as_str() {
        "/v2/" => Reply::status(401).with("WWW-Authenticate", "Basic realm=\"r\""),
        "/v2/private/manifests/latest" if seen.header("authorization").is_none() => {
            Reply::status(404)
        }
        _ => manifest(&content().manifest),
    });
    let client = Client::new(impatient()).unwrap();
    let latest = TagOrDigest::Tag(Tag::parse("latest").unwrap());
    let endpoint = |credential| insecure(&client, &server.host(), credential);
    let anyone = endpoint(Credential::Anonymous);
    anyone.manifest("r", &latest).unwrap();
    assert_eq!(server.count("GET", "/v2/"), 0);
    let somebody = endpoint(basic("u", "p"));
    somebody.manifest("private", &latest).unwrap();
    assert_eq!(server.count("GET", "/v2/"), 1);
    assert!(
        anyone
            .manifest("private", &latest)
            .unwrap_err()
            .is_not_found()
    );
}
