//! The state of the fake GitHub: plain data, and the look-ups that everything else is made of.

pub mod account;
pub mod check;
pub mod delivery;
pub mod permission;
pub mod repository;

use crate::clock::TimeSource;
use crate::content::Objects;
use crate::error::FakeError;
use crate::history::History;
use account::{App, Installation, Selection, Token, User, UserKind};
use check::{CheckRun, CheckSuite};
use checkmill_core::{
    CheckRunId, CommitSha, DeliveryId, InstallationId, Login, RepoName, RepositoryId, UnixMillis,
};
use delivery::Delivery;
use repository::{Comment, PullRequest, Repository, TagObject};
use ring::digest;
use std::collections::BTreeMap;

/// Where the fake says that things are.
#[derive(Debug, Clone)]
pub struct Urls {
    /// The API's root, without a trailing `/`.
    pub api: String,
    /// The web pages' root, without a trailing `/`.
    pub web: String,
}

/// Everything GitHub would know. Tests read it through `FakeGitHub::read`; they change it by doing what people do.
pub struct State {
    pub apps: BTreeMap<u64, App>,
    pub installations: BTreeMap<InstallationId, Installation>,
    pub users: BTreeMap<Login, User>,
    pub repositories: BTreeMap<RepositoryId, Repository>,
    /// By [`Repository::network`].
    pub objects: BTreeMap<RepositoryId, Objects>,
    pub tokens: BTreeMap<String, Token>,
    pub suites: BTreeMap<u64, CheckSuite>,
    pub check_runs: BTreeMap<CheckRunId, CheckRun>,
    pub comments: BTreeMap<u64, Comment>,
    /// In the order they were made.
    pub deliveries: Vec<Delivery>,
    /// Requests in the current hour, by principal; see [`State::count_request`].
    pub(crate) usage: BTreeMap<String, Usage>,
    /// Requests an installation or user has an hour. GitHub docs: 5,000 at the least.
    pub rate_limit: u32,
    pub urls: Urls,
    pub time: TimeSource,
    pub history: History,
    pub(crate) echoes: bool,
    pub(crate) webhook_secret: String,
    seed: String,
    counters: BTreeMap<&'static str, u64>,
}

/// A principal's use of the primary rate limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) used: u32,
    pub(crate) resets_at: UnixMillis,
}

/// What a state is made with; see `Options` for the meaning.
pub(crate) struct Setup {
    pub(crate) urls: Urls,
    pub(crate) time: TimeSource,
    pub(crate) echoes: bool,
    pub(crate) webhook_secret: String,
    pub(crate) seed: String,
}

impl State {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            apps: BTreeMap::new(),
            installations: BTreeMap::new(),
            users: BTreeMap::new(),
            repositories: BTreeMap::new(),
            objects: BTreeMap::new(),
            tokens: BTreeMap::new(),
            suites: BTreeMap::new(),
            check_runs: BTreeMap::new(),
            comments: BTreeMap::new(),
            deliveries: Vec::new(),
            usage: BTreeMap::new(),
            rate_limit: 5000,
            urls: setup.urls,
            time: setup.time,
            history: History::default(),
            echoes: setup.echoes,
            webhook_secret: setup.webhook_secret,
            seed: setup.seed,
            counters: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.time.now()
    }

    /// The next number of a kind: each kind counts from its own base, so that ids are stable and tell what they are of.
    pub(crate) fn next_id(&mut self, kind: &'static str, base: u64) -> u64 {
        let next = self.counters.entry(kind).or_insert(base);
        *next += 1;
        *next
    }

    /// Text that looks random and is the same in every run with the same seed.
    pub(crate) fn next_secret(&mut self, kind: &'static str) -> String {
        let number = self.next_id(kind, 0);
        let hash = digest::digest(
            &digest::SHA256,
            format!("{}\0{kind}\0{number}", self.seed).as_bytes(),
        );
        hex::encode(hash)
    }

    /// The next webhook's UUID: a plain counter without a seed, so that it reads well in a snapshot.
    pub(crate) fn next_guid(&mut self) -> DeliveryId {
        let text = if self.seed.is_empty() {
            let number = self.next_id("guid", 0);
            format!("{number:08x}-fa4e-4000-8000-{number:012x}")
        } else {
            let h = self.next_secret("guid");
            format!(
                "{}-{}-4{}-8{}-{}",
                &h[..8],
                &h[8..12],
                &h[13..16],
                &h[17..20],
                &h[20..32]
            )
        };
        text.parse().expect("a UUID is a delivery id")
    }

    /// A repository by its name, in any case, as GitHub finds it.
    #[must_use]
    pub fn repository(&self, name: &RepoName) -> Option<&Repository> {
        self.repository_named(name.owner(), name.name())
    }

    pub(crate) fn repository_named(&self, owner: &str, name: &str) -> Option<&Repository> {
        self.repositories.values().find(|repo| {
            repo.name.owner().eq_ignore_ascii_case(owner) && repo.name.name().eq_ignore_ascii_case(name)
        })
    }

    pub(crate) fn repo(&self, name: &RepoName) -> Result<&Repository, FakeError> {
        self.repository(name)
            .ok_or_else(|| FakeError::NoRepository(name.to_string()))
    }

    pub(crate) fn repo_mut(&mut self, id: RepositoryId) -> &mut Repository {
        self.repositories
            .get_mut(&id)
            .expect("ids of repositories come from the table, and none is removed")
    }

    pub(crate) fn repo_by_id(&self, id: RepositoryId) -> &Repository {
        self.repositories
            .get(&id)
            .expect("ids of repositories come from the table, and none is removed")
    }

    pub(crate) fn pull(&self, repo: &RepoName, number: u64) -> Result<&PullRequest, FakeError> {
        let missing = || FakeError::NoPullRequest(repo.to_string(), number);
        self.repo(repo)?.pulls.get(&number).ok_or_else(missing)
    }

    /// The objects that a repository shares with its forks.
    #[must_use]
    pub fn objects_of(&self, repo: &Repository) -> &Objects {
        self.objects
            .get(&repo.network)
            .expect("every network has its objects")
    }

    /// The user with this login, made up where it is new: the world is full of people.
    pub(crate) fn user(&mut self, login: &Login) -> User {
        if let Some(known) = self.users.get(login) {
            return known.clone();
        }
        let id = self.next_id("user", 1000);
        let kind = if login.as_str().ends_with("[bot]") {
            UserKind::Bot
        } else {
            UserKind::User
        };
        let user = User {
            id,
            login: login.clone(),
            kind,
        };
        self.users.insert(login.clone(), user.clone());
        user
    }

    /// Where an installation may look.
    #[must_use]
    pub fn covers(&self, installation: &Installation, repo: &Repository) -> bool {
        let of_account = installation
            .account
            .as_str()
            .eq_ignore_ascii_case(repo.name.owner());
        match &installation.repositories {
            Selection::All => of_account,
            Selection::Selected(list) => of_account && list.contains(&repo.id),
        }
    }

    /// The commit that a ref, a branch's or tag's short name, `HEAD` or a full commit id stands for.
    #[must_use]
    pub fn resolve(&self, repo: &Repository, name: &str) -> Option<CommitSha> {
        if name == "HEAD" {
            return repo.branch(&repo.default_branch).cloned();
        }
        let full = [
            name.to_owned(),
            format!("refs/{name}"),
            format!("refs/tags/{name}"),
            format!("refs/heads/{name}"),
        ];
        if let Some(sha) = full.iter().find_map(|name| repo.refs.get(name)) {
            return Some(sha.clone());
        }
        if let Some(sha) = pull_ref(repo, name) {
            return Some(sha);
        }
        let sha: CommitSha = name.to_ascii_lowercase().parse().ok()?;
        if let Some(tag) = repo.tag_objects.values().find(|tag| tag.id == sha.as_str()) {
            return Some(tag.target.clone());
        }
        self.objects_of(repo).commit(&sha).map(|commit| commit.sha)
    }

    /// The annotated tag that a name stands for, where it is one.
    pub(crate) fn tag_object<'r>(&self, repo: &'r Repository, name: &str) -> Option<&'r TagObject> {
        let by_name = [
            name.to_owned(),
            format!("refs/{name}"),
            format!("refs/tags/{name}"),
        ];
        by_name
            .iter()
            .find_map(|full| repo.tag_objects.get(full))
            .or_else(|| repo.tag_objects.values().find(|tag| tag.id == name))
    }

    /// Open pull requests of this very repository whose head is a branch of it at this commit: GitHub lists no forks'.
    #[must_use]
    pub fn pulls_of_commit(&self, repo: &Repository, sha: &CommitSha) -> Vec<PullRequest> {
        repo.pulls
            .values()
            .filter(|pull| {
                pull.state == repository::PullState::Open
                    && pull.head_repository == Some(repo.id)
                    && pull.head_sha == *sha
            })
            .cloned()
            .collect()
    }
}

/// `refs/pull/N/head`.
fn pull_ref(repo: &Repository, name: &str) -> Option<CommitSha> {
    let number = name
        .strip_prefix("refs/")
        .unwrap_or(name)
        .strip_prefix("pull/")?
        .strip_suffix("/head")?;
    Some(repo.pulls.get(&number.parse().ok()?)?.head_sha.clone())
}
