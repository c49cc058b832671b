//! A repository with its refs, its people and its pull requests.

use crate::git_object::Signature;
use checkmill_core::{CommitSha, Login, RepoName, RepositoryId, UnixMillis};
use std::collections::BTreeMap;

/// What somebody may do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

impl Role {
    /// `role_name` of the collaborator permission API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// `permission` of the same API. GitHub docs: maintain is mapped to write, triage to read.
    #[must_use]
    pub const fn legacy(self) -> &'static str {
        match self {
            Self::Read | Self::Triage => "read",
            Self::Write | Self::Maintain => "write",
            Self::Admin => "admin",
        }
    }
}

/// An annotated tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagObject {
    /// Of the object itself, 40 hexadecimal digits: not that of the commit.
    pub id: String,
    pub name: String,
    pub message: String,
    pub tagger: Signature,
    pub target: CommitSha,
}

#[derive(Debug, Clone)]
pub struct Repository {
    pub id: RepositoryId,
    pub name: RepoName,
    pub private: bool,
    /// Read-only for everybody.
    pub archived: bool,
    pub default_branch: String,
    pub clone_url: String,
    /// The repository this is a fork of.
    pub fork_of: Option<RepositoryId>,
    /// The repository at the root of the forks; all of them share their objects.
    pub network: RepositoryId,
    /// Full refs (`refs/heads/main`) to commits; annotated tags to the commit behind the tag object.
    pub refs: BTreeMap<String, CommitSha>,
    /// The tag objects of annotated tags, by full ref.
    pub tag_objects: BTreeMap<String, TagObject>,
    /// The owner is an admin without being listed.
    pub collaborators: BTreeMap<Login, Role>,
    pub pulls: BTreeMap<u64, PullRequest>,
    pub created_at: UnixMillis,
    pub pushed_at: UnixMillis,
}

impl Repository {
    #[must_use]
    pub fn branch(&self, name: &str) -> Option<&CommitSha> {
        self.refs.get(&format!("refs/heads/{name}"))
    }

    /// What this person may do; anybody may read a public repository.
    #[must_use]
    pub fn role_of(&self, login: &Login) -> Option<Role> {
        if login.as_str().eq_ignore_ascii_case(self.name.owner()) {
            return Some(Role::Admin);
        }
        let listed = self
            .collaborators
            .iter()
            .find(|(known, _)| known.as_str().eq_ignore_ascii_case(login.as_str()));
        listed
            .map(|(_, role)| *role)
            .or_else(|| (!self.private).then_some(Role::Read))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullState {
    Open,
    Closed,
    Merged,
}

#[derive(Debug, Clone)]
pub struct PullRequest {
    pub id: u64,
    pub number: u64,
    pub title: String,
    pub body: String,
    pub author: Login,
    pub draft: bool,
    pub labels: Vec<String>,
    pub state: PullState,
    /// None when the fork was deleted.
    pub head_repository: Option<RepositoryId>,
    pub head_ref: String,
    pub head_sha: CommitSha,
    pub base_ref: String,
    /// The base branch's commit when the head was last pushed.
    pub base_sha: CommitSha,
    pub merge_commit: Option<CommitSha>,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    pub closed_at: Option<UnixMillis>,
}

/// A comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub id: u64,
    pub repository: RepositoryId,
    pub number: u64,
    pub author: Login,
    /// The App that wrote it.
    pub app: Option<u64>,
    pub body: String,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    /// How often it was changed.
    pub edits: u32,
}
