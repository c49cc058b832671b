//! The parts of GitHub's payloads that are read. Every field is optional here, so that a missing one can be named; fields
//! that are not listed are skipped unread. Source: GitHub docs, "Webhook events and payloads".

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Payload {
    pub(super) action: Option<String>,
    pub(super) installation: Option<Numbered>,
    pub(super) repository: Option<Repository>,
    pub(super) sender: Option<User>,
}

/// Anything of which the number is all we need: an installation, an App.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Numbered {
    pub(super) id: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Repository {
    pub(super) id: Option<u64>,
    pub(super) full_name: Option<String>,
    pub(super) default_branch: Option<String>,
    pub(super) owner: Option<Numbered>,
    pub(super) private: Option<bool>,
    /// `public`, `private` or `internal`.
    pub(super) visibility: Option<String>,
    pub(super) clone_url: Option<String>,
    pub(super) html_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) login: Option<String>,
    pub(super) id: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Push {
    #[serde(rename = "ref")]
    pub(super) git_ref: Option<String>,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) forced: bool,
    pub(super) head_commit: Option<Commit>,
    /// Oldest first.
    pub(super) commits: Option<Vec<PushedCommit>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PushedCommit {
    pub(super) id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PullRequestPayload {
    pub(super) number: Option<u64>,
    pub(super) pull_request: Option<PullRequest>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PullRequest {
    pub(super) number: Option<u64>,
    pub(super) title: Option<String>,
    pub(super) user: Option<User>,
    /// Absent on the oldest Enterprise Servers, which have no drafts.
    pub(super) draft: Option<bool>,
    pub(super) labels: Vec<Label>,
    pub(super) head: Option<Branch>,
    pub(super) base: Option<Branch>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MergeGroupPayload {
    pub(super) merge_group: Option<MergeGroup>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MergeGroup {
    pub(super) head_ref: Option<String>,
    pub(super) head_sha: Option<String>,
    pub(super) base_ref: Option<String>,
    pub(super) base_sha: Option<String>,
    pub(super) head_commit: Option<Commit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Label {
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Branch {
    #[serde(rename = "ref")]
    pub(super) git_ref: Option<String>,
    pub(super) sha: Option<String>,
    /// `null` when the fork was deleted.
    pub(super) repo: Option<BranchRepository>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BranchRepository {
    pub(super) full_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CheckRunPayload {
    pub(super) check_run: Option<CheckRun>,
    pub(super) requested_action: Option<RequestedAction>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CheckRun {
    pub(super) id: Option<u64>,
    pub(super) head_sha: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) app: Option<Numbered>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RequestedAction {
    pub(super) identifier: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CheckSuitePayload {
    pub(super) check_suite: Option<CheckSuite>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CheckSuite {
    pub(super) head_sha: Option<String>,
    pub(super) app: Option<Numbered>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkflowDispatch {
    pub(super) workflow: Option<String>,
    #[serde(rename = "ref")]
    pub(super) git_ref: Option<String>,
    /// `null` where the workflow has none.
    pub(super) inputs: Option<BTreeMap<String, Input>>,
}

/// An input's value. GitHub sends text; callers of its REST API have been seen to send the others.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Input {
    Text(String),
    Flag(bool),
    Number(serde_json::Number),
    Null(()),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReleasePayload {
    pub(super) release: Option<Release>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Release {
    pub(super) id: Option<u64>,
    pub(super) tag_name: Option<String>,
    /// `null` where nobody wrote one; so is the body.
    pub(super) name: Option<String>,
    pub(super) body: Option<String>,
    pub(super) target_commitish: Option<String>,
    pub(super) draft: Option<bool>,
    pub(super) prerelease: Option<bool>,
    pub(super) author: Option<User>,
    pub(super) html_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct IssueCommentPayload {
    pub(super) issue: Option<Issue>,
    pub(super) comment: Option<Comment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Issue {
    pub(super) number: Option<u64>,
    pub(super) title: Option<String>,
    pub(super) state: Option<String>,
    pub(super) user: Option<User>,
    pub(super) labels: Vec<Label>,
    /// There where the issue is a pull request.
    pub(super) pull_request: Option<IgnoredAny>,
    pub(super) html_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Comment {
    pub(super) id: Option<u64>,
    pub(super) body: Option<String>,
    pub(super) user: Option<User>,
    pub(super) author_association: Option<String>,
    pub(super) html_url: Option<String>,
    /// `null` where a person wrote it.
    pub(super) performed_via_github_app: Option<Numbered>,
}

/// A branch or tag that was made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RefPayload {
    /// Without `refs/heads/` or `refs/tags/`.
    #[serde(rename = "ref")]
    pub(super) name: Option<String>,
    pub(super) ref_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeploymentPayload {
    pub(super) deployment: Option<Deployment>,
    pub(super) deployment_status: Option<DeploymentStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Deployment {
    pub(super) sha: Option<String>,
    #[serde(rename = "ref")]
    pub(super) git_ref: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeploymentStatus {
    pub(super) state: Option<String>,
}
