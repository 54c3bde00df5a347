//! Invariant: whatever the bytes, `Link` is read or refused without a panic, and the next page is
//! on the same host as this one, without a user name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|input: &[u8]| {
    let page = Url::parse("https://registry.example:5000/v2/a/tags/list?n=2").expect("a URL");
    let Some(next) = registry::fuzzing::next_page(&page, input) else {
        return;
    };
    assert_eq!(next.origin(), page.origin());
    assert!(next.username().is_empty() && next.password().is_none());
});
