//! Invariant: whatever the bytes, a key file is read or refused without a panic; one that is read
//! has keys, and none of them signed what nobody signed.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use signing::{Keyring, openpgp};

fuzz_target!(|input: &[u8]| {
    let Ok(keyring) = Keyring::from_bytes(input) else {
        return;
    };
    let fingerprints = keyring.fingerprints();
    assert!(
        keyring
            .only(&fingerprints)
            .is_some_and(|same| same.fingerprints() == fingerprints)
    );
    assert!(openpgp::verify(input, &keyring, Timestamp::UNIX_EPOCH).is_err());
});
