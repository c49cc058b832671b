//! Who there is: users, Apps, installations, and the tokens they are known by.

use super::permission::Permissions;
use crate::key::PublicKey;
use checkmill_core::{InstallationId, Login, RepositoryId, UnixMillis};
use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserKind {
    User,
    Organization,
    /// An App acting on its own.
    Bot,
}

impl UserKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Organization => "Organization",
            Self::Bot => "Bot",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: u64,
    pub login: Login,
    pub kind: UserKind,
}

#[derive(Debug, Clone)]
pub struct App {
    pub id: u64,
    /// GitHub takes it as a JWT's issuer as well as the number.
    pub client_id: String,
    pub slug: String,
    pub name: String,
    pub owner: Login,
    pub key: PublicKey,
    pub permissions: Permissions,
    /// Events that it subscribes to. `installation`, `ping` and, with write access to checks, what people do with its
    /// checks come without.
    pub events: BTreeSet<String>,
    pub created_at: UnixMillis,
}

impl App {
    /// The login under which it writes comments.
    #[must_use]
    pub fn bot_login(&self) -> Login {
        format!("{}[bot]", self.slug)
            .parse()
            .expect("a slug gives a login")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All repositories of the account.
    All,
    Selected(BTreeSet<RepositoryId>),
}

#[derive(Debug, Clone)]
pub struct Installation {
    pub id: InstallationId,
    pub app: u64,
    pub account: Login,
    pub repositories: Selection,
    pub permissions: Permissions,
    pub suspended_at: Option<UnixMillis>,
    pub created_at: UnixMillis,
}

#[derive(Debug, Clone)]
pub enum TokenKind {
    /// `ghs_…`, for one hour. GitHub docs: "installation access tokens expire after one hour".
    Installation {
        installation: InstallationId,
        /// None means all that the installation has.
        repositories: Option<BTreeSet<RepositoryId>>,
        permissions: Permissions,
    },
    /// `ghp_…`, of a user, with all that the user may do.
    Personal { login: Login },
}

#[derive(Debug, Clone)]
pub struct Token {
    pub kind: TokenKind,
    pub created_at: UnixMillis,
    /// None for a personal token.
    pub expires_at: Option<UnixMillis>,
    pub revoked: bool,
}

impl Token {
    #[must_use]
    pub fn valid_at(&self, now: UnixMillis) -> bool {
        !self.revoked && self.expires_at.is_none_or(|end| now < end)
    }
}
