//! Invariant: whatever the file, registries.conf is read or refused without a panic; a registry
//! that it resolves to has a host.
#![no_main]

use config::registries::Registries;
use fuzz::{environment, in_directory};
use libfuzzer_sys::fuzz_target;
use oci::Reference;

fuzz_target!(|input: &[u8]| {
    in_directory(|directory| {
        let file = directory.join("registries.conf");
        std::fs::write(&file, input).expect("a file");
        let env = environment(directory);
        let Ok(registries) = Registries::load(&env, Some(&file)) else {
            return;
        };
        for name in ["busybox", "registry.example/a/b:tag", "localhost:5000/x"] {
            let reference = Reference::parse(name).expect("a reference");
            let Ok(resolved) = registries.resolve(&reference) else {
                continue;
            };
            for endpoint in resolved.mirrors.iter().chain([&resolved.primary]) {
                assert!(!endpoint.repository.host().is_empty());
            }
        }
    });
});
