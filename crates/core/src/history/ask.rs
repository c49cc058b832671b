//! What the record answers.

use super::{Failure, JobHistory, KnownFailure, Outcome};
use crate::ids::{AttemptNumber, JobId};
use crate::retry::RetryCause;
use crate::time::Millis;

/// From so few numbers nothing is concluded.
const SAMPLES: usize = 5;
/// Less than this over the usual is nothing to speak of.
const FAR: Millis = Millis::from_minutes(1);
/// A step that takes less is not worth a cache. The terraphim runner's rule: 30 s on average, and 5 successes.
const SLOW_STEP: Millis = Millis::from_secs(30);
/// What the names of steps that prepare a job say.
const PREPARES: [&str; 10] = [
    "install",
    "setup",
    "set up",
    "set-up",
    "restore",
    "dependencies",
    "bootstrap",
    "download",
    "fetch",
    "provision",
];

/// What an attempt that passes takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// Half of them take at most this.
    pub half: Millis,
    /// Nine of ten take at most this.
    pub most: Millis,
}

/// A step that a cache may make shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowStep<'a> {
    pub name: &'a str,
    pub half: Millis,
}

impl Usual {
    /// Whether an attempt of this length is far beyond it: twice what nine of ten take, and a minute more than half do.
    #[must_use]
    pub fn is_far_exceeded_by(&self, ran: Millis) -> bool {
        ran.0 > self.most.0.saturating_mul(2) && ran.0 > self.half.0 + FAR.0
    }
}

/// The value that `percent` of them do not exceed (nearest rank); none of none.
#[must_use]
pub fn quantile(values: impl IntoIterator<Item = u64>, percent: usize) -> Option<Millis> {
    let mut values: Vec<u64> = values.into_iter().collect();
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().map(Millis)
}

impl JobHistory {
    /// When an attempt usually ends, from its start: nine of ten that gave a verdict ran at least this long. None before
    /// there are enough of them.
    #[must_use]
    pub fn usual_end(&self) -> Option<Millis> {
        let verdicts = self
            .recent
            .iter()
            .filter(|attempt| matches!(attempt.outcome, Outcome::Success | Outcome::Failure))
            .filter_map(|attempt| Some(attempt.ran?.0));
        let ran: Vec<u64> = verdicts.collect();
        // Of few, the shortest.
        (ran.len() >= SAMPLES).then(|| quantile(ran, 10)).flatten()
    }

    /// What the attempts that passed took, but for this one; none before there are enough of them.
    #[must_use]
    pub fn usual_but(&self, job: &JobId, attempt: AttemptNumber) -> Option<Usual> {
        let ran: Vec<u64> = self
            .recent
            .iter()
            .filter(|known| {
                known.outcome == Outcome::Success && !(known.job == *job && known.attempt == attempt)
            })
            .filter_map(|known| Some(known.ran?.0))
            .collect();
        if ran.len() < SAMPLES {
            return None;
        }
        Some(Usual {
            half: quantile(ran.iter().copied(), 50)?,
            most: quantile(ran, 90)?,
        })
    }

    /// What is known of this failure.
    #[must_use]
    pub fn known(&self, failure: &Failure) -> Option<&KnownFailure> {
        let id = failure.id();
        self.failures.iter().find(|known| known.id == id)
    }

    /// Why a step's failure is not to be believed at once, by what it says and by what is known before it is counted. A
    /// failure of which neither is known is the code's.
    #[must_use]
    pub fn doubt(&self, failure: &Failure) -> Option<RetryCause> {
        let known = self.known(failure);
        if failure.is_infrastructure() || known.is_some_and(|known| known.infrastructure > 0) {
            Some(RetryCause::Infrastructure)
        } else if known.is_some_and(KnownFailure::is_flaky) {
            Some(RetryCause::Flaky)
        } else {
            None
        }
    }

    /// Among the steps of an attempt, in their order, the one that prepares the job, is slow and takes about the same each
    /// time. Nothing where a step speaks of a cache already.
    #[must_use]
    pub fn slow_setup<'a>(&self, steps: &[&'a str]) -> Option<SlowStep<'a>> {
        let says = |name: &str, word: &str| name.to_ascii_lowercase().contains(word);
        if steps.iter().any(|name| says(name, "cache")) {
            return None;
        }
        let slow: Vec<SlowStep<'a>> = steps
            .iter()
            .filter(|name| !says(name, "checkout"))
            .filter_map(|name| self.slow_and_steady(name))
            .collect();
        let named = slow
            .iter()
            .find(|step| PREPARES.iter().any(|word| says(step.name, word)));
        // Without a telling name: the first of several slow ones prepares what the others do.
        let first = slow.first().filter(|_| slow.len() > 1);
        named.or(first).copied()
    }

    fn slow_and_steady<'a>(&self, name: &'a str) -> Option<SlowStep<'a>> {
        let stored = super::cut(name, crate::limits::HISTORY_NAME_BYTES);
        let step = self.steps.iter().find(|known| known.name == stored)?;
        let at = |percent| quantile(step.durations.iter().copied(), percent);
        let (low, half, high) = (at(10)?, at(50)?, at(90)?);
        let slow = step.durations.len() >= SAMPLES && half > SLOW_STEP;
        let steady = (high.0 - low.0) * 4 <= half.0;
        (slow && steady).then_some(SlowStep { name, half })
    }

    /// Failures of the recent attempts that gave a verdict, in percent.
    #[must_use]
    pub fn failure_percent(&self) -> Option<usize> {
        self.percent_of_verdicts(|outcome, _| outcome == Outcome::Failure)
    }

    /// Failures that passed on the same commit afterwards, of the recent attempts that gave a verdict, in percent.
    #[must_use]
    pub fn flaky_percent(&self) -> Option<usize> {
        self.percent_of_verdicts(|_, flaky| flaky)
    }

    fn percent_of_verdicts(&self, counts: impl Fn(Outcome, bool) -> bool) -> Option<usize> {
        let verdicts: Vec<bool> = self
            .recent
            .iter()
            .filter(|known| matches!(known.outcome, Outcome::Success | Outcome::Failure))
            .map(|known| counts(known.outcome, known.flaky))
            .collect();
        let counted = verdicts.iter().filter(|counted| **counted).count();
        (counted * 100).checked_div(verdicts.len())
    }
}
