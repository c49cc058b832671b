//! A function that a state machine or a schedule calls: JSON in, JSON out, errors by name.

use super::Failure;
use checkmill_phases::PhaseError;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Answers events one after the other, until Lambda ends the process.
///
/// # Errors
/// The Runtime API can't be spoken to.
pub async fn serve_tasks<I, O>(handler: impl AsyncFn(I) -> Result<O, PhaseError>) -> Result<(), Error>
where
    I: DeserializeOwned,
    O: Serialize,
{
    let handler = &handler;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        answer(event.payload, handler)
    }))
    .await
}

/// Reads the event here rather than let the runtime do it, whose error would have a name that no state machine knows.
async fn answer<I, O>(
    event: Value,
    handler: impl AsyncFn(I) -> Result<O, PhaseError>,
) -> Result<Value, Failure>
where
    I: DeserializeOwned,
    O: Serialize,
{
    let result = match serde_json::from_value(event) {
        Ok(input) => handler(input).await.map_err(Failure::from),
        Err(error) => Err(Failure::unreadable(&error)),
    };
    let failure = match result {
        Ok(output) => return serde_json::to_value(output).map_err(|error| Failure::unreadable(&error)),
        Err(failure) => failure,
    };
    if failure.name.is_retryable() {
        tracing::warn!(error = failure.message, name = %failure.name, "the phase failed and may be tried again");
    } else {
        tracing::error!(error = failure.message, name = %failure.name, "the phase failed");
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_core::ErrorName;
    use checkmill_core::execution::ExecutionInput;
    use serde_json::json;

    #[tokio::test]
    async fn an_event_is_read_answered_and_failed_by_name() {
        let handler = &async |input: ExecutionInput| match input.generation {
            0 => Ok(input.job),
            _ => Err(PhaseError::Claimed),
        };
        // As a state machine sends it to Results: the state's other fields are of no interest.
        let event = |generation| json!({ "job": "0123456789abcdef-01234567", "attempt": 1, "generation": generation, "turn": 4 });
        assert_eq!(
            answer(event(0), handler).await,
            Ok(json!("0123456789abcdef-01234567"))
        );
        assert_eq!(
            answer(event(1), handler).await.unwrap_err().name,
            ErrorName::Conflict
        );
        let unreadable = answer(json!({ "job": "x" }), handler).await.unwrap_err();
        assert_eq!(unreadable.name, ErrorName::Permanent);
        insta::assert_snapshot!(unreadable, @r#"Checkmill.Permanent: the function's input can't be read: "x" is not a job id (a run id, '-', 8 hexadecimal digits)"#);
    }
}
