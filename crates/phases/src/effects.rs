//! Doing what a transition asks for. Each effect is safe to do again, because its peer knows it by a key of ours.

use crate::error::PhaseError;
use crate::ports::Engine;
use checkmill_backends::registry::Backends;
use checkmill_core::Job;
use checkmill_core::execution::ExecutionInput;

/// Starts the execution of the job's present attempt and generation; one that exists is fine.
///
/// # Errors
/// The engine's.
pub(crate) async fn start_execution(engine: &dyn Engine, job: &Job) -> Result<(), PhaseError> {
    let input = ExecutionInput {
        job: job.id.clone(),
        attempt: job.attempt,
        generation: job.generation,
    };
    Ok(engine.start(&input).await?)
}

/// Answers the execution's task token, if it waits under one, so that it polls at once.
///
/// # Errors
/// The engine's.
pub(crate) async fn wake_execution(engine: &dyn Engine, job: &Job) -> Result<(), PhaseError> {
    match &job.task_token {
        Some(token) => Ok(engine.wake(token).await?),
        None => Ok(()),
    }
}

/// Stops whatever the backend has of this attempt.
///
/// # Errors
/// The backend's. A backend that is no longer in the deployment's table is none: its jobs can't be reached.
pub(crate) async fn cancel_on_backend(backends: &Backends, job: &Job) -> Result<(), PhaseError> {
    let Some(handle) = job.handle() else { return Ok(()) };
    match backends.by_name(&handle.backend) {
        Some(backend) => Ok(backend.cancel(&handle.id).await?),
        None => {
            tracing::warn!(job = %job.id, backend = %handle.backend, "a job's backend is not in the table any more");
            Ok(())
        }
    }
}
