//! Names that URLs are made of.

use url::Url;

use crate::error::{RegistryError, Result, quoted};

/// Returns the host that the API of `host` is at: docker.io has its own.
pub(crate) fn api_authority(host: &str) -> &str {
    match host {
        "docker.io" | "index.docker.io" => "registry-1.docker.io",
        other => other,
    }
}

/// Makes `SCHEME://AUTHORITY/`, when that is all that `authority` says.
pub(crate) fn base_url(scheme: &str, authority: &str) -> Result<Url> {
    let bad = |reason| RegistryError::Name {
        what: "registry",
        text: quoted(authority),
        reason,
    };
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "-._:[]".contains(c));
    if authority.is_empty() || authority.contains(odd) {
        return Err(bad("is not HOST or HOST:PORT"));
    }
    Url::parse(&format!("{scheme}://{authority}/")).map_err(|_| bad("is not HOST or HOST:PORT"))
}

/// Checks the path of a repository (distribution-spec, `<name>`), as it becomes part of a URL.
pub(crate) fn check_repository(repo: &str) -> Result<()> {
    let bad = |reason| RegistryError::Name {
        what: "repository",
        text: quoted(repo),
        reason,
    };
    if repo.len() > 255 {
        return Err(bad("is longer than 255 bytes"));
    }
    for component in repo.split('/') {
        let ends_well = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = component.as_bytes();
        if !ends_well(bytes.first()) || !ends_well(bytes.last()) {
            return Err(bad(
                "has a component that does not begin and end with a letter or digit",
            ));
        }
        if bytes
            .iter()
            .any(|b| !matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
        {
            return Err(bad(
                "has other characters than a-z, 0-9, '.', '_', '-' and '/'",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let table = [
            ("h", Some("https://h/")),
            ("r.example:5000", Some("https://r.example:5000/")),
            ("[::1]:5000", Some("https://[::1]:5000/")),
            ("u@h", None),
            ("h/path", None),
            ("h?x", None),
            ("h:99999", None),
            ("h h", None),
            ("", None),
        ];
        for (host, want) in table {
            assert_eq!(
                base_url("https", host).ok().as_ref().map(Url::as_str),
                want,
                "{host}"
            );
        }
        assert_eq!(api_authority("docker.io"), "registry-1.docker.io");
        assert_eq!(api_authority("quay.io"), "quay.io");
    }

    #[test]
    fn repositories() {
        for good in ["a", "library/busybox", "a/b/c-d_e.f", "a__b", "a---b", "0"] {
            assert!(check_repository(good).is_ok(), "{good}");
        }
        let long = "a".repeat(256);
        for bad in [
            "", "/", "a/", "/a", "a//b", "..", "a/../b", "A", "a?b", "a%2fb", "a/.b", "a-", "ä",
            &long,
        ] {
            assert!(check_repository(bad).is_err(), "{bad}");
        }
    }
}
