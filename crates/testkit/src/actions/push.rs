//! Pushes: commits, branches and tags.

use super::{login, repo_name};
use crate::content::{CommitParts, FileMode, MemoryContent, Tree};
use crate::error::FakeError;
use crate::git_object::{self, Signature};
use crate::json::repositories::email;
use crate::state::State;
use crate::state::permission::{Access, Permission};
use crate::state::repository::TagObject;
use crate::webhook::Webhook;
use crate::webhook::payload::RefUpdate;
use bytes::Bytes;
use checkmill_core::{CommitSha, Login, RepositoryId};

/// GitHub docs, push event: no event is made when more than three tags are pushed at once.
const TAGS_WITH_EVENTS: usize = 3;

/// A commit to be made.
#[derive(Debug, Clone)]
pub struct NewCommit {
    pub message: String,
    /// Author, committer and pusher; by default `octocat`.
    pub by: String,
    changes: Vec<Change>,
    sha: Option<CommitSha>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(String, Bytes, FileMode),
    Delete(String),
    Clear,
}

impl NewCommit {
    #[must_use]
    pub fn new(message: &str) -> Self {
        Self {
            message: message.to_owned(),
            by: "octocat".to_owned(),
            changes: Vec::new(),
            sha: None,
        }
    }

    #[must_use]
    pub fn by(mut self, login: &str) -> Self {
        login.clone_into(&mut self.by);
        self
    }

    #[must_use]
    pub fn write(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.write_mode(path, content, FileMode::Regular)
    }

    #[must_use]
    pub fn write_mode(mut self, path: &str, content: impl AsRef<[u8]>, mode: FileMode) -> Self {
        let content = Bytes::copy_from_slice(content.as_ref());
        self.changes.push(Change::Write(path.to_owned(), content, mode));
        self
    }

    #[must_use]
    pub fn delete(mut self, path: &str) -> Self {
        self.changes.push(Change::Delete(path.to_owned()));
        self
    }

    /// Removes every file that the commit would inherit; writes after it still count.
    #[must_use]
    pub fn clear(mut self) -> Self {
        self.changes.push(Change::Clear);
        self
    }

    /// The id that the commit has in a real git repository. Without it the id is the one git would compute.
    #[must_use]
    pub fn with_sha(mut self, sha: CommitSha) -> Self {
        self.sha = Some(sha);
        self
    }

    fn apply(self, memory: &mut MemoryContent, mut tree: Tree) -> Tree {
        for change in self.changes {
            match change {
                Change::Write(path, content, mode) => {
                    tree.0.insert(path, memory.add_blob(content, mode));
                }
                Change::Delete(path) => {
                    tree.0.remove(&path);
                }
                Change::Clear => tree.0.clear(),
            }
        }
        tree
    }
}

/// Where the first of the pushed commits goes.
#[derive(Debug, Clone)]
pub enum Onto {
    /// The branch's head; for a new branch that of the default branch.
    Head,
    /// This commit: the push is forced where it leaves commits of the branch behind.
    Commit(CommitSha),
    /// Nothing: a history of its own.
    Nothing,
}

impl State {
    pub(crate) fn first_commit(&mut self, repo: RepositoryId, by: &Login, files: Vec<(String, Vec<u8>)>) {
        let mut commit = NewCommit::new("Initial commit").by(by.as_str());
        for (path, content) in files {
            commit = commit.write(&path, content);
        }
        let sha = self.add_commit(repo, None, commit);
        let repo = self.repo_mut(repo);
        let branch = format!("refs/heads/{}", repo.default_branch);
        repo.refs.insert(branch, sha);
    }

    /// Adds a commit to the objects, without moving a ref.
    pub(crate) fn add_commit(
        &mut self,
        repo: RepositoryId,
        parent: Option<CommitSha>,
        commit: NewCommit,
    ) -> CommitSha {
        let now = self.now();
        let network = self.repo_by_id(repo).network;
        let objects = self.objects.entry(network).or_default();
        let base = parent
            .as_ref()
            .and_then(|sha| objects.tree(sha))
            .map(|tree| (*tree).clone());
        let parts = CommitParts {
            parents: parent.into_iter().collect(),
            message: commit.message.clone(),
            signature: Signature {
                name: commit.by.clone(),
                email: email(&commit.by),
                at: now,
            },
        };
        let sha = commit.sha.clone();
        let tree = commit.apply(&mut objects.memory, base.unwrap_or_default());
        objects.memory.add_commit(parts, tree, sha)
    }

    /// Makes the commits and moves the branch; the last commit's author pushes.
    pub(crate) fn push(
        &mut self,
        repo: &str,
        branch: &str,
        onto: Onto,
        commits: Vec<NewCommit>,
    ) -> Result<CommitSha, FakeError> {
        let repo = self.repo(&repo_name(repo)?)?;
        let id = repo.id;
        let head = repo.branch(branch).or_else(|| repo.branch(&repo.default_branch));
        let mut parent = match onto {
            Onto::Head => head.cloned(),
            Onto::Commit(sha) => {
                let missing = || FakeError::NoCommit(repo.name.to_string(), sha.to_string());
                Some(self.objects_of(repo).commit(&sha).ok_or_else(missing)?.sha)
            }
            Onto::Nothing => None,
        };
        let mut by = login("octocat")?;
        for commit in commits {
            by = login(&commit.by)?;
            self.user(&by);
            parent = Some(self.add_commit(id, parent, commit));
        }
        let sha = parent.ok_or_else(|| FakeError::NoRef(id.to_string(), branch.to_owned()))?;
        self.move_ref(id, &format!("refs/heads/{branch}"), Some(sha.clone()), &by);
        Ok(sha)
    }

    /// Makes a ref point to a commit that exists, or removes it (`None`).
    pub(crate) fn update_ref(
        &mut self,
        repo: &str,
        full_ref: &str,
        sha: Option<CommitSha>,
        by: &str,
    ) -> Result<(), FakeError> {
        let by = login(by)?;
        let repo = self.repo(&repo_name(repo)?)?;
        let (id, name) = (repo.id, repo.name.to_string());
        match &sha {
            Some(sha) if self.objects_of(repo).commit(sha).is_none() => {
                return Err(FakeError::NoCommit(name, sha.to_string()));
            }
            None if !repo.refs.contains_key(full_ref) => {
                return Err(FakeError::NoRef(name, full_ref.to_owned()));
            }
            _ => {}
        }
        self.user(&by);
        self.move_ref(id, full_ref, sha, &by);
        Ok(())
    }

    /// Pushes tags in one go. With more than three GitHub stays silent.
    pub(crate) fn push_tags(
        &mut self,
        repo: &str,
        tags: &[&str],
        sha: &CommitSha,
        by: &str,
    ) -> Result<(), FakeError> {
        if tags.len() <= TAGS_WITH_EVENTS {
            return tags.iter().try_for_each(|tag| {
                self.update_ref(repo, &format!("refs/tags/{tag}"), Some(sha.clone()), by)
            });
        }
        let id = self.repo(&repo_name(repo)?)?.id;
        let repo = self.repo_mut(id);
        for tag in tags {
            repo.refs.insert(format!("refs/tags/{tag}"), sha.clone());
        }
        self.note(format!("{by} pushed {} tags at once: no events", tags.len()));
        Ok(())
    }

    /// Pushes an annotated tag: an object of its own, whose id is that of no commit.
    pub(crate) fn push_annotated_tag(
        &mut self,
        repo: &str,
        name: &str,
        sha: &CommitSha,
        message: &str,
        by: &str,
    ) -> Result<(), FakeError> {
        let full_ref = format!("refs/tags/{name}");
        let tagger = Signature {
            name: by.to_owned(),
            email: email(by),
            at: self.now(),
        };
        let tag = TagObject {
            id: git_object::tag_id(sha.as_str(), name, &tagger, message),
            name: name.to_owned(),
            message: message.to_owned(),
            tagger,
            target: sha.clone(),
        };
        let id = self.repo(&repo_name(repo)?)?.id;
        self.repo_mut(id).tag_objects.insert(full_ref.clone(), tag);
        self.update_ref(repo, &full_ref, Some(sha.clone()), by)
    }

    fn move_ref(&mut self, id: RepositoryId, full_ref: &str, after: Option<CommitSha>, by: &Login) {
        let now = self.now();
        let repo = self.repo_mut(id);
        let before = match &after {
            Some(sha) => repo.refs.insert(full_ref.to_owned(), sha.clone()),
            None => repo.refs.remove(full_ref),
        };
        let is_of_target = |tag: &TagObject| Some(&tag.target) == after.as_ref();
        if !repo.tag_objects.get(full_ref).is_some_and(is_of_target) {
            repo.tag_objects.remove(full_ref);
        }
        if before == after {
            return;
        }
        repo.pushed_at = now;
        let name = repo.name.to_string();
        let shown = after.as_ref().map_or("nothing", CommitSha::short).to_owned();
        self.note(format!("{by} pushed {name} {full_ref} -> {shown}"));
        self.announce_push(id, full_ref, before.as_ref(), after.as_ref(), by);
        if let Some(branch) = full_ref.strip_prefix("refs/heads/") {
            if let Some(sha) = &after {
                self.request_suites(id, branch, before.as_ref(), sha, by);
            }
            self.follow_branch(id, branch, before.as_ref(), after.as_ref(), by);
        }
    }

    fn announce_push(
        &mut self,
        id: RepositoryId,
        full_ref: &str,
        before: Option<&CommitSha>,
        after: Option<&CommitSha>,
        by: &Login,
    ) {
        let repo = self.repo_by_id(id);
        let forced = match (before, after) {
            (Some(before), Some(after)) => !self.objects_of(repo).ancestors(after).contains(before),
            _ => false,
        };
        let update = RefUpdate {
            full_ref,
            before,
            after,
            tag: repo.tag_objects.get(full_ref).map(|tag| tag.id.as_str()),
            forced,
        };
        let push = self.push_payload(repo, &update, by);
        let made_or_gone = match (before, after) {
            (None, Some(_)) => Some(("create", self.ref_payload(repo, full_ref, true, by))),
            (Some(_), None) => Some(("delete", self.ref_payload(repo, full_ref, false, by))),
            _ => None,
        };
        let webhook = |event, payload| Webhook {
            event,
            action: None,
            payload,
            echo: false,
        };
        self.emit(id, None, &webhook("push", push));
        if let Some((event, payload)) = made_or_gone {
            self.emit(id, None, &webhook(event, payload));
        }
    }

    /// GitHub makes a check suite for every App that may write checks, and tells it.
    fn request_suites(
        &mut self,
        id: RepositoryId,
        branch: &str,
        before: Option<&CommitSha>,
        sha: &CommitSha,
        by: &Login,
    ) {
        let repo = self.repo_by_id(id);
        let apps: Vec<u64> = self
            .installations
            .values()
            .filter(|i| i.permissions.allow(Permission::Checks, Access::Write) && self.covers(i, repo))
            .map(|i| i.app)
            .collect();
        for app in apps {
            let suite = self.suite_for(app, id, sha, Some(branch), before);
            let Some(suite) = self.suites.get(&suite).cloned() else {
                continue;
            };
            let webhook = Webhook {
                event: "check_suite",
                action: Some("requested"),
                payload: self.suite_payload(&suite, "requested", by),
                echo: true,
            };
            self.emit(id, Some(app), &webhook);
        }
    }
}
