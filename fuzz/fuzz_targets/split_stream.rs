//! Invariant: whatever a file of the store holds, it is read as a split stream or refused without
//! a panic, and without more memory than a piece takes.
#![no_main]

use std::cell::OnceCell;
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;

use archive::compress::Encoder;
use archive::testing::TarBuilder;
use fuzz::{import, in_directory, store};
use libfuzzer_sys::fuzz_target;
use oci::{Compression, DiffId};
use storage::Store;

/// The most that a stream of such a length may give.
const MOST_BYTES: u64 = 64 << 20;

struct Layer {
    store: Store,
    diff_id: DiffId,
    stream: PathBuf,
    good: Vec<u8>,
}

thread_local! {
    static LAYER: OnceCell<Layer> = const { OnceCell::new() };
}

fn layer() -> Layer {
    let mut made = None;
    in_directory(|directory| {
        let store = store(directory);
        let tar = TarBuilder::new()
            .file("f", &[7; 5000])
            .file("g", b"small")
            .end();
        import(&store, &[tar]).expect("an image");
        let layer = store.layers().expect("layers").remove(0);
        let stream = directory.join("store/objects").join(layer.stream.path());
        let good = fs::read(&stream).expect("a stream");
        made = Some(Layer {
            diff_id: layer.diff_id,
            store,
            stream,
            good,
        });
    });
    made.expect("a layer")
}

/// The stream with other pieces: its head as it was, but for where the pieces end.
fn with_pieces(good: &[u8], pieces: &[u8]) -> Vec<u8> {
    let number = |place: usize| {
        let bytes = good
            .get(place..place + 8)
            .and_then(|bytes| bytes.try_into().ok());
        u64::from_le_bytes(bytes.expect("a head")) as usize
    };
    // Two words of the head say where the info section lies; its words 4 and 5 where the stream.
    let info = number(16);
    let start = number(info + 32);
    let mut encoder = Encoder::new(Vec::new(), Compression::Zstd, None, 1).expect("an encoder");
    encoder.write_all(pieces).expect("memory takes all");
    let mut stream = good[..start].to_vec();
    stream.extend(encoder.finish().expect("memory takes all"));
    let end = stream.len() as u64;
    stream[info + 40..info + 48].copy_from_slice(&end.to_le_bytes());
    stream
}

fuzz_target!(|input: &[u8]| {
    LAYER.with(|layer| {
        let layer = layer.get_or_init(self::layer);
        for bytes in [input.to_vec(), with_pieces(&layer.good, input)] {
            fs::remove_file(&layer.stream).expect("the stream before");
            fs::write(&layer.stream, bytes).expect("a stream");
            if let Ok(tar) = layer.store.layer_tar(&layer.diff_id) {
                let mut tar = tar.take(MOST_BYTES);
                drop(std::io::copy(&mut tar, &mut std::io::sink()));
            }
            drop(layer.store.usage());
        }
    });
});
