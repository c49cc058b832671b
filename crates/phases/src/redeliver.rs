//! What GitHub could not deliver. It does not try again by itself, but keeps a list, and makes a delivery again when it is
//! asked: with the same id, so that the normal way takes it from there.
//!
//! How often a delivery has been tried, GitHub's list says; nothing about it is kept here.

use crate::error::PhaseError;
use crate::ports::{Clock, Deliveries};
use checkmill_core::limits::{
    REDELIVERIES, REDELIVERY_ATTEMPTS, REDELIVERY_LOOK, REDELIVERY_LOOK_DEEP, REDELIVERY_LOOKBACK,
    REDELIVERY_LOOKBACK_DEEP,
};
use checkmill_core::{DeliveryId, Millis, UnixMillis};
use checkmill_github::forge::{DeliveryAttempt, Forge};
use checkmill_github::webhook::may_concern_us;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How long the last of so many failed attempts is left alone: the first one not at all. After as many as this has entries
/// a delivery is given up, because whatever takes them refuses this one.
const PAUSES: [Millis; 4] = [
    Millis(0),
    Millis::from_minutes(10),
    Millis::from_minutes(60),
    Millis::from_minutes(6 * 60),
];

/// When this process looks again. It forgets with its process, and the next one looks at once: that needs no row to be read
/// every minute, and a process that was away has the most to look for.
#[derive(Debug, Default)]
pub struct Looks(Mutex<Next>);

#[derive(Debug, Default)]
struct Next {
    any: UnixMillis,
    deep: UnixMillis,
}

impl Looks {
    /// How far back to look now; none when it is not time. The next time counts from here, whatever comes of the look.
    fn take(&self, now: UnixMillis) -> Option<Millis> {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now < next.any {
            return None;
        }
        next.any = now + REDELIVERY_LOOK;
        Some(if now < next.deep {
            REDELIVERY_LOOKBACK
        } else {
            REDELIVERY_LOOKBACK_DEEP
        })
    }

    fn looked(&self, back: Millis, now: UnixMillis) {
        if back == REDELIVERY_LOOKBACK_DEEP {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).deep = now + REDELIVERY_LOOK_DEEP;
        }
    }
}

/// A look that has taken so long asks no further: the sweep that makes it has an end.
pub const LOOK_MAX: Millis = Millis::from_secs(60);

pub(crate) struct Redeliver<'a> {
    pub(crate) deliveries: &'a dyn Deliveries,
    pub(crate) forge: &'a dyn Forge,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) looks: &'a Looks,
}

impl Redeliver<'_> {
    /// Looks, where it is time to, and counts in `asked` what it asked for.
    ///
    /// One that GitHub refuses to make again, or whose row can't be read, does not hold up the others.
    ///
    /// # Errors
    /// The ports' that pass; the next look tries again.
    pub(crate) async fn run(&self, asked: &mut usize) -> Result<(), PhaseError> {
        let now = self.clock.now();
        let Some(back) = self.looks.take(now) else {
            return Ok(());
        };
        let log = self.forge.deliveries(now - back, REDELIVERY_ATTEMPTS).await?;
        if !log.complete {
            let read = log.attempts.len();
            tracing::warn!(
                read,
                back_minutes = back.0 / 60_000,
                "GitHub's list of deliveries is too long to be read so far back"
            );
            // It counts as looked at all the same: read again, it would end in the same place.
        }
        let mut tried = 0;
        for attempt in owed(&log.attempts, now) {
            if tried >= REDELIVERIES || self.clock.now().since(now) >= LOOK_MAX {
                // What is left over may be older than the next look goes back, unless that is a deep one again.
                tracing::warn!("more deliveries failed than are asked for at once; the next look asks on");
                return Ok(());
            }
            match self.ask_for(attempt).await {
                Ok(false) => {}
                Ok(true) => {
                    tried += 1;
                    *asked += 1;
                }
                Err(error) if error.error_name().is_retryable() => return Err(error),
                Err(error) => {
                    tried += 1;
                    tracing::error!(delivery = %attempt.delivery, event = attempt.event, %error, "a delivery that GitHub could not make stays lost");
                }
            }
        }
        self.looks.looked(back, now);
        Ok(())
    }

    /// Whether it was asked for. One with a row got here: its answer was lost, or the queue failed, and the sweep has it.
    async fn ask_for(&self, attempt: &DeliveryAttempt) -> Result<bool, PhaseError> {
        if self.deliveries.load(&attempt.delivery).await?.is_some() {
            return Ok(false);
        }
        self.forge.redeliver(attempt.id).await?;
        tracing::warn!(delivery = %attempt.delivery, event = attempt.event, "GitHub could not make a delivery and is asked to make it again");
        Ok(true)
    }
}

/// The deliveries to ask for, oldest first, each by its newest attempt. `newest_first` is GitHub's list, as far as it was read:
/// a delivery whose first attempt is not in it is left to a look that goes back further.
fn owed(newest_first: &[DeliveryAttempt], now: UnixMillis) -> Vec<&DeliveryAttempt> {
    let mut tried: BTreeMap<&DeliveryId, Vec<&DeliveryAttempt>> = BTreeMap::new();
    for attempt in newest_first {
        tried.entry(&attempt.delivery).or_default().push(attempt);
    }
    let mut owed: Vec<_> = tried
        .into_values()
        .filter_map(|attempts| {
            let newest = *attempts.first()?;
            let pause = PAUSES.get(attempts.len() - 1)?;
            let wanted = may_concern_us(&newest.event, newest.action.as_deref())
                && attempts.iter().any(|attempt| attempt.first)
                && !attempts.iter().any(|attempt| attempt.succeeded)
                && now.since(newest.at) >= *pause;
            wanted.then_some(newest)
        })
        .collect();
    owed.sort_by_key(|attempt| (attempt.at, attempt.id));
    owed
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_github::forge::AttemptId;

    const NOW: UnixMillis = UnixMillis(1_000_000_000);

    /// Attempts as `delivery minutes-ago outcome`, newest first; `first` is implied by the oldest unless `again` says otherwise.
    fn log(lines: &[(&str, u64, &str)]) -> Vec<DeliveryAttempt> {
        let attempt =
            |(index, (delivery, minutes_ago, words)): (usize, &(&str, u64, &str))| DeliveryAttempt {
                id: AttemptId((lines.len() - index) as u64),
                delivery: delivery.parse().unwrap(),
                at: NOW - Millis::from_minutes(*minutes_ago),
                first: !words.contains("again"),
                succeeded: words.contains("ok"),
                event: if words.contains("created") {
                    "check_run"
                } else {
                    "push"
                }
                .to_owned(),
                action: words.contains("created").then(|| "created".to_owned()),
            };
        lines.iter().enumerate().map(attempt).collect()
    }

    fn asked(lines: &[(&str, u64, &str)]) -> Vec<String> {
        let log = log(lines);
        owed(&log, NOW)
            .iter()
            .map(|attempt| attempt.delivery.to_string())
            .collect()
    }

    #[test]
    fn what_failed_every_time_is_asked_for_oldest_first() {
        let lines = [("c", 1, "ok"), ("b", 2, "failed"), ("a", 3, "failed")];
        assert_eq!(asked(&lines), ["a", "b"]);
        assert_eq!(asked(&[("a", 1, "ok again"), ("a", 3, "failed")]), [""; 0]);
        assert_eq!(asked(&[("a", 3, "failed created")]), [""; 0], "nothing for us");
    }

    #[test]
    fn each_further_try_waits_longer_and_the_tries_end() {
        let failed = |ages: &[u64]| {
            let last = ages.len() - 1;
            let line =
                |(n, age): (usize, &u64)| ("a", *age, if n == last { "failed" } else { "failed again" });
            asked(&ages.iter().enumerate().map(line).collect::<Vec<_>>()).len()
        };
        assert_eq!(failed(&[0]), 1);
        assert_eq!((failed(&[9, 20]), failed(&[10, 20])), (0, 1));
        assert_eq!((failed(&[59, 70, 80]), failed(&[60, 70, 80])), (0, 1));
        assert_eq!(
            (failed(&[359, 400, 410, 420]), failed(&[360, 400, 410, 420])),
            (0, 1)
        );
        assert_eq!(failed(&[900, 1000, 1100, 1200, 1300]), 0, "given up");
    }

    #[test]
    fn a_delivery_whose_first_attempt_is_out_of_sight_is_not_judged() {
        assert_eq!(asked(&[("a", 29, "failed again")]), [""; 0]);
    }

    #[test]
    fn a_process_looks_at_once_and_then_now_and_then() {
        let looks = Looks::default();
        assert_eq!(looks.take(NOW), Some(REDELIVERY_LOOKBACK_DEEP));
        assert_eq!(looks.take(NOW + Millis(1)), None);
        let later = NOW + REDELIVERY_LOOK;
        assert_eq!(
            looks.take(later),
            Some(REDELIVERY_LOOKBACK_DEEP),
            "the deep one failed"
        );
        looks.looked(REDELIVERY_LOOKBACK_DEEP, later);
        assert_eq!(looks.take(later + REDELIVERY_LOOK), Some(REDELIVERY_LOOKBACK));
        assert_eq!(
            looks.take(later + REDELIVERY_LOOK_DEEP),
            Some(REDELIVERY_LOOKBACK_DEEP)
        );
    }
}
