//! Which model is asked, from environment variables: Checkmill's own and those that people have set for other programs.
//!
//! Nothing is asked unless `CHECKMILL_MODEL` or `USE_LLM_PARSER` says so: an address or a key that is there for something
//! else must not send anybody's files away.

use crate::port::ModelId;
use checkmill_core::Millis;
use checkmill_core::limits::MODEL_TIME;
use http::Uri;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The switch: `off`, `ollama`, `openrouter` or `openai` (any server that speaks OpenAI's API).
const SWITCH: &str = "CHECKMILL_MODEL";
/// The switch of the terraphim runner: `true` takes the provider whose variables are there.
const OLD_SWITCH: &str = "USE_LLM_PARSER";
/// Seconds for one answer; less than [`MODEL_TIME`], which is for all of an attempt.
const SECONDS: &str = "CHECKMILL_MODEL_TIMEOUT_SECS";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    Ollama,
    OpenRouter,
    OpenAi,
}

impl Provider {
    const ALL: [Self; 3] = [Self::Ollama, Self::OpenRouter, Self::OpenAi];

    const fn name(self) -> &'static str {
        match self {
            Self::Ollama => "ollama",
            Self::OpenRouter => "openrouter",
            Self::OpenAi => "openai",
        }
    }

    /// The variables of address, model and key.
    const fn variables(self) -> [&'static str; 3] {
        match self {
            Self::Ollama => ["OLLAMA_BASE_URL", "OLLAMA_MODEL", "OLLAMA_API_KEY"],
            Self::OpenRouter => ["OPENROUTER_BASE_URL", "OPENROUTER_MODEL", "OPENROUTER_API_KEY"],
            Self::OpenAi => ["OPENAI_BASE_URL", "OPENAI_MODEL", "OPENAI_API_KEY"],
        }
    }

    const fn default_url(self) -> &'static str {
        match self {
            Self::Ollama => "http://127.0.0.1:11434",
            Self::OpenRouter => "https://openrouter.ai/api/v1",
            Self::OpenAi => "https://api.openai.com/v1",
        }
    }
}

/// What is wrong with the settings. No value of a key is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("{variable} is {value:?}; {expected}")]
    Invalid {
        variable: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("{variable} is not set ({why})")]
    Missing { variable: &'static str, why: String },
    #[error("{0}")]
    Contradiction(String),
    #[error("no connection to a model's server can be made: {0}")]
    Client(String),
}

/// Which model, if any.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    pub(crate) chosen: Option<Chosen>,
}

#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) provider: Provider,
    /// Without a slash at its end.
    pub(crate) base_url: String,
    pub(crate) model: String,
    pub(crate) key: Option<SecretString>,
    pub(crate) longest: Millis,
}

impl Chosen {
    pub(crate) fn id(&self) -> ModelId {
        ModelId(format!("{}/{}", self.provider.name(), self.model))
    }
}

struct Variables(BTreeMap<String, String>);

impl Variables {
    fn of<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let pairs = pairs.into_iter();
        let pairs = pairs.map(|(name, value)| (name.as_ref().to_owned(), value.into()));
        Self(pairs.collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }
}

impl ModelSettings {
    /// No model.
    #[must_use]
    pub const fn off() -> Self {
        Self { chosen: None }
    }

    /// Reads the environment's pairs; others are passed over. An empty value counts as none.
    ///
    /// # Errors
    /// A model that is switched on and not fully named, a value that can't be one, two switches that disagree.
    pub fn read<K, V>(variables: impl IntoIterator<Item = (K, V)>) -> Result<Self, SettingsError>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        Self::chosen_by(&Variables::of(variables), chosen)
    }

    /// The same where the key is kept elsewhere and comes with [`ModelSettings::with_key`]: an AWS function's variables are in
    /// Terraform's state, so a key among them is refused.
    ///
    /// # Errors
    /// As [`ModelSettings::read`], and a key in the chosen provider's variable.
    pub fn read_without_key<K, V>(variables: impl IntoIterator<Item = (K, V)>) -> Result<Self, SettingsError>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        Self::chosen_by(&Variables::of(variables), |provider, variables| {
            let [.., key_name] = provider.variables();
            match variables.get(key_name) {
                None => named(provider, variables, None),
                Some(_) => Err(SettingsError::Contradiction(format!(
                    "{key_name} is set; here the key is in the Parameter Store, and never in a variable"
                ))),
            }
        })
    }

    fn chosen_by(
        variables: &Variables,
        choose: impl FnOnce(Provider, &Variables) -> Result<Chosen, SettingsError>,
    ) -> Result<Self, SettingsError> {
        let Some(provider) = provider(variables)? else {
            return Ok(Self { chosen: None });
        };
        let chosen = choose(provider, variables)?;
        tracing::info!(model = %chosen.id(), "a language model may translate steps where a policy allows it");
        Ok(Self { chosen: Some(chosen) })
    }

    /// These settings with the key that was kept elsewhere, where there is one.
    ///
    /// # Errors
    /// A provider that answers nobody without a key, a key for a server that is not reached by https.
    pub fn with_key(&self, key: Option<SecretString>) -> Result<Self, SettingsError> {
        let Some(chosen) = &self.chosen else {
            return Ok(self.clone());
        };
        let [url_name, ..] = chosen.provider.variables();
        check_key(chosen.provider, key.is_some())?;
        let base_url =
            base_url(&chosen.base_url, key.is_some()).map_err(|expected| SettingsError::Invalid {
                variable: url_name,
                value: chosen.base_url.clone(),
                expected,
            })?;
        let chosen = Chosen {
            base_url,
            key,
            ..chosen.clone()
        };
        Ok(Self { chosen: Some(chosen) })
    }

    /// Who is asked; none where the model is off.
    #[must_use]
    pub fn id(&self) -> Option<ModelId> {
        self.chosen.as_ref().map(Chosen::id)
    }
}

fn provider(variables: &Variables) -> Result<Option<Provider>, SettingsError> {
    let old = match variables.get(OLD_SWITCH) {
        None => None,
        Some(text) if text.eq_ignore_ascii_case("true") || text == "1" => Some(true),
        Some(text) if text.eq_ignore_ascii_case("false") || text == "0" => Some(false),
        Some(text) => {
            return Err(SettingsError::Invalid {
                variable: OLD_SWITCH,
                value: text.to_owned(),
                expected: "it is `true` or `false`",
            });
        }
    };
    let Some(text) = variables.get(SWITCH) else {
        return if old == Some(true) {
            guessed(variables).map(Some)
        } else {
            Ok(None)
        };
    };
    let named = Provider::ALL
        .into_iter()
        .find(|provider| text.eq_ignore_ascii_case(provider.name()));
    let is_on = named.is_some();
    if !is_on && !text.eq_ignore_ascii_case("off") {
        return Err(SettingsError::Invalid {
            variable: SWITCH,
            value: text.to_owned(),
            expected: "it is `off`, `ollama`, `openrouter` or `openai`",
        });
    }
    if old.is_some_and(|old| old != is_on) {
        return Err(SettingsError::Contradiction(format!(
            "{SWITCH} and {OLD_SWITCH} disagree; leave {OLD_SWITCH} out"
        )));
    }
    Ok(named)
}

/// The provider whose variables are there.
fn guessed(variables: &Variables) -> Result<Provider, SettingsError> {
    let has = |provider: Provider| {
        provider
            .variables()
            .iter()
            .any(|name| variables.get(name).is_some())
    };
    let found: Vec<Provider> = [Provider::Ollama, Provider::OpenRouter]
        .into_iter()
        .filter(|p| has(*p))
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(SettingsError::Contradiction(format!(
            "{OLD_SWITCH} is on, and neither OLLAMA_MODEL nor OPENROUTER_MODEL is set"
        ))),
        _ => Err(SettingsError::Contradiction(format!(
            "{OLD_SWITCH} is on, and there are variables of Ollama and of OpenRouter; say which with {SWITCH}"
        ))),
    }
}

fn missing(variable: &'static str, what: &str, provider: Provider) -> SettingsError {
    SettingsError::Missing {
        variable,
        why: format!("{what}, because the model is {}", provider.name()),
    }
}

fn chosen(provider: Provider, variables: &Variables) -> Result<Chosen, SettingsError> {
    let [_, _, key_name] = provider.variables();
    let key = variables.get(key_name).map(SecretString::from);
    let has_key = key.is_some();
    let chosen = named(provider, variables, key)?;
    check_key(provider, has_key)?;
    Ok(chosen)
}

/// OpenRouter answers nobody without one.
fn check_key(provider: Provider, has_key: bool) -> Result<(), SettingsError> {
    let [_, _, key_name] = provider.variables();
    if !has_key && provider == Provider::OpenRouter {
        return Err(missing(key_name, "OpenRouter's key", provider));
    }
    Ok(())
}

fn named(
    provider: Provider,
    variables: &Variables,
    key: Option<SecretString>,
) -> Result<Chosen, SettingsError> {
    let [url_name, model_name, _] = provider.variables();
    let model = variables
        .get(model_name)
        .ok_or_else(|| missing(model_name, "the model's name", provider))?;
    let url = variables.get(url_name).unwrap_or(provider.default_url());
    let base_url = base_url(url, key.is_some()).map_err(|expected| SettingsError::Invalid {
        variable: url_name,
        value: url.to_owned(),
        expected,
    })?;
    Ok(Chosen {
        provider,
        base_url,
        model: model.to_owned(),
        key,
        longest: longest(variables)?,
    })
}

/// The address without a slash at its end.
fn base_url(text: &str, with_key: bool) -> Result<String, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "it is no address")?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("an address begins with https:// or http://");
    };
    if uri.query().is_some() || authority.as_str().contains('@') {
        return Err("an address has no `?` and no user");
    }
    let host = authority.host().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match scheme {
        "https" => {}
        "http" if is_here || !with_key => {}
        "http" => return Err("a key goes over https only"),
        _ => return Err("an address begins with https:// or http://"),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn longest(variables: &Variables) -> Result<Millis, SettingsError> {
    let Some(text) = variables.get(SECONDS) else {
        return Ok(MODEL_TIME);
    };
    match text.parse::<u64>() {
        Ok(seconds) if seconds > 0 && Millis::from_secs(seconds) <= MODEL_TIME => {
            Ok(Millis::from_secs(seconds))
        }
        _ => Err(SettingsError::Invalid {
            variable: SECONDS,
            value: text.to_owned(),
            expected: "it is a whole number from 1 to 60",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        match ModelSettings::read(pairs.collect::<Vec<_>>()) {
            Ok(ModelSettings { chosen: None }) => "off".to_owned(),
            Ok(ModelSettings { chosen: Some(chosen) }) => {
                let key = if chosen.key.is_some() { " with a key" } else { "" };
                format!(
                    "{} at {} for {} s{key}",
                    chosen.id(),
                    chosen.base_url,
                    chosen.longest.as_secs_ceil()
                )
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn which_model() {
        let table = [
            ("", "off"),
            // What is there for other programs switches nothing on.
            (
                "OLLAMA_MODEL=llama3.1 OPENROUTER_API_KEY=k OPENAI_API_KEY=k",
                "off",
            ),
            ("USE_LLM_PARSER=false OLLAMA_MODEL=llama3.1", "off"),
            ("CHECKMILL_MODEL=off USE_LLM_PARSER=0", "off"),
            (
                "CHECKMILL_MODEL=ollama OLLAMA_MODEL=llama3.1",
                "ollama/llama3.1 at http://127.0.0.1:11434 for 60 s",
            ),
            (
                "USE_LLM_PARSER=true OLLAMA_MODEL=m OLLAMA_BASE_URL=http://gpu:11434/ CHECKMILL_MODEL_TIMEOUT_SECS=5",
                "ollama/m at http://gpu:11434 for 5 s",
            ),
            (
                "USE_LLM_PARSER=1 OPENROUTER_MODEL=openai/gpt-4o-mini OPENROUTER_API_KEY=k",
                "openrouter/openai/gpt-4o-mini at https://openrouter.ai/api/v1 for 60 s with a key",
            ),
            (
                "CHECKMILL_MODEL=OpenAI OPENAI_MODEL=m OPENAI_BASE_URL=http://[::1]:8000/v1 OPENAI_API_KEY=k",
                "openai/m at http://[::1]:8000/v1 for 60 s with a key",
            ),
            (
                "CHECKMILL_MODEL=ollama",
                "OLLAMA_MODEL is not set (the model's name, because the model is ollama)",
            ),
            (
                "CHECKMILL_MODEL=openrouter OPENROUTER_MODEL=m",
                "OPENROUTER_API_KEY is not set (OpenRouter's key, because the model is openrouter)",
            ),
            (
                "CHECKMILL_MODEL=gpt",
                "CHECKMILL_MODEL is \"gpt\"; it is `off`, `ollama`, `openrouter` or `openai`",
            ),
            (
                "USE_LLM_PARSER=maybe",
                "USE_LLM_PARSER is \"maybe\"; it is `true` or `false`",
            ),
            (
                "CHECKMILL_MODEL=off USE_LLM_PARSER=true",
                "CHECKMILL_MODEL and USE_LLM_PARSER disagree; leave USE_LLM_PARSER out",
            ),
            (
                "USE_LLM_PARSER=true",
                "USE_LLM_PARSER is on, and neither OLLAMA_MODEL nor OPENROUTER_MODEL is set",
            ),
            (
                "USE_LLM_PARSER=true OLLAMA_MODEL=a OPENROUTER_MODEL=b",
                "USE_LLM_PARSER is on, and there are variables of Ollama and of OpenRouter; say which with CHECKMILL_MODEL",
            ),
            (
                "CHECKMILL_MODEL=openai OPENAI_MODEL=m OPENAI_BASE_URL=http://models.example OPENAI_API_KEY=k",
                "OPENAI_BASE_URL is \"http://models.example\"; a key goes over https only",
            ),
            (
                "CHECKMILL_MODEL=ollama OLLAMA_MODEL=m OLLAMA_BASE_URL=gpu:11434",
                "OLLAMA_BASE_URL is \"gpu:11434\"; an address begins with https:// or http://",
            ),
            (
                "CHECKMILL_MODEL=ollama OLLAMA_MODEL=m OLLAMA_BASE_URL=ftp://gpu",
                "OLLAMA_BASE_URL is \"ftp://gpu\"; an address begins with https:// or http://",
            ),
            (
                "CHECKMILL_MODEL=ollama OLLAMA_MODEL=m CHECKMILL_MODEL_TIMEOUT_SECS=61",
                "CHECKMILL_MODEL_TIMEOUT_SECS is \"61\"; it is a whole number from 1 to 60",
            ),
        ];
        for (variables, expected) in table {
            assert_eq!(read(variables), expected, "{variables}");
        }
    }

    #[test]
    fn a_key_that_is_kept_elsewhere() {
        let settings =
            ModelSettings::read_without_key([("CHECKMILL_MODEL", "openrouter"), ("OPENROUTER_MODEL", "m")])
                .unwrap();
        assert_eq!(settings.id().unwrap().0, "openrouter/m");
        let with_key = settings.with_key(Some("k".into())).unwrap();
        assert!(with_key.chosen.unwrap().key.is_some());
        insta::assert_snapshot!(settings.with_key(None).unwrap_err(), @"OPENROUTER_API_KEY is not set (OpenRouter's key, because the model is openrouter)");

        let key_in_state = [
            ("CHECKMILL_MODEL", "openrouter"),
            ("OPENROUTER_MODEL", "m"),
            ("OPENROUTER_API_KEY", "sk-or-1"),
        ];
        insta::assert_snapshot!(ModelSettings::read_without_key(key_in_state).unwrap_err(), @"OPENROUTER_API_KEY is set; here the key is in the Parameter Store, and never in a variable");

        let plain = [
            ("CHECKMILL_MODEL", "ollama"),
            ("OLLAMA_MODEL", "m"),
            ("OLLAMA_BASE_URL", "http://gpu:11434"),
        ];
        let plain = ModelSettings::read_without_key(plain).unwrap();
        assert!(plain.with_key(None).is_ok());
        insta::assert_snapshot!(plain.with_key(Some("k".into())).unwrap_err(), @r#"OLLAMA_BASE_URL is "http://gpu:11434"; a key goes over https only"#);

        let off = ModelSettings::read_without_key([("OLLAMA_MODEL", "m")]).unwrap();
        assert_eq!(off.with_key(Some("k".into())).unwrap().id(), None);
    }

    #[cfg(feature = "client")]
    #[test]
    fn no_key_is_shown() {
        let pairs = [
            ("CHECKMILL_MODEL", "openrouter"),
            ("OPENROUTER_MODEL", "m"),
            ("OPENROUTER_API_KEY", "sk-or-1"),
        ];
        let settings = ModelSettings::read(pairs).unwrap();
        assert!(!format!("{settings:?} {:?}", settings.open().map(|_| ())).contains("sk-or-1"));
    }
}
