//! Secrets from SSM's Parameter Store, kept for a while.

mod get_parameters;
mod job_secrets;

pub use get_parameters::GetParameters;
pub use job_secrets::JobSecrets;

use crate::fault::Fault;
use checkmill_core::{Millis, UnixMillis};
use checkmill_phases::ports::{Clock, StoreError};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Mutex;

/// How long a value is used before it is read again: a rotated webhook secret is known everywhere after this.
pub const KEPT: Millis = Millis::from_minutes(5);

/// A secret of ours in the Parameter Store, by its name below the deployment's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parameter {
    /// The GitHub App's private key, as PEM.
    PrivateKey,
    WebhookSecret,
    /// During a rotation: the webhook secret before the present one.
    WebhookSecretPrevious,
    /// The API key of the language model, where one is asked and wants a key.
    ModelKey,
}

impl Parameter {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private-key",
            Self::WebhookSecret => "webhook-secret",
            Self::WebhookSecretPrevious => "webhook-secret-previous",
            Self::ModelKey => "model-key",
        }
    }

    /// How a person puts a value there, without it being seen in a process list.
    const fn example_value(self) -> &'static str {
        match self {
            Self::PrivateKey => "file://private-key.pem",
            Self::WebhookSecret | Self::WebhookSecretPrevious => "file://webhook-secret.txt",
            Self::ModelKey => "file://model-key.txt",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    #[error(
        "the parameter {path} does not exist, or is empty; create it with: aws ssm put-parameter --type SecureString \
         --name {path} --value {example}"
    )]
    Missing { path: String, example: &'static str },
    #[error("the Parameter Store could not be reached or failed: {0}")]
    Transient(String),
    #[error("the Parameter Store refuses to read {names}: {fault}")]
    Refused { names: String, fault: String },
}

/// For a phase that needs a secret: the store's errors say what the state machine can do about it.
impl From<ParameterError> for StoreError {
    fn from(error: ParameterError) -> Self {
        match error {
            ParameterError::Transient(_) => Self::Transient(error.to_string()),
            ParameterError::Missing { .. } | ParameterError::Refused { .. } => {
                Self::Corrupt(error.to_string())
            }
        }
    }
}

/// The parameters that one function may read, read together and kept for [`KEPT`].
pub struct Parameters {
    get: GetParameters,
    prefix: String,
    wanted: Vec<Parameter>,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    since: UnixMillis,
    values: BTreeMap<Parameter, SecretString>,
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters")
            .field("prefix", &self.prefix)
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl Parameters {
    /// `prefix` begins with a slash and has none at its end, such as `/checkmill`. `wanted` are those that the function's
    /// role may read: one that it may not read makes the whole request fail.
    #[must_use]
    pub fn new(get: GetParameters, prefix: &str, wanted: &[Parameter], clock: Arc<dyn Clock>) -> Self {
        Self {
            get,
            prefix: prefix.trim_end_matches('/').to_owned(),
            wanted: wanted.to_vec(),
            clock,
            kept: Mutex::new(None),
        }
    }

    /// # Errors
    /// [`ParameterError`]; the text names the parameter and how to create it, never a value.
    pub async fn required(&self, parameter: Parameter) -> Result<SecretString, ParameterError> {
        self.optional(parameter)
            .await?
            .ok_or_else(|| ParameterError::Missing {
                path: self.path(parameter),
                example: parameter.example_value(),
            })
    }

    /// The value; none where there is no such parameter. While the Parameter Store can't be reached, the last value it gave
    /// is good.
    ///
    /// # Errors
    /// [`ParameterError::Transient`] and [`ParameterError::Refused`].
    pub async fn optional(&self, parameter: Parameter) -> Result<Option<SecretString>, ParameterError> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.now();
        let is_fresh = |kept: &Kept| now.since(kept.since) < KEPT;
        if !kept.as_ref().is_some_and(is_fresh) {
            match (self.read().await, kept.as_mut()) {
                (Ok(values), _) => *kept = Some(Kept { since: now, values }),
                (Err(error @ ParameterError::Transient(_)), Some(old)) => {
                    tracing::warn!(%error, "the parameters could not be read again; the old values are used");
                    old.since = now;
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(kept
            .as_ref()
            .and_then(|kept| kept.values.get(&parameter).cloned()))
    }

    fn path(&self, parameter: Parameter) -> String {
        format!("{}/{}", self.prefix, parameter.name())
    }

    async fn read(&self) -> Result<BTreeMap<Parameter, SecretString>, ParameterError> {
        let paths: Vec<String> = self.wanted.iter().map(|p| self.path(*p)).collect();
        let answer = self.get.call(paths.clone()).await;
        let answer = answer.map_err(|error| match Fault::of(&error) {
            Fault::Transient(what) => ParameterError::Transient(what),
            fault @ Fault::Refused { .. } => ParameterError::Refused {
                names: paths.join(", "),
                fault: fault.to_string(),
            },
        })?;
        // Those that are not there are left out; who needs one says so.
        let mut values = BTreeMap::new();
        for found in answer {
            let known = self.wanted.iter().find(|p| found.name == self.path(**p));
            if let Some(parameter) = known.filter(|_| !found.value.expose_secret().trim().is_empty()) {
                values.insert(*parameter, without_newline(&found.value));
            }
        }
        Ok(values)
    }
}

/// A secret put there with `file://` has the newline at the file's end, which GitHub's page never had.
fn without_newline(value: &SecretString) -> SecretString {
    value.expose_secret().trim_end_matches(['\r', '\n']).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    struct TestClock(AtomicU64);

    impl Clock for TestClock {
        fn now(&self) -> UnixMillis {
            UnixMillis(self.0.load(Ordering::SeqCst))
        }
    }

    fn parameters(script: &Scripted) -> (Parameters, Arc<TestClock>) {
        let clock = Arc::new(TestClock::default());
        let wanted = [Parameter::WebhookSecret, Parameter::WebhookSecretPrevious];
        let call = script.connection().ssm();
        (
            Parameters::new(call, "/checkmill/", &wanted, Arc::clone(&clock) as Arc<dyn Clock>),
            clock,
        )
    }

    fn answer(values: &[(&str, &str)]) -> String {
        let found: Vec<_> = values
            .iter()
            .map(|(name, value)| serde_json::json!({ "Name": name, "Value": value, "Type": "SecureString" }))
            .collect();
        serde_json::json!({ "Parameters": found, "InvalidParameters": ["/checkmill/other"] }).to_string()
    }

    async fn get(parameters: &Parameters, parameter: Parameter) -> Option<String> {
        let value = parameters.optional(parameter).await.unwrap();
        value.map(|v| v.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn one_request_reads_all_and_is_good_for_a_while() {
        let script = Scripted::new([(200, answer(&[("/checkmill/webhook-secret", "one")]).as_str())]);
        let (parameters, clock) = parameters(&script);
        for _ in 0..3 {
            assert_eq!(
                get(&parameters, Parameter::WebhookSecret).await.as_deref(),
                Some("one")
            );
            assert_eq!(get(&parameters, Parameter::WebhookSecretPrevious).await, None);
        }
        insta::assert_snapshot!(script.asked().join("\n"), @r#"GetParameters {"Names":["/checkmill/webhook-secret","/checkmill/webhook-secret-previous"],"WithDecryption":true}"#);

        script.then(
            200,
            &answer(&[
                ("/checkmill/webhook-secret", "two"),
                ("/checkmill/webhook-secret-previous", "one"),
            ]),
        );
        clock.0.store(KEPT.0 - 1, Ordering::SeqCst);
        assert_eq!(
            get(&parameters, Parameter::WebhookSecret).await.as_deref(),
            Some("one")
        );
        clock.0.store(KEPT.0, Ordering::SeqCst);
        assert_eq!(
            get(&parameters, Parameter::WebhookSecret).await.as_deref(),
            Some("two")
        );
        assert_eq!(
            get(&parameters, Parameter::WebhookSecretPrevious)
                .await
                .as_deref(),
            Some("one")
        );
        assert_eq!(script.asked().len(), 2);
    }

    #[tokio::test]
    async fn a_missing_parameter_is_named_with_the_way_to_create_it() {
        let script = Scripted::new([(200, answer(&[("/checkmill/webhook-secret", " ")]).as_str())]);
        let (parameters, _) = parameters(&script);
        insta::assert_snapshot!(parameters.required(Parameter::WebhookSecret).await.unwrap_err(), @"the parameter /checkmill/webhook-secret does not exist, or is empty; create it with: aws ssm put-parameter --type SecureString --name /checkmill/webhook-secret --value file://webhook-secret.txt");
    }

    #[tokio::test]
    async fn the_newline_at_a_files_end_is_no_part_of_a_secret() {
        let values = [("/checkmill/webhook-secret", " one\r\n")];
        let script = Scripted::new([(200, answer(&values).as_str())]);
        let (parameters, _) = parameters(&script);
        assert_eq!(
            get(&parameters, Parameter::WebhookSecret).await.as_deref(),
            Some(" one")
        );
    }

    #[tokio::test]
    async fn a_refusal_names_what_was_to_be_read() {
        let denied = r#"{"__type":"AccessDeniedException","message":"no ssm:GetParameters"}"#;
        let script = Scripted::new([(400, denied)]);
        let (parameters, _) = parameters(&script);
        insta::assert_snapshot!(parameters.required(Parameter::WebhookSecret).await.unwrap_err(), @"the Parameter Store refuses to read /checkmill/webhook-secret, /checkmill/webhook-secret-previous: AccessDeniedException: no ssm:GetParameters");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_leaves_the_old_values_in_use() {
        let script = Scripted::new([(200, answer(&[("/checkmill/webhook-secret", "one")]).as_str())]);
        let (parameters, clock) = parameters(&script);
        assert_eq!(
            get(&parameters, Parameter::WebhookSecret).await.as_deref(),
            Some("one")
        );
        (0..3).for_each(|_| script.then(503, ""));
        clock.0.store(KEPT.0, Ordering::SeqCst);
        assert_eq!(
            get(&parameters, Parameter::WebhookSecret).await.as_deref(),
            Some("one")
        );

        let script = Scripted::new(vec![(503, ""); 3]);
        let (parameters, _) = self::parameters(&script);
        let error = parameters.required(Parameter::WebhookSecret).await.unwrap_err();
        assert!(matches!(error, ParameterError::Transient(_)), "{error}");
    }
}
