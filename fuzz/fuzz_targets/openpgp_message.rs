//! Invariant: whatever the bytes, a message is judged without a panic, and none but the one that
//! was signed is accepted: whatever is changed in it, what is accepted is what was signed.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use signing::testing::TestKey;
use signing::{Keyring, Signer, openpgp};

const CONTENT: &[u8] = b"what was signed";

struct Signed {
    keyring: Keyring,
    message: Vec<u8>,
}

fn signed(now: Timestamp) -> Signed {
    let key = TestKey::generate("a <a@example>", Timestamp::UNIX_EPOCH, None).expect("a key");
    let signer = key.signing_key(now).expect("a key that signs");
    Signed {
        keyring: Keyring::from_bytes(&key.public().expect("a key")).expect("a key"),
        message: signer.sign_message(CONTENT, now).expect("a message"),
    }
}

/// Changes the message: each three bytes of the input are a place and what to write there.
fn changed(message: &[u8], input: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    for change in input.chunks_exact(3) {
        let place = usize::from(change[0]) << 8 | usize::from(change[1]);
        if let Some(byte) = message.get_mut(place) {
            *byte = change[2];
        }
    }
    message
}

thread_local! {
    static SIGNED: Signed = signed(Timestamp::from_second(1_700_000_000).expect("a time"));
}

fuzz_target!(|input: &[u8]| {
    SIGNED.with(|signed| {
        let now = Timestamp::from_second(1_700_000_000).expect("a time");
        for message in [input.to_vec(), changed(&signed.message, input)] {
            if let Ok(verified) = openpgp::verify(&message, &signed.keyring, now) {
                assert_eq!(verified.content, CONTENT);
            }
            drop(openpgp::untrusted(&message));
        }
    });
});
