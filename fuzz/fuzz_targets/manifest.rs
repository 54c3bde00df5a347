//! Invariant: whatever the bytes and the declared type, a manifest is read or refused without a
//! panic; what is read keeps its bytes and its digest, and reading it again as the type that was
//! found gives the same type.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oci::{MediaType, RawManifest};

const DECLARED: &[Option<&str>] = &[
    None,
    Some("application/vnd.oci.image.manifest.v1+json"),
    Some("application/vnd.oci.image.index.v1+json"),
    Some("application/vnd.docker.distribution.manifest.v2+json"),
    Some("application/vnd.docker.distribution.manifest.list.v2+json"),
    Some("application/vnd.docker.distribution.manifest.v1+prettyjws"),
    Some("application/json"),
];

fuzz_target!(|input: &[u8]| {
    for declared in DECLARED {
        let declared = declared.map(MediaType::parse);
        let Ok(manifest) = RawManifest::parse(input.to_vec(), declared.as_ref()) else {
            continue;
        };
        assert_eq!(manifest.bytes(), input);
        let again = RawManifest::parse(input.to_vec(), Some(manifest.media_type()))
            .expect("readable as what it is");
        assert_eq!(again.media_type(), manifest.media_type());
        assert_eq!(again.digest(), manifest.digest());
    }
});
