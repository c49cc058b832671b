//! Calls of functions.

use super::Inner;
use crate::{Event, TaskError, Ticket};
use async_trait::async_trait;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The functions behind a machine's tasks.
#[async_trait]
pub trait TaskHandler: Send + Sync {
    /// Calls `function`, an ARN as it stands in the definition. For a task that waits for a token, `input` is the `Payload`
    /// and an `Ok` means only that the token was handed over.
    ///
    /// # Errors
    /// What `ErrorEquals` matches, and why, for people.
    async fn invoke(&self, function: &str, input: Value) -> Result<Value, TaskError>;
}

impl Inner {
    /// Calls a function in a task of its own, so that a timer or a stop is heard meanwhile. Where the answer comes too late,
    /// its ticket is old and the execution does not look at it.
    pub(super) fn call(
        self: &Arc<Self>,
        ticket: Ticket,
        function: String,
        input: Value,
        events: mpsc::UnboundedSender<Event>,
    ) {
        let engine = Arc::clone(self);
        self.runtime.spawn(async move {
            // The semaphore is never closed.
            let _permit = Arc::clone(&engine.calls).acquire_owned().await;
            engine.called.fetch_add(1, Ordering::Relaxed);
            let event = match engine.answer(&function, input).await {
                Ok(output) => Event::TaskSucceeded { ticket, output },
                Err(error) => Event::TaskFailed { ticket, error },
            };
            // An execution that is over has closed its inbox.
            let _sent = events.send(event);
        });
    }

    async fn answer(&self, function: &str, input: Value) -> Result<Value, TaskError> {
        let handler = Arc::clone(&self.handler);
        let called = function.to_owned();
        // A task of its own again: a panic stays in it.
        let mut call = self
            .runtime
            .spawn(async move { handler.invoke(&called, input).await });
        let limit = self.settings.function_timeout;
        match timeout(limit, &mut call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_died)) => {
                tracing::error!(function, "a function panicked");
                Err(TaskError::new("Runtime.ExitError", "the function panicked"))
            }
            Err(_elapsed) => {
                call.abort();
                let cause = format!("the function did not answer within {} s", limit.as_secs());
                Err(TaskError::new("Sandbox.Timedout", cause))
            }
        }
    }
}
