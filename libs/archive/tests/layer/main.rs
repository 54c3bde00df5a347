//! What the reader of layers accepts, what it refuses and why, and that nothing gets lost.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panic"
)]

mod entries;
mod headers;
mod limits;
mod names;
mod records;
mod sparse;

use archive::layer::{Chunk, Entry, LayerError, LayerLimits, LayerPath, LayerReader, Rule};
use archive::testing::{RawHeader, TarBuilder};

type Listed = Vec<(Entry, Vec<u8>)>;

/// Reads a tar; gives the entries with their content and the bytes that came out in order.
fn read(tar: &[u8], limits: LayerLimits) -> Result<(Listed, Vec<u8>), LayerError> {
    let mut layer = LayerReader::new(tar, limits);
    let mut whole = Vec::new();
    let mut entries = Vec::new();
    while let Some(entry) = layer.next_entry(&mut whole)? {
        let mut content = Vec::new();
        while let Some(chunk) = layer.content_chunk()? {
            match chunk {
                Chunk::Data(bytes) => {
                    whole.extend_from_slice(bytes);
                    content.extend_from_slice(bytes);
                }
                Chunk::Hole(zeros) => content.resize(content.len() + zeros as usize, 0),
            }
        }
        assert_eq!(content.len() as u64, entry.kind.size());
        entries.push((entry, content));
    }
    Ok((entries, whole))
}

fn accept(tar: &[u8]) -> Listed {
    let (entries, whole) = read(tar, LayerLimits::default()).unwrap();
    assert!(whole == tar, "raw bytes and contents are not the tar");
    entries
}

fn one(tar: TarBuilder) -> Entry {
    let mut entries = accept(&tar.end());
    assert_eq!(entries.len(), 1);
    entries.remove(0).0
}

fn refused(tar: &[u8]) -> Rule {
    match read(tar, LayerLimits::default()) {
        Err(LayerError::Refused(offence)) => offence.rule,
        other => panic!("not refused: {other:?}"),
    }
}

fn path(name: impl AsRef<[u8]>) -> LayerPath {
    LayerPath::parse(name.as_ref()).unwrap()
}

fn start() -> TarBuilder {
    TarBuilder::new()
}

/// A tar of an empty file.
fn file(name: &str) -> TarBuilder {
    start().file(name, b"")
}

/// A tar of an entry without content.
fn header(header: RawHeader) -> TarBuilder {
    start().entry(&header, b"")
}

/// A tar of an empty file with extended records.
fn pax(records: &[(&str, &[u8])]) -> TarBuilder {
    start().pax(records).file("x", b"")
}

/// Reads what must be refused: name of the case, tar, rule.
fn each_is_refused(cases: Vec<(&str, TarBuilder, Rule)>) {
    for (name, tar, want) in cases {
        assert_eq!(refused(&tar.end()), want, "{name}");
    }
}
