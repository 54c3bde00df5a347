//! Everything once against Debian's docker-registry: plain, with passwords, with certificates.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test, and helpers fail their test at once"
)]

mod common;

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::debian::{DebianRegistry, Setup, Tls};
use common::{basic, insecure, manifest_json, noise, patient, pem};
use config::auth::Credential;
use config::certs::{Pem, TlsFiles};
use oci::{Digest, MediaType, Tag};
use registry::{Client, Endpoint, EndpointConfig, Mount, RegistryError, TagOrDigest, Upload};

fn tag(text: &str) -> TagOrDigest {
    TagOrDigest::Tag(Tag::parse(text).unwrap())
}

fn read(endpoint: &Endpoint, repo: &str, digest: &Digest, size: Option<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    endpoint
        .blob(repo, digest, size)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// Pushes, reads, mounts and deletes in every way there is.
fn whole_life(endpoint: &Endpoint) {
    let big = noise(6_000_000, 3);
    let layer = noise(700_000, 4);
    let config = b"{}".to_vec();
    let sized = |bytes: &[u8]| (Digest::sha256(bytes), bytes.len() as u64);

    // Blobs: small and known, streamed, streamed with a length, in chunks, empty.
    assert_eq!(endpoint.head_blob("a/one", &sized(&layer).0).unwrap(), None);
    for (bytes, known, how) in [
        (&config, Some(sized(&config)), Upload::Auto),
        (&layer, Some(sized(&layer)), Upload::Auto),
        (&big, None, Upload::Auto),
        (&big, Some(sized(&big)), Upload::Stream),
        (
            &big,
            None,
            Upload::Chunked {
                chunk_bytes: 1_000_000,
            },
        ),
        (&Vec::new(), None, Upload::Stream),
        (&Vec::new(), Some(sized(b"")), Upload::Auto),
    ] {
        let pushed = endpoint
            .push_blob("a/one", bytes.as_slice(), known, how)
            .unwrap();
        assert_eq!(pushed, sized(bytes), "{how:?}");
        assert_eq!(
            endpoint.head_blob("a/one", &pushed.0).unwrap(),
            Some(pushed.1)
        );
        assert_eq!(read(endpoint, "a/one", &pushed.0, Some(pushed.1)), *bytes);
        assert_eq!(read(endpoint, "a/one", &pushed.0, None), *bytes);
    }
    let wrong = Some((sized(&config).0, layer.len() as u64));
    let error = endpoint
        .push_blob("a/one", layer.as_slice(), wrong, Upload::Auto)
        .unwrap_err();
    assert_eq!(error.status().map(|s| s.as_u16()), Some(400), "{error}");
    let missing = Digest::sha256(b"nowhere");
    let error = endpoint.blob("a/one", &missing, None).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(error.to_string().contains("blob unknown"), "{error}");

    // Another repository of the same registry.
    assert!(endpoint.mount_blob("b", &sized(&layer).0, "a/one").unwrap());
    assert_eq!(
        endpoint.head_blob("b", &sized(&layer).0).unwrap(),
        Some(layer.len() as u64)
    );
    assert!(!endpoint.mount_blob("b", &missing, "a/one").unwrap());
    match endpoint
        .mount_or_begin("b", &sized(&config).0, "nowhere")
        .unwrap()
    {
        Mount::Mounted => panic!("mounted out of nowhere"),
        Mount::Upload(upload) => {
            upload
                .push(config.as_slice(), Some(sized(&config)), Upload::Auto)
                .unwrap();
        }
    }

    // Manifests.
    let bytes = manifest_json(&config, &layer);
    let digest = Digest::sha256(&bytes);
    assert_eq!(endpoint.head_manifest("a/one", &tag("v1")).unwrap(), None);
    for name in ["v1", "v2"] {
        let put =
            endpoint.put_manifest("a/one", &tag(name), &MediaType::OciManifest, bytes.clone());
        assert_eq!(put.unwrap(), digest);
    }
    let by_digest = TagOrDigest::Digest(digest);
    let put = endpoint.put_manifest("b", &by_digest, &MediaType::OciManifest, bytes.clone());
    assert_eq!(put.unwrap(), digest);
    let head = endpoint
        .head_manifest("a/one", &tag("v1"))
        .unwrap()
        .unwrap();
    assert_eq!((head.digest, head.size), (digest, Some(bytes.len() as u64)));
    assert_eq!(head.media_type, Some(MediaType::OciManifest));
    for which in [tag("v1"), by_digest.clone()] {
        let raw = endpoint.manifest("a/one", &which).unwrap();
        assert_eq!((raw.bytes(), *raw.digest()), (bytes.as_slice(), digest));
        let raw = endpoint.manifest_bytes("a/one", &which).unwrap();
        assert_eq!(raw, (bytes.clone(), Some(MediaType::OciManifest)));
    }
    let error = endpoint.manifest("a/one", &tag("v3")).unwrap_err();
    assert!(error.is_not_found() && !error.is_retryable(), "{error}");
    assert!(error.to_string().contains("manifest unknown"), "{error}");
    let dangling = manifest_json(b"nowhere", &layer);
    let error = endpoint
        .put_manifest("a/one", &tag("v3"), &MediaType::OciManifest, dangling)
        .unwrap_err();
    assert_eq!(error.status().map(|s| s.as_u16()), Some(400), "{error}");
    assert!(
        !error.is_not_found() && error.to_string().contains("manifest blob unknown"),
        "{error}"
    );

    // Tags, and the end.
    let mut tags = endpoint.tags("a/one").unwrap();
    tags.sort();
    assert_eq!(tags, ["v1", "v2"]);
    assert!(endpoint.tags("nowhere").unwrap_err().is_not_found());
    endpoint.delete_manifest("a/one", &by_digest).unwrap();
    assert!(
        endpoint
            .manifest("a/one", &tag("v1"))
            .unwrap_err()
            .is_not_found()
    );
    assert!(
        endpoint
            .delete_manifest("a/one", &by_digest)
            .unwrap_err()
            .is_not_found()
    );
    endpoint.delete_blob("a/one", &sized(&big).0).unwrap();
    assert_eq!(endpoint.head_blob("a/one", &sized(&big).0).unwrap(), None);
}

#[test]
fn plain() {
    let Some(server) = DebianRegistry::start(&Setup::default()) else {
        return;
    };
    let client = Client::new(patient()).unwrap();
    whole_life(&insecure(&client, &server.host(), Credential::Anonymous));
    let strict = client.endpoint(EndpointConfig {
        host: server.host(),
        insecure: false,
        tls: TlsFiles::default(),
        credential: Credential::Anonymous,
    });
    let error = strict.ping().unwrap_err();
    assert!(
        matches!(error, RegistryError::Connect { .. }),
        "plain http without asking: {error:?}"
    );
}

/// Passes connections on, and cuts some of them after a number of bytes.
fn cutting_proxy(to: String, cuts: Vec<usize>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let cut_so_far = Arc::new(AtomicUsize::new(0));
    let done = Arc::clone(&cut_so_far);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(client), Ok(server)) = (stream, TcpStream::connect(&to)) else {
                return;
            };
            let (mut up_in, mut up_out) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut up_in, &mut up_out);
                let _ = up_out.shutdown(std::net::Shutdown::Both);
            });
            let (done, cuts) = (Arc::clone(&done), cuts.clone());
            thread::spawn(move || {
                let (mut from, mut to) = (server, client);
                let (mut passed, mut buffer) = (0, [0; 16384]);
                while let Ok(count) = from.read(&mut buffer) {
                    let limit = cuts.get(done.load(Ordering::SeqCst)).copied();
                    if count == 0 || to.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                    passed += count;
                    if limit.is_some_and(|limit| passed > limit) {
                        done.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                }
                let _ = from.shutdown(std::net::Shutdown::Both);
                let _ = to.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    (host, cut_so_far)
}

#[test]
fn a_download_that_is_cut_five_times_resumes() {
    let Some(server) = DebianRegistry::start(&Setup::default()) else {
        return;
    };
    let client = Client::new(patient()).unwrap();
    let blob = noise(12_000_000, 5);
    let direct = insecure(&client, &server.host(), Credential::Anonymous);
    let (digest, size) = direct
        .push_blob("r", blob.as_slice(), None, Upload::Auto)
        .unwrap();

    let (host, cuts) = cutting_proxy(server.host(), vec![2_000_000; 5]);
    let endpoint = insecure(&client, &host, Credential::Anonymous);
    assert_eq!(read(&endpoint, "r", &digest, Some(size)), blob);
    assert_eq!(cuts.load(Ordering::SeqCst), 5);
}

/// Passes connections on, and cuts the first ones while they bring more than `limit` bytes.
fn proxy_that_cuts_uploads(to: String, limit: usize, times: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let cut_so_far = Arc::new(AtomicUsize::new(0));
    let done = Arc::clone(&cut_so_far);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(client), Ok(server)) = (stream, TcpStream::connect(&to)) else {
                return;
            };
            let (mut down_in, mut down_out) =
                (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut down_in, &mut down_out);
                let _ = down_out.shutdown(std::net::Shutdown::Both);
            });
            let done = Arc::clone(&done);
            thread::spawn(move || {
                let (mut from, mut to) = (client, server);
                let (mut passed, mut buffer) = (0, [0; 16384]);
                while let Ok(count) = from.read(&mut buffer) {
                    if count == 0 || to.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                    passed += count;
                    if passed > limit && done.load(Ordering::SeqCst) < times {
                        done.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                }
                let _ = from.shutdown(std::net::Shutdown::Both);
                let _ = to.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    (host, cut_so_far)
}

#[test]
fn an_upload_that_is_cut_twice_arrives() {
    let Some(server) = DebianRegistry::start(&Setup::default()) else {
        return;
    };
    let client = Client::new(patient()).unwrap();
    let blob = noise(9_000_000, 6);
    let known = (Digest::sha256(&blob), blob.len() as u64);
    let (host, cuts) = proxy_that_cuts_uploads(server.host(), 3_000_000, 2);
    let endpoint = insecure(&client, &host, Credential::Anonymous);
    let file = tempfile::tempfile().unwrap();
    (&file).write_all(&blob).unwrap();
    let again = || (&file).seek(SeekFrom::Start(0)).map(drop);
    again().unwrap();
    let upload = endpoint.begin_upload("r").unwrap();
    let pushed = upload.push_repeatable(&file, &again, known, Upload::Auto);
    assert_eq!(pushed.unwrap(), known);
    assert_eq!(cuts.load(Ordering::SeqCst), 2);
    let direct = insecure(&client, &server.host(), Credential::Anonymous);
    assert!(read(&direct, "r", &known.0, Some(known.1)) == blob);
}

#[test]
fn passwords() {
    let setup = Setup {
        login: Some(("alice".to_owned(), "s3cret:x".to_owned())),
        ..Setup::default()
    };
    let Some(server) = DebianRegistry::start(&setup) else {
        return;
    };
    let client = Client::new(patient()).unwrap();
    for credential in [
        Credential::Anonymous,
        basic("alice", "wrong"),
        Credential::IdentityToken(config::Secret::new("x")),
        Credential::RegistryToken(config::Secret::new("x")),
    ] {
        let endpoint = insecure(&client, &server.host(), credential);
        endpoint.ping().unwrap();
        assert!(endpoint.check_login().unwrap_err().is_denied());
        assert!(endpoint.tags("r").unwrap_err().is_denied());
        let push = endpoint.push_blob("r", &b"x"[..], None, Upload::Auto);
        assert!(push.unwrap_err().is_denied());
    }
    let endpoint = insecure(&client, &server.host(), basic("alice", "s3cret:x"));
    endpoint.check_login().unwrap();
    whole_life(&endpoint);
}

#[test]
fn certificates() {
    let Some(server) = DebianRegistry::start(&Setup {
        tls: Tls::ClientsToo,
        ..Setup::default()
    }) else {
        return;
    };
    let client = Client::new(patient()).unwrap();
    let ca = vec![server.pem("ca.pem")];
    let pair = Some((server.pem("client.pem"), server.pem("client.key")));
    let endpoint = |insecure, ca_pem: &[Pem], client_pair: &Option<(Pem, Pem)>| {
        client.endpoint(EndpointConfig {
            host: server.host(),
            insecure,
            tls: TlsFiles {
                ca_pem: ca_pem.to_vec(),
                client: client_pair.clone(),
            },
            credential: Credential::Anonymous,
        })
    };
    whole_life(&endpoint(false, &ca, &pair));
    endpoint(true, &[], &pair).ping().unwrap();
    let error = endpoint(false, &[], &pair).ping().unwrap_err();
    assert!(
        matches!(error, RegistryError::Connect { .. }),
        "unknown authority: {error:?}"
    );
    assert!(!error.is_retryable(), "{error:?}");
    // Also where plain http may be tried, whose answer says nothing of certificates.
    for insecure in [false, true] {
        let error = endpoint(insecure, &ca, &None).ping().unwrap_err();
        assert!(
            matches!(error, RegistryError::HungUp { shown: false, .. }),
            "no client certificate: {error:?}"
        );
    }
    let error = endpoint(false, &[pem("x.crt", b"no PEM")], &None).ping();
    assert!(error.is_err(), "an authority file that holds none");
    let key_only = Some((server.pem("ca.pem"), pem("x.key", b"no key")));
    let error = endpoint(false, &ca, &key_only).ping().unwrap_err();
    assert!(matches!(error, RegistryError::TlsFiles { .. }), "{error:?}");
    let said = error.to_string();
    assert!(said.ends_with("x.key holds no private key"), "{said}");
    let half = pem("half.crt", b"-----BEGIN CERTIFICATE-----\nx\n");
    let said = endpoint(false, &[half], &None).ping().unwrap_err();
    assert!(said.to_string().ends_with("half.crt is no PEM"), "{said}");
}

#[test]
fn a_certificate_that_is_its_own_authority() {
    let Some(server) = DebianRegistry::start(&Setup {
        tls: Tls::SelfSigned,
        ..Setup::default()
    }) else {
        return;
    };
    let client = Client::new(patient()).unwrap();
    let ping = |host: String, ca: &str| {
        client
            .endpoint(EndpointConfig {
                host,
                insecure: false,
                tls: TlsFiles {
                    ca_pem: vec![server.pem(ca)],
                    client: None,
                },
                credential: Credential::Anonymous,
            })
            .ping()
    };
    ping(server.host(), "self.pem").unwrap();
    assert!(ping(server.host(), "ca.pem").is_err(), "another authority");
    let other_name = server.host().replace("127.0.0.1", "localhost");
    assert!(ping(other_name, "self.pem").is_err(), "another name");
}
