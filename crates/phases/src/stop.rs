//! Stopping a job at any moment: a person's cancel, fail-fast, a deadline.

use crate::effects::{cancel_on_backend, start_execution, wake_execution};
use crate::error::PhaseError;
use crate::ports::{Clock, Engine, Jobs};
use crate::step::step;
use checkmill_backends::registry::Backends;
use checkmill_core::transition::{Effect, JobEvent};
use checkmill_core::{AttemptNumber, Job, JobId, Reason};

pub struct Stop<'a> {
    pub jobs: &'a dyn Jobs,
    pub engine: &'a dyn Engine,
    pub backends: &'a Backends,
    pub clock: &'a dyn Clock,
}

impl Stop<'_> {
    /// Wants the attempt stopped for this reason, and does what follows from it; the row as it is then. An attempt that has ended stays as it ended.
    ///
    /// # Errors
    /// The ports'. The wish is recorded first: after an error in an effect, the wait loop's next poll stops the job.
    pub async fn run(
        &self,
        id: &JobId,
        attempt: AttemptNumber,
        reason: Reason,
        detail: &str,
    ) -> Result<Job, PhaseError> {
        let event = JobEvent::StopRequested {
            reason,
            detail: detail.to_owned(),
        };
        let stepped = step(self.jobs, self.clock, id, attempt, &event).await?;
        if stepped.owes(Effect::CancelOnBackend) {
            cancel_on_backend(self.backends, &stepped.job).await?;
        }
        if stepped.owes(Effect::StartExecution) {
            start_execution(self.engine, &stepped.job).await?;
        }
        if stepped.owes(Effect::WakeExecution) {
            wake_execution(self.engine, &stepped.job).await?;
        }
        Ok(stepped.job)
    }
}
