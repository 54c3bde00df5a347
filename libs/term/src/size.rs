//! Sizes for people: decimal units, three significant figures, as `docker images` prints them.

const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/// A number of bytes in words: `0B`, `999B`, `1.5kB`, `12.3MB`, `229MB`.
pub fn human(bytes: u64) -> String {
    let mut unit = 0;
    let mut divisor: u64 = 1;
    while bytes / divisor >= 1000 && unit + 1 < UNITS.len() {
        divisor = divisor.saturating_mul(1000);
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes}B");
    }
    let whole = bytes / divisor;
    let decimals: u32 = match whole {
        0..=9 => 2,
        10..=99 => 1,
        _ => 0,
    };
    let scale = 10_u64.pow(decimals);
    // Rounded down: 999.96 kB must not be called 1000 kB.
    let fraction = (bytes % divisor) / (divisor / scale);
    let mut number = whole.to_string();
    if decimals > 0 && fraction > 0 {
        let digits = format!("{fraction:0width$}", width = decimals as usize);
        number.push('.');
        number.push_str(digits.trim_end_matches('0'));
    }
    format!("{number}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn sizes() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1500, "1.5kB"),
            (1_050, "1.05kB"),
            (12_345_678, "12.3MB"),
            (229_512_779, "229MB"),
            (999_999, "999kB"),
            (u64::MAX, "18.4EB"),
        ] {
            assert_eq!(human(bytes), text, "{bytes}");
        }
    }
}
