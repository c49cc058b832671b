//! Retries that nobody has to ask for: how many the policy allows, how many an attempt has used, and whether an end may yet
//! turn out not to be the last word.

use crate::conclusion::Reason;
use crate::ids::AttemptNumber;
use crate::job::{Job, JobState};
use crate::limits;
use serde::{Deserialize, Serialize};

/// Why an attempt is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryCause {
    /// The compute or the network failed, by the attempt's reason or by what its failing step said.
    Infrastructure,
    /// The same failure has come and gone on the same commit before.
    Flaky,
    /// Steps that the machine can't run have been translated, and the policy lets that be used at once.
    Translated,
}

/// A number of retries for each cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryCounts {
    pub infrastructure: u32,
    pub flaky: u32,
    /// Not a policy's own number: [`crate::policy::ModelPolicy::retries`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub translated: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl RetryCounts {
    pub const NONE: Self = Self {
        infrastructure: 0,
        flaky: 0,
        translated: 0,
    };
    /// Of a policy that says nothing: what a person would do once before looking closer.
    pub const POLICY_DEFAULT: Self = Self {
        infrastructure: 1,
        flaky: 1,
        translated: 0,
    };

    #[must_use]
    pub const fn of(&self, cause: RetryCause) -> u32 {
        match cause {
            RetryCause::Infrastructure => self.infrastructure,
            RetryCause::Flaky => self.flaky,
            RetryCause::Translated => self.translated,
        }
    }

    /// All causes together.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.infrastructure
            .saturating_add(self.flaky)
            .saturating_add(self.translated)
    }

    /// One more for this cause.
    #[must_use]
    pub const fn and(self, cause: RetryCause) -> Self {
        match cause {
            RetryCause::Infrastructure => Self {
                infrastructure: self.infrastructure.saturating_add(1),
                ..self
            },
            RetryCause::Flaky => Self {
                flaky: self.flaky.saturating_add(1),
                ..self
            },
            RetryCause::Translated => Self {
                translated: self.translated.saturating_add(1),
                ..self
            },
        }
    }
}

impl Default for RetryCounts {
    fn default() -> Self {
        Self::POLICY_DEFAULT
    }
}

/// A job's retries since a person, or an event, last asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    /// The policy's, as it was when the run was planned.
    pub allowed: RetryCounts,
    pub used: RetryCounts,
    /// This attempt's end could have been retried, and it was decided that it is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
}

impl Retries {
    #[must_use]
    pub const fn allowed(allowed: RetryCounts) -> Self {
        Self {
            allowed,
            used: RetryCounts::NONE,
            settled: false,
        }
    }

    /// Of a row written before there were retries.
    #[must_use]
    pub const fn none() -> Self {
        Self::allowed(RetryCounts::NONE)
    }

    /// Whether one more for this cause is allowed.
    #[must_use]
    pub const fn leave(&self, cause: RetryCause) -> bool {
        self.used.of(cause) < self.allowed.of(cause)
    }
}

impl Job {
    /// Whether the attempt has ended in a way that may be retried, and nobody has decided yet. Until then nothing may build on
    /// its end: neither the jobs that need it nor `fail-fast`.
    ///
    /// Never after somebody or a deadline stopped it. An infrastructure failure before any backend had the job is not
    /// retried here: the state machine has tried that phase again for a quarter of an hour, or the backend refused.
    #[must_use]
    pub fn may_be_retried(&self) -> bool {
        const ALL: [RetryCause; 3] = [
            RetryCause::Infrastructure,
            RetryCause::Flaky,
            RetryCause::Translated,
        ];
        ALL.into_iter().any(|cause| self.may_be_retried_for(cause))
    }

    /// The same, for one cause.
    #[must_use]
    pub fn may_be_retried_for(&self, cause: RetryCause) -> bool {
        let JobState::Ended { handle, end } = &self.state else {
            return false;
        };
        let fits = match end.reason {
            Reason::Infrastructure => cause == RetryCause::Infrastructure,
            Reason::Test => cause != RetryCause::Translated,
            Reason::Configuration => cause == RetryCause::Translated,
            _ => false,
        };
        fits && self.retries.leave(cause)
            && handle.is_some()
            && self.stop.is_none()
            && !self.retries.settled
            && self.attempt < AttemptNumber(limits::ATTEMPTS)
    }
}
