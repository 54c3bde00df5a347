//! The fingerprint of a certificate, as gpg and skopeo print it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The fingerprint of a primary key: upper-case hexadecimal digits without spaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Parses 40 (version 4) or 64 (version 6) hexadecimal digits; lower case, spaces between
    /// groups and a leading `0x` are tolerated, as people paste them.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("0x").unwrap_or(text);
        let digits: String = text
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let fits = matches!(digits.len(), 40 | 64) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then_some(Self(digits))
    }

    pub(crate) fn of(cert: &sequoia_openpgp::Cert) -> Self {
        Self(cert.fingerprint().to_hex())
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format_args!("{text:?} is no OpenPGP fingerprint"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn fingerprints_are_forty_or_sixty_four_digits() {
        let want = "0123456789ABCDEF0123456789ABCDEF01234567";
        for text in [
            want,
            "0x0123456789abcdef0123456789abcdef01234567",
            "0123 4567 89AB CDEF 0123  4567 89AB CDEF 0123 4567",
        ] {
            assert_eq!(Fingerprint::parse(text).unwrap().as_str(), want);
        }
        for text in [
            "",
            "89ABCDEF01234567",
            &want[1..],
            "é123456789ABCDEF0123456789ABCDEF0123456",
        ] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }
}
