//! The settings of a function, from its environment: the one place that reads it. Everything that is missing is reported at
//! once, with what each is for. Secrets are not among them: those are in the Parameter Store ([`crate::ssm`]).

use crate::connection::AwsSettings;
use checkmill_github::settings::{ApiUrl, AppEnvironment, AppId};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;

/// A variable that some functions can't do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    Table,
    QueueUrl,
    StateMachineArn,
    Bucket,
    PublicUrl,
    /// `GH_APP_ID` or one of its aliases.
    AppId,
}

impl Variable {
    pub const ALL: [Self; 6] = [
        Self::Table,
        Self::QueueUrl,
        Self::StateMachineArn,
        Self::Bucket,
        Self::PublicUrl,
        Self::AppId,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "CHECKMILL_TABLE",
            Self::QueueUrl => "CHECKMILL_QUEUE_URL",
            Self::StateMachineArn => "CHECKMILL_STATE_MACHINE_ARN",
            Self::Bucket => "CHECKMILL_BUCKET",
            Self::PublicUrl => "CHECKMILL_PUBLIC_URL",
            Self::AppId => "GH_APP_ID",
        }
    }

    /// What it is for.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Table => "the name of the DynamoDB table with all deliveries, runs and jobs",
            Self::QueueUrl => "the URL of the SQS queue of deliveries",
            Self::StateMachineArn => "the ARN of the state machine that drives a job",
            Self::Bucket => "the name of the S3 bucket for logs and results",
            Self::PublicUrl => "the address at which jobs reach the api function",
            Self::AppId => "the GitHub App's id",
        }
    }
}

/// Below it are the SecureStrings, such as `/checkmill/private-key`.
const PARAMETER_PREFIX: &str = "CHECKMILL_PARAMETER_PREFIX";
const DEFAULT_PARAMETER_PREFIX: &str = "/checkmill";
/// Where the process backend has its attempts' directories; on an emulator only.
const PROCESS_ROOT: &str = "CHECKMILL_PROCESS_ROOT";
/// The agent's program, for the process backend.
const AGENT: &str = "CHECKMILL_AGENT";
/// Set by AWS in every function.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// What is wrong with the environment, all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError(Vec<String>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the function's environment is not complete: {}",
            self.0.join("; ")
        )
    }
}

impl std::error::Error for SettingsError {}

/// The environment, looked through once.
#[derive(Debug, Clone)]
pub struct Settings {
    pub aws: AwsSettings,
    /// Begins with a slash and has none at its end.
    pub parameter_prefix: String,
    /// The process backend's, where it is configured.
    pub process: Option<ProcessVariables>,
    pub runtime_api: Option<String>,
    app: AppEnvironment,
    values: BTreeMap<Variable, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessVariables {
    pub root: String,
    pub agent: String,
}

impl Settings {
    /// The settings of this process.
    ///
    /// # Errors
    /// [`SettingsError`] names all that is missing or can't be used.
    pub fn of_process(wanted: &[Variable]) -> Result<Self, SettingsError> {
        let pairs = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::read(pairs.collect(), wanted)
    }

    /// The settings in these variables. An empty value counts as none.
    ///
    /// # Errors
    /// As [`Settings::of_process`].
    pub fn read(variables: BTreeMap<String, String>, wanted: &[Variable]) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(variables);
        let aws = reader.aws();
        let app = reader.app(wanted.contains(&Variable::AppId));
        let values = wanted
            .iter()
            .filter(|variable| **variable != Variable::AppId)
            .filter_map(|variable| Some((*variable, reader.required(variable.name(), variable.what())?)))
            .collect();
        let parameter_prefix = reader.parameter_prefix();
        let process = reader.process();
        match (aws, app) {
            (Some(aws), Some(app)) if reader.problems.is_empty() => Ok(Self {
                aws,
                parameter_prefix,
                process,
                runtime_api: reader.optional(RUNTIME_API),
                app,
                values,
            }),
            _ => Err(SettingsError(reader.problems)),
        }
    }

    /// # Errors
    /// For a variable that was not among those wanted.
    pub fn get(&self, variable: Variable) -> Result<&str, SettingsError> {
        self.values
            .get(&variable)
            .map(String::as_str)
            .ok_or_else(|| SettingsError(vec![not_set(variable.name(), variable.what())]))
    }

    /// # Errors
    /// Where there is none.
    pub fn app_id(&self) -> Result<AppId, SettingsError> {
        self.app
            .app_id()
            .map_err(|error| SettingsError(vec![error.to_string()]))
    }

    #[must_use]
    pub const fn api_url(&self) -> &ApiUrl {
        self.app.api_url()
    }
}

fn not_set(name: &str, what: &str) -> String {
    format!("{name} is not set ({what})")
}

struct Reader {
    variables: BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Reader {
    fn new(variables: BTreeMap<String, String>) -> Self {
        Self {
            variables,
            problems: Vec::new(),
        }
    }

    fn optional(&self, name: &str) -> Option<String> {
        let value = self.variables.get(name)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn required(&mut self, name: &str, what: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.problems.push(not_set(name, what));
        }
        value
    }

    /// In a function AWS sets these.
    fn aws(&mut self) -> Option<AwsSettings> {
        let region = match self.optional("AWS_REGION") {
            Some(region) => Some(region),
            None => self.optional("AWS_DEFAULT_REGION"),
        };
        if region.is_none() {
            self.problems.push(not_set(
                "AWS_REGION",
                "the region; AWS_DEFAULT_REGION does as well",
            ));
        }
        let access_key_id = self.required(
            "AWS_ACCESS_KEY_ID",
            "the function's credentials, which AWS gives it",
        );
        let secret = self.required(
            "AWS_SECRET_ACCESS_KEY",
            "the function's credentials, which AWS gives it",
        );
        Some(AwsSettings {
            region: region?,
            access_key_id: access_key_id?,
            secret_access_key: secret?.into(),
            session_token: self.optional("AWS_SESSION_TOKEN").map(SecretString::from),
            endpoint_url: self.optional("AWS_ENDPOINT_URL"),
        })
    }

    fn app(&mut self, id_is_wanted: bool) -> Option<AppEnvironment> {
        match AppEnvironment::read(self.variables.iter().map(|(name, value)| (name, value.as_str()))) {
            Ok(app) => {
                if let (true, Err(error)) = (id_is_wanted, app.app_id()) {
                    self.problems.push(error.to_string());
                }
                Some(app)
            }
            Err(error) => {
                self.problems.push(error.to_string());
                None
            }
        }
    }

    fn parameter_prefix(&mut self) -> String {
        let prefix = self
            .optional(PARAMETER_PREFIX)
            .unwrap_or_else(|| DEFAULT_PARAMETER_PREFIX.to_owned());
        if !prefix.starts_with('/') {
            self.problems.push(format!(
                "{PARAMETER_PREFIX} must begin with a slash, as {DEFAULT_PARAMETER_PREFIX} does"
            ));
        }
        prefix.trim_end_matches('/').to_owned()
    }

    fn process(&mut self) -> Option<ProcessVariables> {
        let agent = self.optional(AGENT);
        let root = self.optional(PROCESS_ROOT)?;
        if agent.is_none() {
            self.problems.push(not_set(
                AGENT,
                "the agent's program, which the process backend of CHECKMILL_PROCESS_ROOT needs",
            ));
        }
        Some(ProcessVariables { root, agent: agent? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    const LAMBDA: [(&str, &str); 4] = [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "hidden"),
        ("AWS_SESSION_TOKEN", "token"),
    ];

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        insta::assert_snapshot!(Settings::read(BTreeMap::new(), &Variable::ALL).unwrap_err().0.join("\n"), @r"
        AWS_REGION is not set (the region; AWS_DEFAULT_REGION does as well)
        AWS_ACCESS_KEY_ID is not set (the function's credentials, which AWS gives it)
        AWS_SECRET_ACCESS_KEY is not set (the function's credentials, which AWS gives it)
        the GitHub App's id is not set: set GH_APP_ID or GITHUB_APP_ID or APP_ID
        CHECKMILL_TABLE is not set (the name of the DynamoDB table with all deliveries, runs and jobs)
        CHECKMILL_QUEUE_URL is not set (the URL of the SQS queue of deliveries)
        CHECKMILL_STATE_MACHINE_ARN is not set (the ARN of the state machine that drives a job)
        CHECKMILL_BUCKET is not set (the name of the S3 bucket for logs and results)
        CHECKMILL_PUBLIC_URL is not set (the address at which jobs reach the api function)
        ");
    }

    #[test]
    fn what_is_not_wanted_is_not_missed() {
        let settings = Settings::read(variables(&LAMBDA), &[]).unwrap();
        assert_eq!(settings.aws.region, "eu-central-1");
        assert_eq!(
            settings.aws.session_token.as_ref().unwrap().expose_secret(),
            "token"
        );
        assert_eq!(settings.parameter_prefix, "/checkmill");
        assert_eq!(settings.process, None);
        assert_eq!(settings.api_url().as_str(), "https://api.github.com");
        insta::assert_snapshot!(settings.get(Variable::Table).unwrap_err(), @"the function's environment is not complete: CHECKMILL_TABLE is not set (the name of the DynamoDB table with all deliveries, runs and jobs)");
        assert!(!format!("{settings:?}").contains("hidden"));
    }

    #[test]
    fn values_are_read_and_the_prefix_is_trimmed() {
        let mut all = variables(&LAMBDA);
        all.extend(variables(&[
            ("CHECKMILL_TABLE", " checkmill-state\n"),
            ("CHECKMILL_PARAMETER_PREFIX", "/ci/checkmill/"),
            ("CHECKMILL_PROCESS_ROOT", "/data/attempts"),
            ("CHECKMILL_AGENT", "/data/checkmill-agent"),
            ("APP_ID", "12"),
            ("GITHUB_API_URL", "http://127.0.0.1:4000/"),
        ]));
        let settings = Settings::read(all, &[Variable::Table, Variable::AppId]).unwrap();
        assert_eq!(settings.get(Variable::Table).unwrap(), "checkmill-state");
        assert_eq!(settings.parameter_prefix, "/ci/checkmill");
        assert_eq!(settings.app_id().unwrap(), AppId(12));
        assert_eq!(settings.api_url().as_str(), "http://127.0.0.1:4000");
        let process = settings.process.unwrap();
        assert_eq!(
            (process.root.as_str(), process.agent.as_str()),
            ("/data/attempts", "/data/checkmill-agent")
        );
    }

    #[test]
    fn values_that_cannot_be_are_refused_together() {
        let mut all = variables(&LAMBDA);
        all.extend(variables(&[
            ("CHECKMILL_TABLE", " "),
            ("CHECKMILL_PARAMETER_PREFIX", "checkmill"),
            ("CHECKMILL_PROCESS_ROOT", "/data"),
            ("GH_APP_ID", "twelve"),
        ]));
        let error = Settings::read(all, &[Variable::Table, Variable::AppId]).unwrap_err();
        insta::assert_snapshot!(error.0.join("\n"), @r#"
        the GitHub App's id in GH_APP_ID can't be used: expected the number that the App's settings page shows as "App ID"
        CHECKMILL_TABLE is not set (the name of the DynamoDB table with all deliveries, runs and jobs)
        CHECKMILL_PARAMETER_PREFIX must begin with a slash, as /checkmill does
        CHECKMILL_AGENT is not set (the agent's program, which the process backend of CHECKMILL_PROCESS_ROOT needs)
        "#);
    }
}
