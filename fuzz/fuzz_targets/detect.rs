//! Invariant: a stream of unknown format is told by its first bytes, inflated within its limit or
//! refused, without a panic; what is of no format comes out as it went in.
#![no_main]

use std::io::Read;

use archive::compress::{DecodeLimits, Decoder};
use libfuzzer_sys::fuzz_target;
use oci::media_type::Compression;

fuzz_target!(|input: &[u8]| {
    let limits = DecodeLimits {
        output_bytes: 4 << 20,
        ..DecodeLimits::default()
    };
    let mut decoder = Decoder::detecting(input, limits).expect("a decoder");
    let mut out = Vec::new();
    let result = decoder.read_to_end(&mut out);
    assert!(out.len() as u64 <= limits.output_bytes);
    if decoder.compression() == Compression::None && input.len() as u64 <= limits.output_bytes {
        assert!(result.is_ok() && out == input);
    }
});
