//! The step that every phase takes: load, pure transition, conditional write. The caller does the effects.

use crate::error::PhaseError;
use crate::ports::{Clock, Jobs, StoreError};
use checkmill_core::limits::STORE_CONFLICT_RETRIES;
use checkmill_core::transition::{Effect, JobEvent, Outcome, apply};
use checkmill_core::{AttemptNumber, Job, JobId};

/// What a step left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stepped {
    /// The row as it is now.
    pub(crate) job: Job,
    /// Whether this call moved it; false for a late or repeated event.
    pub(crate) moved: bool,
    pub(crate) effects: Vec<Effect>,
}

impl Stepped {
    #[must_use]
    pub(crate) fn owes(&self, effect: Effect) -> bool {
        self.effects.contains(&effect)
    }
}

/// Takes one event to one job. A lost race is a reload; an event for another attempt than the present one moves nothing.
///
/// # Errors
/// [`PhaseError::Missing`] without a row, [`PhaseError::Illegal`], or the store's own, among them a conflict that lasted
/// through [`STORE_CONFLICT_RETRIES`] reloads.
pub(crate) async fn step(
    jobs: &dyn Jobs,
    clock: &dyn Clock,
    id: &JobId,
    attempt: AttemptNumber,
    event: &JobEvent,
) -> Result<Stepped, PhaseError> {
    for _ in 0..STORE_CONFLICT_RETRIES {
        let job = load(jobs, id).await?;
        if job.attempt != attempt {
            return Ok(Stepped {
                job,
                moved: false,
                effects: Vec::new(),
            });
        }
        match apply(&job, event, clock.now()) {
            Outcome::Unchanged { effects } => {
                return Ok(Stepped {
                    job,
                    moved: false,
                    effects,
                });
            }
            Outcome::Illegal(illegal) => return Err(illegal.into()),
            Outcome::Moved { job: next, effects } => match jobs.update(&next).await {
                Ok(()) => {
                    tracing::info!(
                        job = %id, %attempt, event = event.name(), from = job.state.name(), to = next.state.name(),
                        "a job moved"
                    );
                    return Ok(Stepped {
                        job: *next,
                        moved: true,
                        effects,
                    });
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            },
        }
    }
    Err(StoreError::Conflict.into())
}

/// The job's row.
///
/// # Errors
/// [`PhaseError::Missing`] when there is none.
pub(crate) async fn load(jobs: &dyn Jobs, id: &JobId) -> Result<Job, PhaseError> {
    jobs.load(id)
        .await?
        .ok_or_else(|| PhaseError::Missing(format!("job {id}")))
}
