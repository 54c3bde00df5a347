//! Invariant: whatever the bytes, a policy is read or refused without a panic; one that is read is
//! strict JSON with a default requirement (nothing that is not a policy is taken for one).
#![no_main]

use libfuzzer_sys::fuzz_target;
use signing::Policy;

fuzz_target!(|input: &[u8]| {
    if Policy::parse(input).is_err() {
        return;
    }
    let text = std::str::from_utf8(input).expect("a policy is text");
    assert!(text.contains('{'));
    // A key in front makes it ambiguous or unknown, and so no policy.
    let spoiled = text.replacen('{', "{\"unknown\":1,", 1);
    assert!(Policy::parse(spoiled.as_bytes()).is_err());
});
