//! The contract of an attempt's directory: what the backend that makes it, the agent that runs in it and the agent that
//! cleans up after a dead one write there. One directory is one attempt of one job.
//!
//! | file | written by | when | how |
//! |---|---|---|---|
//! | [`JOB_FILE`] | backend | submit | renamed into place |
//! | [`SUBMIT_FILE`] | backend | each submit | renamed into place |
//! | [`LOCK_FILE`] | agent | start, unless there is a claim | `flock`, held as long as the agent lives |
//! | [`CLAIM_FILE`] | agent, or the backend that voids it | start | linked into place, so the first one wins |
//! | [`LOG_FILE`] | agent | while it runs | appended |
//! | [`CANCEL_FILE`] | backend | first cancel | linked into place |
//! | [`RESULT_FILE`] | agent | end | renamed into place |
//! | [`EXIT_FILE`] | agent | last | renamed into place; nothing above changes after it |
//!
//! The claim decides: an attempt without one may still start, an attempt with one never starts again.

mod dir;
mod remove;

pub use dir::{AttemptDir, DirError, LockState, open_ours};
pub use remove::remove_tree;

use crate::port::BackendEnd;
use serde::{Deserialize, Serialize};

/// The job: a [`checkmill_workflow::job::JobDescription`].
pub const JOB_FILE: &str = "job.json";
/// A [`SubmitRecord`].
pub const SUBMIT_FILE: &str = "submit.json";
/// Empty; its lock says whether the agent lives. Unlike a process id, a lock can't be another process's by accident.
pub const LOCK_FILE: &str = "lock";
/// Empty; its lock keeps two clean-ups after the same dead agent apart.
pub const REAP_LOCK_FILE: &str = "reap.lock";
/// A [`Claim`].
pub const CLAIM_FILE: &str = "claim.json";
/// A [`CancelRecord`].
pub const CANCEL_FILE: &str = "cancel.json";
/// The log that users see, masked.
pub const LOG_FILE: &str = "log";
/// A [`checkmill_workflow::job::JobResult`].
pub const RESULT_FILE: &str = "result.json";
/// An [`ExitRecord`].
pub const EXIT_FILE: &str = "exit.json";
/// What the agent itself prints: nothing, unless it can't even start.
pub const AGENT_OUTPUT_FILE: &str = "agent.out";
/// The job's workspace, temporary files and command files; gone when the attempt has ended.
pub const WORK_DIR: &str = "work";

/// In the environment of every process of an attempt: the absolute path of its directory. It tells the processes of one
/// attempt from all others, when their parents are gone.
pub const MARKER_VARIABLE: &str = "CHECKMILL_ATTEMPT_DIR";

/// The agent's option by which a job ends when the agent's standard input, a pipe, does: whoever holds the other end is gone,
/// and nobody else would ever look for the job.
pub const END_WITH_STDIN: &str = "--end-with-stdin";

/// What a backend knows of a submit. No secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitRecord {
    /// The idempotency key: job id, `-`, attempt.
    pub key: String,
    /// Shown to people.
    pub name: String,
    pub labels: Vec<String>,
    /// Time of the last submit, milliseconds since the epoch.
    pub submitted_ms: u64,
    /// From the agent's start until it must have ended by itself, milliseconds: past it the agent's supervisor ends it.
    pub backstop_ms: u64,
}

/// Who decided what becomes of the attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Claim {
    /// An agent runs it, or has run it.
    Agent {
        /// Good only while the lock is held.
        pid: i32,
        started_ms: u64,
    },
    /// The backend ended it before any agent had it.
    Backend { end: AttemptEnd, at_ms: u64 },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRecord {
    /// Time of the first cancel, milliseconds since the epoch.
    pub at_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    pub end: AttemptEnd,
    pub ended_ms: u64,
}

/// How the agent's process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AttemptEnd {
    Exited {
        code: i32,
    },
    /// By a signal that no cancel explains.
    Signalled {
        signal: i32,
    },
    Cancelled,
    /// [`SubmitRecord::backstop_ms`].
    TimedOut,
    Lost {
        detail: String,
    },
}

impl From<AttemptEnd> for BackendEnd {
    fn from(end: AttemptEnd) -> Self {
        match end {
            AttemptEnd::Exited { code } => Self::Exited { code },
            AttemptEnd::Signalled { signal } => Self::Signalled { signal },
            AttemptEnd::Cancelled => Self::Cancelled,
            AttemptEnd::TimedOut => Self::TimedOut,
            AttemptEnd::Lost { detail } => Self::Lost { detail },
        }
    }
}
