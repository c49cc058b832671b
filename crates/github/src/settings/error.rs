//! What can be wrong with settings. No variant holds a value.

use super::Setting;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("{what} is not set: set {}", .names.join(" or "))]
    Missing {
        what: &'static str,
        names: &'static [&'static str],
    },
    #[error(
        "the GitHub App's private key is not set: set {} to its text, or {} to its file",
        .texts.join(" or "), .files.join(" or ")
    )]
    MissingKey {
        texts: &'static [&'static str],
        files: &'static [&'static str],
    },
    #[error("{first} and {second} both give {what}, and differ: unset one of them")]
    Disagree {
        what: &'static str,
        first: &'static str,
        second: &'static str,
    },
    #[error("{what} in {name} can't be used: {problem}")]
    Invalid {
        what: &'static str,
        name: &'static str,
        problem: String,
    },
    /// The key's text is there and is not a key that GitHub gave.
    #[error(
        "the GitHub App's private key can't be used: {0}. Generate one on the App's settings page and give the whole file"
    )]
    Key(&'static str),
    #[error("the GitHub client can't be built: {0}")]
    Client(String),
}

impl SettingsError {
    pub(super) const fn missing(setting: Setting) -> Self {
        Self::Missing {
            what: setting.what,
            names: setting.names,
        }
    }
}
