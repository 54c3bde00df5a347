//! Invariant: whatever the bytes, the reader of layers ends without a panic; no entry has a path
//! with `..`, an empty component or NUL; its content is as long as it says; and when it reaches
//! the end, headers and contents together are the input, bit for bit. What an error says can be
//! shown on a terminal.
#![no_main]

use archive::layer::{Chunk, EntryKind, LayerLimits, LayerReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let limits = LayerLimits {
        file_bytes: 1 << 30,
        layer_bytes: 1 << 32,
        entries: 1000,
    };
    let mut layer = LayerReader::new(input, limits);
    let mut whole = Vec::new();
    loop {
        let entry = match layer.next_entry(&mut whole) {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(error) => {
                let shown = |c: char| c.is_ascii_graphic() || c == ' ' || c == '…';
                assert!(error.to_string().chars().all(shown), "{error:?}");
                return;
            }
        };
        let path = entry.path.as_bytes();
        assert!(
            path.is_empty()
                || path.split(|&b| b == b'/').all(|component| {
                    !component.is_empty()
                        && component.len() <= 255
                        && component != b".."
                        && component != b"."
                        && !component.contains(&0)
                })
        );
        assert!(entry.mode <= 0o7777 && entry.uid != u32::MAX && entry.gid != u32::MAX);
        assert!(entry.mtime.nanos < 1_000_000_000);
        assert!(entry.xattrs.iter().all(|(name, _)| {
            name == b"security.capability"
                || name.starts_with(b"user.") && !name.starts_with(b"user.overlay.")
        }));
        if let EntryKind::CharDevice { major, minor } = entry.kind {
            assert!((major, minor) != (0, 0));
        }
        let (mut size, mut stored) = (0, 0);
        loop {
            match layer.content_chunk() {
                Ok(Some(Chunk::Data(bytes))) => {
                    assert!(!bytes.is_empty());
                    size += bytes.len() as u64;
                    stored += bytes.len() as u64;
                    whole.extend_from_slice(bytes);
                }
                Ok(Some(Chunk::Hole(zeros))) => {
                    assert!(zeros > 0);
                    size += zeros;
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert_eq!(size, entry.kind.size());
        match entry.kind {
            EntryKind::Sparse { stored: want, .. } => assert_eq!(stored, want),
            _ => assert_eq!(stored, size),
        }
    }
    assert!(whole == input);
});
