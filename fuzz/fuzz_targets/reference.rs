//! Invariant: a reference that is read prints as one that reads as the same reference; names,
//! tags and digests hold no character that a path or URL would take for its own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oci::{Digest, Reference, Repository, Tag};

fuzz_target!(|input: &str| {
    if let Ok(reference) = Reference::parse(input) {
        let printed = reference.to_string();
        let again = Reference::parse(&printed).expect("what we print we read");
        assert_eq!(again.to_string(), printed);
        let path = reference.repository().path();
        assert!(!path.is_empty() && !path.contains("..") && !path.starts_with('/'));
        assert!(
            path.bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/'))
        );
        assert!(!reference.repository().host().contains('/'));
        let full = reference.with_default_tag();
        assert!(full.tag().is_some() || full.digest().is_some());
    }
    if let Ok(repository) = Repository::parse(input) {
        let printed = repository.to_string();
        assert_eq!(
            Repository::parse(&printed)
                .expect("what we print we read")
                .to_string(),
            printed
        );
    }
    if let Ok(tag) = Tag::parse(input) {
        assert_eq!(tag.as_str(), input);
        assert!(input.len() <= 128 && !input.contains('/'));
    }
    if let Ok(digest) = Digest::parse(input) {
        assert_eq!(digest.to_string(), input);
    }
});
