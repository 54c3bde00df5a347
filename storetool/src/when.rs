//! Times for people.

use jiff::Timestamp;

/// How long ago an RFC 3339 time was: `3 hours ago`. The text itself when it is none.
pub(crate) fn ago(time: Option<&str>, now: Timestamp) -> String {
    let Some(text) = time else {
        return String::new();
    };
    let Ok(time) = text.parse::<Timestamp>() else {
        return text.to_owned();
    };
    let seconds = now.as_second().saturating_sub(time.as_second());
    if seconds < 0 {
        return "in the future".to_owned();
    }
    for (unit, length) in UNITS {
        let count = seconds / length;
        // Two of a unit at least: "1 months ago" would be anything up to 59 days.
        if count >= 2 {
            return format!("{count} {unit} ago");
        }
    }
    "just now".to_owned()
}

/// Units and their seconds, longest first.
const UNITS: [(&str, i64); 7] = [
    ("years", 365 * 86400),
    ("months", 30 * 86400),
    ("weeks", 7 * 86400),
    ("days", 86400),
    ("hours", 3600),
    ("minutes", 60),
    ("seconds", 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        for (seconds, text) in [
            (0, "just now"),
            (59, "59 seconds ago"),
            (119, "119 seconds ago"),
            (120, "2 minutes ago"),
            (3 * 3600, "3 hours ago"),
            (400 * 86400, "13 months ago"),
            (800 * 86400, "2 years ago"),
            (-5, "in the future"),
        ] {
            let time = Timestamp::from_second(1_000_000_000 - seconds).unwrap();
            assert_eq!(ago(Some(&time.to_string()), now), text);
        }
        assert_eq!(ago(Some("soon"), now), "soon");
        assert_eq!(ago(None, now), "");
    }
}
