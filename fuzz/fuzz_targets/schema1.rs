//! Invariant: whatever the bytes, a schema 1 manifest is read or refused without a panic, also as
//! part of a document that wraps them as history; what is read has as many layers as history
//! entries, the digest of a part of its bytes or of all, and configurations that are JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oci::{DiffId, Digest, ImageConfig, Manifest, MediaType, RawManifest};

/// Puts the bytes where foreign text is deepest: into the topmost entry of the history.
fn wrapped(input: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(input).ok()?;
    let id = "0".repeat(64);
    let entry = oci::json::to_go_bytes(&format!("{{\"id\":\"{id}\",{text}}}")).ok()?;
    let digest = Digest::sha256(b"");
    let head = format!(
        r#"{{"schemaVersion":1,"fsLayers":[{{"blobSum":"{digest}"}}],"history":[{{"v1Compatibility":"#
    );
    Some([head.as_bytes(), &entry, b"}]}"].concat())
}

fn check(bytes: Vec<u8>) {
    let Ok(raw) = RawManifest::parse(bytes, Some(&MediaType::DockerSchema1Signed)) else {
        return;
    };
    let Manifest::Schema1(schema1) = raw.manifest() else {
        panic!("read as another kind than it was said to be");
    };
    assert_eq!(schema1.fs_layers.len(), schema1.history.len());
    let again = RawManifest::parse_expecting(raw.bytes().to_vec(), None, raw.digest());
    assert_eq!(
        again.expect("has its digest").media_type(),
        raw.media_type()
    );
    let diff_ids = vec![DiffId(Digest::sha256(b"")); schema1.layers_with_files().count()];
    if let Ok(config) = schema1.to_docker_config(&diff_ids) {
        oci::json::parse(&config, u64::MAX).expect("configurations are JSON");
        if let Ok(config) = ImageConfig::parse(&config) {
            assert_eq!(config.rootfs.diff_ids.len(), diff_ids.len());
        }
    }
    let _ = schema1.to_open_config();
}

fuzz_target!(|input: &[u8]| {
    check(input.to_vec());
    if let Some(bytes) = wrapped(input) {
        check(bytes);
    }
});
