//! What registries say in headers, read for the fuzz targets alone (feature `fuzzing`).

use url::Url;

use crate::{challenge, link, range, redirect};

/// Reads the `WWW-Authenticate` headers of one answer: the realm of each challenge, `None` for
/// one that asks for a password.
pub fn challenges(headers: &[&[u8]]) -> Option<Vec<Option<String>>> {
    let challenges = challenge::parse(headers.iter().copied()).ok()?;
    let realm = |challenge| match challenge {
        challenge::Challenge::Basic => None,
        challenge::Challenge::Bearer(bearer) => Some(bearer.realm),
    };
    Some(challenges.into_iter().map(realm).collect())
}

/// Reads a `Link` header: the next page of `page`.
pub fn next_page(page: &Url, header: &[u8]) -> Option<Url> {
    let target = link::next_target([header]).ok()??;
    link::resolve(page, &target).ok()
}

/// Reads `Content-Range`: first, last, total.
pub fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    range::parse_content_range(text)
}

/// Reads the `Range` of an upload: how many bytes the registry has.
pub fn upload_range(text: &str) -> Option<u64> {
    range::parse_upload_range(text)
}

/// Judges a `Location`: where it leads, and whether credentials come along.
pub fn redirect(from: &Url, location: &[u8]) -> Option<(Url, bool)> {
    let hop = redirect::judge(from, Some(location), 0).ok()?;
    Some((hop.url, hop.same_origin))
}
