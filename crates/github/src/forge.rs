//! The Forge port: what Checkmill asks of GitHub. The adapter is `crate::client` (feature `client`), over octocrab; tests and
//! `checkmill run` put the same adapter in front of the fake GitHub of `checkmill-testkit`.

use crate::changed_lines::ChangedLines;
use async_trait::async_trait;
use checkmill_core::event::{ButtonAction, EventKind, GitRef};
use checkmill_core::policy::TokenPermissions;
use checkmill_core::{
    CheckRunId, CommitSha, Conclusion, DeliveryId, ErrorName, InstallationId, JobId, Login, Millis, RepoName,
    RepositoryId, UnixMillis,
};
use secrecy::SecretString;
use std::fmt;

/// A repository, and the installation whose token opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoRef {
    pub installation: InstallationId,
    pub id: RepositoryId,
    pub name: RepoName,
}

#[async_trait]
pub trait Forge: Send + Sync {
    /// The workflow files at `sha` and the policy file at the default branch's head, in one request where GitHub allows.
    ///
    /// `dirs` are read without their subdirectories; files that do not end in `.yml` or `.yaml` are left out; the rest is
    /// sorted by path. A missing directory is an empty one. `beside` asks for more of the same request.
    async fn planning_files(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        dirs: &[&str],
        policy: &str,
        beside: Beside,
    ) -> Result<PlanningFiles, ForgeError>;

    /// One file each of repositories at a ref, in one request where GitHub allows: in the order of `wanted`, of which there
    /// are at most [`checkmill_core::limits::CALLED_WORKFLOWS`] for a workflow. `repo` is whose installation asks: it sees
    /// its own repositories, and public ones.
    async fn files_at(&self, repo: &RepoRef, wanted: &[FileAtRef]) -> Result<Vec<FoundFile>, ForgeError>;

    /// Paths that a push or a pull request changes, at most [`checkmill_core::limits::CHANGED_FILES`].
    async fn changed_files(&self, repo: &RepoRef, of: &ChangeSet) -> Result<ChangedFiles, ForgeError>;

    /// The commit that a ref points to now; none where there is no such ref.
    async fn resolve_ref(&self, repo: &RepoRef, git_ref: &GitRef) -> Result<Option<CommitSha>, ForgeError>;

    /// Whether this user may write to the repository (write, maintain or admin).
    async fn may_write(&self, repo: &RepoRef, login: &Login) -> Result<bool, ForgeError>;

    /// The login under which GitHub shows what the App and the tokens of its jobs have made.
    async fn own_login(&self) -> Result<Login, ForgeError>;

    /// Not idempotent: after a lost answer use [`Forge::find_check`] first.
    async fn create_check(&self, repo: &RepoRef, check: &NewCheck) -> Result<CheckRunId, ForgeError>;

    /// The newest check run of ours at this commit with this name and `external_id`, newer than `after` where given.
    async fn find_check(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        name: &str,
        job: &JobId,
        after: Option<CheckRunId>,
    ) -> Result<Option<CheckRunId>, ForgeError>;

    /// Brings a check run to this state. Annotations are sent in pages. Idempotent but for annotations, which GitHub appends.
    async fn update_check(
        &self,
        repo: &RepoRef,
        id: CheckRunId,
        state: &CheckState,
    ) -> Result<(), ForgeError>;

    /// Writes the comment of a run on a pull request: updates `known`, else the one that holds `marker`, else creates it.
    async fn write_comment(
        &self,
        repo: &RepoRef,
        pull_request: u64,
        known: Option<u64>,
        marker: &str,
        body: &str,
    ) -> Result<u64, ForgeError>;

    /// A token for this one repository with at most these permissions, minted now, for a job.
    async fn job_token(&self, repo: &RepoRef, permissions: &TokenPermissions)
    -> Result<JobToken, ForgeError>;

    /// What GitHub has tried to deliver to the App's webhook since then, newest first; about `limit` attempts at most.
    async fn deliveries(&self, since: UnixMillis, limit: usize) -> Result<DeliveryLog, ForgeError>;

    /// Asks GitHub to make a delivery once more, with the id and body of this attempt. Not idempotent.
    async fn redeliver(&self, attempt: AttemptId) -> Result<(), ForgeError>;
}

/// What planning reads beside the policy and the files of the event's commit, in the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    Nothing,
    /// The workflow files at the default branch's head.
    DefaultBranch,
}

/// GitHub's list of webhook deliveries, or its newest part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryLog {
    /// Newest first.
    pub attempts: Vec<DeliveryAttempt>,
    /// Whether it goes back as far as was asked for.
    pub complete: bool,
}

/// One attempt of GitHub's to make a delivery. A redelivery is another attempt at the same delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAttempt {
    pub id: AttemptId,
    /// `X-GitHub-Delivery`.
    pub delivery: DeliveryId,
    pub at: UnixMillis,
    /// Whether it was the first one, made because of the event and not because somebody asked.
    pub first: bool,
    pub succeeded: bool,
    /// `X-GitHub-Event`.
    pub event: String,
    pub action: Option<String>,
}

/// GitHub's number of an attempt; its own for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanningFiles {
    pub policy: Option<SourceFile>,
    /// Sorted by path; at most [`checkmill_core::limits::WORKFLOW_FILES`] of each directory.
    pub workflows: Vec<SourceFile>,
    /// The paths of the workflow files past that limit, which were not read. A check should say so.
    pub left_out: Vec<String>,
    /// The message of the commit, for `[skip ci]`.
    pub message: String,
    /// The repository is archived: it takes no checks. Not known, and false, where there is no GraphQL.
    pub archived: bool,
    /// Where they were asked for. None where the repository is empty.
    pub default_branch: Option<BranchFiles>,
}

/// Workflow files at a branch's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchFiles {
    pub sha: CommitSha,
    /// As those of [`PlanningFiles`].
    pub workflows: Vec<SourceFile>,
    pub left_out: Vec<String>,
}

/// A file of a repository at a branch, a tag (which comes first where both are there) or a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAtRef {
    pub repository: RepoName,
    pub git_ref: String,
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundFile {
    File {
        /// What the ref means now.
        sha: CommitSha,
        /// Of the repository.
        private: bool,
        content: SourceContent,
    },
    /// There is none, or the installation can't see it.
    NoRepository,
    NoRef,
    NoFile,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    pub path: String,
    pub content: SourceContent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceContent {
    Text(String),
    /// Over the limit; its size in bytes. The content was not fetched.
    TooLarge(u64),
    /// Not UTF-8.
    Binary,
}

/// What is compared with what. Source: GitHub docs, "Workflow syntax", "Git diff comparisons".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeSet {
    /// A push that moved a ref on: the two commits.
    Advanced { before: CommitSha, after: CommitSha },
    /// A push that left commits of the ref behind: the two commits, not what they have in common.
    Forced { before: CommitSha, after: CommitSha },
    /// A push that made the ref: the parent of the oldest pushed commit, and the new one. Without a pushed commit (a ref at a
    /// commit that another one has) it is as if the head had been pushed alone.
    Created {
        first: Option<CommitSha>,
        after: CommitSha,
    },
    /// The head with the merge base.
    PullRequest { number: u64 },
}

impl ChangeSet {
    /// The changes of an event; none for one that changes no files.
    #[must_use]
    pub fn of(event: &EventKind) -> Option<Self> {
        match event {
            EventKind::Push(push) => {
                let after = push.after.clone()?;
                Some(match (push.before.clone(), push.forced) {
                    (Some(before), false) => Self::Advanced { before, after },
                    (Some(before), true) => Self::Forced { before, after },
                    (None, _) => Self::Created {
                        first: push.first.clone(),
                        after,
                    },
                })
            }
            EventKind::PullRequest(pull) | EventKind::PullRequestTarget(pull) => {
                Some(Self::PullRequest { number: pull.number })
            }
            _ => None,
        }
    }
}

impl fmt::Display for ChangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Advanced { before, after } | Self::Forced { before, after } => {
                write!(f, "the changes from {} to {}", before.short(), after.short())
            }
            Self::Created { after, .. } => write!(f, "the changes up to {}", after.short()),
            Self::PullRequest { number } => write!(f, "the files of the pull request {number}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedFiles {
    Known {
        paths: Vec<String>,
        /// Of the same files, where GitHub shows them.
        lines: ChangedLines,
        /// Whether there are, or may be, more than the limit.
        truncated: bool,
    },
    /// They can't be had: no path filter may hold a workflow back.
    Unknown {
        /// One sentence without the full stop.
        why: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCheck {
    pub name: String,
    pub sha: CommitSha,
    /// Our `external_id`.
    pub job: JobId,
    pub state: CheckState,
}

/// All that a check run shows. Texts may be of any length: the adapter cuts them to GitHub's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckState {
    pub status: CheckStatus,
    pub title: String,
    /// Markdown.
    pub summary: String,
    /// Markdown.
    pub text: Option<String>,
    pub annotations: Vec<Annotation>,
    pub details_url: Option<String>,
    pub buttons: Vec<ButtonAction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStatus {
    Queued,
    InProgress {
        started_at: UnixMillis,
    },
    Completed {
        conclusion: Conclusion,
        started_at: Option<UnixMillis>,
        completed_at: UnixMillis,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    pub path: String,
    /// From 1.
    pub start_line: u32,
    pub end_line: u32,
    /// From 1; GitHub takes columns only where both lines are equal.
    pub start_column: Option<u32>,
    pub end_column: Option<u32>,
    pub level: AnnotationLevel,
    pub title: Option<String>,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnotationLevel {
    Notice,
    Warning,
    Failure,
}

/// A token for one job, masked wherever it is printed.
#[derive(Debug, Clone)]
pub struct JobToken {
    pub token: SecretString,
    pub expires_at: UnixMillis,
}

/// What GitHub refused or failed to do, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// Network, 5xx, or a token too young to be known everywhere.
    #[error("GitHub could not be reached or failed: {0}")]
    Transient(String),
    /// Primary or secondary rate limit.
    #[error("GitHub asks to slow down for {} s: {message}", .retry_after.as_secs_ceil())]
    RateLimited { retry_after: Millis, message: String },
    /// No such thing, or the installation can't see it.
    #[error("GitHub does not know {0}, or the App may not see it")]
    NotFound(String),
    /// The App is not installed there (any more): not what was asked for is missing, but all of it.
    #[error("GitHub does not know {0}, or the App may not see it")]
    NotInstalled(String),
    /// The App lacks a permission, or is suspended.
    #[error("GitHub refuses: {0}")]
    Forbidden(String),
    /// The request itself is wrong (422 and the like): our fault.
    #[error("GitHub finds the request invalid: {0}")]
    Invalid(String),
}

impl ForgeError {
    #[must_use]
    pub const fn error_name(&self) -> ErrorName {
        match self {
            Self::Transient(_) => ErrorName::Transient,
            Self::RateLimited { .. } => ErrorName::RateLimited,
            Self::NotFound(_) | Self::NotInstalled(_) | Self::Forbidden(_) | Self::Invalid(_) => {
                ErrorName::Permanent
            }
        }
    }
}
