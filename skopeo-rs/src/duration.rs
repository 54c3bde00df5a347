//! Durations as Go writes them: `300ms`, `1.5h`, `1m30s`.

use std::time::Duration;

/// The units, in nanoseconds.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("\u{b5}s", 1e3),
    ("\u{3bc}s", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Parses a duration. A negative one is none, as for the original: it sets no limit.
///
/// # Errors
/// A message that names what is wrong.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(format!("invalid duration {text:?}"));
    }
    let mut nanoseconds = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(|| format!("missing unit in duration {text:?}"))?;
        let (number, tail) = rest.split_at(digits);
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let number: f64 = number
            .parse()
            .map_err(|_| format!("invalid duration {text:?}"))?;
        let (_, factor) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| format!("unknown unit {unit:?} in duration {text:?}"))?;
        nanoseconds += number * factor;
        rest = tail;
    }
    // Go's durations are 63 bits of nanoseconds, 292 years.
    if nanoseconds >= 9.223_372_036_854_776e18 {
        return Err(format!("duration {text:?} is too long"));
    }
    Ok(match negative {
        true => Duration::ZERO,
        false => Duration::from_secs_f64(nanoseconds / 1e9),
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations_of_go() {
        for (text, milliseconds) in [
            ("0", Some(0)),
            ("300ms", Some(300)),
            ("1.5h", Some(5_400_000)),
            ("1m30s", Some(90_000)),
            ("2000\u{b5}s", Some(2)),
            ("+1s", Some(1000)),
            ("-1s", Some(0)),
            ("1x", None),
            ("1", None),
            ("", None),
            ("s", None),
            ("1.2.3s", None),
            ("9999999h", None),
        ] {
            let got = parse(text).ok().map(|duration| duration.as_millis());
            assert_eq!(got, milliseconds, "{text}");
        }
    }
}
