//! What the engine says no to.

use crate::TaskError;
use crate::size::DATA_LIMIT_BYTES;

/// What a start did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    New,
    /// An execution of that name and input runs already.
    AlreadyRunning,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// AWS: `ExecutionAlreadyExists`.
    #[error("an execution named {0:?} exists already, with another input or ended")]
    AlreadyExists(String),
    /// AWS: `InvalidName`.
    #[error("{0:?} is no name for an execution: 1 to 80 letters, digits, '-', '_' or '.'")]
    InvalidName(String),
    /// AWS: `InvalidExecutionInput`.
    #[error("the input has {bytes} bytes, and {DATA_LIMIT_BYTES} are the limit")]
    InputTooLarge { bytes: usize },
}

impl From<StartError> for TaskError {
    /// What a task that starts an execution sees: Step Functions puts `StepFunctions.` before and `Exception` after.
    fn from(error: StartError) -> Self {
        let name = match error {
            StartError::AlreadyExists(_) => "StepFunctions.ExecutionAlreadyExistsException",
            StartError::InvalidName(_) => "StepFunctions.InvalidNameException",
            StartError::InputTooLarge { .. } => "StepFunctions.InvalidExecutionInputException",
        };
        Self::new(name, error.to_string())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopError {
    #[error("no execution named {0:?} runs")]
    NotRunning(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// AWS: `TaskDoesNotExist`. Never handed out, or used so long ago that it is forgotten.
    #[error("the task token is not known")]
    Unknown,
    /// AWS: `TaskTimedOut`. Answered before, or its task ended without it.
    #[error("the task token was used, or its task is over")]
    Used,
}
