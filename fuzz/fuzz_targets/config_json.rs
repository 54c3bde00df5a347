//! Invariant: whatever the bytes, config.json is judged without a panic; what is read and written
//! by us is read again as the same, and has the same findings.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime_spec::{Spec, validate};

fuzz_target!(|input: &[u8]| {
    let findings = validate(input);
    let Ok(spec) = Spec::parse(input) else {
        assert!(!findings.is_empty());
        return;
    };
    let written = spec.to_json().expect("what was read is written");
    assert_eq!(Spec::parse(&written).expect("what we write we read"), spec);
    assert_eq!(validate(&written), findings);
});
