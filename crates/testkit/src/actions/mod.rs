//! What people do on GitHub: each changes the state and makes the webhooks that GitHub would send.

pub(crate) mod checks;
pub(crate) mod people;
pub(crate) mod pulls;
pub(crate) mod push;
pub(crate) mod setup;

use crate::error::FakeError;
use checkmill_core::{Login, RepoName};

pub(crate) fn login(text: &str) -> Result<Login, FakeError> {
    text.parse()
        .map_err(|_| FakeError::Malformed(text.to_owned(), "a login"))
}

pub(crate) fn repo_name(text: &str) -> Result<RepoName, FakeError> {
    text.parse()
        .map_err(|_| FakeError::Malformed(text.to_owned(), "a repository (owner/name)"))
}
