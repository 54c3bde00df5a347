//! Invariant: whatever the bytes, the index of an archive is made or refused without a panic;
//! every file that it names can be opened and has the size that it says.
#![no_main]

use std::io::Read;

use archive::tarfile::{TarIndex, TarLimits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: Vec<u8>| {
    let limits = TarLimits {
        members: 1000,
        total_bytes: 1 << 32,
    };
    let Ok(index) = TarIndex::scan(input, limits) else {
        return;
    };
    for name in index.names() {
        let Ok(name) = std::str::from_utf8(name.as_bytes()) else {
            continue;
        };
        if let Some(mut file) = index.open(name) {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)
                .expect("a member of a scanned archive");
            assert_eq!(Some(bytes.len() as u64), index.size(name));
        }
    }
});
