//! Concurrency groups: the places that a job needs before it may be submitted, and what follows when one is given up.
//!
//! A job needs the place of its run (the workflow's `concurrency`), those of the calls that it is part of, and its own, in
//! this order. `start` asks for them. Where one is taken, the job is parked: its execution ends, and whoever gives the place
//! up starts the next one. Nobody has to poll: a row of the group says who is next, and the sweep looks at parked jobs for the
//! case that whoever should have woken them was cut off.

use crate::effects::start_execution;
use crate::error::PhaseError;
use crate::ports::{self, Clock, Engine, Jobs, Runs, StoreError};
use crate::step::step;
use crate::stop::Stop;
use crate::view;
use checkmill_backends::registry::Backends;
use checkmill_core::conclusion::CancelledBy;
use checkmill_core::group::{Claimant, Lost, Place, Standing};
use checkmill_core::limits::{
    CANCELLED_CALLS, CANCELLED_DETAIL_CHARS, GROUP_PENDING, GROUP_WAIT, STORE_CONFLICT_RETRIES,
};
use checkmill_core::run::Cancelled;
use checkmill_core::transition::{Effect, JobEvent};
use checkmill_core::{
    AttemptNumber, CallKey, Concurrency, Group, Job, JobId, JobState, Reason, RepositoryId, Run, RunId,
    UnixMillis,
};

pub(crate) struct Groups<'a> {
    pub(crate) groups: &'a dyn ports::Groups,
    pub(crate) runs: &'a dyn Runs,
    pub(crate) jobs: &'a dyn Jobs,
    pub(crate) engine: &'a dyn Engine,
    pub(crate) backends: &'a Backends,
    pub(crate) clock: &'a dyn Clock,
}

/// Whether a job may be submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It has all its places.
    Free,
    /// What it waits for, as a sentence.
    Waits(String),
    /// Who took its place, as a sentence.
    Lost(String),
    /// Why it would wait for ever.
    Never(String),
}

/// A place that a job needs.
struct Need<'a> {
    claimant: Claimant,
    wants: &'a Concurrency,
}

/// The places that a job needs, the outermost first.
fn needs<'a>(run: &'a Run, job: &'a Job) -> Vec<Need<'a>> {
    let run_needs = run.concurrency.iter().map(|wants| Need {
        claimant: Claimant::Run { id: run.id.clone() },
        wants,
    });
    let own = job.concurrency.iter().map(|wants| Need {
        claimant: Claimant::Job { id: job.id.clone() },
        wants,
    });
    run_needs.chain(call_needs(run, job)).chain(own).collect()
}

fn call_needs<'a>(run: &'a Run, job: &Job) -> Vec<Need<'a>> {
    let mut calls: Vec<CallKey> =
        std::iter::successors(job.key.call(), |call| call.caller().call()).collect();
    calls.reverse();
    let of_call = |call: CallKey| {
        let caller = run
            .nodes
            .get(&call.caller())
            .and_then(|node| node.expansion.as_ref());
        let wanted = caller.and_then(|expansion| expansion.concurrency.get(&call));
        wanted.into_iter().flatten().map(move |wants| Need {
            claimant: Claimant::Call {
                run: run.id.clone(),
                call: call.clone(),
            },
            wants,
        })
    };
    calls.into_iter().flat_map(of_call).collect()
}

/// Whether a job is one of those that a claimant has its place for.
fn is_of(job: &Job, claimant: &Claimant) -> bool {
    match claimant {
        Claimant::Run { id } => job.id.run() == *id,
        Claimant::Call { run, call } => job.id.run() == *run && call.has(&job.key),
        Claimant::Job { id } => job.id == *id,
    }
}

impl Groups<'_> {
    /// Asks for all places that a job needs.
    ///
    /// # Errors
    /// The ports'. Asking again goes on where this was cut off.
    pub(crate) async fn ask(&self, run: &Run, job: &Job) -> Result<Admission, PhaseError> {
        let needs = needs(run, job);
        for (at, need) in needs.iter().enumerate() {
            if needs[..at]
                .iter()
                .any(|outer| outer.wants.id() == need.wants.id())
            {
                // What it waits for would end only after it.
                return Ok(Admission::Never(view::deadlock(&need.wants.group)));
            }
        }
        for need in &needs {
            match self.take(run, job, need).await? {
                Admission::Free => {}
                other => return Ok(other),
            }
        }
        Ok(Admission::Free)
    }

    async fn take(&self, run: &Run, job: &Job, need: &Need<'_>) -> Result<Admission, PhaseError> {
        let repository = run.event.repository.id;
        let title = match need.claimant {
            Claimant::Job { .. } => view::place(&job.name, run),
            Claimant::Run { .. } | Claimant::Call { .. } => view::place(&run.workflow_name, run),
        };
        let wish = Place::new(need.claimant.clone(), &title, need.wants, job.queued_at);
        for _ in 0..STORE_CONFLICT_RETRIES {
            let group = self.load(repository, need.wants).await?;
            match self.settle(&group, &need.claimant).await {
                Ok(false) => {}
                Ok(true) | Err(PhaseError::Store(StoreError::Conflict)) => continue,
                Err(error) => return Err(error),
            }
            let (next, standing) = group.ask(&wish, job.attempt > AttemptNumber::FIRST);
            if let Some(next) = next {
                match self.groups.save(&next).await {
                    Err(StoreError::Conflict) => continue,
                    saved => saved?,
                }
                tracing::info!(job = %job.id, group = %next.name, ?standing, "a place in a concurrency group is asked for");
                if !next.lost.is_empty() {
                    self.tell(&next).await?;
                }
            }
            return match standing {
                Standing::Held => Ok(Admission::Free),
                Standing::Lost(lost) => {
                    Ok(Admission::Lost(view::lost_place(&group.name, lost.to.as_deref())))
                }
                Standing::Waits { behind, stop } => {
                    if stop {
                        let detail = view::lost_place(&group.name, Some(&title));
                        self.stop_claimant(&behind.claimant, true, None, &detail).await?;
                    }
                    Ok(Admission::Waits(view::waits_for(&group.name, &behind.title)))
                }
            };
        }
        Err(StoreError::Conflict.into())
    }

    async fn load(&self, repository: RepositoryId, wants: &Concurrency) -> Result<Group, PhaseError> {
        let stored = self.groups.load(repository, &wants.id()).await?;
        Ok(stored.unwrap_or_else(|| Group::new(repository, &wants.group)))
    }

    /// Does what earlier writes of the row owe: tells who lost, and frees the place of a holder that is no more. Whether the row
    /// is another one now.
    async fn settle(&self, group: &Group, asking: &Claimant) -> Result<bool, PhaseError> {
        if !group.lost.is_empty() {
            self.tell(group).await?;
            return Ok(true);
        }
        match &group.holder {
            Some(holder) if holder.claimant != *asking && !self.is_alive(&holder.claimant).await? => {
                tracing::warn!(group = %group.name, holder = ?holder.claimant, "a place whose holder has ended is freed");
                self.hand_on(group.clone(), &holder.claimant, holder.asked)
                    .await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Stops who lost, and forgets them.
    async fn tell(&self, group: &Group) -> Result<(), PhaseError> {
        for Lost { claimant, asked, to } in &group.lost {
            let detail = view::lost_place(&group.name, to.as_deref());
            self.stop_claimant(claimant, false, Some(*asked), &detail).await?;
        }
        if let Some(told) = group.told() {
            self.groups.save(&told).await.or_else(|error| match error {
                // Somebody else wrote it, and tells them too.
                StoreError::Conflict => Ok(()),
                error => Err(error),
            })?;
        }
        Ok(())
    }

    /// Gives up what a job that has ended had, and the places of its run and calls if it was their last.
    ///
    /// # Errors
    /// The ports'. Doing it again does no harm.
    pub(crate) async fn leave(&self, run: &Run, job: &Job) -> Result<(), PhaseError> {
        let repository = run.event.repository.id;
        if let Some(wants) = &job.concurrency {
            let claimant = Claimant::Job { id: job.id.clone() };
            self.give_up(repository, wants, &claimant, job.queued_at).await?;
        }
        self.leave_run(run, job, true).await
    }

    /// Gives up the places of a job's run and calls of which nothing is left to run or to report. `counted`: the job counts as
    /// concluded though its row does not say so yet.
    ///
    /// # Errors
    /// The ports'. Doing it again does no harm.
    pub(crate) async fn leave_run(&self, run: &Run, job: &Job, counted: bool) -> Result<(), PhaseError> {
        if run.concurrency.is_none() && call_needs(run, job).is_empty() {
            return Ok(());
        }
        let Some((run, jobs)) = self.runs.load_with_jobs(&run.id).await? else {
            return Ok(());
        };
        let mut needs = needs(&run, job);
        needs.retain(|need| !matches!(need.claimant, Claimant::Job { .. }));
        for need in needs.iter().rev() {
            let but = counted.then_some(&job.id);
            if let Some(asked) = over(&run, &jobs, &need.claimant, but) {
                self.give_up(run.event.repository.id, need.wants, &need.claimant, asked)
                    .await?;
            }
        }
        Ok(())
    }

    async fn give_up(
        &self,
        repository: RepositoryId,
        wants: &Concurrency,
        claimant: &Claimant,
        asked: UnixMillis,
    ) -> Result<(), PhaseError> {
        for _ in 0..STORE_CONFLICT_RETRIES {
            let group = self.load(repository, wants).await?;
            match self.hand_on(group, claimant, asked).await {
                Err(PhaseError::Store(StoreError::Conflict)) => {}
                done => return done,
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Takes a claimant out of the row, and wakes who has the place then: also where an earlier call took it out and was cut
    /// off. One that is no more goes, too.
    async fn hand_on(&self, group: Group, claimant: &Claimant, asked: UnixMillis) -> Result<(), PhaseError> {
        let mut group = group;
        let mut leaves = (claimant.clone(), asked);
        for _ in 0..=GROUP_PENDING + 1 {
            if let Some(next) = group.leave(&leaves.0, leaves.1) {
                self.groups.save(&next).await?;
                tracing::info!(group = %next.name, left = ?leaves.0, holder = ?next.holder, "a place in a concurrency group is left");
                group = next;
            }
            let Some(holder) = &group.holder else {
                return Ok(());
            };
            if holder.claimant == leaves.0 || self.wake(&holder.claimant).await? {
                return Ok(());
            }
            leaves = (holder.claimant.clone(), holder.asked);
        }
        Ok(())
    }

    /// Starts the parked jobs of a claimant; whether there is still something of it that may need the place.
    async fn wake(&self, claimant: &Claimant) -> Result<bool, PhaseError> {
        let (alive, jobs) = self.jobs_of(claimant).await?;
        for job in jobs
            .iter()
            .filter(|job| matches!(job.state, JobState::Parked { .. }))
        {
            self.place(job).await?;
        }
        Ok(alive)
    }

    async fn is_alive(&self, claimant: &Claimant) -> Result<bool, PhaseError> {
        Ok(self.jobs_of(claimant).await?.0)
    }

    /// The jobs of a claimant, and whether it is not over.
    async fn jobs_of(&self, claimant: &Claimant) -> Result<(bool, Vec<Job>), PhaseError> {
        let run = match claimant {
            Claimant::Job { id } => {
                let job = self.jobs.load(id).await?;
                let alive = job
                    .as_ref()
                    .is_some_and(|job| !matches!(job.state, JobState::Concluded { .. }));
                return Ok((alive, job.into_iter().collect()));
            }
            Claimant::Run { id } | Claimant::Call { run: id, .. } => id,
        };
        let Some((run, mut jobs)) = self.runs.load_with_jobs(run).await? else {
            return Ok((false, Vec::new()));
        };
        let alive = over(&run, &jobs, claimant, None).is_none();
        jobs.retain(|job| is_of(job, claimant));
        Ok((alive, jobs))
    }

    async fn place(&self, job: &Job) -> Result<bool, PhaseError> {
        let stepped = step(self.jobs, self.clock, &job.id, job.attempt, &JobEvent::Placed).await?;
        if stepped.owes(Effect::StartExecution) {
            start_execution(self.engine, &stepped.job).await?;
        }
        Ok(stepped.moved)
    }

    /// Looks whether a parked job can go on, and lets it; whether it does. It may have been parked just after its place became
    /// free, or whoever should have woken it was cut off.
    ///
    /// # Errors
    /// The ports'.
    pub(crate) async fn look(&self, job: &Job) -> Result<bool, PhaseError> {
        let JobState::Parked { since } = job.state else {
            return Ok(false);
        };
        let run_id = job.id.run();
        let run = self.runs.load(&run_id).await?;
        let run = run.ok_or_else(|| PhaseError::Missing(format!("run {run_id}")))?;
        let detail = match self.ask(&run, job).await? {
            Admission::Free => return self.place(job).await,
            Admission::Waits(_) if self.clock.now().since(since) < GROUP_WAIT => return Ok(false),
            Admission::Waits(waits) => view::waited_too_long(&waits),
            Admission::Lost(detail) | Admission::Never(detail) => detail,
        };
        self.stop_job(&job.id, job.attempt, &detail).await?;
        Ok(true)
    }

    /// Stops all of a claimant. `asked`: unless it has asked again since.
    async fn stop_claimant(
        &self,
        claimant: &Claimant,
        begun: bool,
        asked: Option<UnixMillis>,
        detail: &str,
    ) -> Result<(), PhaseError> {
        let (run, call) = match claimant {
            Claimant::Job { id } => {
                let job = self.jobs.load(id).await?;
                return match job.filter(|job| asked.is_none_or(|asked| job.queued_at <= asked)) {
                    Some(job) => self.stop_job(&job.id, job.attempt, detail).await,
                    None => Ok(()),
                };
            }
            Claimant::Run { id } => (id, None),
            Claimant::Call { run, call } => (run, Some(call)),
        };
        // The mark first: what comes into being after it goes by it.
        let Some(at) = self.mark(run, call, begun, detail).await? else {
            return Ok(());
        };
        let Some((_, jobs)) = self.runs.load_with_jobs(run).await? else {
            return Ok(());
        };
        for job in jobs.iter().filter(|job| is_of(job, claimant)) {
            if job.end().is_none() && job.queued_at <= at {
                self.stop_job(&job.id, job.attempt, detail).await?;
            }
        }
        Ok(())
    }

    /// Marks a run, or a call in it, as cancelled; since when it is. None where there is no such run any more.
    async fn mark(
        &self,
        id: &RunId,
        call: Option<&CallKey>,
        begun: bool,
        detail: &str,
    ) -> Result<Option<UnixMillis>, PhaseError> {
        for _ in 0..STORE_CONFLICT_RETRIES {
            let Some(run) = self.runs.load(id).await? else {
                return Ok(None);
            };
            if let Some(known) = run.cancelled.iter().find(|known| known.call.as_ref() == call) {
                return Ok(Some(known.at));
            }
            let at = self.clock.now();
            if run.cancelled.len() >= CANCELLED_CALLS {
                return Ok(Some(at));
            }
            let mut next = run;
            next.version += 1;
            next.cancelled.push(Cancelled {
                call: call.cloned(),
                begun,
                detail: detail.chars().take(CANCELLED_DETAIL_CHARS).collect(),
                at,
            });
            match self.runs.update(&next).await {
                Ok(()) => return Ok(Some(at)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn stop_job(&self, id: &JobId, attempt: AttemptNumber, detail: &str) -> Result<(), PhaseError> {
        let stop = Stop {
            jobs: self.jobs,
            engine: self.engine,
            backends: self.backends,
            clock: self.clock,
        };
        let by = CancelledBy::Concurrency;
        match stop.run(id, attempt, Reason::Cancelled { by }, detail).await {
            // The wish is in its row: its next poll stops it, or the sweep reports it. Who waits must not fail with it.
            Err(error @ (PhaseError::Backend(_) | PhaseError::Engine(_))) => {
                tracing::warn!(job = %id, %error, "what lost its place in a concurrency group goes on for now");
                Ok(())
            }
            stopped => stopped.map(drop),
        }
    }
}

/// Whether nothing of a claimant is left to run or to report: then until when its jobs were queued. `but` counts as concluded.
fn over(run: &Run, jobs: &[Job], claimant: &Claimant, but: Option<&JobId>) -> Option<UnixMillis> {
    let of_claimant: Vec<&Job> = jobs.iter().filter(|job| is_of(job, claimant)).collect();
    let is_over = |job: &&Job| {
        let concluded = matches!(job.state, JobState::Concluded { .. }) || but == Some(&job.id);
        concluded && !run.is_asked_again(job)
    };
    if !of_claimant.iter().all(is_over) {
        return None;
    }
    of_claimant.iter().map(|job| job.queued_at).max()
}
