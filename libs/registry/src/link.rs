//! `Link`: where a tag list goes on (RFC 8288, as far as registries use it).

use url::Url;

/// Returns the target of the link whose relation is `next`, or `None` when there is none.
///
/// # Errors
/// The header does not follow the grammar.
pub(crate) fn next_target<'a>(
    headers: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<String>, &'static str> {
    for header in headers {
        let mut rest = std::str::from_utf8(header)
            .map_err(|_| "is not text")?
            .trim();
        while !rest.is_empty() {
            let (target, behind) = rest
                .strip_prefix('<')
                .and_then(|rest| rest.split_once('>'))
                .ok_or("has no target in angle brackets")?;
            let (params, behind) = split_parameters(behind)?;
            if params
                .iter()
                .any(|(name, value)| name == "rel" && has_relation(value, "next"))
            {
                return Ok(Some(target.to_owned()));
            }
            rest = behind.trim_start_matches([',', ' ', '\t']);
        }
    }
    Ok(None)
}

fn has_relation(value: &str, wanted: &str) -> bool {
    value
        .split_ascii_whitespace()
        .any(|relation| relation.eq_ignore_ascii_case(wanted))
}

type Parameters = Vec<(String, String)>;

/// Splits `;name=value...` off, up to the comma that ends the link.
fn split_parameters(mut rest: &str) -> Result<(Parameters, &str), &'static str> {
    let mut params = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(behind) = rest.strip_prefix(';') else {
            if rest.is_empty() || rest.starts_with(',') {
                return Ok((params, rest));
            }
            return Err("has something else than parameters behind its target");
        };
        let behind = behind.trim_start();
        let end = behind.find(['=', ';', ',']).unwrap_or(behind.len());
        let name = behind[..end].trim().to_ascii_lowercase();
        let Some(value) = behind[end..].strip_prefix('=') else {
            params.push((name, String::new()));
            rest = &behind[end..];
            continue;
        };
        let value = value.trim_start();
        if let Some(quoted) = value.strip_prefix('"') {
            let (value, behind) = quoted
                .split_once('"')
                .ok_or("has a quoted text without end")?;
            params.push((name, value.to_owned()));
            rest = behind;
        } else {
            let end = value.find([';', ',']).unwrap_or(value.len());
            params.push((name, value[..end].trim().to_owned()));
            rest = &value[end..];
        }
    }
}

/// Resolves the target of a page's link against the page; it must stay on its origin.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn resolve(page: &Url, target: &str) -> Result<Url, &'static str> {
    let next = page.join(target).map_err(|_| "is no URL")?;
    if next.origin() != page.origin() {
        return Err("is on another host");
    }
    if !next.username().is_empty() || next.password().is_some() {
        return Err("has a user name in it");
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read() {
        let table: &[(&str, Result<Option<&str>, ()>)] = &[
            (
                r#"</v2/r/tags/list?n=2&last=b>; rel="next""#,
                Ok(Some("/v2/r/tags/list?n=2&last=b")),
            ),
            ("</x>;rel=next", Ok(Some("/x"))),
            (
                r#"</p>; rel="prev", </n>; title="a, b"; rel="last next""#,
                Ok(Some("/n")),
            ),
            (r#"</p>; rel="prev""#, Ok(None)),
            ("</x>", Ok(None)),
            ("</x>; flag; rel=NEXT", Ok(Some("/x"))),
            ("", Ok(None)),
            ("/x; rel=next", Err(())),
            ("</x; rel=next", Err(())),
            (r#"</x>; rel="next"#, Err(())),
            ("</x> rel=next", Err(())),
        ];
        for (header, want) in table {
            let got = next_target([header.as_bytes()]);
            assert_eq!(
                got.as_ref().map(Option::as_deref).map_err(|_| ()),
                *want,
                "{header}"
            );
        }
    }

    #[test]
    fn pages_stay_on_their_host() {
        let page = Url::parse("https://h/v2/r/tags/list").unwrap();
        assert_eq!(
            resolve(&page, "?last=b").unwrap().as_str(),
            "https://h/v2/r/tags/list?last=b"
        );
        assert_eq!(
            resolve(&page, "https://h:443/x").unwrap().as_str(),
            "https://h/x"
        );
        for target in [
            "https://other/x",
            "http://h/x",
            "//other/x",
            "https://h:444/",
            "file:///x",
            "https://u@h/",
        ] {
            assert!(resolve(&page, target).is_err(), "{target}");
        }
    }
}
