//! Spans of time as people read them.

use checkmill_core::Millis;

/// `0.3 s`, `4.2 s`, `42 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`: two units at most, cut rather than rounded up.
#[must_use]
pub fn span(span: Millis) -> String {
    let secs = span.0 / 1000;
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match secs {
        0..10 => format!("{}.{} s", secs, span.0 % 1000 / 100),
        10..60 => format!("{secs} s"),
        60..3600 => two(secs / 60, "min", secs % 60, "s"),
        3600..86_400 => two(secs / 3600, "h", secs % 3600 / 60, "min"),
        _ => two(secs / 86_400, "d", secs % 86_400 / 3600, "h"),
    }
}

/// A number with its thousands apart: `1,234,567`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let table = [
            (0, "0.0 s"),
            (349, "0.3 s"),
            (4_250, "4.2 s"),
            (9_999, "9.9 s"),
            (42_900, "42 s"),
            (60_000, "1 min"),
            (185_000, "3 min 5 s"),
            (3_600_000, "1 h"),
            (7_859_999, "2 h 10 min"),
            (86_400_000, "1 d"),
            (273_600_000, "3 d 4 h"),
        ];
        for (millis, expected) in table {
            assert_eq!(span(Millis(millis)), expected);
        }
    }

    #[test]
    fn numbers() {
        let table = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (65_535, "65,535"),
            (1_234_567, "1,234,567"),
        ];
        for (number, expected) in table {
            assert_eq!(grouped(number), expected);
        }
    }
}
