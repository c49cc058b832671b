//! Who asks, and whether they may.

use super::jwt;
use super::reply::Refusal;
use super::route::Route;
use crate::state::State;
use crate::state::account::{Token, TokenKind};
use crate::state::permission::{Access, Permission, Permissions};
use crate::state::repository::{Repository, Role};
use checkmill_core::{InstallationId, Login, RepositoryId};
use std::collections::BTreeSet;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    /// By its JWT.
    App(u64),
    Installation {
        id: InstallationId,
        app: u64,
        /// None means all that the installation has.
        repositories: Option<BTreeSet<RepositoryId>>,
        permissions: Permissions,
        token: String,
    },
    User(Login),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(id) => write!(f, "app {id}"),
            Self::Installation { id, .. } => write!(f, "installation {id}"),
            Self::User(login) => write!(f, "user {login}"),
        }
    }
}

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The App itself, by JWT.
    App,
    /// Any installation token.
    Installation,
    /// Anybody who is known.
    Anybody,
    /// One of these permissions of the repository in the path.
    Repository(Access, &'static [Permission]),
}

/// GitHub docs, "Permissions required for GitHub Apps".
pub(crate) const fn need(route: Route) -> Need {
    use Access::{Read, Write};
    match route {
        Route::GetApp
        | Route::ListInstallations
        | Route::GetInstallation
        | Route::CreateToken
        | Route::ListDeliveries
        | Route::GetDelivery
        | Route::Redeliver
        | Route::RepositoryInstallation => Need::App,
        Route::RevokeToken | Route::InstallationRepositories => Need::Installation,
        Route::RateLimit | Route::GraphQl => Need::Anybody,
        Route::GetRepository | Route::CollaboratorPermission => {
            Need::Repository(Read, &[Permission::Metadata])
        }
        Route::GetContents
        | Route::GetRef
        | Route::GetTag
        | Route::GetTree
        | Route::GetCommit
        | Route::Compare => Need::Repository(Read, &[Permission::Contents]),
        Route::GetPull | Route::ListPullFiles => Need::Repository(Read, &[Permission::PullRequests]),
        Route::CreateCheckRun | Route::UpdateCheckRun => Need::Repository(Write, &[Permission::Checks]),
        Route::GetCheckRun
        | Route::ListAnnotations
        | Route::ListCheckRuns
        | Route::ListCheckSuites
        | Route::GetCheckSuite
        | Route::ListSuiteCheckRuns => Need::Repository(Read, &[Permission::Checks]),
        Route::ListComments | Route::GetComment => {
            Need::Repository(Read, &[Permission::Issues, Permission::PullRequests])
        }
        Route::CreateComment | Route::UpdateComment => {
            Need::Repository(Write, &[Permission::Issues, Permission::PullRequests])
        }
    }
}

/// Who sent this `Authorization` header. The fake answers nobody without one, though GitHub shows public things to all.
pub(crate) fn identify(state: &State, header: Option<&str>, need: Need) -> Result<Principal, Refusal> {
    let Some(header) = header else {
        return Err(Refusal::unauthorized("Requires authentication"));
    };
    let (scheme, token) = header.split_once(' ').unwrap_or(("", header));
    let known_scheme = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    if !known_scheme {
        return Err(Refusal::unauthorized("Bad credentials"));
    }
    let is_jwt = token.matches('.').count() == 2;
    match (need, is_jwt) {
        (Need::App, _) => jwt::verify(state, token).map(|app| Principal::App(app.id)),
        // Assumed: GitHub's wording for a JWT where a token is asked for is not documented.
        (_, true) => Err(Refusal::unauthorized("Bad credentials")),
        (_, false) => by_token(state, token),
    }
}

fn by_token(state: &State, token: &str) -> Result<Principal, Refusal> {
    let bad = || Refusal::unauthorized("Bad credentials");
    let record: &Token = state
        .tokens
        .get(token)
        .filter(|t| t.valid_at(state.now()))
        .ok_or_else(bad)?;
    match &record.kind {
        TokenKind::Personal { login } => Ok(Principal::User(login.clone())),
        TokenKind::Installation {
            installation,
            repositories,
            permissions,
        } => {
            let known = state.installations.get(installation).ok_or_else(bad)?;
            if known.suspended_at.is_some() {
                return Err(Refusal::new(403, "This installation has been suspended"));
            }
            Ok(Principal::Installation {
                id: known.id,
                app: known.app,
                repositories: repositories.clone(),
                permissions: permissions.clone(),
                token: token.to_owned(),
            })
        }
    }
}

impl Principal {
    /// Whether the token was made for this repository.
    pub(crate) fn reaches(&self, state: &State, repo: &Repository) -> bool {
        match self {
            Self::App(_) => false,
            Self::User(login) => repo.role_of(login).is_some(),
            Self::Installation { id, repositories, .. } => {
                let listed = repositories.as_ref().is_none_or(|list| list.contains(&repo.id));
                let covered = state
                    .installations
                    .get(id)
                    .is_some_and(|installation| state.covers(installation, repo));
                listed && covered
            }
        }
    }

    /// What it may not see is not there (404); what it sees but may not do is forbidden (403). A public repository is seen
    /// by all, and its code, pull requests and comments can be read by all.
    pub(crate) fn check(
        &self,
        state: &State,
        repo: &Repository,
        access: Access,
        any_of: &[Permission],
    ) -> Result<(), Refusal> {
        let reaches = self.reaches(state, repo);
        if !reaches && repo.private {
            return Err(Refusal::not_found());
        }
        let allowed = match self {
            Self::App(_) => false,
            Self::User(login) => match access {
                Access::Read => true,
                Access::Write => repo.role_of(login) >= Some(Role::Write),
            },
            Self::Installation { permissions, .. } => {
                let granted = any_of.iter().any(|p| permissions.allow(*p, access));
                let public_read = !repo.private && access == Access::Read;
                // A token's own repositories are bound by its permissions, public or not: that is what GitHub reports
                // when a permission is missing from an App's manifest.
                if reaches { granted } else { public_read }
            }
        };
        if allowed {
            return Ok(());
        }
        let level = match access {
            Access::Read => "read",
            Access::Write => "write",
        };
        let accepted: Vec<String> = any_of.iter().map(|p| format!("{}={level}", p.name())).collect();
        Err(Refusal::not_accessible().header("x-accepted-github-permissions", accepted.join("; ")))
    }
}
