//! Numbers: how GitHub reads them from text and writes them.

use github_actions_expressions::Evaluation;

/// A text as a number: decimal, exponent, `0x`, `0o`, `Infinity`; an empty text is 0, any other text `NaN`.
pub(super) fn parse(text: &str) -> f64 {
    let number = Evaluation::String(text.to_owned()).as_number();
    if number.is_nan()
        && text.contains(|c: char| c.is_ascii_digit())
        && let Ok(beyond) = text.trim().parse::<f64>()
    {
        // Digits that are too much for a double: .NET and JavaScript make infinity of them, the crate refuses them.
        return beyond;
    }
    number
}

/// Digits that GitHub writes. Its runner: `ExpressionConstants.NumberFormat`, .NET's `G15`.
const PRECISION: usize = 15;

/// A number as text, as .NET's format `G15` gives it: 15 digits, an exponent from 1E+15 up and below 0.0001.
pub(super) fn format(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity".to_owned()
        } else {
            "-Infinity".to_owned()
        };
    }
    if number == 0.0 {
        // GitHub writes no minus for -0.
        return "0".to_owned();
    }
    let scientific = format!("{:.*e}", PRECISION - 1, number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = mantissa.replace('.', "");
    let digits = digits.trim_end_matches('0');
    let sign = if number < 0.0 { "-" } else { "" };
    match usize::try_from(exponent) {
        Ok(whole) if whole < PRECISION => format!("{sign}{}", fixed(digits, whole + 1)),
        Err(_) if exponent > -5 => {
            let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
            format!("{sign}0.{zeros}{digits}")
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let direction = if exponent < 0 { '-' } else { '+' };
            format!(
                "{sign}{first}{point}{rest}E{direction}{:02}",
                exponent.unsigned_abs()
            )
        }
    }
}

/// `digits` with the decimal point after `whole` of them.
fn fixed(digits: &str, whole: usize) -> String {
    if digits.len() <= whole {
        return format!("{digits:0<whole$}");
    }
    let (before, after) = digits.split_at(whole);
    format!("{before}.{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn written_as_dot_net_does() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-9.2, "-9.2"),
            (0.1 + 0.2, "0.3"),
            (100.0, "100"),
            (123_456_789_012_345.0, "123456789012345"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e15, "1E+15"),
            (1_234_567_890_123_456.0, "1.23456789012346E+15"),
            (1e100, "1E+100"),
            (f64::MAX, "1.79769313486232E+308"),
            (0.0001, "0.0001"),
            (0.00012, "0.00012"),
            (0.00001, "1E-05"),
            (-0.000_012_5, "-1.25E-05"),
            (1e-100, "1E-100"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(format(number), expected);
        }
    }

    #[test]
    fn read_as_javascript_does() {
        for (text, expected) in [
            ("", 0.0),
            ("  ", 0.0),
            (" 12 ", 12.0),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("-2.99e-2", -0.0299),
            ("0xff", 255.0),
            ("0o10", 8.0),
            // The runner reads 32 bits with a sign.
            ("0xFFFFFFFF", -1.0),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e400", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in [
            "abc",
            "1 2",
            "0x",
            "0xZ",
            "0x100000000",
            "-0xff",
            "inf",
            "nan",
            "1_000",
            "0b1",
            "e5",
        ] {
            assert!(parse(text).is_nan(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number in -1e14_f64..1e14) {
            let back = parse(&format(number));
            prop_assert!((back - number).abs() <= number.abs() * 1e-14, "{number} {back}");
        }

        #[test]
        fn never_panics(text in "\\PC*", bits in any::<u64>()) {
            let _ = parse(&text);
            let _ = format(f64::from_bits(bits));
        }
    }
}
