//! PAX extended headers: `LENGTH KEY=VALUE\n`, again and again.
//!
//! Keys that change how an entry is read are kept; the others (`atime`, `uname`, `comment`, …)
//! are checked for their form and dropped. A record with an empty value takes an override back,
//! so the header's own field counts, as with every reader.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::layer::Timestamp;
use crate::member::{Rule, shown};

/// libarchive writes base64 without padding, others may pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The overrides of one local header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link_path: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) uid: Option<u64>,
    pub(crate) gid: Option<u64>,
    pub(crate) mtime: Option<Timestamp>,
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) sparse: SparseRecords,
}

/// What the three PAX forms of a sparse map say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SparseRecords {
    pub(crate) major: Option<u64>,
    pub(crate) minor: Option<u64>,
    pub(crate) name: Option<Vec<u8>>,
    /// `GNU.sparse.size` (0.0, 0.1) or `GNU.sparse.realsize` (1.0).
    pub(crate) real_size: Option<u64>,
    pub(crate) count: Option<u64>,
    /// 0.1: all numbers joined by commas.
    pub(crate) map: Option<Vec<u8>>,
    /// 0.0: `offset` and `numbytes` in turn, as they came.
    pub(crate) pairs: Vec<u64>,
}

/// Reads one record; the rest follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|&b| b == b' ')?;
    let length = usize::try_from(decimal(&bytes[..space])?).ok()?;
    // The key has a byte at least, then come `=` and the newline.
    if length < space + 4 || length > bytes.len() {
        return None;
    }
    let (record, rest) = bytes.split_at(length);
    let (&newline, body) = record[space + 1..].split_last()?;
    let equals = body.iter().position(|&b| b == b'=')?;
    let (key, value) = (&body[..equals], &body[equals + 1..]);
    if newline != b'\n' || key.is_empty() || key.contains(&0) {
        return None;
    }
    Some((key, value, rest))
}

/// Digits alone: no sign, no space.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// A number up to 2^63-1.
fn number(value: &[u8], field: &'static str) -> Result<u64, Rule> {
    let number = decimal(value).ok_or(Rule::BadNumber { field })?;
    match i64::try_from(number) {
        Ok(_) => Ok(number),
        Err(_) => Err(Rule::OutOfRange { field }),
    }
}

/// `[-]SECONDS[.FRACTION]`; what is finer than a nanosecond is cut off.
fn time(value: &[u8]) -> Result<Timestamp, Rule> {
    let bad = || Rule::BadNumber { field: "mtime" };
    let (negative, value) = match value.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let (whole, fraction) = match value.iter().position(|&b| b == b'.') {
        Some(dot) => (&value[..dot], &value[dot + 1..]),
        None => (value, &[][..]),
    };
    let secs = i64::try_from(decimal(whole).ok_or_else(bad)?)
        .map_err(|_| Rule::OutOfRange { field: "mtime" })?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(bad());
    }
    let mut nanos = 0_u32;
    for place in 0..9 {
        let digit = fraction
            .get(place)
            .map_or(0, |&digit| u32::from(digit - b'0'));
        nanos = nanos * 10 + digit;
    }
    Ok(match (negative, nanos) {
        (false, _) => Timestamp { secs, nanos },
        (true, 0) => Timestamp {
            secs: -secs,
            nanos: 0,
        },
        (true, _) => Timestamp {
            secs: -secs - 1,
            nanos: 1_000_000_000 - nanos,
        },
    })
}

/// Keeps a value; a second one is refused.
fn once<T>(slot: &mut Option<T>, key: &[u8], value: T) -> Result<(), Rule> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Rule::PaxTwice { key: shown(key) }),
    }
}

fn text(value: &[u8], nul: Rule) -> Result<Vec<u8>, Rule> {
    if value.contains(&0) {
        return Err(nul);
    }
    Ok(value.to_vec())
}

/// Undoes libarchive's `%XX` in names of attributes.
fn url_decoded(name: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = tail;
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    Some(decoded)
}

impl Records {
    /// Reads a local header.
    pub(crate) fn parse(mut bytes: &[u8]) -> Result<Self, Rule> {
        let mut records = Self::default();
        let mut empties: Vec<&[u8]> = Vec::new();
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes).ok_or(Rule::PaxRecord)?;
            bytes = rest;
            if value.is_empty() && !key.starts_with(b"SCHILY.xattr.") {
                if changes_entries(key) {
                    empties.push(key);
                }
                continue;
            }
            records.take(key, value)?;
        }
        // "path=" beside "path=x" is again two overrides.
        for key in empties {
            let also = match key {
                b"path" => records.path.is_some(),
                b"linkpath" => records.link_path.is_some(),
                b"size" => records.size.is_some(),
                b"uid" => records.uid.is_some(),
                b"gid" => records.gid.is_some(),
                b"mtime" => records.mtime.is_some(),
                _ => true,
            };
            if also {
                return Err(Rule::PaxTwice { key: shown(key) });
            }
        }
        Ok(records)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Rule> {
        let sparse = &mut self.sparse;
        match key {
            b"path" => once(&mut self.path, key, text(value, Rule::NulInName)?),
            b"linkpath" => once(&mut self.link_path, key, text(value, Rule::NulInTarget)?),
            b"size" => once(&mut self.size, key, number(value, "size")?),
            b"uid" => once(&mut self.uid, key, number(value, "uid")?),
            b"gid" => once(&mut self.gid, key, number(value, "gid")?),
            b"mtime" => once(&mut self.mtime, key, time(value)?),
            b"GNU.sparse.major" => once(&mut sparse.major, key, number(value, "sparse version")?),
            b"GNU.sparse.minor" => once(&mut sparse.minor, key, number(value, "sparse version")?),
            b"GNU.sparse.name" => once(&mut sparse.name, key, text(value, Rule::NulInName)?),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                once(&mut sparse.real_size, key, number(value, "real size")?)
            }
            b"GNU.sparse.numblocks" => once(&mut sparse.count, key, number(value, "sparse count")?),
            b"GNU.sparse.map" => once(&mut sparse.map, key, value.to_vec()),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                let wants_offset = sparse.pairs.len().is_multiple_of(2);
                if wants_offset != (key == b"GNU.sparse.offset") {
                    return Err(Rule::SparseMap);
                }
                sparse.pairs.push(number(value, "sparse fragment")?);
                crate::sparse::check_count(sparse.pairs.len() / 2)
            }
            _ => self.take_xattr(key, value),
        }
    }

    /// bsdtar writes each attribute in both forms; equal ones are one.
    fn take_xattr(&mut self, key: &[u8], value: &[u8]) -> Result<(), Rule> {
        let (name, value) = if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            (name.to_vec(), value.to_vec())
        } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
            let bad = || Rule::Xattr { name: shown(name) };
            (
                url_decoded(name).ok_or_else(bad)?,
                BASE64.decode(value).map_err(|_| bad())?,
            )
        } else {
            return Ok(());
        };
        self.xattrs.push((name, value));
        Ok(())
    }
}

/// Tells whether a reader that applies this key sees another entry.
fn changes_entries(key: &[u8]) -> bool {
    matches!(
        key,
        b"path" | b"linkpath" | b"size" | b"uid" | b"gid" | b"mtime"
    ) || [&b"GNU.sparse."[..], b"SCHILY.xattr.", b"LIBARCHIVE.xattr."]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

/// Checks a global header. Go ignores what stands in it, GNU tar and Python apply it to every
/// entry behind it; so nothing may stand in it that would matter.
pub(crate) fn check_global(mut bytes: &[u8]) -> Result<(), Rule> {
    while !bytes.is_empty() {
        let (key, _, rest) = record(bytes).ok_or(Rule::PaxRecord)?;
        if changes_entries(key) {
            return Err(Rule::PaxGlobal { key: shown(key) });
        }
        bytes = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let at = |secs, nanos| Timestamp { secs, nanos };
        for (value, want) in [
            ("0", at(0, 0)),
            ("1700000000.5", at(1_700_000_000, 500_000_000)),
            ("1.123456789123", at(1, 123_456_789)),
            ("1.", at(1, 0)),
            ("-1", at(-1, 0)),
            ("-1.25", at(-2, 750_000_000)),
            ("-0.5", at(-1, 500_000_000)),
            ("9223372036854775807", at(i64::MAX, 0)),
        ] {
            assert_eq!(time(value.as_bytes()), Ok(want), "{value}");
        }
        for value in [
            "",
            "-",
            ".5",
            "+1",
            "1e5",
            "1.-5",
            "1.2.3",
            "9223372036854775808",
            " 1",
        ] {
            assert!(time(value.as_bytes()).is_err(), "{value}");
        }
    }

    #[test]
    fn records_are_read_to_the_byte() {
        let records = Records::parse(b"12 path=abc\n16 uid=00000100\n5 a=\n").unwrap();
        assert_eq!(records.path.as_deref(), Some(&b"abc"[..]));
        assert_eq!(records.uid, Some(100));
        let bad: &[&[u8]] = &[
            b"12 path=abcd\n",
            b"11 path=abc\n",
            b"13 path=abc\n",
            b"12 path=abc\0",
            b"+12 path=abc\n",
            b" 12 path=abc\n",
            b"5 =x\n",
            b"4 x\n",
            b"0 path=x\n",
            b"99999999999999999999999 path=x\n",
            b"12 path=abc\n\0\0\0",
            b"12 path=abc\n12 path=abc\n",
            b"8 path=\n12 path=abc\n",
            b"12 path=a\0c\n",
            b"10 uid=-1\n",
            b"12 size=-1\n\n",
            b"28 size=9223372036854775808\n",
        ];
        for bytes in bad {
            assert!(Records::parse(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_global_header_changes_nothing() {
        assert!(check_global(b"52 comment=0123456789012345678901234567890123456789\n").is_ok());
        for bytes in [
            &b"10 path=a\n"[..],
            b"9 size=1\n",
            b"9 mtime=\n",
            b"15 mtime=123456",
        ] {
            assert!(check_global(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn both_forms_of_xattrs() {
        let both = [
            &b""[..],
            b"26 SCHILY.xattr.user.a=xy\n",
            b"31 LIBARCHIVE.xattr.user.a=eHk\n",
        ]
        .concat();
        let records = Records::parse(&both).unwrap();
        let want = (b"user.a".to_vec(), b"xy".to_vec());
        assert_eq!(records.xattrs, [want.clone(), want]);
        assert_eq!(url_decoded(b"user.%3D%25"), Some(b"user.=%".to_vec()));
        assert_eq!(url_decoded(b"user.%3"), None);
    }
}
