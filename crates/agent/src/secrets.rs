//! The secrets that the agent was started with. They come by environment variable and go no further by themselves: steps
//! don't see the variables.

use crate::environment::Variables;
use crate::mask::Masks;
use checkmill_workflow::job::{
    CALLBACK_TOKEN_VARIABLE, JOB_TOKEN_VARIABLE, SECRET_VARIABLE_PREFIX, is_secret_variable,
};
use serde_json::{Map, Value};

/// By the name of their variable.
#[derive(Clone, Default)]
pub struct Secrets(Variables);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secrets {
    /// Takes the secrets out of an environment.
    #[must_use]
    pub fn split(environment: Variables) -> (Self, Variables) {
        let (secrets, rest) = environment
            .into_iter()
            .partition(|(name, _)| is_secret_variable(name));
        (Self(secrets), rest)
    }

    /// The job's token for its repository.
    #[must_use]
    pub fn job_token(&self) -> Option<&str> {
        self.get(JOB_TOKEN_VARIABLE)
    }

    #[must_use]
    pub fn callback_token(&self) -> Option<&str> {
        self.get(CALLBACK_TOKEN_VARIABLE)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The `secrets` context: `GITHUB_TOKEN` and the further ones. The callback's token is nobody's but ours.
    #[must_use]
    pub fn context(&self) -> Value {
        let entries = self.0.iter().filter_map(|(name, value)| {
            let shown = match name.strip_prefix(SECRET_VARIABLE_PREFIX) {
                Some(rest) => rest,
                None if name == JOB_TOKEN_VARIABLE => name,
                None => return None,
            };
            Some((shown.to_owned(), Value::from(value.as_str())))
        });
        Value::Object(entries.collect::<Map<_, _>>())
    }

    #[must_use]
    pub fn masks(&self) -> Masks {
        let mut masks = Masks::default();
        self.0.values().for_each(|value| masks.add(value));
        masks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_the_environment_and_are_masked() {
        let environment = [
            ("GITHUB_TOKEN", "ghs_1"),
            ("CHECKMILL_CALLBACK_TOKEN", "cm1.2"),
            ("CHECKMILL_SECRET_DEPLOY", "three"),
            ("PATH", "/bin"),
        ];
        let environment = environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let (secrets, rest) = Secrets::split(environment);
        assert_eq!(rest.into_keys().collect::<Vec<_>>(), ["PATH"]);
        assert_eq!(
            secrets.context(),
            serde_json::json!({"GITHUB_TOKEN": "ghs_1", "DEPLOY": "three"})
        );
        assert_eq!(secrets.masks().apply("ghs_1 cm1.2 three"), "*** *** ***");
        let shown = format!("{secrets:?}");
        assert!(
            shown.contains("GITHUB_TOKEN") && !shown.contains("ghs_1"),
            "{shown}"
        );
    }
}
