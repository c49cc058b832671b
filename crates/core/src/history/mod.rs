//! What was learned of a job from its attempts: one bounded record for each job key and matrix leg of a workflow file.
//!
//! Durations and outcomes are kept as a window of the most recent attempts, not as a sketch over all of them: the questions are
//! about what the job does now, a job's duration moves with its code, and the exact quantiles of a few dozen numbers cost less
//! space than a sketch's error does. Nothing has to be merged, because one row has one writer at a time (its version). The
//! window also remembers which attempts were counted, so that recording one again changes nothing; an attempt older than a full
//! window was either counted or is too late to say anything.
//!
//! Within the window the order of recording does not matter: two attempts whose results race leave the same record.

mod ask;
mod fingerprint;
mod known_failure;
mod record;
mod signature;

pub use ask::{SlowStep, Usual, quantile};
pub use fingerprint::{error_line, normalised};
pub use known_failure::{Fix, KnownFailure};

use crate::event::{Event, EventKind};
use crate::ids::{AttemptNumber, CommitSha, HistoryId, JobId, JobKey, RepoName, RepositoryId, choices_id};
use crate::retry::RetryCause;
use crate::time::{Millis, UnixMillis};
use serde::{Deserialize, Serialize};

/// The record of one job key and matrix leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobHistory {
    pub job: Subject,
    /// Over all attempts ever counted.
    pub tally: Tally,
    /// The most recent ends, oldest first, at most [`crate::limits::HISTORY_ATTEMPTS`].
    pub recent: Vec<Attempted>,
    /// At most [`crate::limits::HISTORY_STEPS`].
    pub steps: Vec<StepHistory>,
    /// At most [`crate::limits::HISTORY_FAILURES`].
    pub failures: Vec<KnownFailure>,
    /// Bumped by every write; a write names the version it read. 0 is a record that has no row yet.
    pub version: u64,
}

/// Which job a record is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    pub repository: RepositoryId,
    /// As it was called last.
    pub repository_name: RepoName,
    pub id: HistoryId,
    /// For people: cut, as the texts below it are.
    pub workflow_path: String,
    pub key: JobKey,
    /// The matrix leg's values as canonical JSON; empty without a matrix.
    pub leg: String,
    /// The check's name.
    pub name: String,
}

/// How an attempt ended, as far as it teaches something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Success,
    /// A step failed, `continue-on-error` or not.
    Failure,
    Infrastructure,
    /// A time limit, of the queue or of the run.
    Timeout,
    /// Stopped by somebody, or not runnable as it is written.
    Other,
}

/// Attempts by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    pub success: u64,
    pub failure: u64,
    pub infrastructure: u64,
    pub timeout: u64,
    pub other: u64,
    /// Failures that were followed by a success on the same commit.
    pub flaky: u64,
}

/// One attempt of the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempted {
    pub job: JobId,
    pub attempt: AttemptNumber,
    pub at: UnixMillis,
    pub sha: CommitSha,
    /// Branch, tag or pull request, cut.
    pub place: String,
    pub outcome: Outcome,
    /// What its steps took together, by the agent's clock: how often the backend was polled must not be learned as a duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran: Option<Millis>,
    /// From queued to started.
    pub queued: Millis,
    pub backend: String,
    /// What its agent's machine calls itself, cut; empty where no agent told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// What started it, cut: only the same at the same commit is the same job.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trigger: String,
    /// The [`KnownFailure`] it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// A success on the same commit, started by the same, followed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flaky: bool,
    /// It was decided, when it was counted, that it is retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried: Option<RetryCause>,
}

/// A step over the attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepHistory {
    /// Cut.
    pub name: String,
    pub success: u64,
    pub failure: u64,
    /// Milliseconds of its latest successes, oldest first, at most [`crate::limits::HISTORY_STEP_DURATIONS`].
    pub durations: Vec<u64>,
    pub last_at: UnixMillis,
}

/// Everything of an ended attempt that is worth remembering. Texts are masked and may have any length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptSummary {
    pub job: JobId,
    pub attempt: AttemptNumber,
    pub at: UnixMillis,
    pub sha: CommitSha,
    /// Branch, tag or pull request.
    pub place: String,
    pub outcome: Outcome,
    pub ran: Option<Millis>,
    pub queued: Millis,
    pub backend: String,
    /// The machine's name for itself; empty where no agent told.
    pub machine: String,
    /// The event, and what somebody chose with it.
    pub trigger: String,
    pub failure: Option<Failure>,
    pub steps: Vec<StepSummary>,
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The failing step; none where it was not a step's fault.
    pub step: Option<String>,
    /// The first line that tells the error.
    pub line: String,
}

/// One step that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSummary {
    pub name: String,
    pub passed: bool,
    pub ran: Millis,
}

/// What an attempt was started by: the event, and of one that somebody dispatched what they chose, too.
#[must_use]
pub fn trigger(event: &Event) -> String {
    let name = event.name();
    match &event.kind {
        EventKind::WorkflowDispatch(dispatch) if !dispatch.inputs.is_empty() => {
            format!("{name} {}", choices_id(&dispatch.inputs))
        }
        // What the default branch's files do is about what has happened: another issue is another job.
        EventKind::Repository(_) | EventKind::IssueComment(_) | EventKind::WorkflowRun(_) => {
            format!(
                "{name} {}",
                choices_id([(&name.to_owned(), &event.delivery.to_string())])
            )
        }
        _ => name.to_owned(),
    }
}

/// The text's beginning, at most `bytes` long, cut between characters.
fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

#[cfg(test)]
mod tests;
