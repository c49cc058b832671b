//! Timestamps as GitHub writes and reads them: ISO 8601 in UTC with whole seconds.

use checkmill_core::UnixMillis;

const DAY_SECS: u64 = 86_400;

/// `2026-01-31T12:00:00Z`.
#[must_use]
pub fn format(at: UnixMillis) -> String {
    let secs = at.0 / 1000;
    let (year, month, day) = civil(secs / DAY_SECS);
    let rest = secs % DAY_SECS;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads `YYYY-MM-DDTHH:MM:SS`, an optional fraction, and `Z` or an offset. None where it is not that, or before 1970.
#[must_use]
pub fn parse(text: &str) -> Option<UnixMillis> {
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !marks
        .iter()
        .all(|(at, mark)| text.as_bytes().get(*at) == Some(mark))
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return None;
    }
    let (millis, zone) = fraction(text.get(19..)?)?;
    let local = (days(year, month, day) * DAY_SECS + hour * 3600 + minute * 60 + second) * 1000 + millis;
    offset(zone, local).map(UnixMillis)
}

/// Milliseconds of an optional `.123…`, and what follows it.
fn fraction(rest: &str) -> Option<(u64, &str)> {
    let Some(after_dot) = rest.strip_prefix('.') else {
        return Some((0, rest));
    };
    let len = after_dot.bytes().take_while(u8::is_ascii_digit).count();
    if len == 0 {
        return None;
    }
    let (digits, zone) = after_dot.split_at(len);
    let mut padded = format!("{digits}000");
    padded.truncate(3);
    Some((padded.parse().ok()?, zone))
}

fn offset(zone: &str, local: u64) -> Option<u64> {
    if zone == "Z" {
        return Some(local);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, minutes) = match rest.len() {
        4 => rest.split_at_checked(2)?,
        _ => rest.split_once(':')?,
    };
    let both_two_digits = [hours, minutes]
        .iter()
        .all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_digit()));
    if !both_two_digits {
        return None;
    }
    let span = (hours.parse::<u64>().ok()? * 60 + minutes.parse::<u64>().ok()?) * 60_000;
    match sign {
        "+" => local.checked_sub(span),
        "-" => Some(local + span),
        _ => None,
    }
}

const fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01. Dates are from 1970 on, so plain counting of years and months will do.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let years: u64 = (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum();
    let months: u64 = (1..month).map(|m| days_in_month(year, m)).sum();
    years + months + day - 1
}

fn civil(mut day: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    loop {
        let len = if leap(year) { 366 } else { 365 };
        if day < len {
            break;
        }
        day -= len;
        year += 1;
    }
    let mut month = 1;
    while day >= days_in_month(year, month) {
        day -= days_in_month(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00Z"),
            (1_772_323_199_000, "2026-02-28T23:59:59Z"),
        ];
        for (millis, text) in table {
            assert_eq!(format(UnixMillis(millis)), text);
            assert_eq!(parse(text), Some(UnixMillis(millis)), "{text}");
        }
    }

    #[test]
    fn offsets_and_fractions() {
        let table = [
            ("2026-01-01T02:00:00+02:00", Some(1_767_225_600_000)),
            ("2025-12-31T22:30:00-0130", Some(1_767_225_600_000)),
            ("2026-01-01T00:00:00.25Z", Some(1_767_225_600_250)),
            ("2026-02-29T00:00:00Z", None),
            ("2026-01-01 00:00:00Z", None),
            ("2026-01-01T00:00:00", None),
            ("2026-01-01T24:00:00Z", None),
            ("2026-01-01T00:00:00.Z", None),
            ("yesterday", None),
        ];
        for (text, millis) in table {
            assert_eq!(parse(text), millis.map(UnixMillis), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_can_be_read(secs in 0_u64..200_000_000_000) {
            let at = UnixMillis(secs.min(253_402_300_799) * 1000);
            assert_eq!(parse(&format(at)), Some(at));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
