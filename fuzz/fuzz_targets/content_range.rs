//! Invariant: whatever the text, `Content-Range` and the `Range` of an upload are read or refused
//! without a panic; a range that is read lies within its total, and one that is written as it
//! was read is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::fuzzing::{content_range, upload_range};

fuzz_target!(|input: &str| {
    if let Some((first, last, total)) = content_range(input) {
        assert!(first <= last && total.is_none_or(|total| last < total));
        let total = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
        let again = format!("bytes {first}-{last}/{total}");
        assert!(content_range(&again).is_some() && again.len() <= input.len());
    }
    if let Some(bytes) = upload_range(input) {
        let last = bytes.saturating_sub(1);
        assert_eq!(upload_range(&format!("0-{last}")), Some(bytes));
    }
});
