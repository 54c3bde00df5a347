//! Where a lookaside server or directory keeps the simple signatures of a manifest.
//!
//! ```text
//! BASE/PATH@ALGORITHM=HEX/signature-N      PATH  the repository without its host
//!                                          N     1, 2, … up to the first that is missing
//! ```
//!
//! Host and scheme come from configuration alone; what an image can choose is the path of its
//! repository and a typed digest, so nothing of it reaches the URL unescaped (CVE-2024-3727 was a
//! digest that did).

use std::fmt::Write as _;

use oci::{Digest, Repository, limits};

/// Most signatures of one manifest that are looked for.
pub const SIGNATURES: usize = limits::SIGNATURES;

/// Returns the path below the lookaside base of the folder that holds the signatures, without a
/// slash at either end.
pub fn folder_path(repository: &Repository, digest: &Digest) -> String {
    format!(
        "{}@{}={}",
        repository.path(),
        digest.algorithm().name(),
        digest.hex()
    )
}

/// Returns the path below the lookaside base of signature number `n`, the first being 1; `None`
/// beyond [`SIGNATURES`] and for 0, so that a loop over the numbers ends.
pub fn signature_path(repository: &Repository, digest: &Digest, n: usize) -> Option<String> {
    (1..=SIGNATURES)
        .contains(&n)
        .then(|| format!("{}/signature-{n}", folder_path(repository, digest)))
}

/// Joins `base`, a URL from registries.d, and a path of this module, percent-encoding the path.
/// Query and fragment of the base are not kept, as containers/image keeps none of them in use.
pub fn url(base: &str, path: &str) -> String {
    let end = base.find(['?', '#']).unwrap_or(base.len());
    let mut url = base[..end].trim_end_matches('/').to_owned();
    url.push('/');
    for byte in path.trim_start_matches('/').bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => url.push(char::from(byte)),
            // RFC 3986, 3.3: what a path may hold beside letters and digits. A percent sign is
            // not among them, so nothing arrives decoded once more than it was encoded.
            b'-' | b'.' | b'_' | b'~' | b'/' | b'@' | b'=' | b':' | b'+' => {
                url.push(char::from(byte));
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "9d2f0b6f4a7c4c25a5ba3c2a4b6b3f0bd0c1d1ed1b3a8b5fdf9a1c2d3e4f5a6b";

    #[test]
    fn paths_are_those_of_the_reference() {
        let digest = Digest::parse(&format!("sha256:{HEX}")).unwrap();
        let sha512 = Digest::parse(&format!("sha512:{HEX}{HEX}")).unwrap();
        let table = [
            (
                "busybox",
                &digest,
                1,
                format!("library/busybox@sha256={HEX}/signature-1"),
            ),
            (
                "r.example:5000/a/b_c",
                &digest,
                128,
                format!("a/b_c@sha256={HEX}/signature-128"),
            ),
            (
                "r.example/x",
                &sha512,
                2,
                format!("x@sha512={HEX}{HEX}/signature-2"),
            ),
        ];
        for (name, digest, n, want) in table {
            let repository = Repository::parse(name).unwrap();
            assert_eq!(signature_path(&repository, digest, n).unwrap(), want);
        }
    }

    #[test]
    fn numbers_beyond_the_cap_have_no_path() {
        let repository = Repository::parse("x").unwrap();
        let digest = Digest::sha256(b"");
        assert_eq!(signature_path(&repository, &digest, 0), None);
        assert_eq!(signature_path(&repository, &digest, 129), None);
    }

    #[test]
    fn urls_are_joined_and_escaped() {
        let table = [
            (
                "https://sigs.example/store",
                "a@sha256=1/signature-1",
                "https://sigs.example/store/a@sha256=1/signature-1",
            ),
            (
                "https://sigs.example/store/",
                "a",
                "https://sigs.example/store/a",
            ),
            (
                "file:///var/sigstore",
                "/a b%2e\u{e9}?#",
                "file:///var/sigstore/a%20b%252e%C3%A9%3F%23",
            ),
            ("https://sigs.example/?x=/#y", "a", "https://sigs.example/a"),
        ];
        for (base, path, want) in table {
            assert_eq!(url(base, path), want);
        }
    }
}
