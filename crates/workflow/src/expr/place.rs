//! Where in a workflow file an expression stands.

/// A key of a workflow file that may hold expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    RunName,
    WorkflowEnv,
    WorkflowConcurrency,
    JobName,
    JobIf,
    JobRunsOn,
    JobEnv,
    JobStrategy,
    JobTimeout,
    JobContinueOnError,
    JobConcurrency,
    JobEnvironment,
    JobContainer,
    JobServices,
    JobOutputs,
    /// `jobs.<job_id>.defaults.run`. Those of the workflow may not hold expressions.
    DefaultsRun,
    StepName,
    StepIf,
    StepRun,
    StepEnv,
    StepWith,
    StepWorkingDirectory,
    StepTimeout,
    StepContinueOnError,
}
