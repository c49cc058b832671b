//! Check suites and check runs.

use checkmill_core::{CheckRunId, CommitSha, RepositoryId, UnixMillis};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Queued,
    InProgress,
    Completed,
}

impl Status {
    pub const NAMES: &'static [&'static str] = &["queued", "in_progress", "completed"];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Queued, Self::InProgress, Self::Completed]
            .into_iter()
            .find(|s| s.as_str() == name)
    }
}

pub use checkmill_core::Conclusion;

/// The conclusions an App may set. GitHub docs also name `stale`, which only GitHub sets.
pub const CONCLUSIONS: &[Conclusion] = &[
    Conclusion::ActionRequired,
    Conclusion::Cancelled,
    Conclusion::Failure,
    Conclusion::Neutral,
    Conclusion::Success,
    Conclusion::Skipped,
    Conclusion::TimedOut,
];

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    pub title: Option<String>,
    pub summary: Option<String>,
    pub text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub path: String,
    pub start_line: u64,
    pub end_line: u64,
    pub start_column: Option<u64>,
    pub end_column: Option<u64>,
    /// `notice`, `warning` or `failure`.
    pub level: String,
    pub message: String,
    pub title: Option<String>,
    pub raw_details: Option<String>,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub label: String,
    pub description: String,
    pub identifier: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun {
    pub id: CheckRunId,
    pub app: u64,
    pub repository: RepositoryId,
    pub suite: u64,
    pub name: String,
    pub head_sha: CommitSha,
    pub external_id: Option<String>,
    pub details_url: Option<String>,
    pub status: Status,
    pub conclusion: Option<Conclusion>,
    pub started_at: Option<UnixMillis>,
    pub completed_at: Option<UnixMillis>,
    pub output: Output,
    /// Those of all requests, in order: GitHub appends.
    pub annotations: Vec<Annotation>,
    pub actions: Vec<Action>,
    /// When it was created, by the fake's clock.
    pub created_at: UnixMillis,
    /// Every status it had, the first at its creation. Two equal ones in a row were two requests.
    pub statuses: Vec<(UnixMillis, Status)>,
    /// PATCH requests that took effect.
    pub updates: u32,
}

impl CheckRun {
    /// `name: status` or `name: conclusion`, for assertions that read like the page on GitHub.
    #[must_use]
    pub fn line(&self) -> String {
        let state = self.conclusion.map_or(self.status.as_str(), Conclusion::as_str);
        format!("{}: {state}", self.name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSuite {
    pub id: u64,
    pub app: u64,
    pub repository: RepositoryId,
    /// None where no branch had this commit when the suite was made, as for a fork's.
    pub head_branch: Option<String>,
    pub head_sha: CommitSha,
    /// The branch's commits around the push that made the suite.
    pub before: Option<CommitSha>,
    /// Set by a re-run request until the App next reports: GitHub then shows the suite as queued.
    pub reset: bool,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
}
