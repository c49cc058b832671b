//! Making the world: Apps, installations, repositories, forks and people.

use super::{login, repo_name};
use crate::content::{Objects, RepositoryContent};
use crate::error::FakeError;
use crate::key::PublicKey;
use crate::state::State;
use crate::state::account::{App, Installation, Selection, Token, TokenKind, UserKind};
use crate::state::permission::Permissions;
use crate::state::repository::{Repository, Role};
use checkmill_core::{CommitSha, InstallationId, RepositoryId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Events that Checkmill's App subscribes to: README, "The GitHub App". Others by `FakeGitHub::subscribe`.
const EVENTS: &[&str] = &[
    "check_run",
    "check_suite",
    "issue_comment",
    "merge_group",
    "pull_request",
    "push",
    "release",
    "workflow_dispatch",
];

/// An App to be made.
#[derive(Debug, Clone)]
pub struct NewApp {
    pub slug: String,
    pub owner: String,
    pub key: PublicKey,
    pub permissions: Permissions,
    pub events: Vec<String>,
}

impl Default for NewApp {
    fn default() -> Self {
        Self {
            slug: "checkmill".to_owned(),
            owner: "checkmill-owner".to_owned(),
            key: PublicKey::of_test_app(),
            permissions: Permissions::of_checkmill(),
            events: EVENTS.iter().map(|e| (*e).to_owned()).collect(),
        }
    }
}

/// A repository to be made.
#[derive(Clone)]
pub struct NewRepository {
    /// `owner/name`.
    pub name: String,
    pub private: bool,
    pub default_branch: String,
    /// What `git clone` is given, such as `file:///…`; by default the one GitHub would name, which leads nowhere here.
    pub clone_url: Option<String>,
    pub collaborators: Vec<(String, Role)>,
    /// Files of a first commit on the default branch, made without a webhook. None makes no commit.
    pub files: Vec<(String, Vec<u8>)>,
    /// Objects read from elsewhere.
    pub content: Option<Arc<dyn RepositoryContent>>,
    /// Refs that are there from the start, without a webhook: full names to commits of `content`.
    pub refs: BTreeMap<String, CommitSha>,
    /// Whether the first App's installation of the owner, made where there is none, gets access.
    pub installed: bool,
}

impl NewRepository {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            private: false,
            default_branch: "main".to_owned(),
            clone_url: None,
            collaborators: Vec::new(),
            files: Vec::new(),
            content: None,
            refs: BTreeMap::new(),
            installed: true,
        }
    }

    #[must_use]
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// The App is not installed here.
    #[must_use]
    pub fn not_installed(mut self) -> Self {
        self.installed = false;
        self
    }

    #[must_use]
    pub fn default_branch(mut self, name: &str) -> Self {
        name.clone_into(&mut self.default_branch);
        self
    }

    #[must_use]
    pub fn clone_url(mut self, url: &str) -> Self {
        self.clone_url = Some(url.to_owned());
        self
    }

    #[must_use]
    pub fn collaborator(mut self, login: &str, role: Role) -> Self {
        self.collaborators.push((login.to_owned(), role));
        self
    }

    /// A file of the first commit.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.files.push((path.to_owned(), content.as_ref().to_vec()));
        self
    }

    #[must_use]
    pub fn content(mut self, content: Arc<dyn RepositoryContent>) -> Self {
        self.content = Some(content);
        self
    }

    #[must_use]
    pub fn git_ref(mut self, full_name: &str, sha: CommitSha) -> Self {
        self.refs.insert(full_name.to_owned(), sha);
        self
    }
}

impl State {
    /// `id` is taken as given where it is free; otherwise the next one.
    pub(crate) fn add_app(&mut self, id: Option<u64>, new: NewApp) -> Result<u64, FakeError> {
        let id = match id {
            Some(id) if self.apps.contains_key(&id) => {
                return Err(FakeError::Exists(format!("the App {id}")));
            }
            Some(id) => id,
            None => self.next_id("app", 100),
        };
        let owner = login(&new.owner)?;
        self.user(&owner);
        let app = App {
            id,
            client_id: format!("Iv23fake{id}"),
            name: new.slug.clone(),
            slug: new.slug,
            owner,
            key: new.key,
            permissions: new.permissions,
            events: new.events.into_iter().collect(),
            created_at: self.now(),
        };
        login(app.bot_login().as_str()).map(|bot| self.user(&bot))?;
        self.apps.insert(id, app);
        Ok(id)
    }

    /// The installation of an App on an account, made where there is none, without a webhook.
    pub(crate) fn installation_of(&mut self, app: u64, account: &str) -> Result<InstallationId, FakeError> {
        let account = login(account)?;
        let known = self
            .installations
            .values()
            .find(|i| i.app == app && i.account.as_str().eq_ignore_ascii_case(account.as_str()));
        if let Some(known) = known {
            return Ok(known.id);
        }
        let permissions = self
            .apps
            .get(&app)
            .ok_or(FakeError::NoApp(app))?
            .permissions
            .clone();
        self.user(&account);
        let id = InstallationId(self.next_id("installation", 3000));
        let installation = Installation {
            id,
            app,
            account,
            repositories: Selection::Selected(Default::default()),
            permissions,
            suspended_at: None,
            created_at: self.now(),
        };
        self.installations.insert(id, installation);
        Ok(id)
    }

    pub(crate) fn add_repository(&mut self, new: NewRepository) -> Result<RepositoryId, FakeError> {
        let name = repo_name(&new.name)?;
        if self.repository(&name).is_some() {
            return Err(FakeError::Exists(new.name));
        }
        let owner = login(name.owner())?;
        self.user(&owner);
        let id = RepositoryId(self.next_id("repository", 2000));
        let now = self.now();
        let mut collaborators = BTreeMap::new();
        for (who, role) in &new.collaborators {
            let who = login(who)?;
            self.user(&who);
            collaborators.insert(who, *role);
        }
        let clone_url = new
            .clone_url
            .unwrap_or_else(|| format!("{}/{name}.git", self.urls.web));
        let repository = Repository {
            id,
            name,
            private: new.private,
            archived: false,
            default_branch: new.default_branch.clone(),
            clone_url,
            fork_of: None,
            network: id,
            refs: new.refs,
            tag_objects: BTreeMap::new(),
            collaborators,
            pulls: BTreeMap::new(),
            created_at: now,
            pushed_at: now,
        };
        self.repositories.insert(id, repository);
        let attached = new.content.into_iter().collect();
        let objects = Objects {
            attached,
            ..Objects::default()
        };
        self.objects.insert(id, objects);
        if !new.files.is_empty() {
            self.first_commit(id, &owner, new.files);
        }
        if new.installed
            && let Some(app) = self.apps.keys().next().copied()
        {
            let installation = self.installation_of(app, owner.as_str())?;
            self.grant(installation, id)?;
        }
        Ok(id)
    }

    /// Makes a repository read-only for everybody, or takes that back.
    pub(crate) fn set_archived(&mut self, repo: &str, archived: bool) -> Result<(), FakeError> {
        let id = self.repo(&repo_name(repo)?)?.id;
        self.repo_mut(id).archived = archived;
        Ok(())
    }

    /// Gives an installation access to a repository, without a webhook.
    pub(crate) fn grant(&mut self, id: InstallationId, repo: RepositoryId) -> Result<(), FakeError> {
        let installation = self
            .installations
            .get_mut(&id)
            .ok_or(FakeError::NoInstallation(id.0))?;
        if let Selection::Selected(list) = &mut installation.repositories {
            list.insert(repo);
        }
        Ok(())
    }

    /// A fork with all refs of its parent. The App is not installed on it.
    pub(crate) fn fork(&mut self, parent: &str, by: &str) -> Result<RepositoryId, FakeError> {
        let parent = self.repo(&repo_name(parent)?)?.clone();
        let name = repo_name(&format!("{by}/{}", parent.name.name()))?;
        let new = NewRepository {
            private: parent.private,
            default_branch: parent.default_branch.clone(),
            refs: parent.refs.clone(),
            installed: false,
            ..NewRepository::new(&name.to_string())
        };
        let id = self.add_repository(new)?;
        let fork = self.repo_mut(id);
        fork.fork_of = Some(parent.id);
        fork.network = parent.network;
        fork.tag_objects = parent.tag_objects;
        self.objects.remove(&id);
        Ok(id)
    }

    /// A personal access token, with all that the user may do.
    pub(crate) fn personal_token(&mut self, who: &str) -> Result<String, FakeError> {
        let login = login(who)?;
        self.user(&login);
        let token = format!("ghp_{}", &self.next_secret("personal-token")[..36]);
        let record = Token {
            kind: TokenKind::Personal { login },
            created_at: self.now(),
            expires_at: None,
            revoked: false,
        };
        self.tokens.insert(token.clone(), record);
        Ok(token)
    }

    pub(crate) fn make_organization(&mut self, name: &str) -> Result<(), FakeError> {
        let login = login(name)?;
        self.user(&login);
        if let Some(user) = self.users.get_mut(&login) {
            user.kind = UserKind::Organization;
        }
        Ok(())
    }
}
