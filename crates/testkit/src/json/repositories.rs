//! Repositories.

use super::{add_urls, node_id};
use crate::state::State;
use crate::state::repository::{PullState, Repository};
use crate::timestamp;
use serde_json::{Value, json};

const REPOSITORY_URLS: &[(&str, &str)] = &[
    ("url", ""),
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

impl State {
    pub(crate) fn repository_api_url(&self, repo: &Repository) -> String {
        format!("{}/repos/{}", self.urls.api, repo.name)
    }

    pub fn repository_web_url(&self, repo: &Repository) -> String {
        format!("{}/{}", self.urls.web, repo.name)
    }

    pub(crate) fn repository_json(&self, repo: &Repository) -> Value {
        let owner = repo.name.owner().parse().expect("an owner is a login");
        let forks = self
            .repositories
            .values()
            .filter(|other| other.fork_of == Some(repo.id))
            .count();
        let open = repo
            .pulls
            .values()
            .filter(|pull| pull.state == PullState::Open)
            .count();
        let web = self.repository_web_url(repo);
        let mut json = json!({
            "id": repo.id.0,
            "node_id": node_id("R", repo.id.0),
            "name": repo.name.name(),
            "full_name": repo.name.to_string(),
            "private": repo.private,
            "owner": self.user_json(&owner),
            "html_url": web,
            "description": null,
            "fork": repo.fork_of.is_some(),
            "created_at": timestamp::format(repo.created_at),
            "updated_at": timestamp::format(repo.pushed_at),
            "pushed_at": timestamp::format(repo.pushed_at),
            "git_url": format!("git://github.com/{}.git", repo.name),
            "ssh_url": format!("git@github.com:{}.git", repo.name),
            "clone_url": repo.clone_url,
            "svn_url": web,
            "homepage": null,
            "size": 0,
            "stargazers_count": 0,
            "watchers_count": 0,
            "language": null,
            "has_issues": true,
            "has_projects": true,
            "has_downloads": true,
            "has_wiki": true,
            "has_pages": false,
            "forks_count": forks,
            "mirror_url": null,
            "archived": repo.archived,
            "disabled": false,
            "open_issues_count": open,
            "license": null,
            "is_template": false,
            "web_commit_signoff_required": false,
            "topics": [],
            "visibility": if repo.private { "private" } else { "public" },
            "forks": forks,
            "open_issues": open,
            "watchers": 0,
            "default_branch": repo.default_branch,
        });
        add_urls(&mut json, &self.repository_api_url(repo), REPOSITORY_URLS);
        json
    }

    /// The repository as a push event has it: times as numbers, the owner's e-mail, the old name of the default branch.
    pub(crate) fn pushed_repository_json(&self, repo: &Repository) -> Value {
        let mut json = self.repository_json(repo);
        json["created_at"] = (repo.created_at.0 / 1000).into();
        json["pushed_at"] = (repo.pushed_at.0 / 1000).into();
        json["url"] = json["html_url"].clone();
        json["stargazers"] = 0.into();
        json["master_branch"] = repo.default_branch.as_str().into();
        json["owner"]["name"] = repo.name.owner().into();
        json["owner"]["email"] = email(repo.name.owner()).into();
        json
    }

    /// The few fields by which a check names a pull request's repositories.
    pub(crate) fn repository_stub(&self, repo: &Repository) -> Value {
        json!({
            "id": repo.id.0,
            "url": self.repository_api_url(repo),
            "name": repo.name.name(),
        })
    }
}

/// The address that the fake gives everybody.
pub(crate) fn email(login: &str) -> String {
    format!("{login}@users.noreply.github.com")
}
