//! A failure that is told from others by the step that failed and the first line of the error, made comparable.

use super::{Failure, cut, normalised, signature};
use crate::ids::{CommitSha, failure_id};
use crate::limits::{HISTORY_LINE_BYTES, HISTORY_NAME_BYTES, HISTORY_PLACE_BYTES};
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFailure {
    /// Derived from step and line.
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Normalised.
    pub line: String,
    pub count: u64,
    /// How many of them were followed by a success on the same commit.
    pub flaky: u64,
    /// How many of them ended an attempt as an infrastructure failure.
    pub infrastructure: u64,
    pub first_at: UnixMillis,
    pub last_at: UnixMillis,
    /// Of the latest.
    pub sha: CommitSha,
    /// Of the latest: a success elsewhere fixes nothing here.
    pub place: String,
    /// The first success after a failure, at the same place and on another commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Fix>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    pub sha: CommitSha,
    pub at: UnixMillis,
}

impl Failure {
    /// What it is compared by.
    #[must_use]
    pub fn fingerprint(&self) -> (Option<String>, String) {
        let step = self.step.as_deref().map(|step| cut(step, HISTORY_NAME_BYTES));
        (step, cut(&normalised(&self.line), HISTORY_LINE_BYTES))
    }

    /// The [`KnownFailure::id`] it has or would have.
    #[must_use]
    pub fn id(&self) -> String {
        let (step, line) = self.fingerprint();
        failure_id(step.as_deref(), &line)
    }

    /// Whether the line itself says that the network or the machine failed.
    #[must_use]
    pub fn is_infrastructure(&self) -> bool {
        signature::is_infrastructure(&self.line)
    }
}

impl KnownFailure {
    pub(super) fn new(failure: &Failure, at: UnixMillis, sha: &CommitSha, place: &str) -> Self {
        let (step, line) = failure.fingerprint();
        Self {
            id: failure_id(step.as_deref(), &line),
            step,
            line,
            count: 0,
            flaky: 0,
            infrastructure: 0,
            first_at: at,
            last_at: at,
            sha: sha.clone(),
            place: cut(place, HISTORY_PLACE_BYTES),
            fixed: None,
        }
    }

    /// Whether at least half of the times it happened, the same commit passed afterwards. One lucky pass long ago does not
    /// make a failure that has stayed ever since a flaky one.
    #[must_use]
    pub const fn is_flaky(&self) -> bool {
        self.flaky > 0 && self.flaky * 2 >= self.count
    }
}
