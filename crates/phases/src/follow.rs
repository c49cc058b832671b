//! Following: when a run has ended, the workflows of the default branch that wait for it hear of it.

use crate::error::PhaseError;
use crate::evaluate;
use crate::ports::{Clock, Inbox, Queue, Schedules};
use crate::receive::accept;
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::event::EndedRun;
use checkmill_core::limits::FOLLOWING_RUNS;
use checkmill_core::{DeliveryId, Event, EventKind, Job, Run};

pub(crate) struct Follow<'a> {
    pub(crate) deliveries: &'a dyn Inbox,
    pub(crate) queue: &'a dyn Queue,
    pub(crate) schedules: &'a dyn Schedules,
    pub(crate) clock: &'a dyn Clock,
}

impl Follow<'_> {
    /// Tells of the end of a run whose jobs have all ended. Doing it again says the same under the same id; a re-run of one of
    /// its jobs is another end.
    ///
    /// # Errors
    /// The ports'.
    pub(crate) async fn run(&self, run: &Run, jobs: &[Job]) -> Result<(), PhaseError> {
        // What was held, or waits for an approval, has not run.
        if run.hold.is_some() || !run.trust.may_run() || run.event.depth() >= FOLLOWING_RUNS {
            return Ok(());
        }
        let schedule = self.schedules.load(run.event.repository.id).await?;
        if schedule.is_none_or(|schedule| !schedule.followed.contains(&run.workflow_name)) {
            return Ok(());
        }
        let results = evaluate::results(run, jobs);
        let conclusion = NeedsResult::of_legs(results.values().map(|job| job.result));
        let attempts = jobs.iter().map(|job| u64::from(job.attempt.0)).sum();
        let event = Event {
            delivery: DeliveryId::of_ended_run(&run.id, attempts),
            received_at: self.clock.now(),
            kind: EventKind::WorkflowRun(EndedRun::of(run, conclusion.as_str())),
            ..run.event.clone()
        };
        accept(self.deliveries, self.queue, &event).await?;
        Ok(())
    }
}
