//! Invariant: whatever index is read, choosing a platform ends without a panic and chooses one of
//! its entries; an index written by us is read by us, with the same entries.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oci::platform::{PlatformWanted, choose};
use oci::{Manifest, RawManifest};

fuzz_target!(|input: &[u8]| {
    let Ok(manifest) = RawManifest::parse(input.to_vec(), None) else {
        return;
    };
    let Manifest::Index(index) = manifest.manifest() else {
        return;
    };
    if let Some(chosen) = choose(index, &PlatformWanted::host()) {
        assert!(
            index
                .manifests
                .iter()
                .any(|entry| entry.digest == chosen.digest)
        );
    }
    let again = RawManifest::parse(index.to_bytes(), Some(manifest.media_type()))
        .expect("what we write we read");
    let Manifest::Index(again) = again.manifest() else {
        panic!("an index is an index");
    };
    assert_eq!(again.manifests.len(), index.manifests.len());
});
