//! What people ask for on a check: run it again, run the failed ones again, approve a fork's commit, cancel.

use crate::advance::{Advance, is_left_out};
use crate::error::PhaseError;
use crate::log;
use crate::plan::may_be_approved;
use crate::ports::{Blobs, Clock, Engine, Jobs, Runs, StoreError};
use crate::report::{Ending, report, result};
use crate::step::step;
use crate::stop::Stop;
use crate::translate::{self, Asked};
use crate::view;
use checkmill_backends::registry::Backends;
use checkmill_core::conclusion::CancelledBy;
use checkmill_core::event::CheckRef;
use checkmill_core::graph::{close, dependents};
use checkmill_core::limits::STORE_CONFLICT_RETRIES;
use checkmill_core::run::Trust;
use checkmill_core::transition::JobEvent;
use checkmill_core::{CheckRunId, CommitSha, Event, EventKind, Job, JobKey, JobState, Reason, Run, RunId};
use checkmill_github::forge::{CheckState, Forge};
use std::collections::BTreeSet;

pub struct Rerun<'a> {
    pub runs: &'a dyn Runs,
    pub jobs: &'a dyn Jobs,
    pub blobs: &'a dyn Blobs,
    pub forge: &'a dyn Forge,
    pub engine: &'a dyn Engine,
    pub backends: &'a Backends,
    pub clock: &'a dyn Clock,
}

impl Rerun<'_> {
    /// The next attempt of one job, if the sender may write to its repository. One that still runs, or that we no longer
    /// know, stays as it is.
    ///
    /// # Errors
    /// The ports'.
    pub async fn job(&self, event: &Event, check: &CheckRef) -> Result<(), PhaseError> {
        let Some(job) = self.find(event, check).await? else {
            return Ok(());
        };
        if !self.may_act(event, "re-run").await? {
            return self.refuse(event, &job, NotAgain::MayNot).await;
        }
        self.again(event, &job).await?;
        self.advance(&job.id.run()).await
    }

    /// The next attempt of every job of the commit that failed, and of those that depend on one.
    ///
    /// # Errors
    /// The ports'.
    pub async fn failed_of_commit(&self, event: &Event, sha: &CommitSha) -> Result<(), PhaseError> {
        if !self.may_act(event, "re-run").await? {
            return self.refuse_commit(event, sha, NotAgain::MayNot).await;
        }
        let mut errors = Vec::new();
        let mut runs_again = false;
        for run in self.runs.of_commit(event.repository.id, sha).await? {
            // What fails after the request is none of what it is about: the queue may bring the request more than once.
            let failed = |job: &Job| {
                job.end().is_some_and(|end| {
                    let counts = !end.reason.conclusion().passes() && !end.reason.awaits_trust();
                    counts && end.at <= event.received_at
                })
            };
            // A run that can't be taken up now, because an end of it is being reported, does not hold up the others.
            match self.rerun_where(event, &run, failed).await {
                Ok(again) => runs_again |= again,
                Err(error) => {
                    tracing::warn!(%run, %error, "could not run the failed jobs of a run again yet");
                    errors.push(error);
                }
            }
        }
        if !runs_again && errors.is_empty() {
            return self.refuse_commit(event, sha, NotAgain::NothingFailed).await;
        }
        worth_another_try(errors)
    }

    /// GitHub shows a suite as queued from the request to run it again until something is reported in it. Where nothing runs
    /// again, the newest check says so.
    async fn refuse_commit(&self, event: &Event, sha: &CommitSha, why: NotAgain) -> Result<(), PhaseError> {
        let mut newest: Option<Job> = None;
        for run in self.runs.of_commit(event.repository.id, sha).await? {
            let Some((_, jobs)) = self.runs.load_with_jobs(&run).await? else {
                continue;
            };
            if jobs
                .iter()
                .any(|job| job.end().is_none() && job.state != JobState::Waiting)
            {
                // It runs, and will report.
                return Ok(());
            }
            newest = newest.into_iter().chain(jobs).max_by_key(|job| job.check);
        }
        match newest {
            Some(job) => self.refuse(event, &job, why).await,
            None => Ok(()),
        }
    }

    /// Approves a fork's commit, if the sender may write to the repository, and starts what waited for it: the runs of
    /// exactly this commit that get the same by it as the one on whose check the button was pressed.
    ///
    /// # Errors
    /// The ports'.
    pub async fn approve(&self, event: &Event, check: &CheckRef) -> Result<(), PhaseError> {
        let Some(pressed) = self.run_of(event, check).await? else {
            return Ok(());
        };
        if !self.may_act(event, "approve").await? {
            return Ok(());
        }
        let mut errors = Vec::new();
        for run in self.runs.of_commit(event.repository.id, &check.head_sha).await? {
            let other = self.runs.load(&run).await?;
            if !other.is_some_and(|other| other.is_approved_with(&pressed)) {
                continue;
            }
            if let Err(error) = self.approve_run(event, &run).await {
                tracing::warn!(%run, %error, "could not start what was approved yet");
                errors.push(error);
            }
        }
        worth_another_try(errors)
    }

    async fn approve_run(&self, event: &Event, run: &RunId) -> Result<(), PhaseError> {
        if !self.record_approval(run, event).await? {
            return Ok(());
        }
        let now = self.clock.now();
        let starts = |job: &Job| matches!(job.state, JobState::Claimed { until } if until > now);
        let jobs = self.runs.load_with_jobs(run).await?;
        if jobs.is_some_and(|(_, jobs)| jobs.iter().any(starts)) {
            // A start that began before may have read the run as it was. Its end must be there first: the queue brings the
            // approval back.
            return Err(StoreError::Conflict.into());
        }
        self.tell_approved(run).await?;
        self.rerun_where(event, run, awaits_approval).await?;
        Ok(())
    }

    /// Says on the checks of the attempts that waited who approved them. Before the next attempts, while the rows still know
    /// those checks: an approval that comes again after a crash in between says the same once more.
    async fn tell_approved(&self, run: &RunId) -> Result<(), PhaseError> {
        let Some((run, jobs)) = self.runs.load_with_jobs(run).await? else {
            return Ok(());
        };
        let Trust::ForkApproved { by, .. } = &run.trust else {
            return Ok(());
        };
        let runs_now = |job: &&Job| {
            let is_over = matches!(job.state, JobState::Concluded { .. }) && !job.is_exhausted();
            is_over && awaits_approval(job) && !is_left_out(&run, job)
        };
        for job in jobs.iter().filter(runs_now) {
            if let (Some(check), Some(end)) = (job.check, job.end()) {
                self.say(&run, job, check, &view::approved(job, end, by)).await?;
            }
        }
        Ok(())
    }

    /// Stops a job, if the sender may write to the repository.
    ///
    /// # Errors
    /// The ports'.
    pub async fn cancel(&self, event: &Event, check: &CheckRef) -> Result<(), PhaseError> {
        let Some(job) = self.find(event, check).await? else {
            return Ok(());
        };
        if !self.may_act(event, "cancel").await? {
            return Ok(());
        }
        let by = CancelledBy::User(event.sender.clone());
        let detail = format!("Cancelled by {by}.");
        let stop = Stop {
            jobs: self.jobs,
            engine: self.engine,
            backends: self.backends,
            clock: self.clock,
        };
        stop.run(&job.id, job.attempt, Reason::Cancelled { by }, &detail)
            .await?;
        Ok(())
    }

    /// The job of a check, if it is one of the event's repository and commit. The `external_id` alone proves nothing: a job
    /// whose token may write checks can give its own check any.
    async fn find(&self, event: &Event, check: &CheckRef) -> Result<Option<Job>, PhaseError> {
        match (&check.job, self.run_of(event, check).await?) {
            (Some(id), Some(_)) => Ok(self.jobs.load(id).await?),
            _ => Ok(None),
        }
    }

    /// The run of a check, where it is one of the repository and commit that the request is about.
    async fn run_of(&self, event: &Event, check: &CheckRef) -> Result<Option<Run>, PhaseError> {
        let Some(id) = &check.job else { return Ok(None) };
        let run = self.runs.load(&id.run()).await?.filter(|run| {
            run.event.repository.id == event.repository.id && *run.check_sha() == check.head_sha
        });
        if run.is_none() {
            tracing::info!(job = %id, repository = %event.repository.name, "a request for a job that is not here");
        }
        Ok(run)
    }

    async fn may_act(&self, event: &Event, what: &str) -> Result<bool, PhaseError> {
        let repo = view::repo_of(event);
        let may = self.forge.may_write(&repo, &event.sender).await?;
        if !may {
            tracing::warn!(sender = %event.sender, what, "refused: no write permission on the repository");
        }
        Ok(may)
    }

    /// Whether the run is approved now (by this or an earlier approval).
    async fn record_approval(&self, id: &RunId, event: &Event) -> Result<bool, PhaseError> {
        for _ in 0..STORE_CONFLICT_RETRIES {
            let Some(run) = self.runs.load(id).await? else {
                return Ok(false);
            };
            if matches!(run.trust, Trust::ForkApproved { .. }) {
                return Ok(true);
            }
            if !may_be_approved(&run) {
                return Ok(false);
            }
            let trust = Trust::ForkApproved {
                by: event.sender.clone(),
                at: self.clock.now(),
            };
            let next = Run {
                trust,
                version: run.version + 1,
                ..run
            };
            match self.runs.update(&next).await {
                Ok(()) => {
                    tracing::info!(run = %id, by = %event.sender, sha = %next.check_sha(), "a fork's commit is approved");
                    return Ok(true);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The next attempt of the run's jobs that `wanted` picks. The jobs that depend on them are evaluated anew when those
    /// have ended. All of it is one write to the run's row, so that no old result can be taken for the new one, and whoever
    /// moves the run on carries it out: a request that dies leaves nothing half done. Whether there is one.
    async fn rerun_where(
        &self,
        event: &Event,
        id: &RunId,
        wanted: impl Fn(&Job) -> bool + Send,
    ) -> Result<bool, PhaseError> {
        for _ in 0..STORE_CONFLICT_RETRIES {
            let Some((run, jobs)) = self.runs.load_with_jobs(id).await? else {
                return Ok(false);
            };
            let Some(mut again) = Again::of(&run, &jobs, &wanted)? else {
                // An earlier try of this request may have died before it could.
                self.advance(id).await?;
                return Ok(false);
            };
            if !matches!(event.kind, EventKind::RequestedAction { .. }) {
                again.next.rerun_by = Some(event.sender.clone());
            }
            match self.runs.update(&again.next).await {
                Ok(()) => {
                    self.advance(id).await?;
                    for job in again.exhausted {
                        self.refuse(event, job, NotAgain::Exhausted).await?;
                    }
                    return Ok(true);
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Releases what is to run again, as far as `max-parallel` allows.
    async fn advance(&self, run: &RunId) -> Result<(), PhaseError> {
        let advance = Advance {
            runs: self.runs,
            jobs: self.jobs,
            blobs: self.blobs,
            engine: self.engine,
            backends: self.backends,
            clock: self.clock,
        };
        let advanced = advance.run(run).await?;
        advance.start_queued(&advanced.jobs).await
    }

    async fn again(&self, event: &Event, job: &Job) -> Result<(), PhaseError> {
        if matches!(job.state, JobState::Ended { .. }) {
            // Its end is being reported; the queue brings the request back.
            return Err(StoreError::Conflict.into());
        }
        if job.is_exhausted() {
            return self.refuse(event, job, NotAgain::Exhausted).await;
        }
        if !matches!(job.state, JobState::Concluded { .. }) {
            return Ok(());
        }
        if self.take_up(event, job).await? {
            step(self.jobs, self.clock, &job.id, job.attempt, &JobEvent::Rerun).await?;
        }
        Ok(())
    }

    /// Makes a run ready for a job that is wanted again; whether the job's row says all that there is to know of it. One that
    /// was not even evaluated is closed up: whoever moves the run on does that. What others in its concurrency groups have
    /// cancelled of the run is asked for again with any of its jobs.
    async fn take_up(&self, event: &Event, job: &Job) -> Result<bool, PhaseError> {
        for _ in 0..STORE_CONFLICT_RETRIES {
            let Some(run) = self.runs.load(&job.id.run()).await? else {
                return Ok(true);
            };
            let evaluated = is_evaluated(&run, job);
            let mut next = run.clone();
            next.version += 1;
            next.cancelled.clear();
            next.rerun_by = Some(event.sender.clone());
            if !evaluated {
                close(&mut next.nodes, &BTreeSet::from([job.key.clone()]));
            }
            if (&next.cancelled, &next.nodes, &next.rerun_by) == (&run.cancelled, &run.nodes, &run.rerun_by) {
                return Ok(evaluated);
            }
            match self.runs.update(&next).await {
                Ok(()) => return Ok(evaluated),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Says on a job's check why nothing runs again; its conclusion stays.
    async fn refuse(&self, event: &Event, job: &Job, why: NotAgain) -> Result<(), PhaseError> {
        tracing::warn!(job = %job.id, attempt = %job.attempt, ?why, "a request to run again is refused");
        let (Some(check), Some(end)) = (job.check, job.end()) else {
            return Ok(());
        };
        let Some(run) = self.runs.load(&job.id.run()).await? else {
            return Ok(());
        };
        let result = result(self.blobs, job).await?;
        let used = translate::used(self.blobs, job, result.as_ref()).await?;
        let nothing = Asked::default();
        // Where it is not kept yet, that is still to be done, by the results of the attempt.
        let log = log::kept(self.blobs, job).await?;
        let ending = Ending {
            job,
            run: &run,
            end,
            result: result.as_ref(),
            notes: &[],
            log: log.as_deref(),
            // It was known as long as the backend knew the job.
            cost: None,
            translated: &view::translations(&nothing, &used),
        };
        let last = report(self.blobs, self.forge, &ending).await?;
        self.say(&run, job, check, &view::not_again(last, event, why))
            .await
    }

    /// Writes a check of an attempt that is over; that nobody can be told keeps nothing from its way.
    async fn say(
        &self,
        run: &Run,
        job: &Job,
        check: CheckRunId,
        state: &CheckState,
    ) -> Result<(), PhaseError> {
        match self.forge.update_check(&view::repo(run), check, state).await {
            Err(error) if !error.error_name().is_retryable() => {
                tracing::warn!(job = %job.id, %error, "nobody can be told what came of a request");
                Ok(())
            }
            told => Ok(told?),
        }
    }
}

fn awaits_approval(job: &Job) -> bool {
    job.end()
        .is_some_and(|end| end.reason == Reason::ApprovalRequired)
}

/// Why nothing runs again though somebody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAgain {
    /// The job has had all the attempts that it may have.
    Exhausted,
    NothingFailed,
    /// Who asked may not write to the repository.
    MayNot,
}

/// Of what kept several runs from moving: an error after which trying again helps, where there is one.
fn worth_another_try(mut errors: Vec<PhaseError>) -> Result<(), PhaseError> {
    let passes = errors.iter().position(|error| error.error_name().is_retryable());
    if errors.is_empty() {
        return Ok(());
    }
    Err(errors.swap_remove(passes.unwrap_or(0)))
}

/// Whether it has been found out what the job needs to run. Of one that was skipped, or cancelled before it could begin, only
/// that is known.
fn is_evaluated(run: &Run, job: &Job) -> bool {
    run.hold.is_some() || !job.runs_on.is_empty()
}

/// What a request to run jobs of a run again comes to.
struct Again<'j> {
    next: Run,
    /// Those that have had all the attempts they may have.
    exhausted: Vec<&'j Job>,
}

impl<'j> Again<'j> {
    /// None where nothing is to run again.
    ///
    /// # Errors
    /// A conflict where an end that counts is still being reported: the queue brings the request back.
    fn of(run: &Run, jobs: &'j [Job], wanted: impl Fn(&Job) -> bool) -> Result<Option<Self>, StoreError> {
        // A leg of an earlier expansion is no part of the run any more: nothing would ever release it.
        let picked: Vec<&Job> = jobs
            .iter()
            .filter(|job| !is_left_out(run, job) && !run.is_asked_again(job) && wanted(job))
            .collect();
        if picked.is_empty() {
            return Ok(None);
        }
        if picked
            .iter()
            .any(|job| matches!(job.state, JobState::Ended { .. }))
        {
            return Err(StoreError::Conflict);
        }
        let stale: BTreeSet<JobKey> = picked
            .iter()
            .flat_map(|job| dependents(&run.nodes, &job.key))
            .collect();
        let mut next = run.clone();
        next.version += 1;
        next.cancelled.clear();
        // Those of earlier requests have been carried out, but for what is still to come.
        next.asked
            .retain(|id, asked| jobs.iter().any(|job| job.id == *id && *asked > job.attempt));
        let free = picked.into_iter().filter(|job| !stale.contains(&job.key));
        let (exhausted, again): (Vec<&Job>, Vec<&Job>) = free.partition(|job| job.is_exhausted());
        let (again, unevaluated): (Vec<&Job>, Vec<&Job>) =
            again.into_iter().partition(|job| is_evaluated(run, job));
        let closed = unevaluated.into_iter().map(|job| job.key.clone());
        close(&mut next.nodes, &stale.iter().cloned().chain(closed).collect());
        next.asked
            .extend(again.iter().map(|job| (job.id.clone(), job.attempt.next())));
        let stale_and_exhausted = jobs
            .iter()
            .filter(|job| stale.contains(&job.key) && job.is_exhausted());
        Ok(Some(Self {
            next,
            exhausted: exhausted.into_iter().chain(stale_and_exhausted).collect(),
        }))
    }
}
