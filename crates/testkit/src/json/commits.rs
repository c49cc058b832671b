//! Commits, file lists and comparisons.

use super::node_id;
use crate::content::Commit;
use crate::diff::{self, FileChange};
use crate::git_object::Signature;
use crate::state::State;
use crate::state::repository::{Repository, TagObject};
use checkmill_core::CommitSha;
use serde_json::{Value, json};
use std::sync::Arc;

impl State {
    /// A commit as a push event and a check suite carry it, without its files.
    pub(crate) fn head_commit_json(&self, repo: &Repository, commit: &Commit) -> Value {
        let tree = self.objects_of(repo).tree(&commit.sha).unwrap_or_default();
        json!({
            "id": commit.sha.as_str(),
            "tree_id": tree.directory_id(""),
            "message": commit.message,
            "timestamp": commit.author.date(),
            "author": person(&commit.author),
            "committer": person(&commit.committer),
        })
    }

    /// A commit as a push event lists it.
    pub(crate) fn pushed_commit_json(&self, repo: &Repository, commit: &Commit) -> Value {
        let mut json = self.head_commit_json(repo, commit);
        json["distinct"] = true.into();
        json["url"] = format!("{}/commit/{}", self.repository_web_url(repo), commit.sha).into();
        for role in ["author", "committer"] {
            json[role]["username"] = json[role]["name"].clone();
        }
        let changes = self.changes_of(repo, commit);
        let paths = |kinds: &[diff::ChangeKind]| -> Value {
            let of_kind = changes.iter().filter(|c| kinds.contains(&c.kind));
            of_kind.map(|c| c.path.as_str()).collect::<Vec<_>>().into()
        };
        // A push event knows no renames: the old path is removed and the new one added.
        let mut removed: Vec<&str> = changes
            .iter()
            .filter_map(|c| match c.kind {
                diff::ChangeKind::Removed => Some(c.path.as_str()),
                _ => c.previous_path.as_deref(),
            })
            .collect();
        removed.sort_unstable();
        json["added"] = paths(&[diff::ChangeKind::Added, diff::ChangeKind::Renamed]);
        json["removed"] = removed.into();
        json["modified"] = paths(&[diff::ChangeKind::Modified]);
        json
    }

    /// What a commit changed against its first parent.
    pub(crate) fn changes_of(&self, repo: &Repository, commit: &Commit) -> Vec<FileChange> {
        let objects = self.objects_of(repo);
        let tree = objects.tree(&commit.sha).unwrap_or_default();
        let before = commit
            .parents
            .first()
            .and_then(|sha| objects.tree(sha))
            .unwrap_or_default();
        diff::between(objects, &before, &tree)
    }

    /// What is in `to` and not in `from`.
    pub(crate) fn changes_between(
        &self,
        repo: &Repository,
        from: Option<&CommitSha>,
        to: &CommitSha,
    ) -> Vec<FileChange> {
        let objects = self.objects_of(repo);
        let before: Arc<_> = from.and_then(|sha| objects.tree(sha)).unwrap_or_default();
        diff::between(objects, &before, &objects.tree(to).unwrap_or_default())
    }

    /// A commit as the REST API gives it, without its files.
    pub(crate) fn commit_json(&self, repo: &Repository, commit: &Commit) -> Value {
        let api = self.repository_api_url(repo);
        let web = self.repository_web_url(repo);
        let sha = &commit.sha;
        let tree = self
            .objects_of(repo)
            .tree(sha)
            .unwrap_or_default()
            .directory_id("");
        let parents = commit.parents.iter().map(|parent| {
            json!({
                "sha": parent.as_str(),
                "url": format!("{api}/commits/{parent}"),
                "html_url": format!("{web}/commit/{parent}"),
            })
        });
        json!({
            "sha": sha.as_str(),
            "node_id": format!("C_fake{}", sha.short()),
            "commit": {
                "author": dated(&commit.author),
                "committer": dated(&commit.committer),
                "message": commit.message,
                "tree": { "sha": tree, "url": format!("{api}/git/trees/{tree}") },
                "url": format!("{api}/git/commits/{sha}"),
                "comment_count": 0,
                "verification": { "verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null },
            },
            "url": format!("{api}/commits/{sha}"),
            "html_url": format!("{web}/commit/{sha}"),
            "comments_url": format!("{api}/commits/{sha}/comments"),
            "author": self.known_user(&commit.author),
            "committer": self.known_user(&commit.committer),
            "parents": parents.collect::<Vec<_>>(),
        })
    }

    fn known_user(&self, who: &Signature) -> Value {
        match who.name.parse() {
            Ok(login) if self.users.contains_key(&login) => self.user_json(&login),
            _ => Value::Null,
        }
    }

    /// A changed file of a comparison or a pull request. `patch` is left out for binary files, as GitHub does.
    pub(crate) fn file_json(&self, repo: &Repository, change: &FileChange, at: &CommitSha) -> Value {
        let web = self.repository_web_url(repo);
        let api = self.repository_api_url(repo);
        let path = &change.path;
        let mut json = json!({
            "sha": change.blob,
            "filename": path,
            "status": change.kind.as_str(),
            "additions": change.additions,
            "deletions": change.deletions,
            "changes": change.additions + change.deletions,
            "blob_url": format!("{web}/blob/{at}/{path}"),
            "raw_url": format!("{web}/raw/{at}/{path}"),
            "contents_url": format!("{api}/contents/{path}?ref={at}"),
        });
        if let Some(patch) = &change.patch {
            json["patch"] = patch.as_str().into();
        }
        if let Some(previous) = &change.previous_path {
            json["previous_filename"] = previous.as_str().into();
        }
        json
    }

    pub(crate) fn ref_json(&self, repo: &Repository, full: &str, sha: &CommitSha) -> Value {
        let api = self.repository_api_url(repo);
        json!({
            "ref": full,
            "node_id": node_id("REF", repo.id.0),
            "url": format!("{api}/git/{full}"),
            "object": self.ref_target(repo, full, sha),
        })
    }

    fn ref_target(&self, repo: &Repository, full: &str, sha: &CommitSha) -> Value {
        let api = self.repository_api_url(repo);
        match repo.tag_objects.get(full) {
            Some(tag) => json!({ "type": "tag", "sha": tag.id, "url": format!("{api}/git/tags/{}", tag.id) }),
            None => {
                json!({ "type": "commit", "sha": sha.as_str(), "url": format!("{api}/git/commits/{sha}") })
            }
        }
    }

    pub(crate) fn tag_json(&self, repo: &Repository, tag: &TagObject) -> Value {
        let api = self.repository_api_url(repo);
        json!({
            "node_id": format!("T_fake{}", &tag.id[..7]),
            "tag": tag.name,
            "sha": tag.id,
            "url": format!("{api}/git/tags/{}", tag.id),
            "message": tag.message,
            "tagger": dated(&tag.tagger),
            "object": {
                "type": "commit",
                "sha": tag.target.as_str(),
                "url": format!("{api}/git/commits/{}", tag.target),
            },
        })
    }
}

fn person(who: &Signature) -> Value {
    json!({ "name": who.name, "email": who.email })
}

fn dated(who: &Signature) -> Value {
    json!({ "name": who.name, "email": who.email, "date": who.date() })
}
