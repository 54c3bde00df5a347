//! Invariant: whatever the file, a credential is found or not without a panic. No helper can be
//! run: there is no PATH.
#![no_main]

use fuzz::{environment, in_directory};
use libfuzzer_sys::fuzz_target;
use oci::Repository;

fuzz_target!(|input: &[u8]| {
    in_directory(|directory| {
        let file = directory.join("auth.json");
        std::fs::write(&file, input).expect("a file");
        let env = environment(directory);
        for name in ["busybox", "registry.example/a/b"] {
            let repository = Repository::parse(name).expect("a repository");
            drop(config::auth::find(&env, Some(&file), &repository));
        }
    });
});
