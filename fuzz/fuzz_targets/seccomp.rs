//! Invariant: whatever the bytes, a profile is read and translated or refused without a panic.
//! A translation is a `linux.seccomp` object that keeps the default action.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime_spec::seccomp::SeccompTarget;
use runtime_spec::{CapabilitySet, SeccompProfile};

fuzz_target!(|input: &[u8]| {
    let Ok(profile) = SeccompProfile::parse(input) else {
        return;
    };
    let value = oci::json::parse(input, u64::MAX).expect("a profile is JSON");
    for (architecture, kernel) in [("amd64", None), ("arm64", Some((4, 8))), ("", Some((0, 0)))] {
        let capabilities = &CapabilitySet::from_mask(0x21);
        let target = SeccompTarget {
            architecture,
            capabilities,
            kernel,
        };
        if let Ok(made) = profile.translate(&target) {
            assert_eq!(made.get("defaultAction"), value.get("defaultAction"));
        }
    }
});
