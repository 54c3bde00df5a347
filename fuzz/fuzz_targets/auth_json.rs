//! Invariant: whatever the file, a credential is found or not without a panic. No helper can be
//! run: there is no PATH.
#![no_main]

use std::cell::OnceCell;
use std::collections::BTreeMap;

use config::environment::Environment;
use libfuzzer_sys::fuzz_target;
use oci::Repository;

thread_local! {
    static DIRECTORY: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

fuzz_target!(|input: &[u8]| {
    DIRECTORY.with(|directory| {
        let directory = directory.get_or_init(|| tempfile::tempdir().expect("a directory"));
        let file = directory.path().join("auth.json");
        std::fs::write(&file, input).expect("a file");
        let root = directory.path().join("root");
        let vars = BTreeMap::from([("PATH".into(), "/nonexistent".into())]);
        let env = Environment { uid: 1000, home: None, vars, root };
        for name in ["busybox", "registry.example/a/b"] {
            let repository = Repository::parse(name).expect("a repository");
            drop(config::auth::find(&env, Some(&file), &repository));
        }
    });
});
