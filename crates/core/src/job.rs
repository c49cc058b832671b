//! A job's row: what is known of its present attempt.

use crate::conclusion::{End, Reason};
use crate::concurrency::Concurrency;
use crate::ids::{AttemptNumber, CheckRunId, JobId, JobKey};
use crate::limits;
use crate::retry::Retries;
use crate::time::{Millis, UnixMillis};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub key: JobKey,
    /// The matrix leg's values as canonical JSON; empty for a job without a matrix.
    pub leg: String,
    /// The check run's name: `{workflow name} / {job name} ({matrix values})`.
    pub name: String,
    /// Labels of `runs-on`.
    pub runs_on: Vec<String>,
    /// A failure ends neutral.
    pub continue_on_error: bool,
    pub queue_timeout: Millis,
    pub run_timeout: Millis,
    #[serde(default = "Retries::none")]
    pub retries: Retries,
    /// The concurrency group that it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,

    pub attempt: AttemptNumber,
    /// The newest execution of this attempt; an older one that still moves is told to stop.
    pub generation: u32,
    pub state: JobState,
    /// When this attempt was queued.
    pub queued_at: UnixMillis,
    /// When it last had all its places in concurrency groups after it had waited for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<UnixMillis>,
    /// When it was first seen running.
    pub running_at: Option<UnixMillis>,
    /// Set once somebody or something wants it stopped; the attempt ends with this reason.
    pub stop: Option<Stop>,
    /// The agent's verdict, where it came before the submit was recorded.
    pub early_report: Option<End>,
    /// This attempt's check run.
    pub check: Option<CheckRunId>,
    /// A start phase may have created a check run and died before it could say so: look before creating.
    pub check_uncertain: bool,
    /// Until then a phase is about to write the check run, and no other may: GitHub keeps what comes last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_busy_until: Option<UnixMillis>,
    /// The newest check run of earlier attempts. GitHub's ids grow, so one of this attempt is larger.
    pub previous_check: Option<CheckRunId>,
    /// When the execution was last replaced, by the sweep or because its history was full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revived_at: Option<UnixMillis>,
    /// The waiting execution's task token.
    pub task_token: Option<String>,
    pub version: u64,
}

/// Where an attempt is. The allowed moves are the table in [`crate::transition`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum JobState {
    /// Held back by `max-parallel`.
    Waiting,
    /// Waits for a place in a concurrency group. It has no execution; whoever frees the place starts one.
    Parked { since: UnixMillis },
    /// May start; an execution is owed.
    Queued,
    /// A start phase has its slot, until then nobody else may take it.
    Claimed { until: UnixMillis },
    /// The backend has it and has not been seen running it.
    Submitted {
        handle: BackendHandle,
        since: UnixMillis,
    },
    Running {
        handle: BackendHandle,
        since: UnixMillis,
    },
    /// The verdict is known and not yet fully reported.
    Ended { handle: Option<BackendHandle>, end: End },
    /// Reported; the dependents have been told. Terminal for the attempt.
    Concluded { handle: Option<BackendHandle>, end: End },
}

/// What a backend calls a job of ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BackendHandle {
    /// The backend's name in the deployment's table.
    pub backend: String,
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    #[serde(flatten)]
    pub reason: Reason,
    pub detail: String,
    pub at: UnixMillis,
}

impl Job {
    #[must_use]
    pub const fn end(&self) -> Option<&End> {
        match &self.state {
            JobState::Ended { end, .. } | JobState::Concluded { end, .. } => Some(end),
            _ => None,
        }
    }

    #[must_use]
    pub const fn handle(&self) -> Option<&BackendHandle> {
        match &self.state {
            JobState::Submitted { handle, .. } | JobState::Running { handle, .. } => Some(handle),
            JobState::Ended { handle, .. } | JobState::Concluded { handle, .. } => handle.as_ref(),
            JobState::Waiting | JobState::Parked { .. } | JobState::Queued | JobState::Claimed { .. } => None,
        }
    }

    /// Whether its last attempt is over and it may have no other one.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        matches!(self.state, JobState::Concluded { .. }) && self.attempt >= AttemptNumber(limits::ATTEMPTS)
    }

    /// Since when it waits for compute, or did: what it waited for concurrency groups does not count.
    #[must_use]
    pub fn compute_wanted_at(&self) -> UnixMillis {
        self.placed_at.unwrap_or(self.queued_at)
    }

    /// The deadline of the present state, with the reason that passing it gives.
    #[must_use]
    pub fn deadline(&self) -> Option<(UnixMillis, Reason)> {
        match &self.state {
            JobState::Queued | JobState::Claimed { .. } | JobState::Submitted { .. } => Some((
                self.compute_wanted_at() + self.queue_timeout,
                Reason::QueueTimeout,
            )),
            JobState::Running { since, .. } => Some((*since + self.run_timeout, Reason::RunTimeout)),
            JobState::Waiting
            | JobState::Parked { .. }
            | JobState::Ended { .. }
            | JobState::Concluded { .. } => None,
        }
    }

    /// When it should have moved by itself at the latest, so that an execution that is still at it hangs; none when nothing is
    /// owed.
    #[must_use]
    pub fn owed_at(&self) -> Option<UnixMillis> {
        let owed = match &self.state {
            JobState::Waiting | JobState::Parked { .. } | JobState::Concluded { .. } => return None,
            JobState::Queued => self.compute_wanted_at(),
            JobState::Claimed { until } => *until,
            JobState::Submitted { .. } | JobState::Running { .. } => self.deadline()?.0,
            JobState::Ended { end, .. } => end.at,
        };
        // A new execution has its own time.
        Some(owed.max(self.revived_at.unwrap_or(owed)) + limits::SWEEP_GRACE)
    }

    /// When the sweep should see whether its execution is still there, if nothing has moved the row by then; none when nothing
    /// is owed. One that vanished under a job of hours is missed long before the deadline. Of one that waits for a concurrency
    /// group: when to see whether the place is free by now.
    #[must_use]
    pub fn due_at(&self) -> Option<UnixMillis> {
        if let JobState::Parked { since } = self.state {
            return Some(since + limits::SWEEP_LOOK);
        }
        let owed = self.owed_at()?;
        match &self.state {
            JobState::Submitted { since, .. } | JobState::Running { since, .. } => {
                let moved = (*since).max(self.revived_at.unwrap_or(*since));
                Some(owed.min(moved + limits::SWEEP_LOOK))
            }
            _ => Some(owed),
        }
    }
}
