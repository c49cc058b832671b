//! Poll: what the backend says of a job, and what follows from it. Also the hand-over of a task token to a job that will
//! call back.

use crate::effects::cancel_on_backend;
use crate::error::PhaseError;
use crate::outcome::{self, WaitSettings};
use crate::ports::{Blobs, Clock, Engine, History, Jobs, Runs};
use crate::step::{Stepped, load, step};
use crate::{learn, verdict, view};
use checkmill_backends::port::{BackendEnd, BackendState};
use checkmill_backends::registry::Backends;
use checkmill_core::execution::{ExecutionInput, Next, PhaseOutput};
use checkmill_core::job::BackendHandle;
use checkmill_core::transition::{Effect, JobEvent};
use checkmill_core::{End, Job, JobState, Millis, Reason};
use checkmill_github::forge::Forge;
use checkmill_workflow::job::JobResult;

pub struct Poll<'a> {
    pub runs: &'a dyn Runs,
    pub jobs: &'a dyn Jobs,
    pub blobs: &'a dyn Blobs,
    pub history: &'a dyn History,
    pub forge: &'a dyn Forge,
    pub backends: &'a Backends,
    pub clock: &'a dyn Clock,
    pub wait: &'a WaitSettings,
}

/// How long a stopped job may take to end before its attempt ends without it; the sweep removes what is left.
const STOP_GRACE: Millis = Millis::from_secs(60);

impl Poll<'_> {
    /// Looks once. `turn` is the number of turns before this one.
    ///
    /// # Errors
    /// The ports'.
    pub async fn run(&self, input: &ExecutionInput, turn: u32) -> Result<PhaseOutput, PhaseError> {
        let mut job = load(self.jobs, &input.job).await?;
        let mut usual_end = None;
        if outcome::is_superseded(&job, input) {
            let full = outcome::hands_over(&job, input, turn + 1);
            return Ok(if full {
                outcome::hand_over(input, turn + 1)
            } else {
                outcome::done(input)
            });
        }
        if let (JobState::Submitted { handle, .. } | JobState::Running { handle, .. }, attempt) =
            (job.state.clone(), job.attempt)
        {
            let state = self.ask(&handle).await?;
            if let Some(event) = self.event(&job, &handle, &state).await? {
                let stepped = step(self.jobs, self.clock, &job.id, attempt, &event).await?;
                usual_end = self.effects(&stepped).await?;
                job = stepped.job;
            } else if job.stop.is_some() {
                cancel_on_backend(self.backends, &job).await?;
            }
        }
        let wait = self.wait.of(&job, self.backends);
        let output = outcome::next(&job, input, turn + 1, self.clock.now(), &wait);
        let output = match usual_end {
            Some(usual_end) => outcome::until_usual_end(&job, output, self.clock.now(), usual_end),
            None => output,
        };
        if output.next == Next::Continue {
            // The row names the next execution before it exists: whichever of the two moves, the older one gives way.
            let stepped = step(
                self.jobs,
                self.clock,
                &job.id,
                job.attempt,
                &JobEvent::NewGeneration,
            )
            .await?;
            tracing::info!(job = %job.id, generation = stepped.job.generation, "the wait loop continues as new");
        }
        Ok(output)
    }

    async fn ask(&self, handle: &BackendHandle) -> Result<BackendState, PhaseError> {
        let Some(backend) = self.backends.by_name(&handle.backend) else {
            let detail = format!("the backend {} is no longer configured", handle.backend);
            return Ok(BackendState::Ended(BackendEnd::Lost { detail }));
        };
        let states = backend.poll(std::slice::from_ref(&handle.id)).await?;
        Ok(states.into_iter().next().unwrap_or(BackendState::Unknown))
    }

    /// What the backend's answer means for the job; none when it changes nothing.
    async fn event(
        &self,
        job: &Job,
        handle: &BackendHandle,
        state: &BackendState,
    ) -> Result<Option<JobEvent>, PhaseError> {
        let now = self.clock.now();
        match state {
            BackendState::Ended(end) => {
                let result = self.result(job, handle).await?;
                return Ok(Some(JobEvent::SeenEnded {
                    end: verdict::of(job, end, result.as_ref(), now),
                }));
            }
            BackendState::Unknown => {
                let detail = format!(
                    "The job vanished: the backend {} does not know it.",
                    handle.backend
                );
                return Ok(Some(JobEvent::SeenEnded {
                    end: End::new(Reason::Infrastructure, detail, now),
                }));
            }
            BackendState::Pending | BackendState::Running => {}
        }
        if let Some(stop) = &job.stop {
            let overdue = now.since(stop.at) >= STOP_GRACE;
            let end = || End::new(stop.reason.clone(), stop.detail.clone(), now);
            return Ok(overdue.then(|| JobEvent::SeenEnded { end: end() }));
        }
        if *state == BackendState::Running && matches!(job.state, JobState::Submitted { .. }) {
            return Ok(Some(JobEvent::SeenRunning));
        }
        match job.deadline() {
            Some((deadline, reason)) if deadline <= now => {
                let detail = view::timeout(job, &reason);
                Ok(Some(JobEvent::StopRequested { reason, detail }))
            }
            _ => Ok(None),
        }
    }

    /// The agent's result, kept as a blob from now on: the backend may forget it.
    async fn result(&self, job: &Job, handle: &BackendHandle) -> Result<Option<JobResult>, PhaseError> {
        let key = crate::keys::result(&job.id, job.attempt);
        if let Some(bytes) = self.blobs.get(&key).await? {
            return Ok(verdict::parse(job, &bytes));
        }
        let Some(backend) = self.backends.by_name(&handle.backend) else {
            return Ok(None);
        };
        let Some(bytes) = backend.result(&handle.id).await? else {
            return Ok(None);
        };
        let result = verdict::parse(job, &bytes);
        if result.is_some() {
            self.blobs.put(&key, bytes).await?;
        }
        Ok(result)
    }

    /// Does what is owed; for a job that was just seen running on a backend that can't call back, when it usually ends.
    async fn effects(&self, stepped: &Stepped) -> Result<Option<Millis>, PhaseError> {
        let mut usual_end = None;
        if stepped.owes(Effect::CancelOnBackend) {
            cancel_on_backend(self.backends, &stepped.job).await?;
        }
        if stepped.owes(Effect::MarkInProgress)
            && let Some(check) = stepped.job.check
        {
            let run_id = stepped.job.id.run();
            let run = self
                .runs
                .load(&run_id)
                .await?
                .ok_or_else(|| PhaseError::Missing(format!("run {run_id}")))?;
            if !self.wait.of(&stepped.job, self.backends).callback {
                usual_end = learn::usual_end(self.history, &stepped.job, &run).await;
            }
            let state = view::in_progress(&stepped.job, self.clock.now());
            if let Err(error) = self.forge.update_check(&view::repo(&run), check, &state).await {
                // The check goes on saying "queued"; its end matters more than this.
                tracing::warn!(job = %stepped.job.id, %error, "could not mark a check as in progress");
            }
            let released = JobEvent::CheckReleased;
            step(
                self.jobs,
                self.clock,
                &stepped.job.id,
                stepped.job.attempt,
                &released,
            )
            .await?;
        }
        Ok(usual_end)
    }
}

/// Hands the execution's task token to the job's row, where the callback finds it.
pub struct AwaitCallback<'a> {
    pub jobs: &'a dyn Jobs,
    pub engine: &'a dyn Engine,
    pub clock: &'a dyn Clock,
}

impl AwaitCallback<'_> {
    /// Records the token; where the job has moved on in between, answers it at once.
    ///
    /// # Errors
    /// The ports'.
    pub async fn run(&self, input: &ExecutionInput, token: &str) -> Result<(), PhaseError> {
        let job = load(self.jobs, &input.job).await?;
        if !outcome::is_superseded(&job, input) {
            let event = JobEvent::Awaiting {
                token: token.to_owned(),
            };
            let stepped = step(self.jobs, self.clock, &job.id, input.attempt, &event).await?;
            let waits = matches!(
                stepped.job.state,
                JobState::Submitted { .. } | JobState::Running { .. }
            );
            if waits && stepped.job.task_token.as_deref() == Some(token) {
                return Ok(());
            }
        }
        Ok(self.engine.wake(token).await?)
    }
}
