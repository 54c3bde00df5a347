//! Invariant: whatever the bytes, `WWW-Authenticate` is read or refused without a panic; a realm
//! that is read holds no control character, and headers that are read one by one are read
//! together as the same challenges.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::fuzzing::challenges;

fuzz_target!(|input: &[u8]| {
    let headers: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    let Some(all) = challenges(&headers) else {
        return;
    };
    assert!(all.len() <= 16);
    for realm in all.iter().flatten() {
        assert!(realm.chars().all(|c| c == '\t' || !c.is_control()));
    }
    let single = headers
        .iter()
        .map(|header| challenges(&[header]).expect("part of what is read"));
    assert!(single.flatten().eq(all));
});
