//! Invariant: whatever the file, a registries.d drop-in is read or refused without a panic, and
//! its answers end too.
#![no_main]

use std::cell::OnceCell;
use std::collections::BTreeMap;

use config::environment::Environment;
use config::lookaside::Lookaside;
use libfuzzer_sys::fuzz_target;
use oci::Reference;

thread_local! {
    static DIRECTORY: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    DIRECTORY.with(|directory| {
        let directory = directory.get_or_init(|| tempfile::tempdir().expect("a directory"));
        std::fs::write(directory.path().join("a.yaml"), input).expect("a file");
        let root = directory.path().join("root");
        let env = Environment { uid: 1000, home: None, vars: BTreeMap::new(), root };
        let Ok(lookaside) = Lookaside::load(&env, Some(directory.path())) else {
            return;
        };
        let reference = Reference::parse("registry.example/a/b:tag").expect("a reference");
        drop(lookaside.read_base(&reference));
        drop(lookaside.write_base(&reference));
        lookaside.use_sigstore_attachments(&reference);
    });
});
