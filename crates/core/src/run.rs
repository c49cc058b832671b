//! A run: one workflow file evaluated for one event. Its row holds the graph of jobs; the jobs have rows of their own.

use crate::concurrency::Concurrency;
use crate::event::{Event, EventKind};
use crate::graph::Node;
use crate::ids::{AttemptNumber, CallKey, CommitSha, InstallationId, JobId, JobKey, Login, RunId};
use crate::job::Job;
use crate::policy::{ForkPolicy, Policy, TargetForks, TokenPermissions};
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub installation: InstallationId,
    /// The event that caused it, for the contexts of its jobs.
    pub event: Event,
    pub sha: CommitSha,
    /// Path of the workflow file in the repository.
    pub workflow_path: String,
    /// The workflow's `name`, or its path.
    pub workflow_name: String,
    /// What the workflow calls this run, where it has a `run-name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Which run of its workflow file it is, from 1; none of one that GitHub would not have made (`[skip ci]`, another
    /// branch), and of rows written before runs were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Who last asked for jobs of it to run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_by: Option<Login>,
    /// The policy of the default branch when the run was planned.
    pub policy: Policy,
    pub trust: Trust,
    /// Why its jobs don't run at all, where that was known when it was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The concurrency group of the workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// What others in a concurrency group have cancelled of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<Cancelled>,
    /// The jobs of the file, as a graph.
    pub nodes: BTreeMap<JobKey, Node>,
    /// Attempts that somebody asked for, with what needs their jobs closed up in the same write. Until its row is at this
    /// attempt a job counts as not ended, whatever its row says: nothing is built on the end before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub asked: BTreeMap<JobId, AttemptNumber>,
    /// The comment on the pull request, once there is one.
    pub comment: Option<u64>,
    /// Until then somebody is about to write the first comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment_claimed_until: Option<UnixMillis>,
    pub created_at: UnixMillis,
    /// Bumped by every write; a write names the version it read.
    pub version: u64,
}

impl Run {
    /// The commit that its checks are on: a pull request's head, also where the run is of the default branch's commit.
    #[must_use]
    pub fn check_sha(&self) -> &CommitSha {
        match &self.event.kind {
            EventKind::PullRequestTarget(pull) => &pull.head.sha,
            _ => &self.sha,
        }
    }

    /// Whether it gets what people keep for the repository. A fork's commit does not, approved or not: its code is a
    /// stranger's. What `pull_request_target` runs is not, and still a stranger starts it: the policy has to say so.
    #[must_use]
    pub fn may_have_secrets(&self) -> bool {
        if self.event.is_target() {
            self.policy.pull_request_target.secrets && self.trust.may_run()
        } else {
            self.trust == Trust::Own
        }
    }

    /// What the token of a job that asks for this may do.
    #[must_use]
    pub fn permitted(&self, asked: &TokenPermissions) -> TokenPermissions {
        if self.event.is_target() {
            return asked.intersect(&self.policy.pull_request_target.permissions);
        }
        let granted = asked.intersect(&self.policy.permissions);
        match self.trust {
            Trust::Own => granted,
            Trust::ForkUnapproved | Trust::ForkApproved { .. } => granted.reading(),
        }
    }

    /// What becomes of it where a fork's pull request has started it, before anybody approves.
    #[must_use]
    pub const fn forks(&self) -> ForkPolicy {
        match (self.event.is_target(), self.policy.pull_request_target.forks) {
            (true, TargetForks::Never) => ForkPolicy::Never,
            (true, TargetForks::Run | TargetForks::Approval) => ForkPolicy::Approval,
            (false, _) => self.policy.forks,
        }
    }

    /// Where its jobs may check out nothing but the repository's own branches and tags: these commits besides. A stranger
    /// has started them, and what he pushes would run with their rights ("pwn request"). An approval is for the one commit
    /// that was there to be read. GitHub's own checkout refuses a fork's commits there since version 7.
    #[must_use]
    pub fn only_own_commits(&self) -> Option<Vec<CommitSha>> {
        let head_is_strange = match &self.event.kind {
            EventKind::PullRequestTarget(_) => self.event.is_from_fork(),
            EventKind::WorkflowRun(ended) => {
                ended.head_repository.as_ref() != Some(&self.event.repository.name)
            }
            _ => false,
        };
        let base = self.event.pull_request().map(|pull| pull.base_sha.clone());
        let is_approved = matches!(self.trust, Trust::ForkApproved { .. });
        let approved = is_approved.then(|| self.check_sha().clone());
        let known = [self.sha.clone()].into_iter().chain(base).chain(approved);
        head_is_strange.then(|| known.collect())
    }

    /// Whether who approves `pressed` approves this one of the same commit, too: what they grant is not the same where one of
    /// them is of `pull_request_target`, and then it is about one pull request.
    #[must_use]
    pub fn is_approved_with(&self, pressed: &Self) -> bool {
        let about = |run: &Self| match &run.event.kind {
            EventKind::PullRequestTarget(pull) => Some(pull.number),
            _ => None,
        };
        about(self) == about(pressed)
    }

    /// Whether a later attempt of the job than the one it is at was asked for.
    #[must_use]
    pub fn is_asked_again(&self, job: &Job) -> bool {
        self.asked.get(&job.id).is_some_and(|asked| *asked > job.attempt)
    }

    /// The cancellation that a job is under; one of what had not begun before others.
    #[must_use]
    pub fn cancellation(&self, key: &JobKey) -> Option<&Cancelled> {
        let of_job = self.cancelled.iter().filter(|cancelled| cancelled.has(key));
        of_job.min_by_key(|cancelled| cancelled.begun)
    }
}

/// A run, or a call of a workflow in it, that has lost its place in a concurrency group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// The call; all of the run where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallKey>,
    /// It had its place: a job whose `if` asks for a cancellation still runs.
    pub begun: bool,
    /// What took its place, for people.
    pub detail: String,
    /// Jobs that were queued by then are stopped.
    pub at: UnixMillis,
}

impl Cancelled {
    /// Whether a job is one of what was cancelled.
    #[must_use]
    pub fn has(&self, key: &JobKey) -> bool {
        self.call.as_ref().is_none_or(|call| call.has(key))
    }
}

/// Why the jobs of a run end without having run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Hold {
    /// The workflow or policy file is broken.
    Broken(Diagnosis),
    /// The commit asks for no CI.
    SkipCi,
    /// The workflow names the event, and not its branch: the name of the check that says so, and the sentence in it.
    Unmatched { check: String, detail: String },
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// For people: plain text with lines of the file.
    pub text: String,
    /// The places, for annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// A place in a file of the run's commit at which something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub path: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// The column behind it.
    pub end_column: u32,
    pub message: String,
}

impl From<String> for Diagnosis {
    fn from(text: String) -> Self {
        Self {
            text,
            marks: Vec::new(),
        }
    }
}

/// Whether the run's commit may run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Trust {
    /// The repository's own branch.
    Own,
    /// A fork's commit; nobody approved it yet.
    ForkUnapproved,
    /// A fork's commit, approved by somebody with write permission. The run is of this one commit, so is the approval.
    ForkApproved { by: Login, at: UnixMillis },
}

impl Trust {
    /// Of a new run.
    #[must_use]
    pub fn of(event: &Event, policy: &Policy) -> Self {
        let target_waits = event.is_target() && policy.pull_request_target.forks != TargetForks::Run;
        if event.is_of_a_forks_commit() || (event.is_from_fork() && target_waits) {
            Self::ForkUnapproved
        } else {
            Self::Own
        }
    }

    #[must_use]
    pub const fn may_run(&self) -> bool {
        !matches!(self, Self::ForkUnapproved)
    }
}
