//! Payloads by event, without `installation`.

use crate::json::repositories::email;
use crate::state::State;
use crate::state::check::{CheckRun, CheckSuite};
use crate::state::repository::{Comment, PullRequest, Repository};
use checkmill_core::{CommitSha, Login};
use serde_json::{Map, Value, json};

/// GitHub's placeholder for "no commit".
pub(crate) const ZERO_SHA: &str = "0000000000000000000000000000000000000000";
/// GitHub docs: the array of commits includes a maximum of 2,048.
const PUSHED_COMMITS: usize = 2048;

/// A change of one ref.
pub(crate) struct RefUpdate<'a> {
    pub(crate) full_ref: &'a str,
    pub(crate) before: Option<&'a CommitSha>,
    pub(crate) after: Option<&'a CommitSha>,
    /// The tag object, where the ref is an annotated tag.
    pub(crate) tag: Option<&'a str>,
    pub(crate) forced: bool,
}

impl State {
    pub(crate) fn push_payload(&self, repo: &Repository, update: &RefUpdate<'_>, by: &Login) -> Value {
        let objects = self.objects_of(repo);
        let shas = match update.after {
            // A tag, or a branch at a commit that another branch has, brings no commits.
            Some(after) if update.full_ref.starts_with("refs/heads/") => {
                let others = repo.refs.iter().filter(|(name, _)| *name != update.full_ref);
                let known: Vec<CommitSha> = match update.before {
                    Some(before) => objects.ancestors(before),
                    None => others.flat_map(|(_, sha)| objects.ancestors(sha)).collect(),
                };
                let mut new = objects.between(None, after);
                new.retain(|sha| !known.contains(sha));
                new
            }
            _ => Vec::new(),
        };
        let listed: Vec<Value> = shas
            .iter()
            .rev()
            .take(PUSHED_COMMITS)
            .rev()
            .filter_map(|sha| objects.commit(sha))
            .map(|commit| self.pushed_commit_json(repo, &commit))
            .collect();
        let head = update
            .after
            .and_then(|sha| objects.commit(sha))
            .map(|commit| self.pushed_commit_json(repo, &commit));
        let sha_or_zero =
            |sha: Option<&CommitSha>| sha.map_or(ZERO_SHA.to_owned(), |sha| sha.as_str().to_owned());
        // Of an annotated tag GitHub gives the tag object as `after`, and the commit only as `head_commit`.
        let after = update
            .tag
            .map_or_else(|| sha_or_zero(update.after), str::to_owned);
        json!({
            "ref": update.full_ref,
            "before": sha_or_zero(update.before),
            "after": after,
            "created": update.before.is_none(),
            "deleted": update.after.is_none(),
            "forced": update.forced,
            "base_ref": null,
            "compare": self.compare_url(repo, update),
            "commits": listed,
            "head_commit": head,
            "repository": self.pushed_repository_json(repo),
            "pusher": { "name": by.as_str(), "email": email(by.as_str()) },
            "sender": self.user_json(by),
        })
    }

    fn compare_url(&self, repo: &Repository, update: &RefUpdate<'_>) -> String {
        let web = self.repository_web_url(repo);
        let digits = |sha: &CommitSha| sha.as_str()[..12].to_owned();
        match (update.before, update.after) {
            (Some(before), Some(after)) => format!("{web}/compare/{}...{}", digits(before), digits(after)),
            (None, Some(after)) => format!("{web}/commit/{}", digits(after)),
            _ => format!("{web}/compare/{}", update.full_ref),
        }
    }

    pub(crate) fn ref_payload(&self, repo: &Repository, full_ref: &str, created: bool, by: &Login) -> Value {
        let (kind, name) = match full_ref.strip_prefix("refs/tags/") {
            Some(tag) => ("tag", tag),
            None => ("branch", full_ref.trim_start_matches("refs/heads/")),
        };
        let mut json = json!({
            "ref": name,
            "ref_type": kind,
            "pusher_type": "user",
            "repository": self.repository_json(repo),
            "sender": self.user_json(by),
        });
        if created {
            json["master_branch"] = repo.default_branch.as_str().into();
            json["description"] = Value::Null;
        }
        json
    }

    pub(crate) fn pull_payload(
        &self,
        repo: &Repository,
        pull: &PullRequest,
        action: &str,
        by: &Login,
    ) -> Value {
        json!({
            "action": action,
            "number": pull.number,
            "pull_request": self.pull_json(repo, pull),
            "repository": self.repository_json(repo),
            "sender": self.user_json(by),
        })
    }

    pub(crate) fn check_run_payload(&self, run: &CheckRun, action: &str, by: &Login) -> Value {
        let repo = self.repo_by_id(run.repository);
        json!({
            "action": action,
            "check_run": self.check_run_event_json(run),
            "repository": self.repository_json(repo),
            "sender": self.user_json(by),
        })
    }

    pub(crate) fn suite_payload(&self, suite: &CheckSuite, action: &str, by: &Login) -> Value {
        let repo = self.repo_by_id(suite.repository);
        json!({
            "action": action,
            "check_suite": self.suite_event_json(suite),
            "repository": self.repository_json(repo),
            "sender": self.user_json(by),
        })
    }

    pub(crate) fn comment_payload(&self, comment: &Comment, action: &str, by: &Login) -> Value {
        let repo = self.repo_by_id(comment.repository);
        let issue = repo
            .pulls
            .get(&comment.number)
            .map(|pull| self.issue_json(repo, pull));
        json!({
            "action": action,
            "issue": issue,
            "comment": self.comment_json(comment),
            "repository": self.repository_json(repo),
            "sender": self.user_json(by),
        })
    }

    pub(crate) fn release_payload(
        &self,
        repo: &Repository,
        id: u64,
        tag: &str,
        notes: &str,
        by: &Login,
    ) -> Value {
        let (api, web) = (self.repository_api_url(repo), self.repository_web_url(repo));
        let url = format!("{api}/releases/{id}");
        let now = crate::timestamp::format(self.now());
        json!({
            "action": "published",
            "release": {
                "url": url,
                "assets_url": format!("{url}/assets"),
                "upload_url": format!("{url}/assets{{?name,label}}"),
                "html_url": format!("{web}/releases/tag/{tag}"),
                "id": id,
                "node_id": crate::json::node_id("RE", id),
                "tag_name": tag,
                "target_commitish": repo.default_branch,
                "name": tag,
                "draft": false,
                "author": self.user_json(by),
                "prerelease": false,
                "created_at": now,
                "published_at": now,
                "assets": [],
                "tarball_url": format!("{api}/tarball/{tag}"),
                "zipball_url": format!("{api}/zipball/{tag}"),
                "body": notes,
            },
            "repository": self.repository_json(repo),
            "sender": self.user_json(by),
        })
    }

    /// GitHub sends `null` where the workflow takes no inputs.
    pub(crate) fn merge_group_payload(
        &self,
        repo: &Repository,
        (head_ref, head): (&str, &CommitSha),
        (base_ref, base): (&str, &CommitSha),
        by: &Login,
    ) -> Value {
        let commit = self.objects_of(repo).commit(head);
        let head_commit = commit.map(|commit| self.pushed_commit_json(repo, &commit));
        json!({
            "action": "checks_requested",
            "merge_group": {
                "head_sha": head.as_str(),
                "head_ref": head_ref,
                "base_sha": base.as_str(),
                "base_ref": base_ref,
                "head_commit": head_commit,
            },
            "repository": self.repository_json(repo),
            "sender": self.user_json(by),
        })
    }

    pub(crate) fn dispatch_payload(
        &self,
        repo: &Repository,
        workflow: &str,
        full_ref: &str,
        inputs: Map<String, Value>,
        by: &Login,
    ) -> Value {
        json!({
            "ref": full_ref,
            "workflow": workflow,
            "inputs": if inputs.is_empty() { Value::Null } else { Value::Object(inputs) },
            "repository": self.repository_json(repo),
            "sender": self.user_json(by),
        })
    }
}
