//! `Content-Range` of a download that goes on, and `Range` of an upload.

/// Reads `bytes FIRST-LAST/TOTAL`; the total is `None` when it is `*`.
///
/// Only this form is known (RFC 9110, 14.4): one space, digits, first not behind last, last
/// before the total.
pub(crate) fn parse_content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (digits(first)?, digits(last)?);
    let total = if total == "*" {
        None
    } else {
        Some(digits(total)?)
    };
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, last, total))
}

/// Reads the `Range` header of an upload's status: `0-LAST`, with or without `bytes=`. Returns
/// how many bytes the registry has.
///
/// `0-0` is ambiguous: distribution says it also when it has nothing. One byte less is the
/// reading that loses nothing, as the registry answers 416 when it had that byte.
pub(crate) fn parse_upload_range(text: &str) -> Option<u64> {
    let text = text.strip_prefix("bytes=").unwrap_or(text);
    let (first, last) = text.split_once('-')?;
    if digits(first)? != 0 {
        return None;
    }
    match digits(last)? {
        0 => Some(0),
        last => last.checked_add(1),
    }
}

fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let table = [
            ("bytes 5-9/10", Some((5, 9, Some(10)))),
            ("bytes 5-9/*", Some((5, 9, None))),
            ("bytes 0-0/1", Some((0, 0, Some(1)))),
            ("bytes 5-9/9", None),
            ("bytes 9-5/10", None),
            ("bytes 5-/10", None),
            ("bytes -5/10", None),
            ("bytes */10", None),
            ("bytes=5-9/10", None),
            ("Bytes 5-9/10", None),
            ("bytes +5-9/10", None),
            ("bytes 5-9", None),
            ("bytes 5-99999999999999999999/*", None),
            ("", None),
        ];
        for (text, want) in table {
            assert_eq!(parse_content_range(text), want, "{text}");
        }
    }

    #[test]
    fn upload_ranges() {
        let table = [
            ("0-1023", Some(1024)),
            ("bytes=0-1023", Some(1024)),
            ("0-0", Some(0)),
            ("1-5", None),
            ("0", None),
            ("0-", None),
            ("0-18446744073709551615", None),
        ];
        for (text, want) in table {
            assert_eq!(parse_upload_range(text), want, "{text}");
        }
    }
}
