//! Retriers: how often and after which waits a task is tried again.

use crate::failure::{ErrorPattern, Failure};
use crate::random::{Random, unit};
use std::time::Duration;

/// The longest interval that is accepted, in seconds. AWS docs: `IntervalSeconds` at most 99,999,999.
pub(crate) const SECONDS_MAX: u64 = 99_999_999;

/// One entry of `Retry`, with the specification's defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrier {
    pub errors: Vec<ErrorPattern>,
    /// `IntervalSeconds`: before the first retry. Default 1 s.
    pub interval: Duration,
    /// `MaxAttempts`: retries, not counting the first try. Default 3; 0 is never.
    pub max_attempts: u32,
    /// `BackoffRate`: each interval is this many times the one before. Default 2.0, at least 1.0.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`: no interval is longer.
    pub max_delay: Option<Duration>,
    pub jitter: Jitter,
}

/// `JitterStrategy`. AWS docs: `FULL` or `NONE`, the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    None,
    /// The wait is drawn evenly from zero to the computed interval.
    Full,
}

impl Retrier {
    pub(crate) fn matches(&self, failure: &Failure) -> bool {
        self.errors.iter().any(|pattern| pattern.matches(failure))
    }

    /// The interval before retry number `retry` (from 0), without jitter.
    #[must_use]
    pub fn interval_before(&self, retry: u32) -> Duration {
        let cap = self
            .max_delay
            .unwrap_or(Duration::from_secs(SECONDS_MAX))
            .as_secs_f64();
        let exponent = i32::try_from(retry).unwrap_or(i32::MAX);
        // Past the largest double this is infinity, which the cap brings back.
        let seconds = self.interval.as_secs_f64() * self.backoff_rate.powi(exponent);
        Duration::from_secs_f64(seconds.min(cap))
    }

    /// The wait before retry number `retry` (from 0).
    pub fn delay(&self, retry: u32, random: &mut dyn Random) -> Duration {
        let interval = self.interval_before(retry);
        match self.jitter {
            Jitter::None => interval,
            Jitter::Full => interval.mul_f64(unit(random)),
        }
    }

    /// How long all retries together wait at least: nothing is certain of a wait with full jitter.
    #[must_use]
    pub fn least_total(&self) -> Duration {
        match self.jitter {
            Jitter::None => self.total(),
            Jitter::Full => Duration::ZERO,
        }
    }

    /// How long all retries together wait on average.
    #[must_use]
    pub fn mean_total(&self) -> Duration {
        match self.jitter {
            Jitter::None => self.total(),
            Jitter::Full => self.total() / 2,
        }
    }

    fn total(&self) -> Duration {
        (0..self.max_attempts)
            .map(|retry| self.interval_before(retry))
            .fold(Duration::ZERO, Duration::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    fn retrier(interval: u64, rate: f64, max_delay: Option<u64>, jitter: Jitter) -> Retrier {
        Retrier {
            errors: vec![ErrorPattern::All],
            interval: Duration::from_secs(interval),
            max_attempts: 3,
            backoff_rate: rate,
            max_delay: max_delay.map(Duration::from_secs),
            jitter,
        }
    }

    #[test]
    fn intervals_grow_as_the_specification_says() {
        let table = [
            // Specification, "Retrying after error": 3 and 6 seconds; with a limit of 4 seconds, 3 and 4.
            (retrier(3, 2.0, None, Jitter::None), vec![3.0, 6.0, 12.0]),
            (retrier(3, 2.0, Some(4), Jitter::None), vec![3.0, 4.0, 4.0]),
            // AWS docs: 3 and 4.5 seconds.
            (retrier(3, 1.5, None, Jitter::None), vec![3.0, 4.5, 6.75]),
            (retrier(1, 1.0, None, Jitter::None), vec![1.0, 1.0, 1.0]),
            // The limit holds for the first wait too.
            (retrier(9, 2.0, Some(4), Jitter::None), vec![4.0, 4.0, 4.0]),
        ];
        for (retrier, expected) in table {
            let mut random = || 0;
            let delays: Vec<f64> = (0..3)
                .map(|n| retrier.delay(n, &mut random).as_secs_f64())
                .collect();
            assert_eq!(delays, expected, "{retrier:?}");
        }
    }

    #[test]
    fn full_jitter_draws_evenly_from_zero_to_the_interval() {
        let retrier = retrier(8, 2.0, Some(10), Jitter::Full);
        let mut random = SplitMix64(7);
        let draws: Vec<f64> = (0..2000)
            .map(|_| retrier.delay(5, &mut random).as_secs_f64())
            .collect();
        assert!(draws.iter().all(|delay| (0.0..10.0).contains(delay)));
        for tenth in 0..10 {
            let bounds = f64::from(tenth)..f64::from(tenth + 1);
            let share = draws.iter().filter(|delay| bounds.contains(delay)).count();
            assert!((140..260).contains(&share), "{share} of 2000 in {bounds:?}");
        }
    }

    #[test]
    fn nothing_overflows() {
        let retrier = retrier(SECONDS_MAX, 1e300, None, Jitter::None);
        assert_eq!(
            retrier.interval_before(u32::MAX),
            Duration::from_secs(SECONDS_MAX)
        );
    }
}
