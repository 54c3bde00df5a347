//! HTTP/2 over TLS: with nginx in front of Debian's registry, and with a server that resets
//! streams, goes away and hangs up.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test, and helpers fail their test at once"
)]

mod common;

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::debian::{Certificates, DebianRegistry, Nginx, Setup};
use common::{noise, patient};
use config::auth::Credential;
use config::certs::{Pem, TlsFiles};
use http::{Response, StatusCode};
use oci::{Digest, Tag};
use registry::{
    Client, ClientOptions, Endpoint, EndpointConfig, RegistryError, TagOrDigest, Upload,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

fn endpoint(options: ClientOptions, host: &str, ca: Pem) -> Endpoint {
    Client::new(options).unwrap().endpoint(EndpointConfig {
        host: host.to_owned(),
        insecure: false,
        tls: TlsFiles {
            ca_pem: vec![ca],
            client: None,
        },
        credential: Credential::Anonymous,
    })
}

#[test]
fn a_registry_behind_nginx_is_spoken_to_in_http2() {
    let Some(registry) = DebianRegistry::start(&Setup::default()) else {
        return;
    };
    let Some(nginx) = Nginx::start(&registry) else {
        return;
    };
    let endpoint = endpoint(patient(), &nginx.host(), nginx.certificates.pem("ca.pem"));
    let (big, small) = (noise(9_000_000, 1), noise(70_000, 2));
    // Several at once over the one connection.
    std::thread::scope(|scope| {
        for n in 0..4_u64 {
            let (endpoint, big, small) = (&endpoint, &big, &small);
            scope.spawn(move || {
                let repo = format!("r/{n}");
                let known = Some((Digest::sha256(big), big.len() as u64));
                endpoint
                    .push_blob(&repo, big.as_slice(), known, Upload::Stream)
                    .unwrap();
                let (digest, size) = endpoint
                    .push_blob(&repo, small.as_slice(), None, Upload::Auto)
                    .unwrap();
                for (digest, size, want) in [
                    (Digest::sha256(big), big.len() as u64, big),
                    (digest, size, small),
                ] {
                    let mut got = Vec::new();
                    let mut reader = endpoint.blob(&repo, &digest, Some(size)).unwrap();
                    reader.read_to_end(&mut got).unwrap();
                    assert!(got == *want);
                }
                let missing = TagOrDigest::Tag(Tag::parse("1").unwrap());
                assert!(
                    endpoint
                        .manifest(&repo, &missing)
                        .unwrap_err()
                        .is_not_found()
                );
            });
        }
    });
    let protocols = nginx.protocols();
    assert!(protocols.len() > 30, "{protocols:?}");
    let others: Vec<&String> = protocols
        .iter()
        .filter(|line| *line != "HTTP/2.0")
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

/// What the server does with a request for the blob.
#[derive(Clone, Copy)]
enum Act {
    /// All of what is asked for.
    Whole,
    /// So many bytes, and then RST_STREAM; with 0 of them not even the head of an answer.
    Reset(usize),
    /// So many bytes, and then GOAWAY and the end of the connection.
    GoAway(usize),
    /// GOAWAY, and the stream is served all the same.
    Leave,
    /// RST_STREAM with REFUSED_STREAM instead of an answer.
    Refuse,
    /// So many bytes, and then the TCP connection ends without a word of TLS; with 0 as above.
    HangUp(usize),
}

/// What a connection is told by one of its streams.
enum Connection {
    GoAway,
    Leave,
    HangUp,
}

/// A registry of one blob that speaks HTTP/2 over TLS.
struct Faulty {
    host: String,
    certificates: Certificates,
    /// The offsets that the blob was asked for from.
    asked: Arc<Mutex<Vec<usize>>>,
    connections: Arc<AtomicUsize>,
    /// How much of the blob the client has read.
    got: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

fn blob() -> Vec<u8> {
    noise(600_000, 7)
}

impl Faulty {
    /// Starts it; `act` is told how many requests for the blob came before.
    fn start(act: fn(usize) -> Act) -> Self {
        let certificates = Certificates::make();
        let pem = |name: &str| certificates.pem(name).bytes;
        let chain = CertificateDer::pem_slice_iter(&pem("server.pem"))
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        let key = PrivateKeyDer::from_pem_slice(&pem("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (log, count) = (Arc::clone(&asked), Arc::clone(&connections));
        let got = Arc::<AtomicUsize>::default();
        let read = Arc::clone(&got);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (acceptor, log) = (acceptor.clone(), Arc::clone(&log));
                let read = Arc::clone(&read);
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        connection(stream, act, log, read).await;
                    }
                });
            }
        });
        Self {
            host,
            certificates,
            asked,
            connections,
            got,
            _runtime: runtime,
        }
    }

    /// Reads the blob; returns how that ended, the offsets asked for, and the connections made.
    fn read(&self) -> (Result<(), RegistryError>, Vec<usize>, usize) {
        let endpoint = endpoint(patient(), &self.host, self.certificates.pem("ca.pem"));
        let result = read(&endpoint, &self.got);
        let asked = self.asked.lock().unwrap().clone();
        (result, asked, self.connections.load(Ordering::SeqCst))
    }
}

/// Reads the blob, telling how far it is.
fn read(endpoint: &Endpoint, told: &AtomicUsize) -> Result<(), RegistryError> {
    let blob = blob();
    let digest = Digest::sha256(&blob);
    let mut reader = endpoint.blob("r", &digest, Some(blob.len() as u64))?;
    let mut got = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => got.extend_from_slice(&buffer[..count]),
            Err(error) => return Err(*error.into_inner().unwrap().downcast().unwrap()),
        }
        told.store(got.len(), Ordering::SeqCst);
    }
    assert!(got == blob);
    Ok(())
}

type Tls = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;

async fn connection(
    stream: Tls,
    act: fn(usize) -> Act,
    asked: Arc<Mutex<Vec<usize>>>,
    got: Arc<AtomicUsize>,
) {
    let mut http = h2::server::handshake(stream).await.unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    loop {
        let (request, mut respond) = tokio::select! {
            told = told.recv() => match told {
                Some(Connection::GoAway) => {
                    http.abrupt_shutdown(h2::Reason::INTERNAL_ERROR);
                    continue;
                }
                Some(Connection::Leave) => {
                    http.graceful_shutdown();
                    continue;
                }
                Some(Connection::HangUp) | None => return,
            },
            request = http.accept() => match request {
                Some(Ok(request)) => request,
                Some(Err(_)) | None => return,
            },
        };
        if !request.uri().path().contains("/blobs/") {
            respond.send_response(Response::new(()), true).unwrap();
            continue;
        }
        let offset = request.headers().get("range").map_or(0, |range| {
            let range = range.to_str().unwrap().trim_start_matches("bytes=");
            range.trim_end_matches('-').parse().unwrap()
        });
        let before = {
            let mut asked = asked.lock().unwrap();
            asked.push(offset);
            asked.len() - 1
        };
        let act = act(before);
        if matches!(act, Act::Refuse) {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            continue;
        }
        // Whether a head comes before what cuts it off would be a matter of luck.
        if matches!(act, Act::Reset(0)) {
            respond.send_reset(h2::Reason::INTERNAL_ERROR);
            continue;
        }
        if matches!(act, Act::HangUp(0)) {
            return;
        }
        if matches!(act, Act::Leave) {
            tell.send(Connection::Leave).unwrap();
        }
        let (tell, got) = (tell.clone(), Arc::clone(&got));
        tokio::spawn(async move {
            let blob = Bytes::from(blob());
            let mut head = Response::builder().header("content-length", blob.len() - offset);
            if offset > 0 {
                let range = format!("bytes {offset}-{}/{}", blob.len() - 1, blob.len());
                head = head
                    .status(StatusCode::PARTIAL_CONTENT)
                    .header("content-range", range);
            }
            let mut body = respond
                .send_response(head.body(()).unwrap(), false)
                .unwrap();
            let (then, after) = match act {
                Act::Whole | Act::Leave | Act::Refuse => {
                    body.send_data(blob.slice(offset..), true).unwrap();
                    return;
                }
                Act::Reset(after) => (None, after),
                Act::GoAway(after) => (Some(Connection::GoAway), after),
                Act::HangUp(after) => (Some(Connection::HangUp), after),
            };
            body.send_data(blob.slice(offset..offset + after), false)
                .unwrap();
            // What was sent has to be read before what throws away what has not.
            while got.load(Ordering::SeqCst) < offset + after {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            match then {
                None => body.send_reset(h2::Reason::INTERNAL_ERROR),
                Some(then) => {
                    let _ = tell.send(then);
                    // The stream lives as long as its connection.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        });
    }
}

#[test]
fn streams_that_are_reset_go_on_where_they_were() {
    let server = Faulty::start(|n| {
        if n < 2 {
            Act::Reset(200_000)
        } else {
            Act::Whole
        }
    });
    let (result, asked, connections) = server.read();
    result.unwrap();
    // The connection stays: only a stream ended.
    assert_eq!((asked, connections), (vec![0, 200_000, 400_000], 1));
}

#[test]
fn resets_without_progress_come_to_an_end() {
    let server = Faulty::start(|_| Act::Reset(0));
    let (result, asked, _) = server.read();
    let error = result.unwrap_err();
    assert!(matches!(error, RegistryError::Broken { .. }), "{error:?}");
    assert_eq!(asked.len(), 3, "tries are bounded");
}

#[test]
fn streams_that_are_refused_are_asked_for_again() {
    let server = Faulty::start(|n| if n == 0 { Act::Refuse } else { Act::Whole });
    let (result, asked, connections) = server.read();
    result.unwrap();
    assert_eq!((asked, connections), (vec![0, 0], 1));
}

#[test]
fn a_server_that_goes_away_is_asked_for_the_rest() {
    let server = Faulty::start(|n| {
        if n == 0 {
            Act::GoAway(150_000)
        } else {
            Act::Whole
        }
    });
    let (result, asked, connections) = server.read();
    result.unwrap();
    assert_eq!((asked, connections), (vec![0, 150_000], 2));
}

#[test]
fn a_server_that_leaves_is_followed_by_another_connection() {
    let server = Faulty::start(|n| if n == 0 { Act::Leave } else { Act::Whole });
    let endpoint = endpoint(patient(), &server.host, server.certificates.pem("ca.pem"));
    read(&endpoint, &server.got).unwrap();
    read(&endpoint, &server.got).unwrap();
    // It may finish what it began; what it does not is asked for on the other connection.
    let asked = server.asked.lock().unwrap();
    assert_eq!((asked.first(), asked.last()), (Some(&0), Some(&0)));
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[test]
fn tls_that_ends_without_a_word_is_no_end_of_the_blob() {
    let server = Faulty::start(|n| {
        if n == 0 {
            Act::HangUp(90_000)
        } else {
            Act::Whole
        }
    });
    let (result, asked, connections) = server.read();
    result.unwrap();
    assert_eq!((asked, connections), (vec![0, 90_000], 2));
    let server = Faulty::start(|_| Act::HangUp(0));
    let (result, asked, _) = server.read();
    assert!(
        matches!(result, Err(RegistryError::Broken { .. })),
        "{result:?}"
    );
    assert_eq!(asked.len(), 3, "tries are bounded");
}
