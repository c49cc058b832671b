//! Results: on every way out of an execution. Keeps the log, completes the check run, starts the jobs that waited for this
//! one, comments on the pull request, tells those who follow the run; and only then calls the attempt concluded, so that a
//! crash anywhere means doing it again.

use crate::advance::Advance;
use crate::comment::Comments;
use crate::effects::{cancel_on_backend, start_execution};
use crate::error::PhaseError;
use crate::follow::Follow;
use crate::groups::Groups;
use crate::learn::learn;
use crate::log;
use crate::outcome::{self, OUT_OF_REACH};
use crate::ports::{self, Blobs, Clock, Engine, History, Inbox, Jobs, Queue, Runs, Schedules};
use crate::report::{Ending, report, result};
use crate::step::{load, step};
use crate::translate::{self, Translator};
use crate::view;
use checkmill_backends::registry::Backends;
use checkmill_core::execution::{ExecutionInput, PhaseOutput};
use checkmill_core::retry::RetryCause;
use checkmill_core::transition::{Effect, JobEvent};
use checkmill_core::{
    CheckRunId, End, ErrorName, Job, JobState, MicroDollars, Millis, Reason, Run, UnixMillis,
};
use checkmill_github::forge::{CheckState, Forge, ForgeError, NewCheck};
use checkmill_model::Model;
use serde::{Deserialize, Serialize};

pub struct Results<'a> {
    pub deliveries: &'a dyn Inbox,
    pub queue: &'a dyn Queue,
    pub schedules: &'a dyn Schedules,
    pub runs: &'a dyn Runs,
    pub jobs: &'a dyn Jobs,
    pub groups: &'a dyn ports::Groups,
    pub blobs: &'a dyn Blobs,
    pub history: &'a dyn History,
    pub forge: &'a dyn Forge,
    pub backends: &'a Backends,
    pub engine: &'a dyn Engine,
    pub clock: &'a dyn Clock,
    /// Who translates steps that could not be run; none where it is off.
    pub model: Option<&'a dyn Model>,
}

/// An attempt's check is complete.
struct Told {
    /// None where nobody can be told.
    check: Option<CheckRunId>,
    /// This phase holds the claim on it, until the attempt is concluded.
    claimed: bool,
}

/// What a `Catch` of the state machine found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaughtError {
    #[serde(rename = "Error")]
    pub error: String,
    #[serde(rename = "Cause", default)]
    pub cause: String,
}

/// A backend that is away for this long after an end keeps no check open any more.
const BACKEND_GIVE_UP: Millis = Millis::from_minutes(60);
/// A check that GitHub refuses for this long is given up.
const REPORT_GIVE_UP: Millis = Millis::from_minutes(24 * 60);

impl Results<'_> {
    /// Reports the end of an attempt; `caught` is why the execution came here before the attempt ended.
    ///
    /// # Errors
    /// The ports': the state machine tries again, and after it the sweep.
    pub async fn run(
        &self,
        input: &ExecutionInput,
        caught: Option<&CaughtError>,
    ) -> Result<PhaseOutput, PhaseError> {
        let mut job = load(self.jobs, &input.job).await?;
        // One that waits for a concurrency group needs no execution.
        let rests = matches!(job.state, JobState::Concluded { .. } | JobState::Parked { .. });
        if outcome::is_superseded(&job, input) || rests {
            return Ok(outcome::done(input));
        }
        if job.end().is_none() {
            job = self.give_up(&job, caught).await?;
        }
        let Some(end) = job.end().cloned() else {
            return Err(PhaseError::Claimed);
        };
        let run_id = job.id.run();
        let run = self
            .runs
            .load(&run_id)
            .await?
            .ok_or_else(|| PhaseError::Missing(format!("run {run_id}")))?;

        match self.finish(input, &job, &run, &end).await {
            Err(error)
                if !error.error_name().is_retryable() && self.clock.now().since(end.at) >= REPORT_GIVE_UP =>
            {
                // What is wrong for a day stays wrong. Left open, the sweep would start this again for months.
                tracing::error!(job = %job.id, %error, "a job that ended a day ago can't be finished and is given up");
                let closed = JobEvent::Closed { check: None };
                step(self.jobs, self.clock, &job.id, job.attempt, &closed).await?;
                self.groups().leave(&run, &job).await?;
                Ok(outcome::done(input))
            }
            finished => finished,
        }
    }

    /// All that follows from an end.
    async fn finish(
        &self,
        input: &ExecutionInput,
        job: &Job,
        run: &Run,
        end: &End,
    ) -> Result<PhaseOutput, PhaseError> {
        if job.stop.is_some() || end.reason == Reason::Infrastructure {
            // It did not end by itself: nothing of it may run on.
            self.cancel(job, end.at).await?;
        }
        let result = result(self.blobs, job).await?;
        let result = result.as_ref();
        let mut lesson = learn(self.history, job, run, end, result).await?;
        let asked = self.translator().ask(job, run, end, result).await?;
        if asked.retry {
            lesson.retry = Some(RetryCause::Translated);
        }
        if run
            .cancellation(&job.key)
            .is_some_and(|cancelled| job.queued_at <= cancelled.at)
        {
            // Somebody waits for its run's place.
            lesson.retry = None;
        }
        let used = translate::used(self.blobs, job, result).await?;
        let notes: Vec<_> = lesson.notes(run).into_iter().chain(view::asked(&asked)).collect();
        let translated = view::translations(&asked, &used);
        let expected = result.map(|result| result.log_bytes);
        let backend_is_out = self.clock.now().since(end.at) >= BACKEND_GIVE_UP;
        let log = log::collect(self.blobs, self.backends, job, expected, backend_is_out).await?;
        let report = report(
            self.blobs,
            self.forge,
            &Ending {
                job,
                run,
                end,
                result,
                notes: &notes,
                log: log.as_deref(),
                cost: self.cost(job).await,
                translated: &translated,
            },
        )
        .await?;
        let told = self.tell_alone(job, run, end, report).await?;
        let concluded = self.conclude(job, run, told.check, lesson.retry).await;
        if concluded.is_err() && told.claimed {
            // The next try would wait for the claim's end, as if somebody else held it.
            self.release_check(job).await;
        }
        concluded?;
        Ok(outcome::done(input))
    }

    /// What follows once the check is complete: the next attempt, or the end of this one for all that wait for it.
    async fn conclude(
        &self,
        job: &Job,
        run: &Run,
        check: Option<CheckRunId>,
        retry: Option<RetryCause>,
    ) -> Result<(), PhaseError> {
        if let Some(cause) = retry {
            return self.retry(job, cause, check).await;
        }
        if job.may_be_retried() {
            step(self.jobs, self.clock, &job.id, job.attempt, &JobEvent::Settled).await?;
        }
        let advanced = self.advance().run_after(&run.id, &job.key).await?;
        if advanced.finished {
            self.comments().write(&advanced).await?;
            self.follow().run(&advanced.run, &advanced.jobs).await?;
        }
        self.discard(job).await;
        self.groups().leave(run, job).await?;
        step(
            self.jobs,
            self.clock,
            &job.id,
            job.attempt,
            &JobEvent::Closed { check },
        )
        .await?;
        // Two that were the last at once have each seen the other one before it was concluded.
        self.groups().leave_run(run, job, false).await?;
        Ok(())
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

    fn comments(&self) -> Comments<'_> {
        Comments {
            runs: self.runs,
            forge: self.forge,
            clock: self.clock,
        }
    }

    fn follow(&self) -> Follow<'_> {
        Follow {
            deliveries: self.deliveries,
            queue: self.queue,
            schedules: self.schedules,
            clock: self.clock,
        }
    }

    fn translator(&self) -> Translator<'_> {
        Translator {
            blobs: self.blobs,
            clock: self.clock,
            model: self.model,
        }
    }

    fn advance(&self) -> Advance<'_> {
        Advance {
            runs: self.runs,
            jobs: self.jobs,
            blobs: self.blobs,
            engine: self.engine,
            backends: self.backends,
            clock: self.clock,
        }
    }

    /// Cancels what has ended for us, unless its backend has been away for [`BACKEND_GIVE_UP`].
    async fn cancel(&self, job: &Job, since: UnixMillis) -> Result<(), PhaseError> {
        match cancel_on_backend(self.backends, job).await {
            Err(error) if self.clock.now().since(since) >= BACKEND_GIVE_UP => {
                tracing::error!(job = %job.id, %error, "what is left of a job can't be cancelled; the sweep will");
                Ok(())
            }
            result => result,
        }
    }

    /// Ends an attempt whose execution failed under it, unless another phase has a hold of it. Past its deadline also where
    /// its backend can't be reached: a check must end, and what the backend still has is an orphan, which the sweep removes.
    async fn give_up(&self, job: &Job, caught: Option<&CaughtError>) -> Result<Job, PhaseError> {
        let detail = match caught {
            Some(caught) => view::caught(&caught.error, &caught.cause),
            None => "Checkmill lost track of the job.".to_owned(),
        };
        let now = self.clock.now();
        let wanted = job.stop.as_ref().map(|stop| stop.at + BACKEND_GIVE_UP);
        let deadline = job.deadline().map(|(deadline, _)| deadline);
        match cancel_on_backend(self.backends, job).await {
            Err(error) if ![wanted, deadline].into_iter().flatten().any(|at| at <= now) => return Err(error),
            Err(error) => tracing::error!(job = %job.id, %error, "an attempt ends without its backend"),
            Ok(()) => {}
        }
        let end = End::new(Reason::Infrastructure, detail, now);
        let abandoned = JobEvent::Abandoned { end };
        Ok(step(self.jobs, self.clock, &job.id, job.attempt, &abandoned)
            .await?
            .job)
    }

    /// [`Results::tell`], while no other phase writes the check. Two at once would both create one, and one that is slow to
    /// say "in progress" would say it of a check that is complete.
    async fn tell_alone(
        &self,
        job: &Job,
        run: &Run,
        end: &End,
        report: CheckState,
    ) -> Result<Told, PhaseError> {
        // Where the check is known and nobody is at it, completing it twice says the same twice; but GitHub adds annotations up.
        if job.check.is_some() && job.check_busy_until.is_none() && report.annotations.is_empty() {
            let check = self.tell(job, run, end, report).await?;
            return Ok(Told {
                check,
                claimed: false,
            });
        }
        let claim = step(
            self.jobs,
            self.clock,
            &job.id,
            job.attempt,
            &JobEvent::ReportClaim,
        )
        .await?;
        if !claim.owes(Effect::Report) {
            return Err(PhaseError::Claimed);
        }
        let told = self.tell(&claim.job, run, end, report).await;
        if told.is_err() && claim.moved {
            self.release_check(job).await;
        }
        Ok(Told {
            check: told?,
            claimed: claim.moved,
        })
    }

    /// Where even this fails the claim runs out; what went wrong first is what the caller must hear.
    async fn release_check(&self, job: &Job) {
        let released = JobEvent::CheckReleased;
        if let Err(error) = step(self.jobs, self.clock, &job.id, job.attempt, &released).await {
            tracing::warn!(job = %job.id, %error, "could not give back the claim on a check");
        }
    }

    /// The next attempt, which nobody asked for. Its row says that an execution is owed; this attempt's owes nothing any more.
    async fn retry(&self, job: &Job, cause: RetryCause, check: Option<CheckRunId>) -> Result<(), PhaseError> {
        self.discard(job).await;
        let event = JobEvent::Retry { cause, check };
        let stepped = step(self.jobs, self.clock, &job.id, job.attempt, &event).await?;
        if stepped.owes(Effect::StartExecution) {
            start_execution(self.engine, &stepped.job).await?;
        }
        Ok(())
    }

    /// Completes the check. Where GitHub finds something in it invalid, the verdict counts more than what the job put beside
    /// it. Where nobody can be told, or GitHub refuses for [`REPORT_GIVE_UP`], the attempt is concluded without.
    async fn tell(
        &self,
        job: &Job,
        run: &Run,
        end: &End,
        report: CheckState,
    ) -> Result<Option<CheckRunId>, PhaseError> {
        let mut told = self.complete_check(job, run, &report).await;
        if let Err(PhaseError::Forge(ForgeError::Invalid(problem))) = &told {
            tracing::error!(job = %job.id, problem, "GitHub finds a check invalid; it gets the verdict alone");
            let bare = CheckState {
                annotations: Vec::new(),
                text: None,
                ..report.clone()
            };
            told = self.complete_check(job, run, &bare).await;
        }
        let late = self.clock.now().since(end.at) >= OUT_OF_REACH;
        if told.as_ref().is_err_and(PhaseError::may_be_behind) && late {
            // This phase itself may be what came late: one answer of this kind is not enough.
            told = self.complete_check(job, run, &report).await;
        }
        match told {
            Ok(check) => Ok(Some(check)),
            Err(error) if error.may_be_behind() && !late => {
                Err(ForgeError::Transient(error.to_string()).into())
            }
            Err(error) if error.is_out_of_reach() => {
                tracing::warn!(job = %job.id, %error, "nobody can be told how a job ended");
                Ok(job.check)
            }
            Err(error)
                if error.error_name() == ErrorName::Permanent
                    && self.clock.now().since(end.at) >= REPORT_GIVE_UP =>
            {
                tracing::error!(job = %job.id, %error, "how a job ended could not be reported for a day");
                Ok(job.check)
            }
            Err(error) => Err(error),
        }
    }

    /// Completes the attempt's check run, or creates it completed when it never had one.
    async fn complete_check(
        &self,
        job: &Job,
        run: &Run,
        state: &CheckState,
    ) -> Result<CheckRunId, PhaseError> {
        let repo = view::repo(run);
        let known = match job.check {
            Some(check) => Some(check),
            // An earlier try may have created it and died before it could say so. Where nobody tried, looking costs one
            // request; where somebody did, not looking leaves a second check.
            None => {
                self.forge
                    .find_check(&repo, run.check_sha(), &job.name, &job.id, job.previous_check)
                    .await?
            }
        };
        match known {
            Some(check) => {
                self.forge.update_check(&repo, check, state).await?;
                Ok(check)
            }
            None => {
                let check = NewCheck {
                    name: job.name.clone(),
                    sha: run.check_sha().clone(),
                    job: job.id.clone(),
                    state: state.clone(),
                };
                Ok(self.forge.create_check(&repo, &check).await?)
            }
        }
    }

    /// What the attempt has cost, where its backend knows. A check without it is better than none.
    async fn cost(&self, job: &Job) -> Option<MicroDollars> {
        let handle = job.handle()?;
        let backend = self.backends.by_name(&handle.backend)?;
        match backend.cost(&handle.id).await {
            Ok(cost) => cost,
            Err(error) => {
                tracing::warn!(job = %job.id, %error, "could not learn what a job has cost");
                None
            }
        }
    }

    /// The log is safe: the backend may forget the job. When it can't, the sweep or the backend's own clean-up will.
    async fn discard(&self, job: &Job) {
        let Some(handle) = job.handle() else { return };
        let Some(backend) = self.backends.by_name(&handle.backend) else {
            return;
        };
        if let Err(error) = backend.discard(&handle.id).await {
            tracing::warn!(job = %job.id, %error, "could not discard an ended job on its backend");
        }
    }
}
