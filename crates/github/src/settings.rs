//! The GitHub App's settings from environment variables, under every name that the systems before Checkmill gave them.
//!
//! Reading is a pure function over name-value pairs: the caller brings the environment. Which alias was used is logged; a
//! value never is, nor is it in an error.

mod api_url;
mod error;

pub use api_url::ApiUrl;
pub use error::SettingsError;

use crate::webhook::WebhookSecrets;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A setting and the variables that may hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    pub what: &'static str,
    pub names: &'static [&'static str],
}

pub const APP_ID: Setting = Setting {
    what: "the GitHub App's id",
    names: &["GH_APP_ID", "GITHUB_APP_ID", "APP_ID"],
};
pub const PRIVATE_KEY: Setting = Setting {
    what: "the GitHub App's private key",
    names: &["GH_PRIVATE_KEY", "GITHUB_PRIVATE_KEY", "PRIVATE_KEY"],
};
pub const PRIVATE_KEY_FILE: Setting = Setting {
    what: "the file of the GitHub App's private key",
    names: &["PRIVATE_KEY_PATH", "PRIVATE_KEY_FILE"],
};
pub const WEBHOOK_SECRET: Setting = Setting {
    what: "the webhook secret",
    names: &["GH_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET", "WEBHOOK_SECRET"],
};
/// During a rotation: the secret before the present one.
pub const WEBHOOK_SECRET_PREVIOUS: Setting = Setting {
    what: "the previous webhook secret",
    names: &[
        "GH_WEBHOOK_SECRET_PREVIOUS",
        "GITHUB_WEBHOOK_SECRET_PREVIOUS",
        "WEBHOOK_SECRET_PREVIOUS",
    ],
};
/// GitHub Enterprise Server or an emulator.
pub const API_URL: Setting = Setting {
    what: "the address of GitHub's REST API",
    names: &["GITHUB_API_URL"],
};

const ALL: [Setting; 6] = [
    APP_ID,
    PRIVATE_KEY,
    PRIVATE_KEY_FILE,
    WEBHOOK_SECRET,
    WEBHOOK_SECRET_PREVIOUS,
    API_URL,
];

/// Whether a variable of this name is a setting of the App's: its key, its webhook secret, where GitHub is.
#[must_use]
pub fn is_of_the_app(name: &str) -> bool {
    ALL.iter().any(|setting| setting.names.contains(&name))
}

/// A GitHub App's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AppId(pub u64);

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the environment says of the App. Each caller takes what it needs, and is told what is missing.
#[derive(Debug, Clone)]
pub struct AppEnvironment {
    app_id: Option<AppId>,
    key: Option<Given<SecretString>>,
    key_file: Option<Given<PathBuf>>,
    webhook_secret: Option<SecretString>,
    webhook_secret_previous: Option<SecretString>,
    api_url: ApiUrl,
}

/// A value and the variable that gave it.
#[derive(Debug, Clone)]
struct Given<T> {
    name: &'static str,
    value: T,
}

impl AppEnvironment {
    /// Reads the settings from the environment's pairs; others are passed over. An empty value counts as none.
    ///
    /// # Errors
    /// Two aliases of one setting that disagree, or a value that can't be one.
    pub fn read<K, V>(variables: impl IntoIterator<Item = (K, V)>) -> Result<Self, SettingsError>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let known: BTreeMap<String, SecretString> = variables
            .into_iter()
            .filter(|(name, _)| ALL.iter().any(|setting| setting.names.contains(&name.as_ref())))
            .map(|(name, value)| (name.as_ref().to_owned(), value.into()))
            .filter(|(_, value): &(String, String)| !value.trim().is_empty())
            .map(|(name, value)| (name, value.into()))
            .collect();
        let app_id = match take(&known, APP_ID, str::trim)? {
            Some(Given { name, value }) => Some(app_id(name, value.expose_secret())?),
            None => None,
        };
        let api_url = match take(&known, API_URL, str::trim)? {
            Some(Given { name, value }) => {
                value
                    .expose_secret()
                    .parse()
                    .map_err(|problem: String| SettingsError::Invalid {
                        what: API_URL.what,
                        name,
                        problem,
                    })?
            }
            None => ApiUrl::default(),
        };
        let key_file = take(&known, PRIVATE_KEY_FILE, str::trim)?.map(|given| Given {
            name: given.name,
            value: PathBuf::from(given.value.expose_secret()),
        });
        let secret = |setting| Ok(take(&known, setting, without_newline)?.map(|given| given.value));
        Ok(Self {
            app_id,
            key: take(&known, PRIVATE_KEY, |text| text)?,
            key_file,
            webhook_secret: secret(WEBHOOK_SECRET)?,
            webhook_secret_previous: secret(WEBHOOK_SECRET_PREVIOUS)?,
            api_url,
        })
    }

    /// # Errors
    /// [`SettingsError::Missing`].
    pub fn app_id(&self) -> Result<AppId, SettingsError> {
        self.app_id.ok_or(SettingsError::missing(APP_ID))
    }

    #[must_use]
    pub const fn api_url(&self) -> &ApiUrl {
        &self.api_url
    }

    /// # Errors
    /// [`SettingsError::Missing`].
    pub fn webhook_secrets(&self) -> Result<WebhookSecrets, SettingsError> {
        let missing = || SettingsError::missing(WEBHOOK_SECRET);
        let current = self.webhook_secret.clone().ok_or_else(missing)?;
        WebhookSecrets::new(current, self.webhook_secret_previous.clone()).map_err(|_| missing())
    }

    /// The App's key as PEM. `read_file` is how files are read; the file may be at most 64 KiB.
    ///
    /// # Errors
    /// No key, a file that can't be read, or a text and a file that disagree.
    pub fn private_key(
        &self,
        read_file: impl FnOnce(&Path) -> io::Result<String>,
    ) -> Result<SecretString, SettingsError> {
        let from_file = match &self.key_file {
            Some(Given { name, value: path }) => {
                let unusable = |problem: String| SettingsError::Invalid {
                    what: PRIVATE_KEY_FILE.what,
                    name,
                    problem: format!("{}: {problem}", path.display()),
                };
                let text = read_file(path).map_err(|error| unusable(error.to_string()))?;
                if text.len() > KEY_BYTES {
                    return Err(unusable(format!(
                        "longer than {KEY_BYTES} bytes, so not a private key"
                    )));
                }
                Some((name, SecretString::from(text)))
            }
            None => None,
        };
        match (&self.key, from_file) {
            (Some(text), None) => Ok(text.value.clone()),
            (None, Some((_, file))) => Ok(file),
            (Some(text), Some((name, file))) => {
                if pem_lines(text.value.expose_secret()) == pem_lines(file.expose_secret()) {
                    Ok(file)
                } else {
                    Err(SettingsError::Disagree {
                        what: PRIVATE_KEY.what,
                        first: text.name,
                        second: name,
                    })
                }
            }
            (None, None) => Err(SettingsError::MissingKey {
                texts: PRIVATE_KEY.names,
                files: PRIVATE_KEY_FILE.names,
            }),
        }
    }
}

/// A private key's file. An RSA key of 16,384 bits takes 12 kB.
const KEY_BYTES: usize = 64 * 1024;

/// The setting's value, brought to one form by `form`, from the first alias that has it. All others must agree.
fn take(
    known: &BTreeMap<String, SecretString>,
    setting: Setting,
    form: fn(&str) -> &str,
) -> Result<Option<Given<SecretString>>, SettingsError> {
    let mut found: Option<Given<SecretString>> = None;
    for name in setting.names {
        let Some(value) = known.get(*name) else { continue };
        let value = form(value.expose_secret());
        match &found {
            None => {
                found = Some(Given {
                    name,
                    value: value.into(),
                })
            }
            Some(first) if same(setting, first.value.expose_secret(), value) => {}
            Some(first) => {
                return Err(SettingsError::Disagree {
                    what: setting.what,
                    first: first.name,
                    second: name,
                });
            }
        }
    }
    if let Some(given) = &found {
        tracing::info!(
            setting = setting.what,
            variable = given.name,
            "took a setting from the environment"
        );
    }
    Ok(found)
}

fn same(setting: Setting, one: &str, other: &str) -> bool {
    if setting == PRIVATE_KEY {
        pem_lines(one) == pem_lines(other)
    } else {
        one == other
    }
}

fn app_id(name: &'static str, text: &str) -> Result<AppId, SettingsError> {
    match text.parse() {
        Ok(id) if id > 0 => Ok(AppId(id)),
        _ => Err(SettingsError::Invalid {
            what: APP_ID.what,
            name,
            problem: "expected the number that the App's settings page shows as \"App ID\"".to_owned(),
        }),
    }
}

/// A secret read from a file with `$(cat …)` or an editor may end in a newline that GitHub's page never had.
fn without_newline(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// The lines of a PEM text, whether its newlines are newlines or, as `.env` files have them, the two characters `\n`.
/// Quotes around the whole are dropped.
pub(crate) fn pem_lines(text: &str) -> Vec<String> {
    let text = text
        .trim()
        .trim_matches(['"', '\''])
        .replace("\\r", "")
        .replace("\\n", "\n");
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
