//! Recording an attempt: pure, bounded, once.

use super::{
    AttemptSummary, Attempted, Fix, JobHistory, KnownFailure, Outcome, StepHistory, StepSummary, Subject,
    Tally, cut,
};
use crate::ids::{AttemptNumber, JobId};
use crate::limits::{
    HISTORY_ATTEMPTS, HISTORY_FAILURES, HISTORY_LEG_BYTES, HISTORY_NAME_BYTES, HISTORY_PLACE_BYTES,
    HISTORY_STEP_DURATIONS, HISTORY_STEPS,
};
use crate::retry::RetryCause;

impl JobHistory {
    /// Of a job that nothing is known of.
    #[must_use]
    pub fn new(job: Subject) -> Self {
        Self {
            job: job.cut(),
            tally: Tally::default(),
            recent: Vec::new(),
            steps: Vec::new(),
            failures: Vec::new(),
            version: 0,
        }
    }

    /// The attempt, where it is in the window.
    #[must_use]
    pub fn counted(&self, job: &JobId, attempt: AttemptNumber) -> Option<&Attempted> {
        self.recent
            .iter()
            .find(|known| known.job == *job && known.attempt == attempt)
    }

    /// With the attempt in it and the next version; none where that changes nothing, because it was counted, or lies before
    /// a full window. `retried` is what was decided about it, to be found by whoever asks again.
    #[must_use]
    pub fn record(&self, attempt: &AttemptSummary, retried: Option<RetryCause>) -> Option<Self> {
        let too_old = self.recent.len() >= HISTORY_ATTEMPTS
            && self.recent.first().is_some_and(|oldest| attempt.at < oldest.at);
        if too_old || self.counted(&attempt.job, attempt.attempt).is_some() {
            return None;
        }
        let mut next = self.clone();
        next.version += 1;
        next.tally.count(attempt.outcome);
        next.insert(Attempted {
            job: attempt.job.clone(),
            attempt: attempt.attempt,
            at: attempt.at,
            sha: attempt.sha.clone(),
            place: cut(&attempt.place, HISTORY_PLACE_BYTES),
            outcome: attempt.outcome,
            ran: attempt.ran,
            queued: attempt.queued,
            backend: cut(&attempt.backend, HISTORY_PLACE_BYTES),
            machine: cut(&attempt.machine, HISTORY_PLACE_BYTES),
            trigger: cut(&attempt.trigger, HISTORY_PLACE_BYTES),
            failure: attempt.failure.as_ref().map(super::Failure::id),
            flaky: false,
            retried,
        });
        next.note_failure(attempt);
        for step in &attempt.steps {
            next.note_step(step, attempt);
        }
        next.conclude_flaky();
        next.conclude_fixed();
        next.recent
            .drain(..next.recent.len().saturating_sub(HISTORY_ATTEMPTS));
        Some(next)
    }

    fn insert(&mut self, attempt: Attempted) {
        let place = self.recent.partition_point(|known| {
            (known.at, &known.job, known.attempt) < (attempt.at, &attempt.job, attempt.attempt)
        });
        self.recent.insert(place, attempt);
    }

    fn note_failure(&mut self, attempt: &AttemptSummary) {
        let Some(failure) = &attempt.failure else { return };
        let id = failure.id();
        if !self.failures.iter().any(|known| known.id == id) {
            if self.failures.len() >= HISTORY_FAILURES {
                // Those that came once go before those that come back, the oldest first.
                let worth = |known: &KnownFailure| (known.count.min(2), known.last_at);
                let least = (0..self.failures.len()).min_by_key(|n| worth(&self.failures[*n]));
                least.map(|n| self.failures.remove(n));
            }
            self.failures.push(KnownFailure::new(
                failure,
                attempt.at,
                &attempt.sha,
                &attempt.place,
            ));
        }
        let Some(known) = self.failures.iter_mut().find(|known| known.id == id) else {
            return;
        };
        known.count += 1;
        known.infrastructure += u64::from(attempt.outcome == Outcome::Infrastructure);
        known.first_at = known.first_at.min(attempt.at);
        if attempt.at >= known.last_at {
            known.last_at = attempt.at;
            known.sha = attempt.sha.clone();
            known.place = cut(&attempt.place, HISTORY_PLACE_BYTES);
        }
    }

    fn note_step(&mut self, step: &StepSummary, attempt: &AttemptSummary) {
        let name = cut(&step.name, HISTORY_NAME_BYTES);
        let found = self.steps.iter().position(|known| known.name == name);
        let index = found.unwrap_or_else(|| {
            if self.steps.len() >= HISTORY_STEPS {
                let stalest = (0..self.steps.len()).min_by_key(|n| self.steps[*n].last_at);
                stalest.map(|n| self.steps.remove(n));
            }
            self.steps.push(StepHistory {
                name,
                success: 0,
                failure: 0,
                durations: Vec::new(),
                last_at: attempt.at,
            });
            self.steps.len() - 1
        });
        let known = &mut self.steps[index];
        known.last_at = known.last_at.max(attempt.at);
        if step.passed {
            known.success += 1;
            known.durations.push(step.ran.0);
            let over = known.durations.len().saturating_sub(HISTORY_STEP_DURATIONS);
            known.durations.drain(..over);
        } else {
            known.failure += 1;
        }
    }

    /// A failure that was followed by a success of the same job on the same commit was flaky: another event, or other inputs, may
    /// well have it do something else.
    fn conclude_flaky(&mut self) {
        for n in 0..self.recent.len() {
            let failed = &self.recent[n];
            let passed_later = self.recent[n..].iter().any(|later| {
                later.outcome == Outcome::Success
                    && later.sha == failed.sha
                    && later.trigger == failed.trigger
            });
            if failed.flaky || failed.outcome != Outcome::Failure || !passed_later {
                continue;
            }
            let id = failed.failure.clone();
            self.recent[n].flaky = true;
            self.tally.flaky += 1;
            if let Some(known) = self
                .failures
                .iter_mut()
                .find(|known| Some(&known.id) == id.as_ref())
            {
                known.flaky += 1;
            }
        }
    }

    /// The first success after a failure, at the same place and on another commit, fixed it.
    fn conclude_fixed(&mut self) {
        for known in &mut self.failures {
            let fixes = self.recent.iter().filter(|later| {
                later.outcome == Outcome::Success
                    && later.at > known.last_at
                    && later.place == known.place
                    && later.sha != known.sha
            });
            let fixes = fixes.map(|later| Fix {
                sha: later.sha.clone(),
                at: later.at,
            });
            let current = known.fixed.clone().filter(|fix| fix.at > known.last_at);
            if let Some(first) = fixes.chain(current).min_by_key(|fix| fix.at) {
                known.fixed = Some(first);
            }
        }
    }
}

impl Subject {
    fn cut(mut self) -> Self {
        self.workflow_path = cut(&self.workflow_path, HISTORY_LEG_BYTES);
        self.leg = cut(&self.leg, HISTORY_LEG_BYTES);
        self.name = cut(&self.name, HISTORY_LEG_BYTES);
        self
    }
}

impl Tally {
    const fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Success => self.success += 1,
            Outcome::Failure => self.failure += 1,
            Outcome::Infrastructure => self.infrastructure += 1,
            Outcome::Timeout => self.timeout += 1,
            Outcome::Other => self.other += 1,
        }
    }

    #[must_use]
    pub const fn total(&self) -> u64 {
        self.success + self.failure + self.infrastructure + self.timeout + self.other
    }
}
