//! What the control API can be told: `POST /_control/{name}` with the fields as a JSON object.

use checkmill_core::CommitSha;
use serde::Deserialize;
use std::collections::BTreeMap;

fn main() -> String {
    "main".to_owned()
}

fn octocat() -> String {
    "octocat".to_owned()
}

fn a_commit() -> String {
    "A commit".to_owned()
}

fn a_tag() -> String {
    "A tag".to_owned()
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Command {
    /// Makes a repository. Gives `{id, installation, sha}`.
    Repository {
        name: String,
        #[serde(default)]
        private: bool,
        #[serde(default = "main")]
        default_branch: String,
        #[serde(default)]
        clone_url: Option<String>,
        /// Path to text.
        #[serde(default)]
        files: BTreeMap<String, String>,
        /// Login to `read`, `triage`, `write`, `maintain` or `admin`.
        #[serde(default)]
        collaborators: BTreeMap<String, RoleName>,
        #[serde(default = "yes")]
        installed: bool,
    },
    Fork {
        parent: String,
        by: String,
    },
    Role {
        repo: String,
        login: String,
        role: Option<RoleName>,
    },
    /// Gives `{sha}`.
    Push {
        repo: String,
        #[serde(default = "main")]
        branch: String,
        #[serde(default = "a_commit")]
        message: String,
        #[serde(default = "octocat")]
        by: String,
        /// Path to text; `null` deletes.
        #[serde(default)]
        files: BTreeMap<String, Option<String>>,
        /// The commit to go on from, rather than the branch's head: a forced push.
        #[serde(default)]
        onto: Option<CommitSha>,
        /// The commit's id in a real repository.
        #[serde(default)]
        sha: Option<CommitSha>,
    },
    /// A full ref to a commit; `null` deletes it.
    UpdateRef {
        repo: String,
        git_ref: String,
        sha: Option<CommitSha>,
        #[serde(default = "octocat")]
        by: String,
    },
    /// Gives `{sha}`, that of the commit.
    AnnotatedTag {
        repo: String,
        name: String,
        sha: CommitSha,
        #[serde(default = "a_tag")]
        message: String,
        #[serde(default = "octocat")]
        by: String,
    },
    /// Gives `{number}`.
    OpenPullRequest {
        repo: String,
        #[serde(default)]
        head_repo: Option<String>,
        branch: String,
        #[serde(default)]
        base: Option<String>,
        #[serde(default)]
        title: Option<String>,
        #[serde(default = "octocat")]
        by: String,
        #[serde(default)]
        draft: bool,
    },
    EditPullRequest {
        repo: String,
        number: u64,
        edit: Edit,
        #[serde(default = "octocat")]
        by: String,
    },
    /// Gives `{sha}`.
    MergePullRequest {
        repo: String,
        number: u64,
        #[serde(default = "octocat")]
        by: String,
    },
    /// Gives `{id}`.
    Comment {
        repo: String,
        number: u64,
        by: String,
        body: String,
    },
    Click {
        check: u64,
        identifier: String,
        by: String,
    },
    RerequestCheck {
        check: u64,
        by: String,
    },
    RerequestSuite {
        repo: String,
        sha: CommitSha,
        by: String,
    },
    Dispatch {
        repo: String,
        workflow: String,
        git_ref: String,
        #[serde(default)]
        inputs: BTreeMap<String, String>,
        by: String,
    },
    /// A merge queue asks for checks of its branch.
    MergeGroup {
        repo: String,
        branch: String,
        #[serde(default = "main")]
        base: String,
    },
    Ping {},
    Uninstall {
        installation: u64,
    },
    Suspend {
        installation: u64,
        suspended: bool,
    },
    /// Delivers again under the same id.
    Redeliver {
        guid: String,
    },
    /// Where webhooks go; `null` keeps them.
    DeliverTo {
        url: Option<String>,
    },
    /// The next request of a route (`"POST /repos/{owner}/{repo}/check-runs"`; `null` is any) meets a fault.
    Fault {
        route: Option<String>,
        fault: FaultName,
    },
    /// Moves the clock on; only where it is the fake's own.
    Advance {
        ms: u64,
    },
    /// Waits for a state, without polling. Gives what `GET /_control/state` gives, or 408 with the history.
    Wait {
        until: Until,
        #[serde(default)]
        limit_ms: Option<u64>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Until {
    /// At least so many check runs in a repository, all of them completed.
    ChecksCompleted { repo: String, count: usize },
    /// A check run of this name has this status or conclusion.
    Check { repo: String, name: String, is: String },
    /// No webhook waits or is under way.
    DeliveriesSettled {},
    /// At least so many requests of a route.
    Requests { route: String, count: usize },
    /// A comment on the pull request holds this text.
    Comment {
        repo: String,
        number: u64,
        contains: String,
    },
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RoleName {
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Edit {
    Title(String),
    Label(String),
    Unlabel(String),
    ConvertToDraft,
    ReadyForReview,
    Close,
    Reopen,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FaultName {
    Status(u16),
    DropAnswerAfterEffect,
    DropBeforeEffect,
    GarbledAnswerAfterEffect,
    PrimaryRateLimit {
        resets_in_secs: u64,
    },
    SecondaryRateLimit {
        status: u16,
        #[serde(default)]
        retry_after_secs: Option<u64>,
    },
}
