//! Files beside the registry.

use config::certs::TlsFiles;
use registry::{Client, RegistryError as E};

use crate::common::debian::Certificates;
use crate::common::impatient;
use crate::common::script::{Reply, Script};

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

#[test]
fn lookasides_are_verified_by_their_own_authorities() {
    let [own, other] = [Certificates::make(), Certificates::make()];
    let server = Script::start_tls(&own, |_, _| Reply::ok("signature"));
    let client = Client::new(impatient()).unwrap();
    let url = format!("https://{}/sig", server.host());
    let get = |ca_pem: Vec<Vec<u8>>| {
        let files = TlsFiles {
            ca_pem,
            client: None,
        };
        client.get_lookaside(&url, files, 99)
    };
    let got = get(vec![own.file("ca.pem")]).unwrap();
    assert_eq!(got.as_deref(), Some(&b"signature"[..]));
    for ca_pem in [Vec::new(), vec![other.file("ca.pem")]] {
        let result = get(ca_pem);
        assert!(matches!(result, Err(E::Connect { .. })), "{result:?}");
    }
    assert_eq!(server.count("GET", "/sig"), 1);
}
