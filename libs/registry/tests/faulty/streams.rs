//! Uploads as a stream that break off.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use config::auth::Credential;
use oci::Digest;
use registry::{Client, RegistryError as E, Upload};

use crate::case::Call::{PushAgain, PushOnce};
use crate::case::{Case, case, denied, fine, first, is, run_all, status};
use crate::common::script::{End, Reply, Script, Seen};
use crate::common::{basic, impatient, insecure};
use crate::content::{At, BLOB_BYTES, UPLOADS, content, good};

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
        case(
            "no answer to the end",
            PushOnce,
            is!(E::Timeout { .. }),
            move |_, seen, _| on("PUT", "/up/1", seen).then(|| Reply::Raw(Vec::new(), End::Stall)),
        )
        .counting("PUT", "/up/1", 1)
        .counting("DELETE", "/up/1", 1),
        case("no answer, but there", PushOnce, fine, move |_, seen, _| {
            if seen.method == "HEAD" {
                return Some(Reply::ok(content().blob.clone()));
            }
            on("PUT", "/up/1", seen).then(|| Reply::Raw(Vec::new(), End::Stall))
        })
        .counting("PUT", "/up/1", 1),
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

#[test]
fn broken_streams() {
    run_all(&streams());
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

/// A registry that reads no more of a request than its head; `patch` has the word after that of
/// a PATCH. Returns its address, and the methods that it was asked.
fn hasty(mut patch: impl FnMut(TcpStream) + Send + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = Vec::new();
            // A greeting of TLS gets no answer.
            while !head.ends_with(b"\r\n\r\n") && head.first() != Some(&0x16) {
                let mut byte = [0];
                if stream.read_exact(&mut byte).is_err() {
                    break;
                }
                head.push(byte[0]);
            }
            let method = head.split(|b| *b == b' ').next().unwrap_or_default();
            let method = String::from_utf8_lossy(method).into_owned();
            if head.ends_with(b"\r\n\r\n") {
                log.lock().unwrap().push(method.clone());
            }
            match method.as_str() {
                "GET" => say(&mut stream, "200 X\r\n"),
                "POST" => say(&mut stream, "202 X\r\nLocation: /up/1\r\n"),
                "PUT" => say(&mut stream, "201 X\r\n"),
                "DELETE" => say(&mut stream, "204 X\r\n"),
                "PATCH" => patch(stream),
                _ => {}
            }
        }
    });
    (host, asked)
}

fn say(stream: &mut TcpStream, answer: &str) {
    let answer = format!("HTTP/1.1 {answer}Connection: close\r\nContent-Length: 0\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes());
}

#[test]
fn an_answer_before_the_end_makes_no_shorter_blob() {
    let (answered, wait) = mpsc::channel();
    let (host, _) = hasty(move |mut stream| {
        say(&mut stream, "202 X\r\nLocation: /up/1\r\n");
        let _ = answered.send(());
        // To close on what was not read would throw the answer away.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });

    /// Gives a piece, waits until the registry has answered, and has more.
    struct Slow {
        answered: mpsc::Receiver<()>,
        reads: usize,
    }
    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.reads += 1;
            match self.reads {
                1 => {}
                2 => self.answered.recv().unwrap(),
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
fn a_challenge_in_the_middle_of_a_stream_ends_it() {
    const BODY_BYTES: usize = 6 << 20;
    let (host, asked) = hasty(|mut stream| {
        let mut begun = vec![0; 1 << 20];
        stream.read_exact(&mut begun).unwrap();
        say(
            &mut stream,
            "401 X\r\nWWW-Authenticate: Basic realm=\"r\"\r\n",
        );
        // To close on what was not read would throw the answer away.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let client = Client::new(impatient()).unwrap();
    let endpoint = insecure(&client, &host, basic("u", "p"));
    endpoint.ping().unwrap();
    let blob = vec![7; BODY_BYTES];
    for known in [None, Some((Digest::sha256(&blob), BODY_BYTES as u64))] {
        asked.lock().unwrap().clear();
        let result = endpoint.push_blob("r", blob.as_slice(), known, Upload::Stream);
        let error = result.unwrap_err();
        assert!(error.is_denied(), "{error:?}");
        assert_eq!(*asked.lock().unwrap(), ["POST", "PATCH", "DELETE"]);
    }
}
