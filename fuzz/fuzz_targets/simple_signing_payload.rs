//! Invariant: whatever the bytes, a payload is read or refused without a panic; one that is read
//! and written by us is read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signing::simple::Payload;

fuzz_target!(|input: &[u8]| {
    let Ok(payload) = Payload::parse(input) else {
        return;
    };
    let Ok(bytes) = payload.to_bytes() else {
        return;
    };
    let again = Payload::parse(&bytes).expect("what we write we read");
    assert_eq!(again.manifest_digest, payload.manifest_digest);
    assert_eq!(again.docker_reference, payload.docker_reference);
});
