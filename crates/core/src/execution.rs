//! What the state machine sees: ids in, ids and the next move out. No secrets, no texts.

use crate::ids::{AttemptNumber, JobId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The input of an execution and of every phase in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExecutionInput {
    pub job: JobId,
    pub attempt: AttemptNumber,
    /// Which execution of this attempt: 0 at first; one more when the wait loop continues as new or the sweep restarts it.
    pub generation: u32,
}

impl ExecutionInput {
    /// The execution's name. Step Functions: at most 80 characters, and a name is taken for 90 days.
    #[must_use]
    pub fn name(&self) -> ExecutionName {
        ExecutionName(format!("{}-{}-{}", self.job, self.attempt, self.generation))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecutionName(pub String);

impl fmt::Display for ExecutionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a phase answers the state machine: the ids again, and where to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseOutput {
    pub job: JobId,
    pub attempt: AttemptNumber,
    pub generation: u32,
    /// Turns of the wait loop so far in this execution.
    pub turn: u32,
    pub next: Next,
    /// For [`Next::Wait`] and [`Next::Await`]: seconds, at least 1. Always present, because a `SecondsPath` must resolve.
    pub wait_seconds: u64,
    /// For [`Next::Continue`]: the name of the execution to start. Always present, because a reference path must resolve.
    pub next_execution: ExecutionName,
    /// For [`Next::Continue`]: that execution's generation.
    pub next_generation: u32,
}

/// The `Choice` of the state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Wait, then poll.
    Wait,
    /// Hand out a task token and wait for the job's callback, at most `wait_seconds`; then poll.
    Await,
    /// The verdict is known: report it.
    Results,
    /// Start this execution anew, because its history is nearly full.
    Continue,
    /// Nothing left to do: another execution or an earlier call has done it.
    Done,
}
