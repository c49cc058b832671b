//! Pull requests and their comments.

use super::{node_id, time};
use crate::state::State;
use crate::state::repository::{Comment, PullRequest, PullState, Repository, Role};
use crate::timestamp;
use checkmill_core::{CommitSha, Login, RepositoryId};
use serde_json::{Value, json};

impl State {
    /// The few fields by which a check names a pull request.
    pub(crate) fn pull_stub(&self, repo: &Repository, pull: &PullRequest) -> Value {
        let stub = self.repository_stub(repo);
        json!({
            "url": format!("{}/pulls/{}", self.repository_api_url(repo), pull.number),
            "id": pull.id,
            "number": pull.number,
            "head": { "ref": pull.head_ref, "sha": pull.head_sha.as_str(), "repo": stub },
            "base": { "ref": pull.base_ref, "sha": pull.base_sha.as_str(), "repo": stub },
        })
    }

    fn side(&self, repo: Option<RepositoryId>, git_ref: &str, sha: &CommitSha) -> Value {
        let repo = repo.map(|id| self.repo_by_id(id));
        let owner: Option<Login> = repo.and_then(|repo| repo.name.owner().parse().ok());
        let label = match &owner {
            Some(owner) => format!("{owner}:{git_ref}"),
            None => format!("unknown repository:{git_ref}"),
        };
        json!({
            "label": label,
            "ref": git_ref,
            "sha": sha.as_str(),
            "user": owner.map(|owner| self.user_json(&owner)),
            "repo": repo.map(|repo| self.repository_json(repo)),
        })
    }

    pub(crate) fn pull_json(&self, repo: &Repository, pull: &PullRequest) -> Value {
        let web = self.repository_web_url(repo);
        let html = format!("{web}/pull/{}", pull.number);
        let merged = pull.state == PullState::Merged;
        let labels = pull.labels.iter().map(|name| self.label_json(repo, name));
        let mut json = json!({
            "id": pull.id,
            "node_id": node_id("PR", pull.id),
            "html_url": html,
            "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"),
            "number": pull.number,
            "state": if pull.state == PullState::Open { "open" } else { "closed" },
            "locked": false,
            "title": pull.title,
            "user": self.user_json(&pull.author),
            "body": pull.body,
            "created_at": timestamp::format(pull.created_at),
            "updated_at": timestamp::format(pull.updated_at),
            "closed_at": time(pull.closed_at),
            "merged_at": if merged { time(pull.closed_at) } else { Value::Null },
            "merge_commit_sha": pull.merge_commit.as_ref().map(CommitSha::as_str),
            "assignee": null,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "labels": labels.collect::<Vec<_>>(),
            "milestone": null,
            "head": self.side(pull.head_repository, &pull.head_ref, &pull.head_sha),
            "base": self.side(Some(repo.id), &pull.base_ref, &pull.base_sha),
            "author_association": association(repo, &pull.author),
            "auto_merge": null,
            "active_lock_reason": null,
            "draft": pull.draft,
        });
        self.add_pull_links(&mut json, repo, pull);
        self.add_pull_counts(&mut json, repo, pull);
        json
    }

    fn add_pull_links(&self, json: &mut Value, repo: &Repository, pull: &PullRequest) {
        let api = self.repository_api_url(repo);
        let issue = format!("{api}/issues/{}", pull.number);
        let urls = [
            ("self", "url", format!("{api}/pulls/{}", pull.number)),
            ("issue", "issue_url", issue.clone()),
            ("comments", "comments_url", format!("{issue}/comments")),
            (
                "review_comments",
                "review_comments_url",
                format!("{api}/pulls/{}/comments", pull.number),
            ),
            (
                "review_comment",
                "review_comment_url",
                format!("{api}/pulls/comments{{/number}}"),
            ),
            (
                "commits",
                "commits_url",
                format!("{api}/pulls/{}/commits", pull.number),
            ),
            (
                "statuses",
                "statuses_url",
                format!("{api}/statuses/{}", pull.head_sha),
            ),
        ];
        json["_links"] = json!({ "html": { "href": json["html_url"] } });
        for (link, key, url) in urls {
            json["_links"][link] = json!({ "href": url });
            json[key] = url.into();
        }
    }

    fn add_pull_counts(&self, json: &mut Value, repo: &Repository, pull: &PullRequest) {
        let changes = self.pull_changes(repo, pull);
        let commits = self
            .objects_of(repo)
            .between(Some(&pull.base_sha), &pull.head_sha);
        json["merged"] = (pull.state == PullState::Merged).into();
        json["mergeable"] = Value::Null;
        json["rebaseable"] = Value::Null;
        json["mergeable_state"] = "unknown".into();
        json["merged_by"] = Value::Null;
        json["comments"] = self.comments_of(repo.id, pull.number).count().into();
        json["review_comments"] = 0.into();
        json["maintainer_can_modify"] = false.into();
        json["commits"] = commits.len().into();
        json["additions"] = changes.iter().map(|c| c.additions).sum::<u64>().into();
        json["deletions"] = changes.iter().map(|c| c.deletions).sum::<u64>().into();
        json["changed_files"] = changes.len().into();
    }

    /// What a pull request changes: its head against the merge base with the base branch.
    pub(crate) fn pull_changes(&self, repo: &Repository, pull: &PullRequest) -> Vec<crate::diff::FileChange> {
        let base = self.objects_of(repo).merge_base(&pull.base_sha, &pull.head_sha);
        self.changes_between(repo, base.as_ref(), &pull.head_sha)
    }

    pub(crate) fn label_json(&self, repo: &Repository, name: &str) -> Value {
        let id = name
            .bytes()
            .fold(0_u64, |id, byte| (id * 31 + u64::from(byte)) % 1_000_000);
        json!({
            "id": id,
            "node_id": node_id("L", id),
            "url": format!("{}/labels/{name}", self.repository_api_url(repo)),
            "name": name,
            "color": "ededed",
            "default": false,
            "description": null,
        })
    }

    pub(crate) fn comments_of(&self, repo: RepositoryId, number: u64) -> impl Iterator<Item = &Comment> {
        self.comments
            .values()
            .filter(move |comment| comment.repository == repo && comment.number == number)
    }

    pub(crate) fn comment_json(&self, comment: &Comment) -> Value {
        let repo = self.repo_by_id(comment.repository);
        let api = self.repository_api_url(repo);
        let web = self.repository_web_url(repo);
        let (id, number) = (comment.id, comment.number);
        json!({
            "url": format!("{api}/issues/comments/{id}"),
            "html_url": format!("{web}/pull/{number}#issuecomment-{id}"),
            "issue_url": format!("{api}/issues/{number}"),
            "id": id,
            "node_id": node_id("IC", id),
            "user": self.user_json(&comment.author),
            "created_at": timestamp::format(comment.created_at),
            "updated_at": timestamp::format(comment.updated_at),
            "author_association": association(repo, &comment.author),
            "body": comment.body,
            "performed_via_github_app": comment.app.map(|app| self.app_json(app)),
        })
    }

    /// A pull request as the issue it also is.
    pub(crate) fn issue_json(&self, repo: &Repository, pull: &PullRequest) -> Value {
        let api = self.repository_api_url(repo);
        let url = format!("{api}/issues/{}", pull.number);
        let pull_json = self.pull_json(repo, pull);
        let mut json = json!({
            "url": url,
            "repository_url": api,
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "performed_via_github_app": null,
            "pull_request": {
                "url": pull_json["url"], "html_url": pull_json["html_url"],
                "diff_url": pull_json["diff_url"], "patch_url": pull_json["patch_url"],
            },
        });
        let shared = [
            "html_url",
            "id",
            "node_id",
            "number",
            "title",
            "user",
            "labels",
            "state",
            "locked",
            "assignee",
            "assignees",
            "milestone",
            "comments",
            "created_at",
            "updated_at",
            "closed_at",
            "author_association",
            "active_lock_reason",
            "draft",
            "body",
        ];
        for key in shared {
            json[key] = pull_json[key].clone();
        }
        json
    }
}

/// How somebody stands to a repository. First-time contributors are not told apart.
fn association(repo: &Repository, login: &Login) -> &'static str {
    if login.as_str().eq_ignore_ascii_case(repo.name.owner()) {
        return "OWNER";
    }
    match repo.collaborators.get(login) {
        Some(role) if *role >= Role::Triage => "COLLABORATOR",
        _ => "NONE",
    }
}
