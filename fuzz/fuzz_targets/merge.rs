//! Invariant: whatever layers say, their merge ends in a tree or a refusal without a panic; in a
//! tree every entry is found by its path, below a directory, and a file has the bytes it says.
//!
//! The input is text, as tars of chance would not get past their checksums: a line is an entry,
//! its first letter the kind; an empty line begins the next layer.
#![no_main]

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use archive::testing::{RawHeader, TarBuilder};
use fuzz::{import, store};
use libfuzzer_sys::{Corpus, fuzz_target};
use storage::tree::Kind;

fn layers(input: &[u8]) -> Vec<Vec<u8>> {
    let mut layers = Vec::new();
    let mut tar = TarBuilder::new();
    for line in input.split(|&byte| byte == b'\n') {
        let Some((kind, rest)) = line.split_first() else {
            layers.push(std::mem::take(&mut tar).end());
            continue;
        };
        let mut words = rest.splitn(2, |&byte| byte == b' ');
        let (path, rest) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        tar = match kind {
            b'd' => tar.entry(&RawHeader::dir(path), b""),
            b'f' => tar.entry(&RawHeader::file(path, rest.len() as u64), rest),
            b'F' => tar.entry(&RawHeader::file(path, 300), &[rest.len() as u8; 300]),
            b'h' => tar.entry(&RawHeader::hardlink(path, rest), b""),
            b's' => tar.entry(&RawHeader::symlink(path, rest), b""),
            b'c' => tar.entry(&RawHeader::device(b'3', path, 1, 3), b""),
            b'p' => tar.entry(&RawHeader::fifo(path), b""),
            _ => tar.pax(&[("SCHILY.xattr.user.a", rest)]),
        };
    }
    layers.push(tar.end());
    layers
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let layers = layers(input);
    if layers.len() > 4 {
        return Corpus::Reject;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let store = store(directory.path());
    let Ok(image) = import(&store, &layers) else {
        return Corpus::Keep;
    };
    let tree = store
        .tree(&image)
        .expect("the tree of an image that is there");
    for entry in tree.walk() {
        let path = entry.path();
        let found = tree
            .lookup(Path::new(OsStr::from_bytes(&path)), false)
            .expect("an entry");
        assert_eq!(found.inode_number(), entry.inode_number());
        assert!(entry.parent().is_dir() && entry.links() > 0);
        if matches!(entry.kind(), Kind::Inline(_) | Kind::External { .. }) {
            let mut bytes = Vec::new();
            entry
                .open()
                .expect("a file")
                .read_to_end(&mut bytes)
                .expect("a file");
            assert_eq!(bytes.len() as u64, entry.size_bytes());
        }
    }
    Corpus::Keep
});
