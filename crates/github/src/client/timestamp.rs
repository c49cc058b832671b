//! GitHub's timestamps: RFC 3339, such as `2026-11-20T22:00:00Z`.

use checkmill_core::UnixMillis;

const DAY_SECS: i64 = 86_400;

/// Days since 1970-01-01 of a date of the Gregorian calendar, counting years from March so that the leap day comes last.
const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// In whole seconds, UTC, as GitHub writes it.
pub(super) fn format(at: UnixMillis) -> String {
    let secs = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX / 2);
    let (year, month, day) = at.date();
    let of_day = secs.rem_euclid(DAY_SECS);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        of_day / 3600,
        of_day % 3600 / 60,
        of_day % 60
    )
}

/// None where the text is no timestamp at or after 1970. Fractions of a second are dropped.
pub(super) fn parse(text: &str) -> Option<UnixMillis> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse::<i64>().ok())
            .flatten()
    };
    let separators = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
    if separators
        .iter()
        .any(|(at, sign)| text.get(*at..at + 1) != Some(sign))
    {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let zone = text
        .get(19..)?
        .trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let secs = days_of(year, month, day) * DAY_SECS + hour * 3600 + minute * 60 + second - offset_secs(zone)?;
    Some(UnixMillis(u64::try_from(secs).ok()?.saturating_mul(1000)))
}

/// Seconds east of UTC.
fn offset_secs(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = zone
        .strip_prefix('+')
        .map(|rest| (1, rest))
        .or(zone.strip_prefix('-').map(|rest| (-1, rest)))?;
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<i64>().ok()).flatten();
    Some(sign * (number(hours)? * 3600 + number(minutes)? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_instants() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_234_567_890, "2009-02-13T23:31:30Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (secs, text) in table {
            assert_eq!(format(UnixMillis(secs * 1000)), text);
            assert_eq!(parse(text), Some(UnixMillis(secs * 1000)));
        }
    }

    #[test]
    fn other_spellings() {
        let expected = Some(UnixMillis(1_234_567_890_000));
        for text in [
            "2009-02-13T23:31:30.123Z",
            "2009-02-14T00:31:30+01:00",
            "2009-02-13T15:31:30.0-08:00",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in [
            "",
            "2009-02-13",
            "2009-13-13T23:31:30Z",
            "2009-02-13T23:31:30",
            "1969-12-31T23:59:59Z",
            "é009-02-13T23:31:30Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(secs in 0_u64..253_402_300_800) {
            prop_assert_eq!(parse(&format(UnixMillis(secs * 1000))), Some(UnixMillis(secs * 1000)));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
