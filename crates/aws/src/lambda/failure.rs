//! A function's error as Step Functions sees it: `errorType` is what `ErrorEquals` matches, and with any other error type it
//! would be the name of a Rust type.

use checkmill_core::ErrorName;
use checkmill_phases::PhaseError;
use lambda_runtime::Diagnostic;

/// A name that the state machine knows, and what happened, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct Failure {
    pub name: ErrorName,
    pub message: String,
}

impl Failure {
    /// An event that is not what this function takes.
    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        Self {
            name: ErrorName::Permanent,
            message: format!("the function's input can't be read: {error}"),
        }
    }
}

impl From<PhaseError> for Failure {
    fn from(error: PhaseError) -> Self {
        Self {
            name: error.error_name(),
            message: error.to_string(),
        }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.name.as_str().to_owned(),
            error_message: failure.message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_phases::ports::StoreError;

    #[test]
    fn the_error_type_is_the_name_that_the_state_machine_matches() {
        for (error, expected) in [
            (PhaseError::Store(StoreError::Conflict), "Checkmill.Conflict"),
            (
                PhaseError::Store(StoreError::Transient("x".to_owned())),
                "Checkmill.Transient",
            ),
            (PhaseError::Claimed, "Checkmill.Conflict"),
            (PhaseError::Missing("job".to_owned()), "Checkmill.Permanent"),
        ] {
            let message = error.to_string();
            let diagnostic = Diagnostic::from(Failure::from(error));
            assert_eq!(
                (diagnostic.error_type.as_str(), diagnostic.error_message),
                (expected, message)
            );
        }
        for name in ErrorName::ALL {
            let failure = Failure {
                name,
                message: String::new(),
            };
            assert_eq!(Diagnostic::from(failure).error_type, name.as_str());
        }
    }

    #[test]
    fn unreadable_input_is_permanent() {
        let error = serde_json::from_str::<u8>("{}").unwrap_err();
        assert_eq!(Failure::unreadable(&error).name, ErrorName::Permanent);
    }
}
