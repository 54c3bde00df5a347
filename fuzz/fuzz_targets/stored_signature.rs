//! Invariant: whatever the bytes, a stored signature is read or refused without a panic; one that
//! is read is stored as bytes that read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signing::Signature;

fuzz_target!(|input: &[u8]| {
    let Ok(signature) = Signature::from_stored(input) else {
        return;
    };
    let stored = signature
        .to_stored()
        .expect("what was stored can be stored");
    let again = Signature::from_stored(&stored).expect("what we store we read");
    assert_eq!(again.to_stored().expect("and again"), stored);
});
