//! When a schedule comes next.

use super::cron::{Cron, TimingError};
use crate::time::{Millis, UnixMillis};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

/// How far ahead is looked. The 29th of February of 2096 is followed by that of 2104.
const DAYS: usize = 366 * 9;

/// A cron text in a time zone, read.
#[derive(Debug, Clone)]
pub struct Timetable {
    cron: Cron,
    zone: TimeZone,
}

impl Timetable {
    pub(super) fn new(cron: &str, timezone: Option<&str>) -> Result<Self, TimingError> {
        Ok(Self {
            cron: Cron::parse(cron)?,
            zone: timezone.map_or(Ok(TimeZone::UTC), zone)?,
        })
    }

    /// The first time after `at`.
    ///
    /// Where the clocks go forward, a time that they leave out comes when they have done so; where they go back, a time that
    /// comes twice counts once. A schedule of every hour goes by the time that passes. GitHub docs, `schedule`.
    #[must_use]
    pub fn next_after(&self, at: UnixMillis) -> Option<UnixMillis> {
        let after = Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
        let mut day = self.zone.to_datetime(after).date();
        for _ in 0..DAYS {
            if self.cron.has_day(day)
                && let Some(next) = self.instants(day).filter(|instant| *instant > after).min()
            {
                return u64::try_from(next.as_millisecond()).ok().map(UnixMillis);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The shortest pause between two of its times, on a day whose next is like it.
    #[must_use]
    pub fn shortest_pause(&self) -> Millis {
        Millis::from_minutes(self.cron.shortest_pause_minutes())
    }

    fn instants(&self, day: Date) -> impl Iterator<Item = Timestamp> {
        let times = self.cron.times();
        times.flat_map(move |(hour, minute)| {
            let (first, second) = self.instant(day, hour, minute);
            first.into_iter().chain(second)
        })
    }

    /// When it is this time of this day: twice where the clocks go back, if at all where they go forward.
    fn instant(&self, day: Date, hour: i8, minute: i8) -> (Option<Timestamp>, Option<Timestamp>) {
        let time = day.at(hour, minute, 0, 0);
        match self.zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => (offset.to_timestamp(time).ok(), None),
            AmbiguousOffset::Gap { .. } if self.cron.is_hourly() => (None, None),
            AmbiguousOffset::Gap { after, .. } => {
                // By the later clock, the time is one before the change.
                let before = after.to_timestamp(time).ok();
                let change = before.and_then(|before| self.zone.following(before).next());
                (change.map(|change| change.timestamp()), None)
            }
            AmbiguousOffset::Fold { before, after } => {
                let second = after.to_timestamp(time).ok().filter(|_| self.cron.is_hourly());
                (before.to_timestamp(time).ok(), second)
            }
        }
    }
}

/// A time zone of the IANA database that is compiled in.
fn zone(name: &str) -> Result<TimeZone, TimingError> {
    TimeZoneDatabase::bundled().get(name).map_err(|_| TimingError {
        offset: 0,
        message: "there is no such time zone".to_owned(),
        hint: "name one of the IANA database, such as `Europe/Berlin` or `America/New_York`".to_owned(),
    })
}
