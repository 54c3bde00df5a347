//! Memory does not grow with the size of a layer, and little with the number of its files.

use std::io::Read;

use archive::testing::RawHeader;
use oci::{Compression, DiffId, Digest, Digester};

use super::kit::{image_claiming, new_image, store};
use crate::WantedLayer;

const FILES: u64 = 50_000;
const FILE_BYTES: usize = 100;

/// A tar of many small files, made while it is read.
struct ManyFiles {
    next: u64,
    buffer: Vec<u8>,
    start: usize,
}

impl ManyFiles {
    fn new() -> Self {
        Self {
            next: 0,
            buffer: Vec::new(),
            start: 0,
        }
    }
}

impl Read for ManyFiles {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.start == self.buffer.len() {
            self.start = 0;
            self.buffer.clear();
            if self.next < FILES {
                let name = format!("usr/share/dir-{}/file-{}", self.next / 100, self.next);
                self.buffer
                    .extend(RawHeader::file(name, FILE_BYTES as u64).bytes());
                let text = format!("{:0100}", self.next);
                self.buffer.extend(text.as_bytes());
                self.buffer.resize(1024, 0);
            } else if self.next == FILES {
                self.buffer.resize(1024, 0);
            }
            self.next += 1;
        }
        let length = (self.buffer.len() - self.start).min(out.len());
        out[..length].copy_from_slice(&self.buffer[self.start..self.start + length]);
        self.start += length;
        Ok(length)
    }
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

/// Writes 50,000 files, which takes a while: `cargo nextest run -p storage --run-ignored all`.
#[test]
#[ignore = "slow, and only right when it is alone in its process"]
fn fifty_thousand_files_fit() {
    let (_dir, store) = store();
    let mut digester = Digester::new(oci::Algorithm::Sha256);
    std::io::copy(&mut ManyFiles::new(), &mut digester).unwrap();
    let diff_id = digester.finish();
    let image = image_claiming(&[vec![0; 1024]], |_| diff_id);
    let wanted = [WantedLayer {
        blob: image.wanted[0].blob,
        diff_id: DiffId(diff_id),
        size: image.wanted[0].size,
    }];
    let transaction = store.begin(&wanted, &|_| {}).unwrap();
    let start = std::time::Instant::now();
    let layer = transaction
        .import_layer(0, ManyFiles::new(), Compression::None, &|_| {})
        .unwrap();
    let imported = peak_bytes();
    println!(
        "imported in {:?}, {} MiB",
        start.elapsed(),
        peak_bytes() >> 20
    );
    assert_eq!(layer.files, FILES);
    let (record, _) = transaction.commit(new_image(&image, "many")).unwrap();
    println!(
        "committed in {:?}, {} MiB",
        start.elapsed(),
        peak_bytes() >> 20
    );
    // What a pull of 50,000 files may take in all; reading a layer keeps little but object ids.
    assert!(imported < 40 << 20, "{} MiB", imported >> 20);
    assert!(peak_bytes() < 64 << 20, "{} MiB", peak_bytes() >> 20);
    let layer = crate::merge::MergeLayer {
        diff_id: DiffId(diff_id),
        stream: store.layers().unwrap()[0].stream,
    };
    let start = std::time::Instant::now();
    crate::merge::write_tree(&store.objects(), &[layer], &mut |_| Ok(())).unwrap();
    println!("merged in {:?}", start.elapsed());
    assert_eq!(record.manifest, *image.manifest.digest());
    assert_ne!(Digest::sha256(b""), diff_id);
}
