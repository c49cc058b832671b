//! POSIX cron: five fields, as GitHub reads them.
//!
//! Source: GitHub docs, "Events that trigger workflows", `schedule`: `*`, lists, ranges and steps, names of months and of
//! weekdays, Sunday being 0; none of the nicknames (`@daily`). The field rules are those of the checker that GitHub publishes
//! with its language server. The crate `croner` reads a good deal more (`L`, `W`, `#`, `?`, seconds, nicknames), and does not
//! say where a mistake is.

use jiff::civil::Date;

/// What is wrong with a cron text or a time zone, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TimingError {
    /// The byte of the text at which it is wrong.
    pub offset: usize,
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A text over this length is no schedule: all minutes of the hour take 170.
const CHARS: usize = 256;

/// One of the five fields.
struct Field {
    /// Such as `a minute`.
    name: &'static str,
    first: u8,
    last: u8,
    /// Other names of its values, from the first one on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field {
        name: "a minute",
        first: 0,
        last: 59,
        names: &[],
    },
    Field {
        name: "an hour",
        first: 0,
        last: 23,
        names: &[],
    },
    Field {
        name: "a day of the month",
        first: 1,
        last: 31,
        names: &[],
    },
    Field {
        name: "a month",
        first: 1,
        last: 12,
        names: &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
    },
    Field {
        name: "a day of the week",
        first: 0,
        last: 6,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    },
];

/// The nicknames of other crons, and what they stand for.
const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// The days of each month, in the year that has most.
const DAYS_OF_MONTH: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// The values of a field, each a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Values {
    bits: u64,
    /// It begins with `*`, which takes it out of the choice between the two kinds of days.
    star: bool,
}

impl Values {
    const fn has(self, value: u8) -> bool {
        self.bits & (1 << value) != 0
    }

    fn iter(self) -> impl Iterator<Item = u8> + Clone {
        (0..64).filter(move |value| self.has(*value))
    }
}

/// A cron text, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Values,
    hours: Values,
    days: Values,
    months: Values,
    weekdays: Values,
}

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Self, TimingError> {
        let words = words(text);
        if let Some((offset, word)) = words.first().filter(|(_, word)| word.starts_with('@')) {
            let known = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
            return Err(TimingError {
                offset: *offset,
                message: format!("`{}` is not POSIX cron, which has five fields", shown(word)),
                hint: match known {
                    Some((_, fields)) => format!("write `{fields}`"),
                    None => FIELD_NAMES.to_owned(),
                },
            });
        }
        let [minute, hour, day, month, weekday] = words.as_slice() else {
            return Err(TimingError {
                offset: words.get(5).map_or(0, |(offset, _)| *offset),
                message: format!("a schedule has five fields, and this one has {}", words.len()),
                hint: FIELD_NAMES.to_owned(),
            });
        };
        if text.len() > CHARS {
            return Err(TimingError {
                offset: 0,
                message: format!("a schedule has at most {CHARS} characters"),
                hint: "write ranges and steps, such as `0-30/5`, or several schedules".to_owned(),
            });
        }
        let [of_minute, of_hour, of_day, of_month, of_weekday] = &FIELDS;
        let cron = Self {
            minutes: of_minute.parse(*minute)?,
            hours: of_hour.parse(*hour)?,
            days: of_day.parse(*day)?,
            months: of_month.parse(*month)?,
            weekdays: of_weekday.parse(*weekday)?,
        };
        if cron.never() {
            return Err(TimingError {
                offset: day.0,
                message: "there is no such day in any of its months: it would never run".to_owned(),
                hint: "choose a day that the month has".to_owned(),
            });
        }
        Ok(cron)
    }

    /// None of its months has any of its days, and no weekday stands in.
    fn never(&self) -> bool {
        let months = self.months.iter();
        let longest = months
            .filter_map(|month| DAYS_OF_MONTH.get(usize::from(month) - 1))
            .max();
        let earliest = self.days.iter().next();
        !self.either_day_counts() && earliest > longest.copied()
    }

    /// POSIX: where both kinds of days are given, either one is enough; else both must hold, of which one always does.
    const fn either_day_counts(&self) -> bool {
        !self.days.star && !self.weekdays.star
    }

    pub(super) fn has_day(&self, date: Date) -> bool {
        let number = |n: i8| u8::try_from(n).unwrap_or_default();
        let day = self.days.has(number(date.day()));
        let weekday = self.weekdays.has(number(date.weekday().to_sunday_zero_offset()));
        let days = if self.either_day_counts() {
            day || weekday
        } else {
            day && weekday
        };
        self.months.has(number(date.month())) && days
    }

    /// The times of a day, as hours and minutes, in order.
    pub(super) fn times(&self) -> impl Iterator<Item = (i8, i8)> {
        let number = |n: u8| i8::try_from(n).unwrap_or_default();
        let minutes = self.minutes.iter();
        let of_hour = move |hour| minutes.clone().map(move |minute| (number(hour), number(minute)));
        self.hours.iter().flat_map(of_hour)
    }

    pub(super) fn shortest_pause_minutes(&self) -> u64 {
        const DAY: u64 = 24 * 60;
        let minute =
            |(hour, minute): (i8, i8)| u64::from(hour.unsigned_abs()) * 60 + u64::from(minute.unsigned_abs());
        let times: Vec<u64> = self.times().map(minute).collect();
        let next = times
            .iter()
            .skip(1)
            .copied()
            .chain(times.first().map(|first| first + DAY));
        times
            .iter()
            .zip(next)
            .map(|(time, next)| next - time)
            .min()
            .unwrap_or(DAY)
    }

    /// It runs in every hour: it goes by the time that passes, not by what a clock on the wall shows.
    pub(super) fn is_hourly(&self) -> bool {
        self.hours.iter().count() == 24
    }
}

const FIELD_NAMES: &str =
    "they are minute, hour, day of the month, month and day of the week, such as `30 5 * * 1-5`";

/// The words of a text with their offsets.
fn words(text: &str) -> Vec<(usize, &str)> {
    let offset = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_whitespace().map(|word| (offset(word), word)).collect()
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

impl Field {
    fn parse(&self, (offset, text): (usize, &str)) -> Result<Values, TimingError> {
        let mut bits = 0;
        let mut at = offset;
        for item in text.split(',') {
            bits |= self.item(at, item)?;
            at += item.len() + 1;
        }
        Ok(Values {
            bits,
            star: text.starts_with('*'),
        })
    }

    /// `*`, `1`, `1-5`, each with `/2` or without.
    fn item(&self, offset: usize, text: &str) -> Result<u64, TimingError> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some((offset + range.len() + 1, step))),
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last),
            Some((from, to)) => {
                let (first, last) = (
                    self.value(offset, from)?,
                    self.value(offset + from.len() + 1, to)?,
                );
                if first > last {
                    return Err(TimingError {
                        offset,
                        message: format!("the range `{}` runs backwards", shown(range)),
                        hint: "write it as two ranges with a comma between them".to_owned(),
                    });
                }
                (first, last)
            }
            None => {
                let first = self.value(offset, range)?;
                // `5/15` is `5-59/15`.
                (first, if step.is_some() { self.last } else { first })
            }
        };
        let step = match step {
            Some((at, step)) => self.step(at, step)?,
            None => 1,
        };
        let values = (first..=last).step_by(usize::from(step));
        Ok(values.fold(0, |bits, value| bits | (1 << value)))
    }

    fn value(&self, offset: usize, text: &str) -> Result<u8, TimingError> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|at| Some(self.first + u8::try_from(at).ok()?));
        let value = named.or_else(|| number(text));
        value
            .filter(|value| (self.first..=self.last).contains(value))
            .ok_or_else(|| TimingError {
                offset,
                message: match text {
                    "" => format!("{} is missing here", self.name),
                    _ => format!("`{}` is not {}", shown(text), self.name),
                },
                hint: self.range(text),
            })
    }

    fn range(&self, text: &str) -> String {
        match (self.names, text) {
            ([first, ..], "7") if self.last == 6 => format!("Sunday is `0` or `{first}`"),
            ([first, .., last], _) => {
                format!(
                    "it is a number from {} to {}, or a name from {first} to {last}",
                    self.first, self.last
                )
            }
            _ => format!("it is a number from {} to {}", self.first, self.last),
        }
    }

    fn step(&self, offset: usize, text: &str) -> Result<u8, TimingError> {
        let steps = 1..=self.last;
        number(text)
            .filter(|step| steps.contains(step))
            .ok_or_else(|| TimingError {
                offset,
                message: format!("`{}` is not a step of {}", shown(text), self.name),
                hint: format!("it is a number from 1 to {}", self.last),
            })
    }
}

/// A number of one or two digits, or with zeros before it; no sign.
fn number(text: &str) -> Option<u8> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}
