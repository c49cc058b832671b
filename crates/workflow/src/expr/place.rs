//! Where in a workflow file an expression stands, and what GitHub lets it use there.

use super::names::Function;

/// A key of a workflow file that may hold expressions: the rows of GitHub's table "Context availability"; and those of an
/// action's file, from the schema of its runner (`action_yaml.json`).
///
/// A key that isn't here (a workflow's `name`, a step's `shell`, `uses` and `id`, a workflow's `defaults.run`) takes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    RunName,
    WorkflowEnv,
    WorkflowConcurrency,
    CallInputDefault,
    CallOutputValue,
    JobName,
    JobIf,
    JobRunsOn,
    JobEnv,
    /// `strategy` with all that is in it: `matrix`, `fail-fast`, `max-parallel`.
    JobStrategy,
    JobTimeout,
    JobContinueOnError,
    JobConcurrency,
    JobEnvironment,
    JobEnvironmentUrl,
    JobContainer,
    JobContainerCredentials,
    JobContainerEnv,
    JobServices,
    JobServicesCredentials,
    JobServicesEnv,
    JobOutputs,
    JobSecrets,
    JobWith,
    /// `jobs.<job_id>.defaults.run`.
    DefaultsRun,
    StepName,
    StepIf,
    StepRun,
    StepEnv,
    StepWith,
    StepWorkingDirectory,
    StepTimeout,
    StepContinueOnError,
    /// `default` of an action's input.
    ActionInputDefault,
    /// `if` of a composite action's step.
    CompositeIf,
    /// Whatever else a composite action's step, or an output of such an action, is made of.
    CompositeStep,
    /// `args` and `env` of an action in a container.
    DockerRuns,
}

const WORKFLOW: &[&str] = &["github", "inputs", "vars"];
const WORKFLOW_ENV: &[&str] = &["github", "secrets", "inputs", "vars"];
const CALL_OUTPUT: &[&str] = &["github", "jobs", "vars", "inputs"];
/// Before there is a matrix.
const BEFORE_MATRIX: &[&str] = &["github", "needs", "vars", "inputs"];
const JOB: &[&str] = &["github", "needs", "strategy", "matrix", "vars", "inputs"];
const JOB_ENV: &[&str] = &[
    "github", "needs", "strategy", "matrix", "vars", "secrets", "inputs",
];
const JOB_DEFAULTS: &[&str] = &["github", "needs", "strategy", "matrix", "env", "vars", "inputs"];
const CREDENTIALS: &[&str] = &[
    "github", "needs", "strategy", "matrix", "env", "vars", "secrets", "inputs",
];
const CONTAINER_ENV: &[&str] = &[
    "github", "needs", "strategy", "matrix", "job", "runner", "env", "vars", "secrets", "inputs",
];
/// On the machine, without secrets.
const RUNNING: &[&str] = &[
    "github", "needs", "strategy", "matrix", "job", "runner", "env", "vars", "steps", "inputs",
];
const STEP: &[&str] = &[
    "github", "needs", "strategy", "matrix", "job", "runner", "env", "vars", "secrets", "steps", "inputs",
];

const INPUT_DEFAULT: &[&str] = &["github", "strategy", "matrix", "job", "runner"];
/// Neither secrets nor what belongs to the workflow alone.
const COMPOSITE: &[&str] = &[
    "github", "inputs", "strategy", "matrix", "steps", "job", "runner", "env",
];
const DOCKER_RUNS: &[&str] = &["inputs"];

impl Place {
    /// The places of workflow files.
    pub const ALL: [Self; 33] = [
        Self::RunName,
        Self::WorkflowEnv,
        Self::WorkflowConcurrency,
        Self::CallInputDefault,
        Self::CallOutputValue,
        Self::JobName,
        Self::JobIf,
        Self::JobRunsOn,
        Self::JobEnv,
        Self::JobStrategy,
        Self::JobTimeout,
        Self::JobContinueOnError,
        Self::JobConcurrency,
        Self::JobEnvironment,
        Self::JobEnvironmentUrl,
        Self::JobContainer,
        Self::JobContainerCredentials,
        Self::JobContainerEnv,
        Self::JobServices,
        Self::JobServicesCredentials,
        Self::JobServicesEnv,
        Self::JobOutputs,
        Self::JobSecrets,
        Self::JobWith,
        Self::DefaultsRun,
        Self::StepName,
        Self::StepIf,
        Self::StepRun,
        Self::StepEnv,
        Self::StepWith,
        Self::StepWorkingDirectory,
        Self::StepTimeout,
        Self::StepContinueOnError,
    ];

    /// The contexts that an expression may name here.
    #[must_use]
    pub fn contexts(self) -> &'static [&'static str] {
        match self {
            Self::RunName | Self::WorkflowConcurrency | Self::CallInputDefault => WORKFLOW,
            Self::WorkflowEnv => WORKFLOW_ENV,
            Self::CallOutputValue => CALL_OUTPUT,
            Self::JobIf | Self::JobStrategy => BEFORE_MATRIX,
            Self::JobName
            | Self::JobRunsOn
            | Self::JobTimeout
            | Self::JobContinueOnError
            | Self::JobConcurrency
            | Self::JobEnvironment
            | Self::JobContainer
            | Self::JobServices
            | Self::JobWith => JOB,
            Self::JobEnv | Self::JobSecrets => JOB_ENV,
            Self::DefaultsRun => JOB_DEFAULTS,
            Self::JobContainerCredentials | Self::JobServicesCredentials => CREDENTIALS,
            Self::JobContainerEnv | Self::JobServicesEnv => CONTAINER_ENV,
            Self::JobEnvironmentUrl | Self::StepIf => RUNNING,
            Self::JobOutputs
            | Self::StepName
            | Self::StepRun
            | Self::StepEnv
            | Self::StepWith
            | Self::StepWorkingDirectory
            | Self::StepTimeout
            | Self::StepContinueOnError => STEP,
            Self::ActionInputDefault => INPUT_DEFAULT,
            Self::CompositeIf | Self::CompositeStep => COMPOSITE,
            Self::DockerRuns => DOCKER_RUNS,
        }
    }

    /// An `if`: an expression without `${{ }}` too.
    #[must_use]
    pub fn is_condition(self) -> bool {
        matches!(self, Self::JobIf | Self::StepIf | Self::CompositeIf)
    }

    /// A step, where there are files.
    fn is_step(self) -> bool {
        matches!(
            self,
            Self::StepName
                | Self::StepIf
                | Self::StepRun
                | Self::StepEnv
                | Self::StepWith
                | Self::StepWorkingDirectory
                | Self::StepTimeout
                | Self::StepContinueOnError
                | Self::ActionInputDefault
                | Self::CompositeIf
                | Self::CompositeStep
        )
    }

    pub(super) fn allows(self, function: Function) -> bool {
        match function {
            Function::HashFiles => self.is_step(),
            status if status.is_status() => self.is_condition(),
            _ => true,
        }
    }

    /// The key as GitHub's documentation writes it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::RunName => "run-name",
            Self::WorkflowEnv => "env",
            Self::WorkflowConcurrency => "concurrency",
            Self::CallInputDefault => "on.workflow_call.inputs.<inputs_id>.default",
            Self::CallOutputValue => "on.workflow_call.outputs.<output_id>.value",
            Self::JobName => "jobs.<job_id>.name",
            Self::JobIf => "jobs.<job_id>.if",
            Self::JobRunsOn => "jobs.<job_id>.runs-on",
            Self::JobEnv => "jobs.<job_id>.env",
            Self::JobStrategy => "jobs.<job_id>.strategy",
            Self::JobTimeout => "jobs.<job_id>.timeout-minutes",
            Self::JobContinueOnError => "jobs.<job_id>.continue-on-error",
            Self::JobConcurrency => "jobs.<job_id>.concurrency",
            Self::JobEnvironment => "jobs.<job_id>.environment",
            Self::JobEnvironmentUrl => "jobs.<job_id>.environment.url",
            Self::JobContainer => "jobs.<job_id>.container",
            Self::JobContainerCredentials => "jobs.<job_id>.container.credentials",
            Self::JobContainerEnv => "jobs.<job_id>.container.env.<env_id>",
            Self::JobServices => "jobs.<job_id>.services",
            Self::JobServicesCredentials => "jobs.<job_id>.services.<service_id>.credentials",
            Self::JobServicesEnv => "jobs.<job_id>.services.<service_id>.env.<env_id>",
            Self::JobOutputs => "jobs.<job_id>.outputs.<output_id>",
            Self::JobSecrets => "jobs.<job_id>.secrets.<secrets_id>",
            Self::JobWith => "jobs.<job_id>.with.<with_id>",
            Self::DefaultsRun => "jobs.<job_id>.defaults.run",
            Self::StepName => "jobs.<job_id>.steps.name",
            Self::StepIf => "jobs.<job_id>.steps.if",
            Self::StepRun => "jobs.<job_id>.steps.run",
            Self::StepEnv => "jobs.<job_id>.steps.env",
            Self::StepWith => "jobs.<job_id>.steps.with",
            Self::StepWorkingDirectory => "jobs.<job_id>.steps.working-directory",
            Self::StepTimeout => "jobs.<job_id>.steps.timeout-minutes",
            Self::StepContinueOnError => "jobs.<job_id>.steps.continue-on-error",
            Self::ActionInputDefault => "inputs.<input_id>.default",
            Self::CompositeIf => "runs.steps[*].if",
            Self::CompositeStep => "runs.steps[*]",
            Self::DockerRuns => "runs.args",
        }
    }
}
