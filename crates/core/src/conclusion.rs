//! How a job ended: the reason (ours, a closed set) and the conclusion (GitHub's) that follows from it.

use crate::ids::Login;
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// GitHub's conclusion of a check run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    Success,
    Failure,
    Neutral,
    Cancelled,
    Skipped,
    TimedOut,
    ActionRequired,
}

impl Conclusion {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Neutral => "neutral",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::TimedOut => "timed_out",
            Self::ActionRequired => "action_required",
        }
    }

    /// Whether a required check with this conclusion lets a merge pass. GitHub docs: success, neutral and skipped do.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Success | Self::Neutral | Self::Skipped)
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who or what cancelled a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "login", rename_all = "snake_case")]
pub enum CancelledBy {
    User(Login),
    /// Another leg of the matrix failed.
    FailFast,
    /// What took its place in its concurrency group; the detail names both.
    Concurrency,
    /// The installation or repository is gone.
    Uninstalled,
}

impl fmt::Display for CancelledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(login) => write!(f, "@{login}"),
            Self::FailFast => f.write_str("fail-fast: another leg of the matrix failed"),
            Self::Concurrency => f.write_str("its concurrency group"),
            Self::Uninstalled => f.write_str("the App no longer has access to the repository"),
        }
    }
}

/// Why a job ended: the class that decides the conclusion, what may be retried and what the user is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum Reason {
    Success,
    /// A step of the job failed: the code under test or the workflow is at fault.
    Test,
    /// The workflow file or the policy can't be run as written.
    Configuration,
    /// The compute, the network or we are at fault: the job gave no verdict.
    Infrastructure,
    /// Waited for compute longer than its limit.
    QueueTimeout,
    /// Ran longer than its limit.
    RunTimeout,
    Cancelled {
        by: CancelledBy,
    },
    Skipped,
    /// A failure that `continue-on-error` allows.
    Neutral,
    /// A fork's commit that nobody approved yet.
    ApprovalRequired,
    /// A fork's commit, and the policy runs none.
    ForkRefused,
}

impl Reason {
    /// The class as one word, as users and metrics see it.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Test => "test",
            Self::Configuration => "configuration",
            Self::Infrastructure => "infrastructure",
            Self::QueueTimeout => "queue_timeout",
            Self::RunTimeout => "run_timeout",
            Self::Cancelled { .. } => "cancelled",
            Self::Skipped => "skipped",
            Self::Neutral => "neutral",
            Self::ApprovalRequired => "approval_required",
            Self::ForkRefused => "fork_refused",
        }
    }

    #[must_use]
    pub const fn conclusion(&self) -> Conclusion {
        match self {
            Self::Success => Conclusion::Success,
            Self::Test | Self::Configuration | Self::Infrastructure => Conclusion::Failure,
            Self::QueueTimeout | Self::RunTimeout => Conclusion::TimedOut,
            Self::Cancelled { .. } => Conclusion::Cancelled,
            Self::Skipped => Conclusion::Skipped,
            Self::Neutral => Conclusion::Neutral,
            // Neither lets a merge pass: the commit has not been tested.
            Self::ApprovalRequired | Self::ForkRefused => Conclusion::ActionRequired,
        }
    }

    /// The commit may not run, or not yet: the end says nothing of the commit.
    #[must_use]
    pub const fn awaits_trust(&self) -> bool {
        matches!(self, Self::ApprovalRequired | Self::ForkRefused)
    }

    /// The job's result as `needs.KEY.result` gives it to the jobs that need it. GitHub docs: success, failure, cancelled
    /// or skipped; a job whose failure `continue-on-error` allows counts as a success.
    #[must_use]
    pub const fn needs_result(&self) -> NeedsResult {
        match self {
            Self::Success | Self::Neutral => NeedsResult::Success,
            Self::Skipped => NeedsResult::Skipped,
            Self::Cancelled { .. } => NeedsResult::Cancelled,
            _ => NeedsResult::Failure,
        }
    }
}

/// The four values of `needs.KEY.result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeedsResult {
    Success,
    Failure,
    Cancelled,
    Skipped,
}

impl NeedsResult {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// The result of a matrix as a whole, from those of its legs: the worst.
    #[must_use]
    pub fn of_legs(legs: impl IntoIterator<Item = Self>) -> Self {
        let rank = |r: &Self| match r {
            Self::Skipped => 0,
            Self::Success => 1,
            Self::Cancelled => 2,
            Self::Failure => 3,
        };
        legs.into_iter().max_by_key(rank).unwrap_or(Self::Skipped)
    }
}

/// A verdict on an attempt, before and after it has been reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    #[serde(flatten)]
    pub reason: Reason,
    /// One sentence for the check's summary, at most [`crate::limits::DETAIL_CHARS`].
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    pub at: UnixMillis,
}

impl End {
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>, at: UnixMillis) -> Self {
        let detail: String = detail.into();
        Self {
            reason,
            detail: detail.chars().take(crate::limits::DETAIL_CHARS).collect(),
            exit_code: None,
            at,
        }
    }
}
