//! A case: what is asked of a registry, what it answers, and what must come of it.
//!
//! After each the harness checks that it ended, and that the host beside the registry saw no
//! credentials.

use std::cell::RefCell;
use std::io::{Cursor, Read};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use oci::Tag;
use registry::{Client, Endpoint, RegistryError, Result, TagOrDigest, Upload};

use crate::common::script::{Reply, Script, Seen};
use crate::common::{basic, impatient, insecure};
use crate::content::{At, MANIFEST, TAGS, UPLOADS, blob_path, content, good, referrers_path};

const PASSWORD: &str = "hunter2";

#[derive(Clone, Copy)]
pub(crate) enum Call {
    Login,
    Manifest,
    HeadThenGet,
    Blob,
    Tags,
    Referrers,
    PushSmall,
    PushChunks,
    /// As a stream that can be made again.
    PushAgain,
    /// As a stream that cannot.
    PushOnce,
}

impl Call {
    pub(crate) fn run(self, endpoint: &Endpoint) -> Result<()> {
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
            Self::Referrers => endpoint
                .referrers("r", &c.digest)
                .map(|found| assert!(!found.is_empty())),
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

pub(crate) type Judge = fn(&Result<()>) -> bool;

pub(crate) struct Case {
    name: &'static str,
    call: Call,
    /// `None` leaves the answer to the good registry.
    answer: Answer,
    judge: Judge,
    /// Methods, paths and how often they must have been asked for.
    counts: Vec<(&'static str, String, usize)>,
}

pub(crate) fn case(
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
        counts: Vec::new(),
    }
}

impl Case {
    pub(crate) fn counting(
        mut self,
        method: &'static str,
        path: impl Into<String>,
        times: usize,
    ) -> Self {
        self.counts.push((method, path.into(), times));
        self
    }
}

/// A case about GETs of one path: the `n`th of them.
pub(crate) fn get(
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
        Call::Referrers => referrers_path(),
        Call::PushSmall | Call::PushChunks | Call::PushAgain | Call::PushOnce => UPLOADS.to_owned(),
    };
    case(name, call, judge, move |at, seen, n| {
        let same = seen.method == "GET" && seen.target.split('?').next() == Some(path.as_str());
        if same { answer(at, seen, n) } else { None }
    })
}

pub(crate) fn run_all(cases: &[Case]) {
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
    for (method, path, times) in &case.counts {
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

/// Judges a failure by a pattern.
macro_rules! is {
    ($pattern:pat $(if $guard:expr)?) => {
        |result| match result {
            Ok(()) => false,
            Err(error) => matches!(error, $pattern $(if $guard)?),
        }
    };
}
pub(crate) use is;

pub(crate) fn fine(result: &Result<()>) -> bool {
    result.is_ok()
}

pub(crate) fn status(result: &Result<()>, wanted: u16) -> bool {
    result
        .as_ref()
        .is_err_and(|e| e.status().is_some_and(|s| s.as_u16() == wanted))
}

pub(crate) fn denied(result: &Result<()>) -> bool {
    result.as_ref().is_err_and(RegistryError::is_denied)
}

/// `true` the first time only.
pub(crate) fn first(n: usize) -> bool {
    n == 0
}
