//! Invariant: whatever the bytes, a redirect is judged without a panic; none leads from https to
//! http or to another scheme, none has a user name, and credentials only stay on the same host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::fuzzing::redirect;
use url::Url;

fuzz_target!(|input: &[u8]| {
    for from in [
        "https://registry.example/v2/a/blobs/x",
        "http://registry.example:5000/v2/",
    ] {
        let from = Url::parse(from).expect("a URL");
        let Some((to, same_origin)) = redirect(&from, input) else {
            continue;
        };
        assert!(to.scheme() == "https" || to.scheme() == "http" && from.scheme() == "http");
        assert!(to.username().is_empty() && to.password().is_none());
        let place = |url: &Url| {
            let (host, port) = (
                url.host_str().map(str::to_owned),
                url.port_or_known_default(),
            );
            (url.scheme().to_owned(), host, port)
        };
        assert_eq!(same_origin, place(&from) == place(&to));
    }
});
