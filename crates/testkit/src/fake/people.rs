//! What people do. Each makes the webhooks that GitHub would send.

use super::{APP_ID, FakeGitHub};
use crate::actions::pulls::{NewPullRequest, PullEdit};
use crate::actions::push::{NewCommit, Onto};
use crate::error::FakeError;
use checkmill_core::event::RepositoryEventName;
use checkmill_core::{CheckRunId, CommitSha, DeliveryId, InstallationId};
use serde_json::Value;

impl FakeGitHub {
    /// A commit on top of the branch, which is made from the default branch where it is new.
    pub fn push(&self, repo: &str, branch: &str, commit: NewCommit) -> Result<CommitSha, FakeError> {
        self.push_commits(repo, branch, Onto::Head, vec![commit])
    }

    /// Several commits in one push, or a forced one; without commits the branch moves to the commit of `onto`.
    pub fn push_commits(
        &self,
        repo: &str,
        branch: &str,
        onto: Onto,
        commits: Vec<NewCommit>,
    ) -> Result<CommitSha, FakeError> {
        self.shared
            .change(|state| state.push(repo, branch, onto, commits))
    }

    /// Points a full ref (`refs/heads/…`, `refs/tags/…`) to a commit that exists, or deletes it.
    pub fn update_ref(
        &self,
        repo: &str,
        full_ref: &str,
        sha: Option<CommitSha>,
        by: &str,
    ) -> Result<(), FakeError> {
        self.shared
            .change(|state| state.update_ref(repo, full_ref, sha, by))
    }

    /// Tags in one push; GitHub makes no events for more than three.
    pub fn push_tags(&self, repo: &str, tags: &[&str], sha: &CommitSha, by: &str) -> Result<(), FakeError> {
        self.shared.change(|state| state.push_tags(repo, tags, sha, by))
    }

    /// An annotated tag: GitHub's push event then names the tag object as `after`, not the commit.
    pub fn push_annotated_tag(
        &self,
        repo: &str,
        name: &str,
        sha: &CommitSha,
        message: &str,
        by: &str,
    ) -> Result<(), FakeError> {
        self.shared
            .change(|state| state.push_annotated_tag(repo, name, sha, message, by))
    }

    /// Gives the pull request's number.
    pub fn open_pull_request(&self, new: NewPullRequest) -> Result<u64, FakeError> {
        self.shared.change(|state| state.open_pull_request(new))
    }

    pub fn edit_pull_request(
        &self,
        repo: &str,
        number: u64,
        edit: PullEdit,
        by: &str,
    ) -> Result<(), FakeError> {
        self.shared
            .change(|state| state.edit_pull_request(repo, number, edit, by))
    }

    /// Gives the merge commit.
    pub fn merge_pull_request(&self, repo: &str, number: u64, by: &str) -> Result<CommitSha, FakeError> {
        self.shared
            .change(|state| state.merge_pull_request(repo, number, by))
    }

    /// Gives the comment's id.
    pub fn comment(&self, repo: &str, number: u64, by: &str, body: &str) -> Result<u64, FakeError> {
        self.shared.change(|state| state.comment(repo, number, by, body))
    }

    /// Clicks a button of a check; an error where the check has none of this name.
    pub fn click_button(
        &self,
        check: CheckRunId,
        identifier: &str,
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.click_button(check, identifier, by))
    }

    /// "Re-run" of one check.
    pub fn rerequest_check(&self, check: CheckRunId, by: &str) -> Result<Option<DeliveryId>, FakeError> {
        self.shared.change(|state| state.rerequest_check(check, by))
    }

    /// "Re-run all checks" of a commit.
    pub fn rerequest_suite(
        &self,
        repo: &str,
        sha: &CommitSha,
        by: &str,
    ) -> Result<Vec<DeliveryId>, FakeError> {
        self.shared.change(|state| state.rerequest_suite(repo, sha, by))
    }

    /// "Run workflow" at a full ref or a branch's name.
    pub fn dispatch_workflow(
        &self,
        repo: &str,
        workflow: &str,
        git_ref: &str,
        inputs: &[(&str, &str)],
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.dispatch_workflow(repo, workflow, git_ref, inputs, by))
    }

    /// Publishes a release of a tag that is there.
    pub fn publish_release(
        &self,
        repo: &str,
        tag: &str,
        notes: &str,
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.publish_release(repo, tag, notes, by))
    }

    /// A merge queue asks for checks of its branch, which has been pushed before, to be merged into `base`.
    pub fn request_merge_group(
        &self,
        repo: &str,
        branch: &str,
        base: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.request_merge_group(repo, branch, base))
    }

    /// The App subscribes to this event, too.
    pub fn subscribe(&self, event: RepositoryEventName) -> Result<(), FakeError> {
        self.shared.change(|state| state.subscribe(APP_ID, event))
    }

    /// Something happens in a repository; `fields` are the webhook's payload but for `repository`, `sender` and `installation`.
    /// None where the App does not hear of it.
    pub fn happen(
        &self,
        repo: &str,
        event: RepositoryEventName,
        fields: Value,
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared.change(|state| state.happen(repo, event, fields, by))
    }

    /// Somebody reviews a pull request: `approved`, `commented` or `changes_requested`.
    pub fn review(
        &self,
        repo: &str,
        number: u64,
        by: &str,
        verdict: &str,
        body: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.review(repo, number, by, verdict, body))
    }

    pub fn ping(&self) -> Result<Option<DeliveryId>, FakeError> {
        self.shared.change(|state| state.ping(APP_ID))
    }

    /// Sends `installation.created` for what was set up.
    pub fn announce_installation(
        &self,
        installation: InstallationId,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.announce_installation(installation))
    }

    pub fn uninstall(&self, installation: InstallationId) -> Result<Option<DeliveryId>, FakeError> {
        self.shared.change(|state| state.uninstall(installation))
    }

    pub fn set_suspended(
        &self,
        installation: InstallationId,
        suspended: bool,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.set_suspended(installation, suspended))
    }

    /// Gives or takes an installation's access to a repository, with the webhook.
    pub fn set_access(
        &self,
        installation: InstallationId,
        repo: &str,
        access: bool,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.set_access(installation, repo, access))
    }
}
