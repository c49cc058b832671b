//! Moving a run on: expand what the ended jobs allow, release what `max-parallel` held back, stop what `fail-fast` stops.
//!
//! Called by the planner for a new run and by results after every end. Any number of workers may do it at once: each step is
//! conditional on a row, and since an end is written before the graph is read, the last one to end sees all the others.

use crate::effects::start_execution;
use crate::error::PhaseError;
use crate::evaluate::{Expanded, Source, expand, unkept};
use crate::ports::{Blobs, Clock, Engine, Jobs, Runs, StoreError};
use crate::step::step;
use crate::stop::Stop;
use checkmill_backends::registry::Backends;
use checkmill_core::conclusion::CancelledBy;
use checkmill_core::graph::{self, Advance as Move, LegStatus};
use checkmill_core::limits::STORE_CONFLICT_RETRIES;
use checkmill_core::transition::{Effect, JobEvent};
use checkmill_core::{Job, JobId, JobKey, JobState, Reason, Run, RunId, UnixMillis};
use std::collections::BTreeMap;

const END_OF_TIME: UnixMillis = UnixMillis(u64::MAX);

pub struct Advance<'a> {
    pub runs: &'a dyn Runs,
    pub jobs: &'a dyn Jobs,
    pub blobs: &'a dyn Blobs,
    pub engine: &'a dyn Engine,
    pub backends: &'a Backends,
    pub clock: &'a dyn Clock,
}

/// The run after it was moved on.
#[derive(Debug, Clone)]
pub struct Advanced {
    pub run: Run,
    pub jobs: Vec<Job>,
    /// Every job of the workflow has ended.
    pub finished: bool,
}

impl Advance<'_> {
    /// Moves the run on as far as it goes.
    ///
    /// # Errors
    /// [`PhaseError::Missing`] for an unknown run; a conflict where a job that is to run again still reports its last end;
    /// the ports'.
    pub async fn run(&self, id: &RunId) -> Result<Advanced, PhaseError> {
        self.move_on(id, |_, _| true).await
    }

    /// Moves the run on for a job of the node `ended` that reports its end. What stands in the way of other nodes is no
    /// concern of its: those who wait for each other's reports would wait for ever. A job waits for those that need it only,
    /// so that no circle comes about; the other nodes have somebody of their own, the last job that they need or the re-run
    /// that closed them up.
    ///
    /// # Errors
    /// As [`Advance::run`].
    pub async fn run_after(&self, id: &RunId, ended: &JobKey) -> Result<Advanced, PhaseError> {
        self.move_on(id, |run, key| graph::waits_for(&run.nodes, key, ended))
            .await
    }

    async fn move_on(
        &self,
        id: &RunId,
        concerns: impl Fn(&Run, &JobKey) -> bool + Send,
    ) -> Result<Advanced, PhaseError> {
        let mut conflicts = 0;
        loop {
            let (run, jobs) = self.load(id).await?;
            if self.run_again(&run, &jobs).await? {
                continue;
            }
            let statuses = statuses(&run, &jobs);
            let moves = graph::advance(&run.nodes, &statuses);
            let reports = |key: &JobKey| {
                let ended = |job: &Job| job.key == *key && matches!(job.state, JobState::Ended { .. });
                jobs.iter().any(ended)
            };
            let (blocked, keys): (Vec<&JobKey>, Vec<&JobKey>) = moves
                .iter()
                .filter_map(|next| match next {
                    Move::Expand(key) => Some(key),
                    Move::Release(_) | Move::FailFast(_) => None,
                })
                .partition(|key| reports(key));
            if !keys.is_empty() {
                match self.expand(&run, &jobs, &keys).await {
                    Err(PhaseError::Store(StoreError::Conflict)) if conflicts < STORE_CONFLICT_RETRIES => {
                        conflicts += 1;
                    }
                    result => result?,
                }
                continue;
            }
            for step in &moves {
                self.apply(&jobs, step).await?;
            }
            for job in &jobs {
                if job.state == JobState::Waiting && is_left_out(&run, job) {
                    let detail =
                        "The run no longer has this job: its matrix or condition came out otherwise.";
                    self.stop()
                        .run(&job.id, job.attempt, Reason::Skipped, detail)
                        .await?;
                }
            }
            if blocked.iter().any(|key| concerns(&run, key)) {
                return Err(StoreError::Conflict.into());
            }
            let finished = graph::is_finished(&run.nodes, &statuses);
            return Ok(Advanced { run, jobs, finished });
        }
    }

    /// Starts the execution of every job of the run that is queued: for a planner that may have died before it could.
    ///
    /// # Errors
    /// The ports'.
    pub async fn start_queued(&self, jobs: &[Job]) -> Result<(), PhaseError> {
        for job in jobs.iter().filter(|job| job.state == JobState::Queued) {
            start_execution(self.engine, job).await?;
        }
        Ok(())
    }

    /// Takes those jobs to their next attempt for which it was asked; whether there was one. The graph releases them.
    async fn run_again(&self, run: &Run, jobs: &[Job]) -> Result<bool, PhaseError> {
        let mut moved = false;
        for job in jobs.iter().filter(|job| run.is_asked_again(job)) {
            let stepped = step(self.jobs, self.clock, &job.id, job.attempt, &JobEvent::Rerun).await?;
            moved |= stepped.moved || stepped.job.attempt != job.attempt;
        }
        Ok(moved)
    }

    async fn load(&self, id: &RunId) -> Result<(Run, Vec<Job>), PhaseError> {
        self.runs
            .load_with_jobs(id)
            .await?
            .ok_or_else(|| PhaseError::Missing(format!("run {id}")))
    }

    async fn expand(&self, run: &Run, jobs: &[Job], keys: &[&JobKey]) -> Result<(), PhaseError> {
        let source = Source::load(self.blobs, run).await?;
        let (next, rows) = self.evaluate(&source, run, jobs, keys).await?;
        match self.keep(&next, rows, jobs).await {
            Err(PhaseError::Store(StoreError::TooLarge(problem))) => {
                tracing::error!(run = %run.id, problem, "the jobs of a run can't be kept; a check says so in their place");
                let (next, rows) = self.unkept(&source, run, keys);
                self.keep(&next, rows, jobs).await
            }
            kept => kept,
        }
    }

    /// What the nodes become. Each is judged with those before it, so that all of them together are within the limits.
    async fn evaluate(
        &self,
        source: &Source,
        run: &Run,
        jobs: &[Job],
        keys: &[&JobKey],
    ) -> Result<(Run, Vec<Job>), PhaseError> {
        let (mut next, mut rows) = (run.clone(), Vec::new());
        for key in keys {
            let expanded = expand(self.blobs, source, &next, jobs, key, self.clock.now()).await?;
            rows.extend(taken_up(&mut next, key, expanded));
        }
        Ok((next, rows))
    }

    fn unkept(&self, source: &Source, run: &Run, keys: &[&JobKey]) -> (Run, Vec<Job>) {
        let (mut next, mut rows) = (run.clone(), Vec::new());
        for key in keys {
            let expanded = unkept(source, &next, key, self.clock.now());
            rows.extend(taken_up(&mut next, key, expanded));
        }
        (next, rows)
    }

    /// Writes the run with its new rows, and starts what may start.
    async fn keep(&self, run: &Run, mut rows: Vec<Job>, jobs: &[Job]) -> Result<(), PhaseError> {
        let next = Run {
            version: run.version + 1,
            ..run.clone()
        };
        // A leg that ran before (its node was reset by a re-run) keeps its row, as the next attempt; done before the run
        // names it again, because a finished leg would make the node look finished.
        for row in &mut rows {
            if let Some(known) = jobs.iter().find(|job| job.id == row.id) {
                *row = self.again(known, row).await?;
            }
        }
        self.runs.expand(&next, &rows).await?;
        for row in rows.iter().filter(|row| row.state != JobState::Waiting) {
            start_execution(self.engine, row).await?;
        }
        Ok(())
    }
    async fn again(&self, known: &Job, planned: &Job) -> Result<Job, PhaseError> {
        if matches!(known.state, JobState::Ended { .. }) {
            // Its old end is still being reported; taken over, it would look like the new one.
            return Err(StoreError::Conflict.into());
        }
        let again = JobEvent::RerunAs {
            planned: Box::new(planned.clone()),
        };
        let queued = step(self.jobs, self.clock, &known.id, known.attempt, &again)
            .await?
            .job;
        match planned.end() {
            Some(end) => {
                let refused = JobEvent::Refused {
                    check: None,
                    end: end.clone(),
                };
                Ok(step(self.jobs, self.clock, &queued.id, queued.attempt, &refused)
                    .await?
                    .job)
            }
            None => Ok(queued),
        }
    }

    async fn apply(&self, jobs: &[Job], next: &Move) -> Result<(), PhaseError> {
        let attempt = |id: &JobId| jobs.iter().find(|job| job.id == *id).map(|job| job.attempt);
        match next {
            Move::Expand(_) => {}
            Move::Release(id) => {
                let Some(attempt) = attempt(id) else {
                    return Err(PhaseError::Missing(format!("job {id}")));
                };
                let stepped = step(self.jobs, self.clock, id, attempt, &JobEvent::Release).await?;
                if stepped.owes(Effect::StartExecution) {
                    start_execution(self.engine, &stepped.job).await?;
                }
            }
            Move::FailFast(id) => {
                let Some(attempt) = attempt(id) else {
                    return Err(PhaseError::Missing(format!("job {id}")));
                };
                let by = CancelledBy::FailFast;
                let detail = format!("Cancelled by {by}.");
                self.stop()
                    .run(id, attempt, Reason::Cancelled { by }, &detail)
                    .await?;
            }
        }
        Ok(())
    }

    fn stop(&self) -> Stop<'_> {
        Stop {
            jobs: self.jobs,
            engine: self.engine,
            backends: self.backends,
            clock: self.clock,
        }
    }
}

/// Puts what a node becomes into the run; its rows.
fn taken_up(run: &mut Run, key: &JobKey, expanded: Expanded) -> Vec<Job> {
    if let Some(node) = run.nodes.get_mut(key) {
        node.expansion = Some(expanded.expansion);
    }
    run.nodes.extend(expanded.nodes);
    expanded.jobs
}

/// Whether the job is a leg of an earlier expansion of its node, which the present one has not: a re-run of what it needs
/// gave another matrix, or none, or calls other jobs. A node that is closed up may have it again.
#[must_use]
pub(crate) fn is_left_out(run: &Run, job: &Job) -> bool {
    match run.nodes.get(&job.key) {
        Some(node) => {
            let expansion = node.expansion.as_ref();
            expansion.is_some_and(|expansion| !expansion.legs.contains(&job.id))
        }
        None => {
            let caller = job.key.callers().find_map(|caller| run.nodes.get(&caller));
            caller.is_some_and(|caller| caller.expansion.is_some())
        }
    }
}

/// What the graph needs to know of the jobs.
#[must_use]
pub fn statuses(run: &Run, jobs: &[Job]) -> BTreeMap<JobId, LegStatus> {
    let status = |job: &Job| match (&job.state, job.end()) {
        // It will have been queued after every failure that there is now.
        _ if run.is_asked_again(job) => LegStatus::Active { since: END_OF_TIME },
        // What needs it waits for the approval too.
        // It may yet be retried: nothing builds on this end before that is decided.
        (_, Some(_)) if job.may_be_retried() => LegStatus::Active { since: job.queued_at },
        (_, Some(end)) if end.reason.awaits_trust() => LegStatus::Active { since: job.queued_at },
        (_, Some(end)) => LegStatus::Finished {
            result: end.reason.needs_result(),
            since: job.queued_at,
            at: end.at,
        },
        (JobState::Waiting, None) => LegStatus::Waiting { since: job.queued_at },
        _ => LegStatus::Active { since: job.queued_at },
    };
    jobs.iter().map(|job| (job.id.clone(), status(job))).collect()
}
