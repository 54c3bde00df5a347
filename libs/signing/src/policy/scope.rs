//! Which scopes a transport can have.
//!
//! | transport | scopes |
//! | --- | --- |
//! | `docker` and transports that are not known | anything |
//! | `docker-daemon` | anything but a digest |
//! | `atomic` | `HOST[/NAMESPACE[/STREAM[:TAG]]]` |
//! | `dir`, `oci`, `oci-archive`, `sif` | clean absolute paths other than `/` |
//! | `docker-archive`, `tarball` | none but `""` |
//! | `containers-storage` | `[[DRIVER@]/ROOT][NAME][@DIGEST][@ID]` |

/// Says what is allowed when `scope`, which is not empty, cannot be one of `transport`.
pub(super) fn check(transport: &str, scope: &str) -> Result<(), &'static str> {
    let (fits, allowed) = match transport {
        "docker-daemon" => (!is_digest(scope), "references, not digests"),
        "atomic" => (is_atomic(scope), "HOST[/NAMESPACE[/STREAM[:TAG]]]"),
        "dir" | "oci" | "oci-archive" | "sif" => (
            is_clean_absolute(scope),
            "clean absolute paths other than /",
        ),
        "docker-archive" | "tarball" => (false, "\"\" only"),
        "containers-storage" => (is_storage(scope), "[[DRIVER@]/ROOT]NAME[@DIGEST][@ID]"),
        _ => return Ok(()),
    };
    if fits { Ok(()) } else { Err(allowed) }
}

/// A digest of any algorithm whose length go-digest knows.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    digits.len() == length
        && digits
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// `^[^/]*(/[^:/]*(/[^:/]*(:[^:/]*)?)?)?$`
fn is_atomic(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [_host] => true,
        [_host, namespace] => !namespace.contains(':'),
        [_host, namespace, stream] => !namespace.contains(':') && stream.matches(':').count() <= 1,
        _ => false,
    }
}

/// What Go's `filepath.Clean` leaves as it is; `/` alone would shadow `""`.
fn is_clean_absolute(text: &str) -> bool {
    text.strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(|part| !matches!(part, "" | "." | "..")))
}

fn is_storage(text: &str) -> bool {
    let Some((store, name)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return false;
    };
    let root = match store.split_once('@') {
        Some(("", _)) => return false,
        Some((_driver, root)) => root,
        None => store,
    };
    if !root.starts_with('/') {
        return false;
    }
    let is_id = |text: &str| is_digest(&format!("sha256:{text}"));
    let mut parts = name.splitn(3, '@').skip(1);
    match (parts.next(), parts.next()) {
        (None, _) => true,
        (Some(either), None) => is_id(either) || is_digest(either),
        (Some(digest), Some(id)) => is_digest(digest) && is_id(id),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn scopes_are_checked_as_the_reference_does() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let digest = format!("sha256:{hex}");
        let good: &[(&str, &[&str])] = &[
            (
                "docker",
                &[
                    "r.example",
                    "*.example",
                    "r.example:5000/a/b:1",
                    "any thing/",
                ],
            ),
            ("nonsense", &["..", "/"]),
            ("docker-daemon", &["docker.io/library/a:1", "sha256:abc"]),
            ("atomic", &["h", "h:1", "h/n", "h/n/s", "h/n/s:t", "//"]),
            ("dir", &["/a", "/a/b.c", "/..a"]),
            (
                "containers-storage",
                &[
                    "[/var/lib]",
                    "[overlay@/var/lib]",
                    "[overlay@/v]docker.io/library/a:1",
                    &format!("[/v]a@{hex}"),
                    &format!("[/v]a@{digest}"),
                    &format!("[/v]a@{digest}@{hex}"),
                ],
            ),
        ];
        for (transport, scopes) in good {
            for scope in *scopes {
                assert_eq!(check(transport, scope), Ok(()), "{transport} {scope}");
            }
        }
        let bad: &[(&str, &[&str])] = &[
            ("docker-daemon", &[&digest]),
            ("atomic", &["h/n:x", "h/n/s:t:u", "h/n/s/x"]),
            (
                "dir",
                &["a", "/", "/a/", "//a", "/a/./b", "/a/../b", "/.", ""],
            ),
            ("oci", &["rel/a", "/"]),
            ("oci-archive", &["/a//b"]),
            ("sif", &["x"]),
            ("docker-archive", &["/a"]),
            ("tarball", &["/a"]),
            (
                "containers-storage",
                &[
                    "/var/lib",
                    "[",
                    "[]",
                    "[@/v]",
                    "[overlay@]",
                    "[overlay@v]",
                    "[v]",
                    "[/v]a@b",
                    "[/v]a@",
                    &format!("[/v]a@{hex}@{digest}"),
                    &format!("[/v]a@{digest}@{hex}@x"),
                ],
            ),
        ];
        for (transport, scopes) in bad {
            for scope in *scopes {
                assert!(check(transport, scope).is_err(), "{transport} {scope}");
            }
        }
    }
}
