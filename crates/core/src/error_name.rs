//! The names that Checkmill's errors have for a state machine. `ErrorEquals` in `statemachine/` may use these, Step
//! Functions' own (`States.*`) and Lambda's, and nothing else; a test holds the files against this enum.

use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorName {
    /// A network fault, a 5xx, a throttled store: the same call may succeed soon.
    #[serde(rename = "Checkmill.Transient")]
    Transient,
    /// GitHub or a backend told us to slow down.
    #[serde(rename = "Checkmill.RateLimited")]
    RateLimited,
    /// Another writer was faster, time after time.
    #[serde(rename = "Checkmill.Conflict")]
    Conflict,
    /// No use trying again: a refusal, a missing row, bad input.
    #[serde(rename = "Checkmill.Permanent")]
    Permanent,
}

impl ErrorName {
    pub const ALL: [Self; 4] = [
        Self::Transient,
        Self::RateLimited,
        Self::Conflict,
        Self::Permanent,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "Checkmill.Transient",
            Self::RateLimited => "Checkmill.RateLimited",
            Self::Conflict => "Checkmill.Conflict",
            Self::Permanent => "Checkmill.Permanent",
        }
    }

    /// Whether a state machine should try the phase again.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        !matches!(self, Self::Permanent)
    }
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
