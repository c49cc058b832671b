//! Sweep: makes the promise true when anything else was lost. It queues deliveries again that got stuck, restarts executions
//! that vanished, removes compute that no live attempt owns, and asks GitHub for what it could not deliver. It is also the clock
//! of what runs on a schedule.

use crate::effects::start_execution;
use crate::error::PhaseError;
use crate::groups::Groups;
use crate::ports::{
    self, Clock, Deliveries, DeliveryState, Engine, Jobs, PlanMessage, Queue, Runs, Schedules, StoreError,
};
use crate::receive::accept;
use crate::redeliver::{Looks, Redeliver};
use crate::step::step;
use checkmill_backends::port::{Backend, Owned};
use checkmill_backends::registry::Backends;
use checkmill_core::execution::ExecutionInput;
use checkmill_core::limits::{DELIVERY_REDRIVE_ENQUEUED, SWEEP_LOOK, SWEEP_ROWS};
use checkmill_core::schedule::Schedule;
use checkmill_core::transition::{Effect, JobEvent};
use checkmill_core::{DeliveryId, DeploymentId, Event, Job, JobState, Millis, UnixMillis};
use checkmill_github::forge::Forge;

pub struct Sweep<'a> {
    /// Which of the jobs on the backends are ours.
    pub deployment: &'a DeploymentId,
    pub deliveries: &'a dyn Deliveries,
    pub schedules: &'a dyn Schedules,
    pub runs: &'a dyn Runs,
    pub jobs: &'a dyn Jobs,
    pub groups: &'a dyn ports::Groups,
    pub queue: &'a dyn Queue,
    pub forge: &'a dyn Forge,
    pub engine: &'a dyn Engine,
    pub backends: &'a Backends,
    pub clock: &'a dyn Clock,
    /// When this process looked at GitHub's list of deliveries.
    pub looks: &'a Looks,
}

/// What a sweep did, for its log line and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    pub deliveries_queued: usize,
    pub deliveries_failed: usize,
    /// Those that GitHub could not make and was asked to make again.
    pub redeliveries_asked: usize,
    /// Times of schedules that had come.
    pub schedules_due: usize,
    pub executions_restarted: usize,
    pub orphans_cancelled: usize,
}

/// A delivery that could not be planned for this long is given up: its commit's news is old, and somebody was alarmed.
const DELIVERY_GIVE_UP: Millis = Millis::from_minutes(24 * 60);
/// An execution that still runs this long after its job was due hangs; it is stopped and replaced. Longer than all the
/// retries of a phase together: GitHub may be away for an hour, and the state machine waits for it.
const HANGING: Millis = Millis::from_minutes(180);

impl Sweep<'_> {
    /// One sweep of at most [`SWEEP_ROWS`] rows of each kind. A fault in one row does not keep it from the others.
    ///
    /// # Errors
    /// The store's, when it can't say what is stuck.
    pub async fn run(&self) -> Result<Swept, PhaseError> {
        let now = self.clock.now();
        let mut swept = Swept::default();
        for (event, _) in self.deliveries.due(now, SWEEP_ROWS).await? {
            let result = self.redrive(&event, now, &mut swept).await;
            log_fault(result, "delivery", &event.delivery);
        }
        for schedule in self.schedules.due(now, SWEEP_ROWS).await? {
            match self.strike(&schedule, now).await {
                Ok(due) => swept.schedules_due += due,
                Err(error) => log_fault(Err(error), "schedule", &schedule.repository.name),
            }
        }
        for job in self.jobs.due(now, SWEEP_ROWS).await? {
            match self.revive(&job, now).await {
                Ok(restarted) => swept.executions_restarted += usize::from(restarted),
                Err(error) => log_fault(Err(error), "job", &job.id),
            }
        }
        for (name, backend) in self.backends.all() {
            match backend.list().await {
                Ok(owned) => {
                    let ours = |owned: &&Owned| owned.key.deployment == *self.deployment;
                    for owned in owned.iter().filter(ours) {
                        match self.remove_orphan(name, backend.as_ref(), owned).await {
                            Ok(removed) => swept.orphans_cancelled += usize::from(removed),
                            Err(error) => log_fault(Err(error), "backend job", &owned.key),
                        }
                    }
                }
                Err(error) => log_fault(Err(error.into()), "backend", name),
            }
        }
        // Last, because GitHub may be slow, and what is here already comes first.
        let asked = self.redeliver().run(&mut swept.redeliveries_asked).await;
        log_fault(asked, "list", "GitHub's deliveries");
        tracing::info!(?swept, "swept");
        Ok(swept)
    }

    /// For a process that knows it is the only one: everything that was under way when its predecessor died goes on now. A
    /// fault in one row does not keep it from the others. Doing it again, or in part, does no harm.
    ///
    /// # Errors
    /// The store's, when it can't say what was under way, and faults that pass: the rows they met wait for another recovery.
    pub async fn recover(&self) -> Result<Swept, PhaseError> {
        let mut swept = Swept::default();
        let mut passing = None;
        let end_of_time = UnixMillis(u64::MAX / 2);
        for (event, _) in self.deliveries.due(end_of_time, usize::MAX).await? {
            match self.enqueue(&event.delivery).await {
                Ok(()) => swept.deliveries_queued += 1,
                Err(error) => not_recovered(error, "delivery", &event.delivery, &mut passing),
            }
        }
        for job in self.jobs.due(end_of_time, usize::MAX).await? {
            match self.recover_job(&job).await {
                Ok(restarted) => swept.executions_restarted += usize::from(restarted),
                Err(error) => not_recovered(error, "job", &job.id, &mut passing),
            }
        }
        tracing::info!(?swept, "recovered");
        passing.map_or(Ok(swept), Err)
    }

    /// Nobody is left who holds a claim: neither of the job nor of its check.
    async fn recover_job(&self, job: &Job) -> Result<bool, PhaseError> {
        if matches!(job.state, JobState::Parked { .. }) {
            return self.groups().look(job).await;
        }
        if matches!(job.state, JobState::Claimed { .. }) {
            step(self.jobs, self.clock, &job.id, job.attempt, &JobEvent::ClaimLost).await?;
        } else if job.check_busy_until.is_some() {
            let released = JobEvent::CheckReleased;
            step(self.jobs, self.clock, &job.id, job.attempt, &released).await?;
        }
        self.restart(job).await
    }

    fn groups(&self) -> Groups<'_> {
        Groups {
            groups: self.groups,
            runs: self.runs,
            jobs: self.jobs,
            engine: self.engine,
            backends: self.backends,
            clock: self.clock,
        }
    }

    fn redeliver(&self) -> Redeliver<'_> {
        Redeliver {
            deliveries: self.deliveries,
            forge: self.forge,
            clock: self.clock,
            looks: self.looks,
        }
    }

    async fn redrive(&self, event: &Event, now: UnixMillis, swept: &mut Swept) -> Result<(), PhaseError> {
        if now.since(event.received_at) >= DELIVERY_GIVE_UP {
            let reason = "it could not be planned for a day".to_owned();
            self.deliveries
                .advance(&event.delivery, &DeliveryState::Failed { reason })
                .await?;
            swept.deliveries_failed += 1;
        } else {
            self.enqueue(&event.delivery).await?;
            swept.deliveries_queued += 1;
        }
        Ok(())
    }

    /// Takes in the events of what is due, then moves it on; how many those were. In this order: whoever is cut off in between
    /// finds them due again, and known by their ids.
    async fn strike(&self, schedule: &Schedule, now: UnixMillis) -> Result<usize, PhaseError> {
        let events = schedule.events(now);
        for event in &events {
            accept(self.deliveries, self.queue, event).await?;
        }
        match self.schedules.save(&schedule.moved_on(now)).await {
            // A push or another sweep came between: what it left due, the next sweep takes.
            Ok(()) | Err(StoreError::Conflict) => Ok(events.len()),
            Err(error) => Err(error.into()),
        }
    }

    async fn enqueue(&self, delivery: &DeliveryId) -> Result<(), PhaseError> {
        self.queue
            .send(&PlanMessage {
                delivery: delivery.clone(),
            })
            .await?;
        self.deliveries
            .advance(delivery, &DeliveryState::Enqueued)
            .await?;
        let again = self.clock.now() + DELIVERY_REDRIVE_ENQUEUED;
        Ok(self.deliveries.defer(delivery, again).await?)
    }

    /// Restarts the execution of a job that should have moved; whether it did.
    async fn revive(&self, job: &Job, now: UnixMillis) -> Result<bool, PhaseError> {
        if matches!(job.state, JobState::Parked { .. }) {
            let goes_on = self.groups().look(job).await?;
            if !goes_on {
                self.jobs.defer(job, now + SWEEP_LOOK).await?;
            }
            return Ok(goes_on);
        }
        let name = ExecutionInput {
            job: job.id.clone(),
            attempt: job.attempt,
            generation: job.generation,
        }
        .name();
        if self.engine.is_running(&name).await? {
            let hanging = job.owed_at().is_some_and(|owed| now.since(owed) >= HANGING);
            if !hanging {
                // It makes place for others among the rows of the next sweep.
                self.jobs.defer(job, now + SWEEP_LOOK).await?;
                return Ok(false);
            }
            self.engine
                .stop(&name, "its job is long past its deadline; the sweep replaces it")
                .await?;
        }
        self.restart(job).await
    }

    async fn restart(&self, job: &Job) -> Result<bool, PhaseError> {
        let stepped = step(
            self.jobs,
            self.clock,
            &job.id,
            job.attempt,
            &JobEvent::NewGeneration,
        )
        .await?;
        if stepped.owes(Effect::StartExecution) {
            start_execution(self.engine, &stepped.job).await?;
        }
        Ok(stepped.moved)
    }

    /// Cancels a live job on a backend unless its attempt is under way; whether it did. Also discards an ended one whose
    /// attempt is concluded.
    async fn remove_orphan(
        &self,
        backend_name: &str,
        backend: &dyn Backend,
        owned: &Owned,
    ) -> Result<bool, PhaseError> {
        let job = self
            .jobs
            .load(&owned.key.job)
            .await?
            .filter(|job| job.attempt == owned.key.attempt);
        if !owned.live {
            if job.is_none_or(|job| matches!(job.state, JobState::Concluded { .. })) {
                backend.discard(&owned.id).await?;
            }
            return Ok(false);
        }
        if job.is_some_and(|job| job.end().is_none()) {
            return Ok(false);
        }
        tracing::warn!(backend = backend_name, job = %owned.key, "a live job that no attempt owns is cancelled");
        backend.cancel(&owned.id).await?;
        Ok(true)
    }
}

/// Logs what kept a row from being recovered; one that passes is kept for whoever recovers again.
fn not_recovered(
    error: PhaseError,
    what: &str,
    id: impl std::fmt::Display,
    passing: &mut Option<PhaseError>,
) {
    tracing::error!(%id, %error, "could not recover a {what}");
    if error.error_name().is_retryable() {
        *passing = Some(error);
    }
}

fn log_fault(result: Result<(), PhaseError>, what: &str, id: impl std::fmt::Display) {
    if let Err(error) = result {
        tracing::error!(%id, %error, "could not sweep a {what}; the next sweep tries again");
    }
}
