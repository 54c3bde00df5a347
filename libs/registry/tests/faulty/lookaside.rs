//! Files beside the registry.

use config::certs::{Pem, TlsFiles};
use registry::{Client, RegistryError as E};

use crate::common::debian::Certificates;
use crate::common::impatient;
use crate::common::script::{End, Reply, Script};

/// An answer that does not say how long it is.
fn unsized_body(bytes: usize) -> Reply {
    let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    answer.resize(answer.len() + bytes, b' ');
    Reply::Raw(answer, End::Close)
}

#[test]
fn lookaside_files_are_plain() {
    let server = Script::start(|seen, _| match seen.target.as_str() {
        "/sig" => Reply::ok("signature"),
        "/big" => Reply::ok(vec![0; 100]),
        "/99" => unsized_body(99),
        "/100" => unsized_body(100),
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
    for (path, fits) in [("/big", false), ("/99", true), ("/100", false)] {
        match client.get_lookaside(&url(path), TlsFiles::default(), 99) {
            Ok(found) => assert!(fits && found.is_some(), "{path}"),
            Err(error) => assert!(!fits && matches!(error, E::TooLarge { .. }), "{error}"),
        }
    }
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

#[test]
fn lookasides_are_verified_by_their_own_authorities() {
    let [own, other] = [Certificates::make(), Certificates::make()];
    let server = Script::start_tls(&own, |_, _| Reply::ok("signature"));
    let client = Client::new(impatient()).unwrap();
    let url = format!("https://{}/sig", server.host());
    let get = |ca_pem: Vec<Pem>| {
        let files = TlsFiles {
            ca_pem,
            client: None,
        };
        client.get_lookaside(&url, files, 99)
    };
    let got = get(vec![own.pem("ca.pem")]).unwrap();
    assert_eq!(got.as_deref(), Some(&b"signature"[..]));
    for ca_pem in [Vec::new(), vec![other.pem("ca.pem")]] {
        let result = get(ca_pem);
        assert!(matches!(result, Err(E::Connect { .. })), "{result:?}");
    }
    assert_eq!(server.count("GET", "/sig"), 1);
}
