//! Invariant: whatever the bytes, the gzip decoder ends without a panic and gives no more than its
//! limit; what it gives does not depend on how the output is asked for; and what it gives
//! survives our own encoder.
#![no_main]

use std::io::{Read, Write};

use archive::compress::{DecodeLimits, Decoder, Encoder};
use libfuzzer_sys::fuzz_target;
use oci::media_type::Compression;

const LIMIT: u64 = 4 << 20;

fn inflate(input: &[u8], step: usize) -> Option<Vec<u8>> {
    let limits = DecodeLimits {
        output_bytes: LIMIT,
        ..DecodeLimits::default()
    };
    let mut decoder = Decoder::new(input, Compression::Gzip, limits).expect("a decoder");
    let mut out = Vec::new();
    let mut buffer = vec![0; step];
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return Some(out),
            Ok(count) => out.extend_from_slice(&buffer[..count]),
            Err(_) => return None,
        }
        assert!(out.len() as u64 <= LIMIT);
    }
}

fuzz_target!(|input: &[u8]| {
    let out = inflate(input, 65_536);
    assert!(out == inflate(input, 997));
    let Some(out) = out else {
        return;
    };
    let mut encoder = Encoder::new(Vec::new(), Compression::Gzip, Some(1), 1).expect("an encoder");
    encoder.write_all(&out).expect("memory takes all");
    let again = encoder.finish().expect("memory takes all");
    assert!(inflate(&again, 65_536).as_ref() == Some(&out));
});
