//! Invariant: the strict reader takes or refuses any bytes without a panic or deep recursion;
//! what it takes, serde_json takes too, as the same value.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(value) = oci::json::parse(input, 1 << 20) else {
        return;
    };
    let text = value.to_string();
    let again = oci::json::parse(text.as_bytes(), 8 << 20).expect("what is printed is read");
    assert_eq!(again, value);
});
