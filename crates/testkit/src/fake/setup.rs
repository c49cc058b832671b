//! Making the world.

use super::FakeGitHub;
use crate::actions::setup::{NewApp, NewRepository};
use crate::error::FakeError;
use crate::state::repository::Role;
use checkmill_core::{InstallationId, RepositoryId};

impl FakeGitHub {
    pub fn add_app(&self, app: NewApp) -> Result<u64, FakeError> {
        self.shared.change(|state| state.add_app(None, app))
    }

    pub fn add_repository(&self, repository: NewRepository) -> Result<RepositoryId, FakeError> {
        self.shared.change(|state| state.add_repository(repository))
    }

    /// `by`'s fork, under the same name. The App is not installed on it.
    pub fn fork(&self, parent: &str, by: &str) -> Result<RepositoryId, FakeError> {
        self.shared.change(|state| state.fork(parent, by))
    }

    /// The App's installation on an account, made where there is none.
    pub fn installation(&self, app: u64, account: &str) -> Result<InstallationId, FakeError> {
        self.shared.change(|state| state.installation_of(app, account))
    }

    /// Gives an installation access, without a webhook.
    pub fn grant(&self, installation: InstallationId, repository: RepositoryId) -> Result<(), FakeError> {
        self.shared.change(|state| state.grant(installation, repository))
    }

    /// Makes a repository read-only for everybody, or takes that back.
    pub fn set_archived(&self, repo: &str, archived: bool) -> Result<(), FakeError> {
        self.shared.change(|state| state.set_archived(repo, archived))
    }

    pub fn make_organization(&self, login: &str) -> Result<(), FakeError> {
        self.shared.change(|state| state.make_organization(login))
    }

    /// A personal access token (`ghp_…`).
    pub fn personal_token(&self, login: &str) -> Result<String, FakeError> {
        self.shared.change(|state| state.personal_token(login))
    }

    /// `None` takes the role away.
    pub fn set_role(&self, repo: &str, login: &str, role: Option<Role>) -> Result<(), FakeError> {
        self.shared.change(|state| state.set_role(repo, login, role))
    }

    pub fn revoke_token(&self, token: &str) {
        self.shared.change(|state| {
            if let Some(token) = state.tokens.get_mut(token) {
                token.revoked = true;
            }
        });
    }

    /// Requests an hour for each principal.
    pub fn set_rate_limit(&self, requests_per_hour: u32) {
        self.shared.change(|state| state.rate_limit = requests_per_hour);
    }
}
