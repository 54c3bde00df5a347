//! Files beside the registry.

use config::certs::TlsFiles;
use registry::{Client, RegistryError as E};

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
