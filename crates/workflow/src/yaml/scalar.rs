//! What a plain (unquoted) scalar is, by the core schema of YAML 1.2 as GitHub reads it.

/// A plain scalar's meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plain {
    Null,
    Bool(bool),
    /// GitHub's numbers are doubles: `1.10` is 1.1, and `0123` is 123.
    Number(f64),
    Text,
}

pub(super) fn resolve(text: &str) -> Plain {
    match text {
        "" | "null" | "Null" | "NULL" | "~" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Plain::Number(f64::NAN),
        _ => number(text).map_or(Plain::Text, Plain::Number),
    }
}

fn number(text: &str) -> Option<f64> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            // GitHub reads 32 bits with a sign, so that the upper half is negative.
            let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
            let bits = valid.then(|| u32::from_str_radix(digits, radix).ok()).flatten();
            return bits.map(|bits| f64::from(bits.cast_signed()));
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(if text.starts_with('-') {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        });
    }
    if is_decimal(unsigned) {
        text.parse().ok()
    } else {
        None
    }
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        ),
        None => (text, None),
    };
    if exponent.is_some_and(|e| e.is_empty() || !digits(e)) {
        return false;
    }
    match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: `YamlObjectReader` of GitHub's runner.
    #[test]
    fn scalars_as_github_reads_them() {
        for (text, expected) in [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("Null", Plain::Null),
            ("nUll", Plain::Text),
            ("True", Plain::Bool(true)),
            ("tRuE", Plain::Text),
            ("yes", Plain::Text),
            ("on", Plain::Text),
            ("12", Plain::Number(12.0)),
            ("+12", Plain::Number(12.0)),
            ("-0", Plain::Number(-0.0)),
            ("0123", Plain::Number(123.0)),
            ("1.10", Plain::Number(1.1)),
            ("5.", Plain::Number(5.0)),
            (".5", Plain::Number(0.5)),
            ("-.5e-3", Plain::Number(-0.0005)),
            ("1E3", Plain::Number(1000.0)),
            ("1e999", Plain::Number(f64::INFINITY)),
            ("0x1F", Plain::Number(31.0)),
            ("0xffffffff", Plain::Number(-1.0)),
            ("0o17", Plain::Number(15.0)),
            ("-.INF", Plain::Number(f64::NEG_INFINITY)),
            ("-0x1f", Plain::Text),
            ("0x", Plain::Text),
            ("0o8", Plain::Text),
            ("0b11", Plain::Text),
            ("1_000", Plain::Text),
            ("1:30", Plain::Text),
            (".", Plain::Text),
            ("1e", Plain::Text),
            ("e1", Plain::Text),
            ("inf", Plain::Text),
            ("1.2.3", Plain::Text),
            ("-", Plain::Text),
        ] {
            assert_eq!(resolve(text), expected, "{text:?}");
        }
        assert!(matches!(resolve(".NaN"), Plain::Number(n) if n.is_nan()));
    }
}
