//! What the client does with registries that are broken, overloaded or hostile.
//!
//! Each case says what the registry does and what must come of it. After each the harness
//! checks that it ended, and that the host beside the registry saw no credentials.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test, and helpers fail their test at once"
)]

mod common;

use std::cell::RefCell;
use std::io::{Cursor, Read};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use common::script::{End, Reply, Script, Seen};
use common::{basic, impatient, insecure, manifest_json, noise};
use config::auth::Credential;
use config::certs::TlsFiles;
use oci::{Digest, Tag};
use registry::{
    Cancel, Client, ClientOptions, Endpoint, EndpointConfig, RegistryError, Result, TagOrDigest,
    Upload,
};

const PASSWORD: &str = "hunter2";
const BLOB_BYTES: usize = 300_000;

struct Content {
    blob: Vec<u8>,
    digest: Digest,
    manifest: Vec<u8>,
}

fn content() -> &'static Content {
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
struct At {
    own: SocketAddr,
    other: SocketAddr,
}

fn blob_path() -> String {
    format!("/v2/r/blobs/{}", content().digest)
}

const MANIFEST: &str = "/v2/r/manifests/latest";
const TAGS: &str = "/v2/r/tags/list";
const UPLOADS: &str = "/v2/r/blobs/uploads/";

/// What a good registry with basic authentication answers.
fn good(at: At, seen: &Seen) -> Reply {
    let c = content();
    let path = seen.target.split('?').next().unwrap();
    match (seen.method.as_str(), path) {
        ("GET", "/v2/") => Reply::status(401).with("WWW-Authenticate", "Basic realm=\"r\""),
        ("GET", p) if p == blob_path() => ranged(seen, "\"e\""),
        ("GET" | "HEAD", MANIFEST) => manifest(&c.manifest),
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

fn manifest(bytes: &[u8]) -> Reply {
    Reply::ok(bytes)
        .with("Content-Type", "application/vnd.oci.image.manifest.v1+json")
        .with("Docker-Content-Digest", Digest::sha256(bytes))
}

fn ranged(seen: &Seen, etag: &str) -> Reply {
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
fn cut_blob(length: Option<usize>, cut: usize) -> Vec<u8> {
    let mut raw = b"HTTP/1.1 200 OK\r\n".to_vec();
    if let Some(length) = length {
        raw.extend(format!("Content-Length: {length}\r\n").bytes());
    }
    raw.extend(b"ETag: \"e\"\r\nConnection: close\r\n\r\n");
    raw.extend(&content().blob[..cut]);
    raw
}

fn chunked(good_end: bool) -> Vec<u8> {
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

fn bearer(realm: impl std::fmt::Display) -> Reply {
    Reply::status(401).with(
        "WWW-Authenticate",
        format!("Bearer realm=\"{realm}\",service=\"s\""),
    )
}

#[derive(Clone, Copy)]
enum Call {
    Login,
    Manifest,
    HeadThenGet,
    Blob,
    Tags,
    PushSmall,
    PushChunks,
    /// As a stream that can be made again.
    PushAgain,
    /// As a stream that cannot.
    PushOnce,
}

impl Call {
    fn run(self, endpoint: &Endpoint) -> Result<()> {
        let c = content();
        let latest = TagOrDigest::Tag(Tag::parse("latest").unwrap());
        match self {
            Self::Login => endpoint.check_login(),
            Self::Manifest => {
                let raw = endpoint.manifest("r", &latest)?;
                assert_eq!(raw.bytes(), c.manifest);
                Ok(())
            }
            Self::HeadThenGet => {
                let head = endpoint.head_manifest("r", &latest)?.expect("a manifest");
                endpoint.manifest("r", &head.digest.into()).map(drop)
            }
            Self::Blob => {
                let mut reader = endpoint.blob("r", &c.digest, Some(c.blob.len() as u64))?;
                let mut got = Vec::new();
                let end = reader.read_to_end(&mut got);
                assert!(got.len() <= c.blob.len(), "more bytes than the size");
                match end {
                    Ok(_) => assert_eq!(got, c.blob),
                    Err(error) => {
                        assert!(
                            reader.read(&mut [0; 10]).is_err(),
                            "a failed reader ended well"
                        );
                        return Err(*error.into_inner().unwrap().downcast().unwrap());
                    }
                }
                Ok(())
            }
            Self::Tags => endpoint.tags("r").map(|tags| assert!(!tags.is_empty())),
            Self::PushSmall => {
                let known = Some((c.digest, c.blob.len() as u64));
                endpoint
                    .push_blob("r", c.blob.as_slice(), known, Upload::Auto)
                    .map(drop)
            }
            Self::PushAgain => {
                let body = RefCell::new(Cursor::new(c.blob.as_slice()));
                let again = || {
                    body.borrow_mut().set_position(0);
                    Ok(())
                };
                let known = (c.digest, c.blob.len() as u64);
                let upload = endpoint.begin_upload("r")?;
                upload
                    .push_repeatable(Shared(&body), &again, known, Upload::Stream)
                    .map(|pushed| assert_eq!(pushed, known))
            }
            Self::PushOnce => endpoint
                .push_blob("r", c.blob.as_slice(), None, Upload::Auto)
                .map(drop),
            Self::PushChunks => {
                let how = Upload::Chunked {
                    chunk_bytes: 100_000,
                };
                let pushed = endpoint.push_blob("r", c.blob.as_slice(), None, how)?;
                assert_eq!(pushed, (c.digest, c.blob.len() as u64));
                Ok(())
            }
        }
    }
}

/// A reader that is set back from outside.
struct Shared<'a>(&'a RefCell<Cursor<&'static [u8]>>);

impl Read for Shared<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

type Answer = Arc<dyn Fn(At, &Seen, usize) -> Option<Reply> + Send + Sync>;
type Judge = fn(&Result<()>) -> bool;

struct Case {
    name: &'static str,
    call: Call,
    /// `None` leaves the answer to the good registry.
    answer: Answer,
    judge: Judge,
    /// Method, path and how often it must have been asked for.
    count: Option<(&'static str, String, usize)>,
}

fn case(
    name: &'static str,
    call: Call,
    judge: Judge,
    answer: impl Fn(At, &Seen, usize) -> Option<Reply> + Send + Sync + 'static,
) -> Case {
    Case {
        name,
        call,
        answer: Arc::new(answer),
        judge,
        count: None,
    }
}

impl Case {
    fn counting(mut self, method: &'static str, path: impl Into<String>, times: usize) -> Self {
        self.count = Some((method, path.into(), times));
        self
    }
}

/// A case about GETs of one path: the `n`th of them.
fn get(
    name: &'static str,
    call: Call,
    judge: Judge,
    answer: impl Fn(At, &Seen, usize) -> Option<Reply> + Send + Sync + 'static,
) -> Case {
    let path = match call {
        Call::Login => "/v2/".to_owned(),
        Call::Manifest | Call::HeadThenGet => MANIFEST.to_owned(),
        Call::Blob => blob_path(),
        Call::Tags => TAGS.to_owned(),
        Call::PushSmall | Call::PushChunks | Call::PushAgain | Call::PushOnce => UPLOADS.to_owned(),
    };
    case(name, call, judge, move |at, seen, n| {
        let same = seen.method == "GET" && seen.target.split('?').next() == Some(path.as_str());
        if same { answer(at, seen, n) } else { None }
    })
}

/// Runs a case and returns what went otherwise than it should.
fn run(case: &Case) -> Vec<String> {
    let other = Script::start(|seen, _| match seen.target.split('?').next().unwrap() {
        "/blob" => Reply::ok(content().blob.clone()),
        "/token" => Reply::ok(r#"{"token":"stolen"}"#),
        _ => Reply::status(202).with("Location", "/up/2"),
    });
    let at: Arc<OnceLock<At>> = Arc::default();
    let own = {
        let (at, answer) = (Arc::clone(&at), Arc::clone(&case.answer));
        Script::start(move |seen, n| {
            let at = *at.get().unwrap();
            answer(at, seen, n).unwrap_or_else(|| good(at, seen))
        })
    };
    at.set(At {
        own: own.address,
        other: other.address,
    })
    .ok()
    .unwrap();
    let client = Client::new(impatient()).unwrap();
    let endpoint = insecure(&client, &own.host(), basic("user", PASSWORD));
    let began = Instant::now();
    let result = case.call.run(&endpoint);
    let took = began.elapsed();
    let mut wrong = Vec::new();
    if !(case.judge)(&result) {
        wrong.push(format!("{}: {result:?}", case.name));
    }
    // Whether it ends at all, on however busy a machine; the counts tell how.
    if took > Duration::from_secs(60) {
        wrong.push(format!("{}: took {took:?}", case.name));
    }
    if let Some((method, path, times)) = &case.count {
        let asked = own.count(method, path);
        if asked != *times {
            wrong.push(format!(
                "{}: {method} {path} {asked} times, not {times}",
                case.name
            ));
        }
    }
    for seen in other.seen() {
        let leaked = seen.header("authorization").is_some()
            || seen.header("cookie").is_some()
            || seen.target.contains(PASSWORD)
            || String::from_utf8_lossy(&seen.body).contains(PASSWORD);
        if leaked {
            wrong.push(format!(
                "{}: credentials at another host: {seen:?}",
                case.name
            ));
        }
    }
    wrong
}

macro_rules! is {
    ($pattern:pat $(if $guard:expr)?) => {
        |result| match result {
            Ok(()) => false,
            Err(error) => matches!(error, $pattern $(if $guard)?),
        }
    };
}

fn fine(result: &Result<()>) -> bool {
    result.is_ok()
}

fn status(result: &Result<()>, wanted: u16) -> bool {
    result
        .as_ref()
        .is_err_and(|e| e.status().is_some_and(|s| s.as_u16() == wanted))
}

fn denied(result: &Result<()>) -> bool {
    result.as_ref().is_err_and(RegistryError::is_denied)
}

/// `true` the first time only.
fn first(n: usize) -> bool {
    n == 0
}

use Call::{Blob, HeadThenGet, Login, Manifest, PushAgain, PushChunks, PushOnce, PushSmall, Tags};
use RegistryError as E;

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

fn blobs() -> Vec<Case> {
    vec![
        get(
            "flipped bit",
            Blob,
            is!(E::DigestMismatch { .. }),
            |_, _, _| {
                let mut blob = content().blob.clone();
                blob[200_000] ^= 4;
                Some(Reply::ok(blob))
            },
        )
        .counting("GET", blob_path(), 1),
        get(
            "zeros put in",
            Blob,
            is!(E::DigestMismatch { .. }),
            |_, _, _| {
                let mut blob = content().blob.clone();
                blob.splice(1000..1000, [0; 512]);
                blob.truncate(BLOB_BYTES);
                Some(Reply::ok(blob))
            },
        ),
        get(
            "shorter, and says so",
            Blob,
            is!(E::SizeMismatch {
                at_least: false,
                ..
            }),
            |_, _, _| Some(Reply::ok(&content().blob[..BLOB_BYTES - 1])),
        ),
        get(
            "longer, and says so",
            Blob,
            is!(E::SizeMismatch { .. }),
            |_, _, _| {
                let mut blob = content().blob.clone();
                blob.push(0);
                Some(Reply::ok(blob))
            },
        ),
        get("bytes behind the length", Blob, fine, |_, _, _| {
            let mut raw = cut_blob(Some(BLOB_BYTES), BLOB_BYTES);
            raw.extend([0; 5000]);
            Some(Reply::Raw(raw, End::Close))
        }),
        get("no length", Blob, fine, |_, _, _| {
            Some(Reply::Raw(cut_blob(None, BLOB_BYTES), End::Close))
        }),
        get(
            "no length, too long",
            Blob,
            is!(E::SizeMismatch { at_least: true, .. }),
            |_, _, _| {
                let mut raw = cut_blob(None, BLOB_BYTES);
                raw.push(0);
                Some(Reply::Raw(raw, End::Close))
            },
        ),
        get("no length, too short", Blob, fine, |_, _, n| {
            first(n).then(|| Reply::Raw(cut_blob(None, BLOB_BYTES - 1), End::Close))
        }),
        get(
            "no length, endless",
            Blob,
            is!(E::SizeMismatch { .. }),
            |_, _, _| Some(Reply::Endless(cut_blob(None, BLOB_BYTES), vec![7; 65536])),
        ),
        get("all there, then a stall", Blob, fine, |_, _, _| {
            Some(Reply::Raw(cut_blob(None, BLOB_BYTES), End::Stall))
        })
        .counting("GET", blob_path(), 1),
        get("chunked", Blob, fine, |_, _, _| {
            Some(Reply::Raw(chunked(true), End::Close))
        }),
        get("chunk error once", Blob, fine, |_, _, n| {
            first(n).then(|| Reply::Raw(chunked(false), End::Close))
        }),
        get("encoded", Blob, is!(E::Encoded { .. }), |_, _, _| {
            Some(Reply::ok(content().blob.clone()).with("Content-Encoding", "gzip"))
        }),
        get("200 for a range", Blob, fine, |_, _, n| {
            Some(if first(n) {
                Reply::Raw(cut_blob(Some(BLOB_BYTES), 123_456), End::Close)
            } else {
                Reply::ok(content().blob.clone())
            })
        }),
        get(
            "another 200 for a range",
            Blob,
            is!(E::DigestMismatch { .. }),
            |_, _, n| {
                Some(if first(n) {
                    Reply::Raw(cut_blob(Some(BLOB_BYTES), 123_456), End::Close)
                } else {
                    Reply::ok(noise(BLOB_BYTES, 2))
                })
            },
        ),
        out_of_step("another range", |_| {
            Reply::status(206)
                .with(
                    "Content-Range",
                    format!("bytes 0-{}/{BLOB_BYTES}", BLOB_BYTES - 1),
                )
                .body(content().blob.clone())
        }),
        out_of_step("206 without a range", |_| {
            Reply::status(206).body(&content().blob[CUT..])
        }),
        out_of_step("another total", |_| {
            Reply::status(206)
                .with(
                    "Content-Range",
                    format!("bytes {CUT}-{}/999999", BLOB_BYTES - 1),
                )
                .body(&content().blob[CUT..])
        }),
        out_of_step("another etag", |seen| ranged(seen, "\"f\"")),
        out_of_step("416", |_| Reply::status(416)),
        get(
            "another blob after 416",
            Blob,
            is!(E::DigestMismatch { .. }),
            |_, seen, n| {
                Some(match (first(n), seen.offset()) {
                    (true, _) => Reply::Raw(cut_blob(Some(BLOB_BYTES), CUT), End::Close),
                    (_, Some(_)) => Reply::status(416),
                    (_, None) => Reply::ok(noise(BLOB_BYTES, 2)),
                })
            },
        )
        .counting("GET", blob_path(), 3),
        get(
            "416 and a cut, again and again",
            Blob,
            is!(E::Broken { .. }),
            |_, seen, _| {
                Some(match seen.offset() {
                    None => Reply::Raw(cut_blob(Some(BLOB_BYTES), CUT), End::Close),
                    Some(_) => Reply::status(416),
                })
            },
        )
        .counting("GET", blob_path(), 5),
    ]
}

/// Where the first answer is cut.
const CUT: usize = 123_456;

/// A blob whose rest is answered with something else, and which is there as a whole.
fn out_of_step(name: &'static str, rest: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Case {
    get(name, Blob, fine, move |_, seen, n| {
        if first(n) {
            return Some(Reply::Raw(cut_blob(Some(BLOB_BYTES), CUT), End::Close));
        }
        seen.offset().map(|_| rest(seen))
    })
    .counting("GET", blob_path(), 3)
}

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

fn uploads() -> Vec<Case> {
    let on = |method: &'static str, path: &'static str, seen: &Seen| {
        seen.method == method && seen.target.split('?').next() == Some(path)
    };
    vec![
        case("good upload", PushSmall, fine, |_, _, _| None).counting("DELETE", "/up/1", 0),
        case("good chunks", PushChunks, fine, |_, _, _| None).counting("PATCH", "/up/1", 3),
        case(
            "refused at the end",
            PushSmall,
            denied,
            move |_, seen, _| on("PUT", "/up/1", seen).then(|| Reply::status(403)),
        )
        .counting("DELETE", "/up/1", 1),
        case(
            "500 at the end, once",
            PushSmall,
            fine,
            move |_, seen, n| (on("PUT", "/up/1", seen) && first(n)).then(|| Reply::status(500)),
        )
        .counting("POST", UPLOADS, 2),
        case(
            "stored as something else",
            PushSmall,
            is!(E::DigestMismatch { .. }),
            move |_, seen, _| {
                let reply =
                    || Reply::status(201).with("Docker-Content-Digest", Digest::sha256(b""));
                on("PUT", "/up/1", seen).then(reply)
            },
        ),
        case(
            "upload on another host",
            PushSmall,
            |r| status(r, 202),
            move |at, seen, _| {
                let location = format!("http://{}/up/9", at.other);
                on("POST", UPLOADS, seen).then(|| Reply::status(202).with("Location", location))
            },
        ),
        case(
            "upload in a file",
            PushSmall,
            is!(E::Header { .. }),
            move |_, seen, _| {
                on("POST", UPLOADS, seen).then(|| Reply::status(202).with("Location", "file:///x"))
            },
        ),
        case(
            "upload nowhere",
            PushSmall,
            is!(E::Header { .. }),
            move |_, seen, _| on("POST", UPLOADS, seen).then(|| Reply::status(202)),
        ),
        case(
            "chunk lost, and found",
            PushChunks,
            fine,
            move |_, seen, n| {
                // The second chunk arrives, but its answer is an error.
                if on("PATCH", "/up/1", seen) && n == 1 {
                    return Some(Reply::status(502));
                }
                let range = || Reply::status(204).with("Range", "0-199999");
                on("GET", "/up/1", seen).then(range)
            },
        )
        .counting("PATCH", "/up/1", 3),
        case("chunk half there", PushChunks, fine, move |_, seen, n| {
            if on("PATCH", "/up/1", seen) && n == 1 {
                return Some(Reply::status(502));
            }
            if on("PATCH", "/up/1", seen) && n == 2 {
                let rest = seen.body == content().blob[150_000..200_000]
                    && seen.header("content-range") == Some("150000-199999");
                return (!rest).then(|| Reply::status(400));
            }
            on("GET", "/up/1", seen).then(|| Reply::status(204).with("Range", "0-149999"))
        })
        .counting("PATCH", "/up/1", 4),
        case(
            "chunk thrown away",
            PushChunks,
            |r| status(r, 502),
            move |_, seen, n| {
                if on("PATCH", "/up/1", seen) && n == 1 {
                    return Some(Reply::status(502));
                }
                on("GET", "/up/1", seen).then(|| Reply::status(204).with("Range", "0-9"))
            },
        )
        .counting("DELETE", "/up/1", 1),
        case(
            "chunks larger than asked for",
            PushChunks,
            fine,
            move |at, seen, _| {
                let reply = Reply::status(202)
                    .with("Location", format!("http://{}/up/1", at.own))
                    .with("OCI-Chunk-Min-Length", 150_000);
                on("POST", UPLOADS, seen).then_some(reply)
            },
        )
        .counting("PATCH", "/up/1", 2),
    ]
}

/// Uploads as one stream that break off.
fn streams() -> Vec<Case> {
    let on = |method: &'static str, path: &'static str, seen: &Seen| {
        seen.method == method && seen.target.split('?').next() == Some(path)
    };
    let has = move |seen: &Seen, range: &'static str| {
        let reply = || {
            Reply::status(204)
                .with("Range", range)
                .with("Location", "/up/1?s=7")
        };
        on("GET", "/up/1", seen).then(reply)
    };
    let all = |seen: &Seen| seen.body == content().blob && seen.header("content-range").is_none();
    vec![
        case("good stream", PushAgain, fine, move |_, seen, _| {
            (on("PATCH", "/up/1", seen) && !all(seen)).then(|| Reply::status(400))
        })
        .counting("GET", "/up/1", 0),
        case(
            "goes on where it was",
            PushAgain,
            fine,
            move |_, seen, n| {
                if on("PATCH", "/up/1", seen) && n == 0 {
                    return Some(Reply::Raw(Vec::new(), End::Reset));
                }
                if on("PATCH", "/up/1", seen) {
                    let rest = seen.body == content().blob[100_000..]
                        && seen.target.ends_with("s=7")
                        && seen.header("content-range") == Some("100000-299999");
                    return (!rest).then(|| Reply::status(400));
                }
                has(seen, "0-99999")
            },
        )
        .counting("PATCH", "/up/1", 2),
        case("goes on twice", PushAgain, fine, move |_, seen, n| {
            if on("PATCH", "/up/1", seen) && n < 2 {
                return Some(Reply::status(502));
            }
            if on("PATCH", "/up/1", seen) {
                let rest = seen.body == content().blob[200_000..];
                return (!rest).then(|| Reply::status(400));
            }
            has(seen, if n == 0 { "0-99999" } else { "0-199999" })
        })
        .counting("PATCH", "/up/1", 3),
        case(
            "only the answer was lost",
            PushAgain,
            fine,
            move |_, seen, _| {
                if on("PATCH", "/up/1", seen) {
                    return Some(Reply::Raw(Vec::new(), End::Close));
                }
                has(seen, "0-299999")
            },
        )
        .counting("PATCH", "/up/1", 1),
        case("nothing arrived", PushAgain, fine, move |_, seen, n| {
            if on("PATCH", "/up/1", seen) {
                return if n == 0 {
                    Some(Reply::status(503))
                } else {
                    (!all(seen)).then(|| Reply::status(400))
                };
            }
            has(seen, "0-0")
        })
        .counting("POST", UPLOADS, 2),
        case("the upload is gone", PushAgain, fine, move |_, seen, n| {
            if on("PATCH", "/up/1", seen) {
                return if n == 0 {
                    Some(Reply::status(500))
                } else {
                    (!all(seen)).then(|| Reply::status(400))
                };
            }
            on("GET", "/up/1", seen).then(|| Reply::status(404))
        })
        .counting("POST", UPLOADS, 2),
        case("more than there is", PushAgain, fine, move |_, seen, n| {
            if on("PATCH", "/up/1", seen) && n == 0 {
                return Some(Reply::status(500));
            }
            has(seen, "0-300000")
        })
        .counting("POST", UPLOADS, 2),
        case(
            "breaks each time",
            PushAgain,
            |r| status(r, 502),
            move |_, seen, _| {
                if on("PATCH", "/up/1", seen) {
                    return Some(Reply::status(502));
                }
                has(seen, "0-99999")
            },
        )
        .counting("PATCH", "/up/1", 3),
        case(
            "busy at the end, once",
            PushOnce,
            fine,
            move |_, seen, n| {
                let busy = || Reply::status(503).with("Retry-After", "0");
                (on("PUT", "/up/1", seen) && first(n)).then(busy)
            },
        )
        .counting("PUT", "/up/1", 2),
        case(
            "busy at the end, each time",
            PushOnce,
            |r| status(r, 429),
            move |_, seen, _| on("PUT", "/up/1", seen).then(|| Reply::status(429)),
        )
        .counting("PUT", "/up/1", 3),
        case("there after all", PushOnce, fine, move |_, seen, _| {
            if seen.method == "HEAD" {
                return Some(Reply::ok(content().blob.clone()));
            }
            on("PUT", "/up/1", seen).then(|| Reply::status(500))
        })
        .counting("PUT", "/up/1", 1),
        case(
            "credentials are asked for on writes only",
            PushOnce,
            fine,
            move |_, seen, _| match seen.method.as_str() {
                "GET" if seen.target == "/v2/" => Some(Reply::ok("{}")),
                "GET" | "HEAD" => None,
                _ if seen.header("authorization").is_some() => None,
                _ => Some(Reply::status(401).with("WWW-Authenticate", "Basic realm=\"r\"")),
            },
        )
        .counting("PATCH", "/up/1", 1),
        case("refused", PushAgain, denied, move |_, seen, _| {
            on("PATCH", "/up/1", seen).then(|| Reply::status(403))
        })
        .counting("GET", "/up/1", 0),
        case(
            "cannot be read again",
            PushOnce,
            is!(E::Interrupted { read_bytes, .. } if *read_bytes == BLOB_BYTES as u64),
            move |_, seen, _| on("PATCH", "/up/1", seen).then(|| Reply::status(502)),
        )
        .counting("DELETE", "/up/1", 1),
    ]
}

fn run_all(cases: &[Case]) {
    let wrong: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = cases.iter().map(|case| scope.spawn(|| run(case))).collect();
        running
            .into_iter()
            .flat_map(|case| case.join().unwrap())
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn broken_connections() {
    run_all(&connections());
}

#[test]
fn wrong_blobs() {
    run_all(&blobs());
}

#[test]
fn wrong_statuses() {
    run_all(&statuses());
}

#[test]
fn wrong_manifests() {
    run_all(&manifests());
}

#[test]
fn wrong_redirects() {
    run_all(&redirects());
}

#[test]
fn wrong_tokens() {
    run_all(&tokens());
}

#[test]
fn wrong_tag_lists() {
    run_all(&tags());
}

#[test]
fn wrong_uploads() {
    run_all(&uploads());
}

#[test]
fn broken_streams() {
    run_all(&streams());
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
fn a_reader_that_fails_cancels_the_upload() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::Error::other("disk on fire"));
            }
            let count = buffer.len().min(self.0);
            buffer[..count].fill(7);
            self.0 -= count;
            Ok(count)
        }
    }
    let at: Arc<OnceLock<At>> = Arc::default();
    let own = Arc::clone(&at);
    let server = Script::start(move |seen, _| good(*own.get().unwrap(), seen));
    at.set(At {
        own: server.address,
        other: server.address,
    })
    .ok()
    .unwrap();
    let client = Client::new(impatient()).unwrap();
    let endpoint = insecure(&client, &server.host(), basic("u", "p"));
    let error = endpoint
        .push_blob("r", Failing(5_000_000), None, Upload::Auto)
        .unwrap_err();
    assert!(matches!(error, E::Body { .. }), "{error:?}");
    assert_eq!(server.count("DELETE", "/up/1"), 1);
    assert_eq!(server.count("PUT", "/up/1"), 0);

    let known = Some((Digest::sha256(b""), 10_000_000));
    let error = endpoint
        .push_blob("r", &[7; 6_000_000][..], known, Upload::Auto)
        .unwrap_err();
    assert!(matches!(error, E::SizeMismatch { .. }), "{error:?}");
    assert_eq!(server.count("DELETE", "/up/1"), 2);
    assert_eq!(server.count("PUT", "/up/1"), 0);
}

#[test]
fn an_answer_before_the_end_makes_no_shorter_blob() {
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::mpsc;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (answered, wait) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read_exact(&mut byte).is_err() {
                    break;
                }
                head.push(byte[0]);
            }
            let answer = match head.split(|b| *b == b' ').next() {
                Some(b"GET") => "200 X\r\n",
                Some(b"POST" | b"PATCH") => "202 X\r\nLocation: /up/1\r\n",
                Some(b"PUT") => "201 X\r\n",
                _ => continue,
            };
            let answer = format!("HTTP/1.1 {answer}Connection: close\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
            if head.starts_with(b"PATCH") {
                let _ = answered.send(stream);
            }
        }
    });

    /// Gives a piece, waits until the registry has answered, and has more.
    struct Slow {
        answered: mpsc::Receiver<std::net::TcpStream>,
        reads: usize,
    }
    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.reads += 1;
            match self.reads {
                1 => {}
                2 => drop(self.answered.recv().unwrap()),
                _ => thread::sleep(Duration::from_millis(20)),
            }
            let count = if self.reads < 100 { buffer.len() } else { 0 };
            buffer[..count].fill(7);
            Ok(count)
        }
    }
    let client = Client::new(impatient()).unwrap();
    let endpoint = insecure(&client, &host, Credential::Anonymous);
    let body = Slow {
        answered: wait,
        reads: 0,
    };
    let result = endpoint.push_blob("r", body, None, Upload::Stream);
    assert!(matches!(result, Err(E::Early { .. })), "{result:?}");
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
fn lookaside_files_are_plain() {
    let server = Script::start(|seen, _| match seen.target.as_str() {
        "/sig" => Reply::ok("signature"),
        "/big" => Reply::ok(vec![0; 100]),
        _ => Reply::status(404),
    });
    let client = Client::new(impatient()).unwrap();
    let url = |path: &str| format!("http://{}{path}", server.host());
    assert_eq!(
        client
            .get_lookaside(&url("/sig"), TlsFiles::default(), 99)
            .unwrap()
            .as_deref(),
        Some(&b"signature"[..])
    );
    assert_eq!(
        client
            .get_lookaside(&url("/none"), TlsFiles::default(), 99)
            .unwrap(),
        None
    );
    assert!(matches!(
        client.get_lookaside(&url("/big"), TlsFiles::default(), 99),
        Err(E::TooLarge { .. })
    ));
    for bad in ["file:///etc/passwd", "x", "http://u:p@127.0.0.1/"] {
        assert!(
            matches!(
                client.get_lookaside(bad, TlsFiles::default(), 99),
                Err(E::Name { .. })
            ),
            "{bad}"
        );
    }
}
