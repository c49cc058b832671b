//! Pull requests: opened, pushed to, labelled, closed, merged.

use super::{login, repo_name};
use crate::content::CommitParts;
use crate::diff::{self, ChangeKind};
use crate::error::FakeError;
use crate::git_object::Signature;
use crate::json::repositories::email;
use crate::state::State;
use crate::state::repository::{PullRequest, PullState};
use crate::webhook::Webhook;
use checkmill_core::{CommitSha, Login, RepoName, RepositoryId, UnixMillis};
use serde_json::Value;

/// A pull request to be opened.
#[derive(Debug, Clone)]
pub struct NewPullRequest {
    /// `owner/name` of the repository that is asked to take the changes.
    pub repo: String,
    /// The repository with the changes: the same one, or a fork.
    pub head_repo: String,
    pub head_branch: String,
    /// By default the base repository's default branch.
    pub base_branch: Option<String>,
    pub title: String,
    pub body: String,
    pub by: String,
    pub draft: bool,
}

impl NewPullRequest {
    /// From a branch of the repository itself.
    #[must_use]
    pub fn new(repo: &str, branch: &str) -> Self {
        Self::from_fork(repo, repo, branch)
    }

    #[must_use]
    pub fn from_fork(repo: &str, fork: &str, branch: &str) -> Self {
        Self {
            repo: repo.to_owned(),
            head_repo: fork.to_owned(),
            head_branch: branch.to_owned(),
            base_branch: None,
            title: format!("Merge {branch}"),
            body: String::new(),
            by: "octocat".to_owned(),
            draft: false,
        }
    }

    #[must_use]
    pub fn by(mut self, login: &str) -> Self {
        login.clone_into(&mut self.by);
        self
    }

    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    #[must_use]
    pub fn onto(mut self, base_branch: &str) -> Self {
        self.base_branch = Some(base_branch.to_owned());
        self
    }

    #[must_use]
    pub fn draft(mut self) -> Self {
        self.draft = true;
        self
    }
}

/// A change of an open pull request that has its own activity type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullEdit {
    Title(String),
    Label(String),
    Unlabel(String),
    ConvertToDraft,
    ReadyForReview,
    Close,
    /// Of a closed one.
    Reopen,
}

/// Changes the pull request and gives the activity type.
fn apply(pull: &mut PullRequest, edit: PullEdit, now: UnixMillis) -> &'static str {
    pull.updated_at = now;
    match edit {
        PullEdit::Title(title) => {
            pull.title = title;
            "edited"
        }
        PullEdit::Label(name) => {
            pull.labels.push(name);
            "labeled"
        }
        PullEdit::Unlabel(name) => {
            pull.labels.retain(|label| *label != name);
            "unlabeled"
        }
        PullEdit::ConvertToDraft => {
            pull.draft = true;
            "converted_to_draft"
        }
        PullEdit::ReadyForReview => {
            pull.draft = false;
            "ready_for_review"
        }
        PullEdit::Close => {
            pull.state = PullState::Closed;
            pull.closed_at = Some(now);
            "closed"
        }
        PullEdit::Reopen => {
            pull.state = PullState::Open;
            pull.closed_at = None;
            "reopened"
        }
    }
}

impl State {
    pub(crate) fn open_pull_request(&mut self, new: NewPullRequest) -> Result<u64, FakeError> {
        let base = self.repo(&repo_name(&new.repo)?)?;
        let head = self.repo(&repo_name(&new.head_repo)?)?;
        let base_ref = new.base_branch.unwrap_or_else(|| base.default_branch.clone());
        let no_ref = |repo: &RepoName, name: &str| FakeError::NoRef(repo.to_string(), name.to_owned());
        let base_sha = base
            .branch(&base_ref)
            .ok_or_else(|| no_ref(&base.name, &base_ref))?
            .clone();
        let head_sha = head
            .branch(&new.head_branch)
            .ok_or_else(|| no_ref(&head.name, &new.head_branch))?
            .clone();
        let (base_id, head_id) = (base.id, head.id);
        let number = base.pulls.keys().last().copied().unwrap_or_default() + 1;
        let author = login(&new.by)?;
        self.user(&author);
        let now = self.now();
        let pull = PullRequest {
            id: self.next_id("pull", 6000),
            number,
            title: new.title,
            body: new.body,
            author: author.clone(),
            draft: new.draft,
            labels: Vec::new(),
            state: PullState::Open,
            head_repository: Some(head_id),
            head_ref: new.head_branch,
            head_sha,
            base_ref,
            base_sha,
            merge_commit: None,
            created_at: now,
            updated_at: now,
            closed_at: None,
        };
        self.repo_mut(base_id).pulls.insert(number, pull);
        self.announce_pull(base_id, number, "opened", &author, &[]);
        Ok(number)
    }

    pub(crate) fn edit_pull_request(
        &mut self,
        repo: &str,
        number: u64,
        edit: PullEdit,
        by: &str,
    ) -> Result<(), FakeError> {
        let by = login(by)?;
        let name = repo_name(repo)?;
        let state = self.pull(&name, number)?.state;
        let id = self.repo(&name)?.id;
        let wanted = if edit == PullEdit::Reopen {
            PullState::Closed
        } else {
            PullState::Open
        };
        if state != wanted {
            let is = match state {
                PullState::Open => "open",
                PullState::Closed => "closed",
                PullState::Merged => "merged",
            };
            return Err(FakeError::PullRequestNotOpen(format!("{repo}#{number}"), is));
        }
        self.user(&by);
        let now = self.now();
        let label = match &edit {
            PullEdit::Label(name) | PullEdit::Unlabel(name) => {
                Some(self.label_json(self.repo_by_id(id), name))
            }
            _ => None,
        };
        let pull = self
            .repo_mut(id)
            .pulls
            .get_mut(&number)
            .expect("it was there above");
        let action = apply(pull, edit, now);
        let extra: Vec<(&str, Value)> = label.into_iter().map(|label| ("label", label)).collect();
        self.announce_pull(id, number, action, &by, &extra);
        Ok(())
    }

    /// Pull requests whose head this branch is follow it; those of a deleted branch are closed.
    pub(crate) fn follow_branch(
        &mut self,
        head: RepositoryId,
        branch: &str,
        before: Option<&CommitSha>,
        after: Option<&CommitSha>,
        by: &Login,
    ) {
        let now = self.now();
        let followers: Vec<(RepositoryId, u64)> = self
            .repositories
            .values()
            .flat_map(|repo| repo.pulls.values().map(move |pull| (repo.id, pull)))
            .filter(|(_, pull)| {
                pull.state == PullState::Open && pull.head_repository == Some(head) && pull.head_ref == branch
            })
            .map(|(repo, pull)| (repo, pull.number))
            .collect();
        for (id, number) in followers {
            let repo = self.repo_mut(id);
            let base = repo
                .pulls
                .get(&number)
                .and_then(|pull| repo.branch(&pull.base_ref))
                .cloned();
            let Some(pull) = repo.pulls.get_mut(&number) else {
                continue;
            };
            pull.updated_at = now;
            let Some(after) = after else {
                pull.state = PullState::Closed;
                pull.closed_at = Some(now);
                self.announce_pull(id, number, "closed", by, &[]);
                continue;
            };
            pull.head_sha = after.clone();
            if let Some(base) = base {
                pull.base_sha = base;
            }
            let extra = [
                ("before", before.map(CommitSha::as_str).into()),
                ("after", after.as_str().into()),
            ];
            self.announce_pull(id, number, "synchronize", by, &extra);
        }
    }

    /// Merges with a merge commit: the base branch moves (a push), then the pull request is closed as merged.
    pub(crate) fn merge_pull_request(
        &mut self,
        repo: &str,
        number: u64,
        by: &str,
    ) -> Result<CommitSha, FakeError> {
        let who = login(by)?;
        let name = repo_name(repo)?;
        let pull = self.pull(&name, number)?.clone();
        if pull.state != PullState::Open {
            return Err(FakeError::PullRequestNotOpen(
                format!("{repo}#{number}"),
                "not open",
            ));
        }
        self.user(&who);
        let sha = self.merge_commit(&name, &pull, &who)?;
        let id = self.repo(&name)?.id;
        let now = self.now();
        if let Some(pull) = self.repo_mut(id).pulls.get_mut(&number) {
            pull.state = PullState::Merged;
            pull.closed_at = Some(now);
            pull.updated_at = now;
            pull.merge_commit = Some(sha.clone());
        }
        self.update_ref(
            repo,
            &format!("refs/heads/{}", pull.base_ref),
            Some(sha.clone()),
            by,
        )?;
        self.announce_pull(id, number, "closed", &who, &[]);
        Ok(sha)
    }

    fn merge_commit(
        &mut self,
        name: &RepoName,
        pull: &PullRequest,
        who: &Login,
    ) -> Result<CommitSha, FakeError> {
        let repo = self.repo(name)?;
        let tip = repo
            .branch(&pull.base_ref)
            .ok_or_else(|| FakeError::NoRef(name.to_string(), pull.base_ref.clone()))?
            .clone();
        let objects = self.objects_of(repo);
        let base = objects.merge_base(&tip, &pull.head_sha);
        let old = base
            .as_ref()
            .and_then(|sha| objects.tree(sha))
            .unwrap_or_default();
        let theirs = objects.tree(&pull.head_sha).unwrap_or_default();
        let mut merged = (*objects.tree(&tip).unwrap_or_default()).clone();
        for change in diff::between(objects, &old, &theirs) {
            let touched = change.previous_path.as_ref().unwrap_or(&change.path);
            if merged.0.get(touched) != old.0.get(touched) {
                return Err(FakeError::Conflict(pull.number, touched.clone()));
            }
            merged.0.remove(touched);
            if change.kind != ChangeKind::Removed
                && let Some(file) = theirs.0.get(&change.path)
            {
                merged.0.insert(change.path, file.clone());
            }
        }
        let parts = CommitParts {
            parents: vec![tip, pull.head_sha.clone()],
            message: format!("Merge pull request #{}\n\n{}", pull.number, pull.title),
            signature: Signature {
                name: who.to_string(),
                email: email(who.as_str()),
                at: self.now(),
            },
        };
        let network = repo.network;
        let objects = self.objects.entry(network).or_default();
        Ok(objects.memory.add_commit(parts, merged, None))
    }

    fn announce_pull(
        &mut self,
        id: RepositoryId,
        number: u64,
        action: &'static str,
        by: &Login,
        extra: &[(&str, Value)],
    ) {
        let repo = self.repo_by_id(id);
        let Some(pull) = repo.pulls.get(&number) else {
            return;
        };
        let mut payload = self.pull_payload(repo, pull, action, by);
        for (key, value) in extra {
            payload[*key] = value.clone();
        }
        let name = repo.name.to_string();
        self.note(format!("{by} {action} {name}#{number}"));
        let webhook = Webhook {
            event: "pull_request",
            action: Some(action),
            payload,
            echo: false,
        };
        self.emit(id, None, &webhook);
    }
}
