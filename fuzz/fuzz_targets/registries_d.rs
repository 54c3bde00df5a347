//! Invariant: whatever the file, a registries.d drop-in is read or refused without a panic, and
//! its answers end too.
#![no_main]

use config::lookaside::Lookaside;
use fuzz::{environment, in_directory};
use libfuzzer_sys::fuzz_target;
use oci::Reference;

fuzz_target!(|input: &[u8]| {
    in_directory(|directory| {
        std::fs::write(directory.join("a.yaml"), input).expect("a file");
        let env = environment(directory);
        let Ok(lookaside) = Lookaside::load(&env, Some(directory)) else {
            return;
        };
        let reference = Reference::parse("registry.example/a/b:tag").expect("a reference");
        drop(lookaside.read_base(&reference));
        drop(lookaside.write_base(&reference));
        lookaside.use_sigstore_attachments(&reference);
    });
});
