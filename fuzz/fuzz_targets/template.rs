//! Invariant: whatever the text, a `--format` template is refused or printed without a panic, in
//! bounded time and memory; what prints one value prints two.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use term::Template;

fuzz_target!(|input: &str| {
    let Ok(template) = Template::parse(input) else {
        return;
    };
    let value = json!({
        "Name": "busybox", "Size": 7, "Ratio": 0.5, "Gone": null, "Labels": {"a": "b", "c": ""},
        "Layers": ["sha256:1", "sha256:2"], "Nested": {"Deep": {"List": [1, 2, [3]]}}, "Ok": true,
    });
    let one = template.render(&value);
    let two = template.render_all(&[&value, &value]);
    assert_eq!(one.is_ok(), two.is_ok());
});
