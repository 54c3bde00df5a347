//! Invariant: whatever the bytes, an image configuration is read or refused without a panic; what
//! is read keeps its bytes, and what we print of it is JSON again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oci::ImageConfig;

fuzz_target!(|input: &[u8]| {
    let Ok(config) = ImageConfig::parse(input) else {
        return;
    };
    assert_eq!(config.raw(), input);
    let printed = config.to_oci_json();
    oci::json::parse(&printed, 64 << 20).expect("what we print is JSON");
});
