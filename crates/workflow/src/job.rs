//! The contract with the agent: what it is told to run, and what it says at the end.

use crate::translation::{Translations, Wanted};
use crate::uses::ActionReference;
use checkmill_core::CheckRunId;
use checkmill_core::policy::AllowedActions;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The environment variable that gives the agent the job's token (`github.token`). Steps don't see it.
pub const JOB_TOKEN_VARIABLE: &str = "GITHUB_TOKEN";
/// The environment variable that gives the agent the callback's token. Steps don't see it.
pub const CALLBACK_TOKEN_VARIABLE: &str = "CHECKMILL_CALLBACK_TOKEN";
/// Environment variables that begin with this give the agent further secrets: `secrets.NAME`. Steps don't see them.
pub const SECRET_VARIABLE_PREFIX: &str = "CHECKMILL_SECRET_";

/// Whether a variable of this name may carry a secret to the agent: the agent masks and hides these, and no others.
#[must_use]
pub fn is_secret_variable(name: &str) -> bool {
    let further = name
        .strip_prefix(SECRET_VARIABLE_PREFIX)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    name == JOB_TOKEN_VARIABLE || name == CALLBACK_TOKEN_VARIABLE || further
}

/// One attempt of one job, complete: the agent needs nothing else but its secrets, which come by environment variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDescription {
    /// Our job id, for logs and the callback.
    pub job: String,
    pub attempt: u32,
    /// The check's name.
    pub name: String,
    pub checkout: CheckoutSource,
    /// The contexts that are known before the job starts: `github`, `vars`, `inputs`, `matrix`, `strategy`, `needs`, and of
    /// `job` what is not the machine's.
    pub contexts: Map<String, Value>,
    /// The matrix was made of outputs or of the event, so that its values may hold any text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub matrix_computed: bool,
    /// `env` of the workflow, then of the job, then what the leg has of its own, unevaluated, later entries winning; values
    /// may hold expressions.
    pub env: Vec<BTreeMap<String, String>>,
    /// `defaults.run` of the workflow and the job, merged and unevaluated: those of a job may hold expressions, in which
    /// `env` is there too ([`crate::expr::Place::DefaultsRun`]).
    pub defaults: RunDefaults,
    /// The image to run the steps in; none where they run on the machine as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// Containers that run beside the steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// The name of the backend, for messages; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub backend: String,
    /// Where the job deploys to; the policy lets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentDescription>,
    /// The job may run on a machine that can be taken away (a spot instance), where the backend has such.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interruptible: bool,
    pub steps: Vec<StepDescription>,
    /// What the workflows that call this one's pass on as `secrets`, the outermost first: each sees what the one before it
    /// gives, and the job what the last one gives. Where there is none, the job sees all secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<PassedSecrets>,
    /// `inputs` were given by a workflow, and hold nothing that an outsider may choose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_inputs: bool,
    /// Where that is not so of all of them: those of which it is, in lower case.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub own_input_names: BTreeSet<String>,
    /// Which actions the policy allows. Those of the steps are; what composite actions use in their turn is not known yet.
    #[serde(default)]
    pub actions: AllowedActions,
    /// Of steps that the machine can't run; none where the policy wants none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translations: Option<Translations>,
    /// `outputs` of the job, unevaluated.
    pub outputs: BTreeMap<String, String>,
    /// `timeout-minutes` of the job.
    pub timeout_ms: u64,
    /// Where to report; none where the compute can't reach us.
    pub callback: Option<Callback>,
}

impl JobDescription {
    /// Lets the job know its check: `job.check_run_id`.
    pub fn tell_check(&mut self, check: CheckRunId) {
        if let Some(Value::Object(job)) = self.contexts.get_mut("job") {
            job.insert("check_run_id".to_owned(), check.0.into());
        }
    }
}

/// `environment` of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentDescription {
    pub name: String,
    /// `url`, unevaluated: it may be made of what steps put out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// `secrets` of a job that calls a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PassedSecrets {
    /// What its expressions see beside `github`, `vars` and `secrets`: the caller's `needs`, `strategy`, `matrix`, `inputs`.
    pub contexts: Map<String, Value>,
    /// Unevaluated, by the names that the called workflow has for them.
    pub values: BTreeMap<String, String>,
}

/// How `actions/checkout` gets the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutSource {
    pub clone_url: String,
    pub repository: String,
    /// 40 hexadecimal digits.
    pub sha: String,
    /// The full ref, such as `refs/heads/main`.
    pub git_ref: String,
    /// The commits that it may check out besides the repository's branches and tags; any where there is no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
}

/// The agent posts `{url}/log?offset=N` (bytes), `{url}/running` and `{url}/end` (a [`JobResult`]) with the job's own
/// token, found in the environment variable `CHECKMILL_CALLBACK_TOKEN`, as `Authorization: Bearer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    pub url: String,
}

/// Where a job's directory of work is in its container; the workspace is `{name}/{name}` below it. GitHub's runner has it so.
pub const CONTAINER_WORK: &str = "/__w";

/// What the two directories above a workspace are called: the repository's name, of `owner/name`.
#[must_use]
pub fn workspace_name(repository: &str) -> &str {
    let is_plain = |name: &&str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let name = repository.rsplit('/').next();
    name.filter(is_plain).unwrap_or("repository")
}

/// The container that a job's steps run in, or that a service is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Container {
    /// A reference such as `ubuntu:22.04`.
    pub image: String,
    /// Nobody asked for it, it is the default: where the backend has no containers, the job runs without.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// Unevaluated.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// `80`, `8080:80`, `127.0.0.1:8080:80/tcp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
    /// `/path`, `name:/path`, `/path:/path`, each with `:ro` or the like; below [`CONTAINER_WORK`] the job's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// Of the engine's `create`, each one word: `--name=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
    /// Words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The policy lets the steps in it reach the engine.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub engine_socket: bool,
}

/// `credentials`, unevaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

/// One of `services`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// By which steps find it: its name on the job's network.
    pub id: String,
    #[serde(flatten)]
    pub container: Container,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunDefaults {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
}

/// A step, its expressions unevaluated: they may read what earlier steps did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepDescription {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// As written; none where GitHub would show `Run {first line}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "if")]
    pub condition: Option<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// `continue-on-error`: `true`, `false` or an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continue_on_error: Option<String>,
    /// `timeout-minutes`: a number or an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_minutes: Option<String>,
    #[serde(flatten)]
    pub action: StepAction,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StepAction {
    Run {
        run: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shell: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        working_directory: Option<String>,
    },
    Uses {
        uses: ActionReference,
        /// Unevaluated.
        #[serde(default)]
        with: BTreeMap<String, String>,
    },
}

/// What the agent writes to its result file and posts to `{url}/end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResult {
    pub conclusion: JobVerdict,
    /// One sentence for people, such as `Step "Test" failed with exit code 3`.
    pub detail: String,
    /// Exit code of the failing step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    pub steps: Vec<StepResult>,
    pub outputs: BTreeMap<String, String>,
    /// At most [`checkmill_core::limits::ANNOTATIONS_REPORTED`].
    pub annotations: Vec<ResultAnnotation>,
    /// What its tests came to, from report files and from what known tools print.
    #[serde(default)]
    pub tests: TestSummary,
    /// `GITHUB_STEP_SUMMARY` of all steps, Markdown, cut to [`checkmill_core::limits::CHECK_TEXT_CHARS`].
    #[serde(default)]
    pub summary: String,
    /// Steps that the machine could not run, where the policy lets them be translated; at most
    /// [`checkmill_core::limits::TRANSLATIONS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<Wanted>,
    /// The digests of the translations that were used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub translated: Vec<String>,
    /// What the agent's machine calls itself; empty where nobody told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// Length of the whole log in bytes, so that the reader knows when it has all of it.
    pub log_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobVerdict {
    Success,
    /// A step failed.
    Failure,
    /// The job or a step can't be run as written (an expression error, an unknown shell).
    Configuration,
    /// The agent's own surroundings failed (disk full, checkout unreachable).
    Infrastructure,
    /// The job's time limit.
    TimedOut,
    /// The agent was told to stop.
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepResult {
    pub name: String,
    /// Before `continue-on-error`.
    pub outcome: StepStatus,
    /// After it.
    pub conclusion: StepStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    pub duration_ms: u64,
    /// The last lines it printed, masked, at most [`checkmill_core::limits::FAILURE_TAIL_LINES`]; only for a step that failed or
    /// was stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Success,
    Failure,
    Cancelled,
    Skipped,
}

/// Tests over all steps of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TestSummary {
    /// 0 where the tools did not say: `go test` names only those that fail.
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
    /// In the order in which they failed, at most [`checkmill_core::limits::FAILED_TESTS`].
    pub failures: Vec<FailedTest>,
}

/// One test that failed. Its texts are masked and cut.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FailedTest {
    /// The class, package, file or binary it belongs to; may be empty.
    pub suite: String,
    pub name: String,
    /// The first lines of what it said; may be empty.
    pub message: String,
    /// A file of the repository, relative to its root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultAnnotation {
    pub level: ResultLevel,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_line: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_column: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultLevel {
    Notice,
    Warning,
    Error,
}
