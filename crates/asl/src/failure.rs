//! Errors of the States Language: names, and which pattern matches which.
//!
//! AWS docs, "Handling errors in Step Functions workflows". `States.ALL` matches every error but the two terminal ones,
//! `States.Runtime` (nothing catches it) and `States.DataLimitExceeded` (only its own name does). `States.TaskFailed`
//! matches every error but `States.Timeout` and the terminal ones.

use serde_json::{Value, json};

/// Characters of an error's cause that are kept. AWS API reference, `SendTaskFailure`: 32,768.
const CAUSE_CHARS: usize = 32_768;

pub(crate) const ALL: &str = "States.ALL";
pub(crate) const TASK_FAILED: &str = "States.TaskFailed";
pub(crate) const TIMEOUT: &str = "States.Timeout";
pub(crate) const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
pub(crate) const RUNTIME: &str = "States.Runtime";
pub(crate) const DATA_LIMIT: &str = "States.DataLimitExceeded";
pub(crate) const RESULT_PATH: &str = "States.ResultPathMatchFailure";

/// How a task failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct TaskError {
    /// The name that `ErrorEquals` matches: for a Lambda its `errorType`.
    pub error: String,
    /// For people.
    pub cause: String,
}

impl TaskError {
    /// Cuts `cause` at 32,768 characters, as AWS does.
    #[must_use]
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        let mut cause = cause.into();
        if let Some((end, _)) = cause.char_indices().nth(CAUSE_CHARS) {
            cause.truncate(end);
        }
        Self {
            error: error.into(),
            cause,
        }
    }
}

/// A state's error, as the interpreter sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: TaskError,
    /// A missed heartbeat: a `States.Timeout` that `States.HeartbeatTimeout` matches too.
    pub(crate) heartbeat: bool,
}

impl Failure {
    pub(crate) fn new(error: &str, cause: impl Into<String>) -> Self {
        TaskError::new(error, cause).into()
    }

    pub(crate) fn runtime(cause: impl Into<String>) -> Self {
        Self::new(RUNTIME, cause)
    }

    fn is_terminal(&self) -> bool {
        matches!(self.error.error.as_str(), RUNTIME | DATA_LIMIT)
    }

    /// What a Catcher's `ResultPath` places.
    pub(crate) fn output(&self) -> Value {
        json!({"Error": self.error.error, "Cause": self.error.cause})
    }
}

impl From<TaskError> for Failure {
    fn from(error: TaskError) -> Self {
        Self {
            error,
            heartbeat: false,
        }
    }
}

/// One entry of `ErrorEquals`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorPattern {
    /// `States.ALL`
    All,
    /// `States.TaskFailed`
    TaskFailed,
    /// Any other name, `States.` ones included.
    Name(String),
}

impl ErrorPattern {
    pub(crate) fn of(name: &str) -> Self {
        match name {
            ALL => Self::All,
            TASK_FAILED => Self::TaskFailed,
            other => Self::Name(other.to_owned()),
        }
    }

    /// As it stands in a definition.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::All => ALL,
            Self::TaskFailed => TASK_FAILED,
            Self::Name(name) => name,
        }
    }

    pub(crate) fn matches(&self, failure: &Failure) -> bool {
        let error = failure.error.error.as_str();
        match self {
            Self::All => !failure.is_terminal(),
            Self::TaskFailed => !failure.is_terminal() && error != TIMEOUT,
            Self::Name(name) if name == HEARTBEAT_TIMEOUT && failure.heartbeat => true,
            Self::Name(name) => name == error && error != RUNTIME,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_the_documentation_says() {
        let named = |name: &str| Failure::new(name, "");
        let beat = Failure {
            heartbeat: true,
            ..named(TIMEOUT)
        };
        // (pattern, then: an error of ours, a timeout, a missed heartbeat, too much data, a runtime error)
        let table = [
            ("States.ALL", [true, true, true, false, false]),
            ("States.TaskFailed", [true, false, false, false, false]),
            ("States.Timeout", [false, true, true, false, false]),
            ("States.HeartbeatTimeout", [false, false, true, false, false]),
            ("Custom.Error", [true, false, false, false, false]),
            ("custom.error", [false, false, false, false, false]),
            ("States.DataLimitExceeded", [false, false, false, true, false]),
            ("States.Runtime", [false, false, false, false, false]),
        ];
        let errors = [
            named("Custom.Error"),
            named(TIMEOUT),
            beat,
            named(DATA_LIMIT),
            named(RUNTIME),
        ];
        for (pattern, expected) in table {
            let matched = errors
                .each_ref()
                .map(|failure| ErrorPattern::of(pattern).matches(failure));
            assert_eq!(matched, expected, "{pattern}");
        }
    }

    #[test]
    fn a_long_cause_is_cut_between_characters() {
        let error = TaskError::new("E", "ä".repeat(CAUSE_CHARS + 5));
        assert_eq!(error.cause.chars().count(), CAUSE_CHARS);
    }
}
