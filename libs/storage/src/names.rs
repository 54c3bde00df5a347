//! How a name of an image becomes a file name.
//!
//! Every byte but `A-Z a-z 0-9 . _ -` is written as `%` and two upper-case hexadecimal digits; a
//! leading `.` as `%2E`. Longer ones than a file name may be (245 bytes with `.json`) keep their
//! first 170 bytes, cut at a whole escape, then `%%` and the SHA-256 of the name in hexadecimal.
//! So two names never share a file, and no name leaves the directory.

use oci::Digest;

const LONGEST_BYTES: usize = 245;
const KEPT_BYTES: usize = 170;

/// The file name, without a directory, of the record of `name`.
pub(crate) fn file_name(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len() + 16);
    let mut kept = 0;
    for (place, byte) in name.bytes().enumerate() {
        match byte {
            b'.' if place == 0 => escaped.push_str("%2E"),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
        if escaped.len() <= KEPT_BYTES {
            kept = escaped.len();
        }
    }
    if escaped.len() > LONGEST_BYTES - ".json".len() {
        escaped.truncate(kept);
        escaped.push_str("%%");
        escaped.push_str(&Digest::sha256(name.as_bytes()).hex());
    }
    escaped.push_str(".json");
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_file_names() {
        for (name, want) in [
            (
                "docker.io/library/alpine:3.20",
                "docker.io%2Flibrary%2Falpine%3A3.20.json",
            ),
            ("..", "%2E..json"),
            ("a%2Fb", "a%252Fb.json"),
            ("ä", "%C3%A4.json"),
        ] {
            assert_eq!(file_name(name), want);
        }
    }

    #[test]
    fn long_names_stay_apart() {
        let one = file_name(&"a/".repeat(200));
        let other = file_name(&format!("{}b", "a/".repeat(200)));
        assert!(one.len() <= 250 && other.len() <= 250);
        assert_ne!(one, other);
        assert!(!one.contains('/'));
    }
}
