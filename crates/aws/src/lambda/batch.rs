//! A function that a queue calls with batches.

use super::Failure;
use crate::sqs::{NamelessMessage, SqsQueue, each_message};
use aws_lambda_events::event::sqs::SqsEvent;
use checkmill_core::ErrorName;
use checkmill_phases::PhaseError;
use checkmill_phases::ports::PlanMessage;
use lambda_runtime::{Error, LambdaEvent, service_fn};

impl From<NamelessMessage> for Failure {
    fn from(error: NamelessMessage) -> Self {
        Self {
            name: ErrorName::Permanent,
            message: error.to_string(),
        }
    }
}

/// Handles batches one after the other, until Lambda ends the process. Messages that fail come again to the `queue` that they
/// are from; the others don't.
///
/// # Errors
/// The Runtime API can't be spoken to.
pub async fn serve_batches(
    queue: &SqsQueue,
    handler: impl AsyncFn(PlanMessage) -> Result<(), PhaseError>,
) -> Result<(), Error> {
    let handler = &handler;
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        each_message(&event.payload, queue, handler)
            .await
            .map_err(Failure::from)
    }))
    .await
}
