//! The Forge port: what Checkmill asks of GitHub. The adapter is `crate::client` (feature `client`), over octocrab; tests and
//! `checkmill run` put the same adapter in front of the fake GitHub of `checkmill-testkit`.

use async_trait::async_trait;
use checkmill_core::event::{ButtonAction, GitRef};
use checkmill_core::policy::TokenPermissions;
use checkmill_core::{
    CheckRunId, CommitSha, Conclusion, ErrorName, InstallationId, JobId, Login, Millis, RepoName,
    RepositoryId, UnixMillis,
};
use secrecy::SecretString;

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
    /// sorted by path. A missing directory is an empty one.
    async fn planning_files(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        dirs: &[&str],
        policy: &str,
    ) -> Result<PlanningFiles, ForgeError>;

    /// Paths that a push or a pull request changes, at most [`checkmill_core::limits::CHANGED_FILES`].
    async fn changed_files(&self, repo: &RepoRef, of: &ChangeSet) -> Result<ChangedFiles, ForgeError>;

    /// The commit that a ref points to now; none where there is no such ref.
    async fn resolve_ref(&self, repo: &RepoRef, git_ref: &GitRef) -> Result<Option<CommitSha>, ForgeError>;

    /// Whether this user may write to the repository (write, maintain or admin).
    async fn may_write(&self, repo: &RepoRef, login: &Login) -> Result<bool, ForgeError>;

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeSet {
    /// `before` is none where the push created the ref: then the changes of the head commit count, as GitHub has it.
    Push {
        before: Option<CommitSha>,
        after: CommitSha,
    },
    PullRequest {
        number: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFiles {
    pub paths: Vec<String>,
    /// Whether there are more than the limit.
    pub truncated: bool,
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
    #[error("GitHub has no {0}, or the App may not see it")]
    NotFound(String),
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
            Self::NotFound(_) | Self::Forbidden(_) | Self::Invalid(_) => ErrorName::Permanent,
        }
    }
}
