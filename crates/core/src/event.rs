//! What happened on GitHub, normalised: small enough to queue (webhook bodies reach 25 MB), complete enough to plan by.

mod repository;

pub use repository::{Activities, Origin, RepositoryEvent, RepositoryEventName, Subject};

use crate::ids::{
    AccountId, CheckRunId, CommitSha, DeliveryId, InstallationId, JobId, Login, RepoName, RepositoryId, RunId,
};
use crate::run::Run;
use crate::schedule::Timing;
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One delivery, normalised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub delivery: DeliveryId,
    pub installation: InstallationId,
    pub repository: Repository,
    /// Who caused it.
    pub sender: Login,
    /// None of a deleted account, and of rows written before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<AccountId>,
    pub received_at: UnixMillis,
    pub kind: EventKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    pub id: RepositoryId,
    pub name: RepoName,
    pub default_branch: String,
    /// Of an organisation or user; none in rows written before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    pub private: bool,
    /// A private one that all members of its enterprise see.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub internal: bool,
    /// Where `git` finds it, such as `https://github.com/octocat/hello.git`.
    pub clone_url: String,
    /// Its page, such as `https://github.com/octocat/hello`.
    pub html_url: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    Push(Push),
    PullRequest(PullRequest),
    /// The same, for the default branch's own workflow files. No webhook tells of it: the planner makes it of a pull request's
    /// event ([`Event::as_target`]).
    PullRequestTarget(PullRequest),
    /// A merge queue wants to know whether its branch may be merged.
    MergeGroup(MergeGroup),
    /// "Re-run" of one check.
    CheckRunRerequested(CheckRef),
    /// "Re-run all" of a commit's checks.
    CheckSuiteRerequested {
        head_sha: CommitSha,
    },
    /// A button of ours in a check.
    RequestedAction {
        action: ButtonAction,
        check: CheckRef,
    },
    WorkflowDispatch(WorkflowDispatch),
    /// A time has come. No webhook tells of it: the sweep does.
    Schedule(ScheduledRun),
    Release(Release),
    /// A comment on an issue or a pull request.
    IssueComment(IssueComment),
    /// A run of ours has ended. No webhook tells of it: the run's last job does.
    WorkflowRun(EndedRun),
    /// Any other event that starts workflows.
    Repository(RepositoryEvent),
}

/// A branch or a tag, from a full ref (`refs/heads/…`, `refs/tags/…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "name", rename_all = "snake_case")]
pub enum GitRef {
    Branch(String),
    Tag(String),
}

impl GitRef {
    /// Reads `refs/heads/NAME` or `refs/tags/NAME`; anything else is none of ours.
    #[must_use]
    pub fn parse(full: &str) -> Option<Self> {
        let nonempty = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        if let Some(name) = full.strip_prefix("refs/heads/") {
            nonempty(name).map(Self::Branch)
        } else {
            full.strip_prefix("refs/tags/").and_then(nonempty).map(Self::Tag)
        }
    }

    /// The name without `refs/heads/` or `refs/tags/`.
    #[must_use]
    pub fn short(&self) -> &str {
        match self {
            Self::Branch(name) | Self::Tag(name) => name,
        }
    }
}

impl fmt::Display for GitRef {
    /// The full ref.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(f, "refs/heads/{name}"),
            Self::Tag(name) => write!(f, "refs/tags/{name}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    pub git_ref: GitRef,
    /// The ref's commit before; none where the push created it.
    pub before: Option<CommitSha>,
    /// The ref's commit now; none where the push deleted it.
    pub after: Option<CommitSha>,
    /// Whether it left commits of the ref behind.
    pub forced: bool,
    /// The oldest of the commits that it brought; none where it brought none, such as a branch at a commit that another one
    /// has. GitHub docs: a push lists at most 2,048 commits; of one with more this is the oldest that is listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<CommitSha>,
    /// The head commit's message, cut to [`crate::limits::COMMIT_MESSAGE_CHARS`].
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// The activity type, such as `opened` or `synchronize`.
    pub action: String,
    pub number: u64,
    /// Cut to [`crate::limits::TITLE_CHARS`].
    pub title: String,
    pub author: Login,
    pub draft: bool,
    pub labels: Vec<String>,
    pub head: PullRequestHead,
    /// The branch it is to be merged into.
    pub base_ref: String,
    pub base_sha: CommitSha,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestHead {
    pub git_ref: String,
    pub sha: CommitSha,
    /// None when the fork was deleted.
    pub repository: Option<RepoName>,
}

/// A branch that a merge queue made of its target and the pull requests before and in this group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeGroup {
    /// Such as `refs/heads/gh-readonly-queue/main/pr-104-…`.
    pub head_ref: GitRef,
    pub head_sha: CommitSha,
    /// The queue's target.
    pub base_ref: GitRef,
    pub base_sha: CommitSha,
    /// The head commit's message, cut to [`crate::limits::COMMIT_MESSAGE_CHARS`].
    pub message: String,
}

/// A check run of ours, as GitHub names it in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRef {
    pub id: CheckRunId,
    pub head_sha: CommitSha,
    /// The `external_id` we gave it, where it is one of a job.
    pub job: Option<JobId>,
}

/// The buttons that Checkmill's checks carry. GitHub: an identifier has at most 20 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ButtonAction {
    /// Run a fork's pull request at exactly this commit.
    Approve,
    /// Stop this job.
    Cancel,
}

impl ButtonAction {
    #[must_use]
    pub const fn identifier(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Cancel => "cancel",
        }
    }

    #[must_use]
    pub fn from_identifier(identifier: &str) -> Option<Self> {
        [Self::Approve, Self::Cancel]
            .into_iter()
            .find(|a| a.identifier() == identifier)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowDispatch {
    /// Path of the workflow file, such as `.checkmill/workflows/deploy.yml`.
    pub workflow: String,
    pub git_ref: GitRef,
    /// GitHub sends no commit with this event; the planner looks the ref up.
    pub sha: Option<CommitSha>,
    pub inputs: BTreeMap<String, String>,
}

/// One time of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledRun {
    pub timing: Timing,
    /// The minute it was due.
    pub at: UnixMillis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The activity type, such as `published`.
    pub action: String,
    pub id: u64,
    pub tag: String,
    /// Cut to [`crate::limits::TITLE_CHARS`].
    pub name: String,
    /// Cut to [`crate::limits::BODY_CHARS`].
    pub body: String,
    /// The branch or commit of which the tag was made.
    pub target: String,
    pub draft: bool,
    pub prerelease: bool,
    pub author: Login,
    pub html_url: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueComment {
    /// The activity type, such as `created`.
    pub action: String,
    pub issue: Issue,
    pub comment: Comment,
}

/// An issue, or a pull request as the issue that it also is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    pub number: u64,
    /// Cut to [`crate::limits::TITLE_CHARS`].
    pub title: String,
    /// `open` or `closed`.
    pub state: String,
    pub author: Login,
    pub labels: Vec<String>,
    pub is_pull_request: bool,
    pub html_url: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    pub id: u64,
    /// Cut to [`crate::limits::BODY_CHARS`].
    pub body: String,
    pub author: Login,
    /// What the author is to the repository, such as `MEMBER`: GitHub's word for it.
    pub association: String,
    pub html_url: String,
}

/// A run that has ended, for the workflows that follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedRun {
    pub run: RunId,
    pub workflow_name: String,
    pub workflow_path: String,
    /// What the workflow called the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The event that caused it.
    pub event: String,
    /// `success`, `failure`, `cancelled` or `skipped`.
    pub conclusion: String,
    /// The branch or tag that it ran for; of a pull request the head's.
    pub head_branch: String,
    pub head_sha: CommitSha,
    /// Whose branch that is; none where the fork is gone.
    pub head_repository: Option<RepoName>,
    pub actor: Login,
    /// The pull request that it ran for.
    pub pull_request: Option<u64>,
    /// How many runs followed each other up to it, itself included.
    pub depth: u32,
}

impl EndedRun {
    /// What a run of this event and commit is to those that follow it.
    #[must_use]
    pub fn of(run: &Run, conclusion: &str) -> Self {
        let (event, repository) = (&run.event, &run.event.repository);
        let pull = event.pull_request();
        let head_branch = match &event.kind {
            EventKind::Push(push) => push.git_ref.short(),
            EventKind::PullRequest(pull) | EventKind::PullRequestTarget(pull) => &pull.head.git_ref,
            EventKind::MergeGroup(group) => group.head_ref.short(),
            EventKind::WorkflowDispatch(dispatch) => dispatch.git_ref.short(),
            EventKind::Release(release) => &release.tag,
            EventKind::Repository(other) => match &other.subject {
                Subject::PullRequest { pull } => &pull.head.git_ref,
                Subject::Ref { git_ref }
                | Subject::Deployed {
                    origin: Origin::Ref { git_ref },
                    ..
                } => git_ref.short(),
                // GitHub has none for a commit that was deployed by its id.
                Subject::Deployed { .. } => "",
                Subject::DefaultBranch => &repository.default_branch,
            },
            _ => &repository.default_branch,
        };
        Self {
            run: run.id.clone(),
            workflow_name: run.workflow_name.clone(),
            workflow_path: run.workflow_path.clone(),
            title: run.title.clone(),
            event: event.name().to_owned(),
            conclusion: conclusion.to_owned(),
            head_branch: head_branch.to_owned(),
            head_sha: run.check_sha().clone(),
            head_repository: match (pull, &event.kind) {
                (Some(pull), _) => pull.head.repository.clone(),
                // It may be a fork's.
                (None, EventKind::Repository(other)) if other.is_of_an_unknown_commit() => None,
                (None, _) => Some(repository.name.clone()),
            },
            actor: event.sender.clone(),
            pull_request: pull.map(|pull| pull.number),
            depth: event.depth() + 1,
        }
    }
}

impl Event {
    /// How many runs followed each other up to it.
    #[must_use]
    pub const fn depth(&self) -> u32 {
        match &self.kind {
            EventKind::WorkflowRun(ended) => ended.depth,
            _ => 0,
        }
    }

    /// The ref whose present commit the event is about, where it names a commit of no kind.
    #[must_use]
    pub fn git_ref(&self) -> Option<GitRef> {
        match &self.kind {
            EventKind::WorkflowDispatch(dispatch) => Some(dispatch.git_ref.clone()),
            EventKind::Release(release) => Some(GitRef::Tag(release.tag.clone())),
            EventKind::PullRequestTarget(_)
            | EventKind::Schedule(_)
            | EventKind::IssueComment(_)
            | EventKind::WorkflowRun(_) => Some(self.default_branch()),
            EventKind::Repository(other) => match &other.subject {
                Subject::DefaultBranch => Some(self.default_branch()),
                Subject::Ref { git_ref } => Some(git_ref.clone()),
                Subject::Deployed { .. } | Subject::PullRequest { .. } => None,
            },
            _ => None,
        }
    }

    #[must_use]
    pub fn default_branch(&self) -> GitRef {
        GitRef::Branch(self.repository.default_branch.clone())
    }

    /// Whether it brings a commit to the default branch.
    #[must_use]
    pub fn moves_default_branch(&self) -> bool {
        matches!(&self.kind, EventKind::Push(push) if push.after.is_some() && push.git_ref == self.default_branch())
    }

    /// The commit that the event is about, where it names one.
    #[must_use]
    pub fn sha(&self) -> Option<&CommitSha> {
        match &self.kind {
            EventKind::Push(push) => push.after.as_ref(),
            EventKind::PullRequest(pr) => Some(&pr.head.sha),
            EventKind::MergeGroup(group) => Some(&group.head_sha),
            EventKind::CheckRunRerequested(check) | EventKind::RequestedAction { check, .. } => {
                Some(&check.head_sha)
            }
            EventKind::CheckSuiteRerequested { head_sha } => Some(head_sha),
            EventKind::WorkflowDispatch(dispatch) => dispatch.sha.as_ref(),
            EventKind::Repository(other) => match &other.subject {
                Subject::DefaultBranch | Subject::Ref { .. } => None,
                Subject::Deployed { sha, .. } => Some(sha),
                Subject::PullRequest { pull } => Some(&pull.head.sha),
            },
            EventKind::PullRequestTarget(_)
            | EventKind::Schedule(_)
            | EventKind::Release(_)
            | EventKind::IssueComment(_)
            | EventKind::WorkflowRun(_) => None,
        }
    }

    /// The pull request that it is about, whichever files it is for.
    #[must_use]
    pub const fn pull_request(&self) -> Option<&PullRequest> {
        match &self.kind {
            EventKind::PullRequest(pull) | EventKind::PullRequestTarget(pull) => Some(pull),
            EventKind::Repository(other) => other.pull_request(),
            _ => None,
        }
    }

    /// What the event of a pull request is to the default branch's workflow files: GitHub has one webhook for both events.
    #[must_use]
    pub fn as_target(&self) -> Option<Self> {
        match &self.kind {
            EventKind::PullRequest(pull) => Some(Self {
                kind: EventKind::PullRequestTarget(pull.clone()),
                ..self.clone()
            }),
            _ => None,
        }
    }

    #[must_use]
    pub const fn is_target(&self) -> bool {
        matches!(self.kind, EventKind::PullRequestTarget(_))
    }

    /// Whether it is a pull request whose commits come from another repository (or one that is gone).
    #[must_use]
    pub fn is_from_fork(&self) -> bool {
        self.pull_request()
            .is_some_and(|pull| pull.head.repository.as_ref() != Some(&self.repository.name))
    }

    /// Whether its runs are of a fork's commit, or may be: those of `pull_request_target` are of the default branch's.
    #[must_use]
    pub fn is_of_a_forks_commit(&self) -> bool {
        let is_unknown =
            matches!(&self.kind, EventKind::Repository(other) if other.is_of_an_unknown_commit());
        is_unknown || (!self.is_target() && self.is_from_fork())
    }

    /// The event's name in workflow files and in `github.event_name`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match &self.kind {
            EventKind::Push(_) => "push",
            EventKind::PullRequest(_) => "pull_request",
            EventKind::PullRequestTarget(_) => "pull_request_target",
            EventKind::MergeGroup(_) => "merge_group",
            EventKind::CheckRunRerequested(_) => "check_run",
            EventKind::CheckSuiteRerequested { .. } => "check_suite",
            EventKind::RequestedAction { .. } => "check_run",
            EventKind::WorkflowDispatch(_) => "workflow_dispatch",
            EventKind::Schedule(_) => "schedule",
            EventKind::Release(_) => "release",
            EventKind::IssueComment(_) => "issue_comment",
            EventKind::WorkflowRun(_) => "workflow_run",
            EventKind::Repository(other) => other.name.as_str(),
        }
    }
}
