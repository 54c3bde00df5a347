//! Which redirects are followed.

use url::Url;

/// Most redirects of one request.
pub(crate) const MAX_HOPS: usize = 5;

/// Where a redirect leads that is followed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) url: Url,
    /// Whether credentials may come along: scheme, host and port stay as they are.
    pub(crate) same_origin: bool,
}

/// Judges the `Location` that `from` answered with, as the `hop`th redirect (from 0).
///
/// # Errors
/// The rule that it breaks, and where it leads as far as that is known.
pub(crate) fn judge(
    from: &Url,
    location: Option<&[u8]>,
    hop: usize,
) -> Result<Hop, (String, &'static str)> {
    let location = location.ok_or((String::new(), "there is no Location"))?;
    let text = std::str::from_utf8(location).map_err(|_| {
        (
            String::from_utf8_lossy(location).into_owned(),
            "is not text",
        )
    })?;
    let next = from
        .join(text)
        .map_err(|_| (text.to_owned(), "is no URL"))?;
    let shown = || crate::error::redacted(&next);
    if hop >= MAX_HOPS {
        return Err((shown(), "it would be the sixth"));
    }
    match next.scheme() {
        "https" => {}
        "http" if from.scheme() == "http" => {}
        "http" => return Err((shown(), "goes from https to http")),
        _ => return Err((shown(), "is neither http nor https")),
    }
    if !next.username().is_empty() || next.password().is_some() {
        return Err((shown(), "has a user name in it"));
    }
    let same_origin = next.origin() == from.origin();
    Ok(Hop {
        url: next,
        same_origin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_judged() {
        type Judged = Result<(&'static str, bool), &'static str>;
        let table: &[(&str, &str, usize, Judged)] = &[
            ("https://h/a", "/b", 0, Ok(("https://h/b", true))),
            (
                "https://h/a",
                "https://h:443/b",
                0,
                Ok(("https://h/b", true)),
            ),
            (
                "https://h/a",
                "https://h:444/b",
                0,
                Ok(("https://h:444/b", false)),
            ),
            (
                "https://h/a",
                "https://h.evil/b",
                0,
                Ok(("https://h.evil/b", false)),
            ),
            (
                "https://h/a",
                "//cdn/b?x=1",
                4,
                Ok(("https://cdn/b?x=1", false)),
            ),
            ("https://h/a", "/b", 5, Err("it would be the sixth")),
            (
                "https://h/a",
                "http://h/b",
                0,
                Err("goes from https to http"),
            ),
            ("http://h/a", "https://h/b", 0, Ok(("https://h/b", false))),
            (
                "http://h/a",
                "http://h:81/b",
                0,
                Ok(("http://h:81/b", false)),
            ),
            (
                "https://h/a",
                "file:///etc/passwd",
                0,
                Err("is neither http nor https"),
            ),
            (
                "https://h/a",
                "ftp://h/",
                0,
                Err("is neither http nor https"),
            ),
            (
                "https://h/a",
                "https://u:p@h/b",
                0,
                Err("has a user name in it"),
            ),
            ("https://h/a", "https://[::1", 0, Err("is no URL")),
        ];
        for (from, location, hop, want) in table {
            let got = judge(&Url::parse(from).unwrap(), Some(location.as_bytes()), *hop);
            let got = got
                .as_ref()
                .map(|h| (h.url.as_str(), h.same_origin))
                .map_err(|(_, r)| *r);
            assert_eq!(got, *want, "{from} -> {location}");
        }
        assert!(judge(&Url::parse("https://h/").unwrap(), None, 0).is_err());
    }
}
