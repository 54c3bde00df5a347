//! Limits, and what must be done with content.

use archive::layer::{LayerError, LayerLimits, LayerReader, Rule};
use archive::testing::RawHeader;

use crate::{read, start};

#[test]
fn limits_hold_before_content_is_read() {
    let limits = LayerLimits {
        file_bytes: 1000,
        layer_bytes: 10_000,
        entries: 3,
    };
    let rule = |tar: Vec<u8>| match read(&tar, limits) {
        Err(LayerError::Refused(offence)) => Some(offence.rule),
        Ok(_) => None,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(rule(start().file("a", &[1; 1000]).end()), None);
    let large = Rule::FileBytes {
        size: 1001,
        limit: 1000,
    };
    assert_eq!(rule(start().file("a", &[1; 1001]).end()), Some(large));
    let large = Rule::FileBytes {
        size: 2000,
        limit: 1000,
    };
    assert_eq!(
        rule(start().gnu_sparse("a", &[], 2000, b"").end()),
        Some(large)
    );
    let four = start().dir("a").dir("b").dir("c");
    assert_eq!(rule(four.clone().end()), None);
    assert_eq!(rule(four.dir("d").end()), Some(Rule::Entries { limit: 3 }));
    let total = Some(Rule::TotalBytes { limit: 10_000 });
    assert_eq!(
        rule([start().file("a", b"").end(), vec![0; 20_000_000]].concat()),
        total
    );
    let small = LayerLimits {
        layer_bytes: 2000,
        ..limits
    };
    let tar = start()
        .gnu_sparse("a", &[], 900, b"")
        .gnu_sparse("b", &[], 900, b"")
        .end();
    let error = read(&tar, small).unwrap_err();
    assert_eq!(error.rule(), Some(&Rule::TotalBytes { limit: 2000 }));
}

#[test]
fn content_must_be_read_or_skipped() {
    let tar = start()
        .file("a", &[1; 600])
        .gnu_sparse("s", &[], 10, b"")
        .file("b", b"x")
        .end();
    let mut layer = LayerReader::new(&tar[..], LayerLimits::default());
    let mut raw = Vec::new();
    layer.next_entry(&mut raw).unwrap();
    let error = layer.next_entry(&mut raw).unwrap_err();
    assert!(
        matches!(error, LayerError::Unread { bytes: 600 }),
        "{error}"
    );
    assert!(
        layer.next_entry(&mut raw).unwrap().is_none(),
        "an error is the end"
    );

    let mut layer = LayerReader::new(&tar[..], LayerLimits::default());
    let mut names = Vec::new();
    while let Some(entry) = layer.next_entry(&mut raw).unwrap() {
        names.push(entry.path.to_string());
        layer.skip().unwrap();
    }
    assert_eq!(names, ["a", "s", "b"]);
    assert_eq!(layer.position(), tar.len() as u64);
}

#[test]
fn errors_name_the_entry_and_show_nothing_raw() {
    let tar = start().file("ok", b"").file("a\x1b[2J/../b", b"").end();
    let error = read(&tar, LayerLimits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tar entry a\\x1b[2J/../b at byte 512: `..` in a path"
    );
    // A terminal may take this byte for the start of a command, as it does ESC [.
    let tar = start().entry(&RawHeader::new(0x9b, "x"), b"").end();
    let error = read(&tar, LayerLimits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tar entry x at byte 0: unknown type flag \\x9b"
    );
}
