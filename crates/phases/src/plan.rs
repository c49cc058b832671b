//! Plan: from a delivery to runs, jobs and executions. Doing it again writes nothing new, because every id follows from the
//! delivery and the workflow file.

use crate::admit::{Admission, is_our_own};
use crate::advance::Advance;
use crate::backoff;
use crate::called::{self, CalledFile, Remote};
pub use crate::decide::Only;
use crate::decide::{Decided, Deciding, Decision, Outcome, decide, run_id, run_of, target_files};
use crate::dirs::{self, POLICY_PATH};
use crate::error::PhaseError;
use crate::numbering::Numbering;
use crate::planned::Planned;
use crate::ports::{
    Blobs, Clock, Deliveries, DeliveryState, Engine, Jobs, Numbers, Runs, Schedules, StoreError,
};
use crate::rerun::Rerun;
use crate::timetable::Timetables;
use crate::{keys, view};
use checkmill_backends::registry::Backends;
use checkmill_core::event::{ButtonAction, EventKind};
use checkmill_core::limits::DELIVERY_REDRIVE_ENQUEUED;
use checkmill_core::policy::{ForkPolicy, Policy};
use checkmill_core::run::{Hold, Trust};
use checkmill_core::{CommitSha, DeliveryId, Event, Millis, Run, RunId};
use checkmill_github::changed_lines::ChangedLines;
use checkmill_github::forge::{
    Beside, ChangeSet, ChangedFiles, FileAtRef, Forge, ForgeError, FoundFile, PlanningFiles, RepoRef,
};
use checkmill_workflow::{Changed, RemoteWorkflow};

/// How long something that GitHub has just told us of may be unknown to the server that we ask.
const NOT_SEEN_YET: Millis = Millis::from_minutes(2);

pub struct Plan<'a> {
    pub deliveries: &'a dyn Deliveries,
    pub runs: &'a dyn Runs,
    pub jobs: &'a dyn Jobs,
    pub schedules: &'a dyn Schedules,
    pub numbers: &'a dyn Numbers,
    pub blobs: &'a dyn Blobs,
    pub forge: &'a dyn Forge,
    pub engine: &'a dyn Engine,
    pub backends: &'a Backends,
    pub clock: &'a dyn Clock,
    /// How long the queue goes on bringing a message that is refused for good: [`backoff::LIFE`] for SQS.
    pub refused_for: Millis,
    pub only: Only<'a>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanOutcome {
    /// What follows from it; no run where no workflow matches.
    Runs(PlannedRuns),
    /// Jobs of earlier runs were started again or stopped.
    Acted,
    /// It had been planned before.
    Duplicate,
}

/// What an event of the repository's history led to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlannedRuns {
    pub runs: Vec<RunId>,
    /// The workflow files that it does not start, each with the first rule that stopped it.
    pub unmatched: Vec<(String, String)>,
}

impl Plan<'_> {
    /// Plans one delivery and marks its row.
    ///
    /// # Errors
    /// [`PhaseError::Missing`] for an unknown delivery, and the ports'. The queue delivers again, then keeps it among its
    /// dead letters, where somebody is alarmed; the sweep tries for a day. One that was given up then is planned all the
    /// same when GitHub redelivers it.
    pub async fn run(&self, id: &DeliveryId) -> Result<PlanOutcome, PhaseError> {
        let Some((event, state)) = self.deliveries.load(id).await? else {
            return Err(PhaseError::Missing(format!("delivery {id}")));
        };
        if state == DeliveryState::Planned {
            return Ok(PlanOutcome::Duplicate);
        }
        let outcome = match self.plan(&event).await {
            Ok(outcome) => outcome,
            // One of GitHub's servers may not know yet what another has just told us of.
            Err(PhaseError::Forge(ForgeError::NotFound(what)))
                if self.clock.now().since(event.received_at) < NOT_SEEN_YET =>
            {
                return Err(ForgeError::Transient(format!("{what}: not there yet")).into());
            }
            Err(error) => {
                self.wait(id, &error).await;
                return Err(error);
            }
        };
        self.deliveries.advance(id, &DeliveryState::Planned).await?;
        Ok(outcome)
    }

    /// A message that waits in the queue is not lost: the sweep is not to queue another one meanwhile.
    async fn wait(&self, id: &DeliveryId, error: &PhaseError) {
        let now = self.clock.now();
        let until = match backoff::asked(error) {
            Some(asked) => now + asked + DELIVERY_REDRIVE_ENQUEUED,
            None if error.error_name().is_retryable() => return,
            None => now + self.refused_for,
        };
        let deferred = async {
            // Whoever took it in may not have got that far.
            self.deliveries.advance(id, &DeliveryState::Enqueued).await?;
            self.deliveries.defer(id, until).await
        };
        if let Err(error) = deferred.await {
            tracing::warn!(delivery = %id, %error, "a delivery that waits may be queued twice");
        }
    }

    async fn plan(&self, event: &Event) -> Result<PlanOutcome, PhaseError> {
        match &event.kind {
            EventKind::Push(push) if push.after.is_none() => Ok(PlanOutcome::Runs(PlannedRuns::default())),
            EventKind::Push(_)
            | EventKind::PullRequest(_)
            | EventKind::PullRequestTarget(_)
            | EventKind::Release(_)
            | EventKind::IssueComment(_)
                if is_our_own(self.forge, event).await? =>
            {
                let why = "Checkmill or one of its jobs has made it: a workflow must not start itself";
                tracing::info!(delivery = %event.delivery, event = event.name(), why, "an event starts nothing");
                Ok(PlanOutcome::Runs(PlannedRuns::default()))
            }
            EventKind::Push(_)
            | EventKind::PullRequest(_)
            | EventKind::PullRequestTarget(_)
            | EventKind::MergeGroup(_)
            | EventKind::WorkflowDispatch(_)
            | EventKind::Release(_)
            | EventKind::IssueComment(_)
            | EventKind::WorkflowRun(_) => self.plan_workflows(event).await.map(PlanOutcome::Runs),
            EventKind::Repository(other) => {
                let admission = Admission {
                    schedules: self.schedules,
                    forge: self.forge,
                };
                let runs = match admission.of(event, other, &repo_of(event)).await? {
                    Some(event) => self.plan_workflows(&event).await?,
                    None => PlannedRuns::default(),
                };
                Ok(PlanOutcome::Runs(runs))
            }
            EventKind::Schedule(_) => self.plan_scheduled(event).await.map(PlanOutcome::Runs),
            EventKind::CheckRunRerequested(check) => {
                self.rerun().job(event, check).await?;
                Ok(PlanOutcome::Acted)
            }
            EventKind::CheckSuiteRerequested { head_sha } => {
                self.rerun().failed_of_commit(event, head_sha).await?;
                Ok(PlanOutcome::Acted)
            }
            EventKind::RequestedAction { action, check } => {
                match action {
                    ButtonAction::Approve => self.rerun().approve(event, check).await?,
                    ButtonAction::Cancel => self.rerun().cancel(event, check).await?,
                }
                Ok(PlanOutcome::Acted)
            }
        }
    }

    /// A repository that can't be had any more, or that takes no checks, must not be asked for every five minutes, nor fill
    /// the dead letters.
    async fn plan_scheduled(&self, event: &Event) -> Result<PlannedRuns, PhaseError> {
        match self.plan_workflows(event).await {
            Err(error) if error.is_for_good() => {
                self.timetables().rest(event.repository.id, &error).await?;
                Ok(PlannedRuns::default())
            }
            planned => planned,
        }
    }

    async fn plan_workflows(&self, event: &Event) -> Result<PlannedRuns, PhaseError> {
        let repo = repo_of(event);
        let Some(sha) = self.sha(event, &repo).await? else {
            return Ok(PlannedRuns::default());
        };
        // GitHub has one webhook for both events of a pull request.
        let target = event.as_target();
        let beside = if target.is_some() {
            Beside::DefaultBranch
        } else {
            Beside::Nothing
        };
        let mut files = self
            .forge
            .planning_files(&repo, &sha, &dirs::all(), POLICY_PATH, beside)
            .await?;
        let default_branch = files.default_branch.take();
        if files.archived && matches!(event.kind, EventKind::Schedule(_)) {
            return Err(ForgeError::Forbidden(format!("{} is archived", repo.name)).into());
        }
        let mut changed = None;
        let mut planned = PlannedRuns::default();
        let of = Of {
            repo: &repo,
            sha: &sha,
            files: &files,
        };
        self.plan_files(event, of, &mut changed, &mut planned).await?;
        if let (Some(event), Some(head)) = (target, default_branch) {
            let sha = head.sha.clone();
            let files = target_files(files, head);
            let of = Of {
                repo: &repo,
                sha: &sha,
                files: &files,
            };
            self.plan_files(&event, of, &mut changed, &mut planned).await?;
        }
        Ok(planned)
    }

    /// One event and the files that it is for.
    async fn plan_files(
        &self,
        event: &Event,
        of: Of<'_>,
        changed: &mut Option<ChangedFiles>,
        planned: &mut PlannedRuns,
    ) -> Result<(), PhaseError> {
        let Of { repo, sha, files } = of;
        let decided = self.decide(event, repo, files, changed).await?;
        if let Some(waits) = &decided.waits {
            self.timetables().keep(event, repo, sha, waits).await?;
        }
        for Decision { path, outcome } in decided.files {
            match outcome {
                Outcome::No(reason) => {
                    tracing::info!(delivery = %event.delivery, workflow = %path, reason, "a workflow does not match");
                    planned.unmatched.push((path, reason));
                }
                Outcome::Run {
                    planned: mut file,
                    source,
                } => {
                    let called = std::mem::take(&mut file.called);
                    called::log(event, &called);
                    let before = self.runs.load(&run_id(event, &file.path)).await?;
                    let number = match &before {
                        Some(run) => run.number,
                        None => self.number(event, &decided.policy, &file).await?,
                    };
                    let run = run_of(event, sha, &decided.policy, file, number, self.clock.now());
                    planned.runs.push(run.id.clone());
                    let blobs = before.is_none().then_some((source, called.as_slice()));
                    match self.create(&run, blobs).await {
                        Err(PhaseError::Store(StoreError::TooLarge(problem))) => {
                            self.create_unkept(event, sha, &path, number, &problem).await?;
                        }
                        created => created?,
                    }
                }
            }
        }
        Ok(())
    }

    /// The decision about each file. The changed files are asked for only where a path filter hangs on them, other
    /// repositories' files only where a job calls them.
    async fn decide(
        &self,
        event: &Event,
        repo: &RepoRef,
        files: &PlanningFiles,
        changed: &mut Option<ChangedFiles>,
    ) -> Result<Decided, PhaseError> {
        let mut remote = Remote::new();
        // Each turn brings what the one before lacked: the changed files, or one level of files that others call.
        loop {
            match decide(event, files, changed.as_ref().map(known), &remote, self.only) {
                Deciding::Decided(decided) => return Ok(*decided),
                Deciding::NeedsChangedFiles if changed.is_some() => {
                    let given = "the changed files, which were given";
                    return Err(PhaseError::Missing(given.to_owned()));
                }
                Deciding::NeedsChangedFiles => *changed = Some(self.changed_files(event, repo).await?),
                Deciding::NeedsWorkflows(wanted) => {
                    let files = self.workflows(event, repo, wanted, &remote).await?;
                    remote.extend(files);
                }
            }
        }
    }

    /// Other repositories' workflow files, in one request.
    async fn workflows(
        &self,
        event: &Event,
        repo: &RepoRef,
        wanted: Vec<RemoteWorkflow>,
        known: &Remote,
    ) -> Result<Remote, PhaseError> {
        let at: Vec<FileAtRef> = wanted.iter().map(|of| called::at_ref(of, known)).collect();
        let found = self.forge.files_at(repo, &at).await?;
        let mut found = found.into_iter();
        let file = |of: RemoteWorkflow| {
            let found = found.next().unwrap_or(FoundFile::NoRepository);
            let file = called::judged(event, &of, found);
            (of, file)
        };
        Ok(wanted.into_iter().map(file).collect())
    }

    async fn sha(&self, event: &Event, repo: &RepoRef) -> Result<Option<CommitSha>, PhaseError> {
        if let Some(sha) = event.sha() {
            return Ok(Some(sha.clone()));
        }
        let Some(git_ref) = event.git_ref() else {
            return Ok(None);
        };
        let sha = self.forge.resolve_ref(repo, &git_ref).await?;
        match event.kind {
            EventKind::Schedule(_) if sha.is_none() => Err(ForgeError::NotFound(git_ref.to_string()).into()),
            _ => Ok(sha),
        }
    }

    async fn changed_files(&self, event: &Event, repo: &RepoRef) -> Result<ChangedFiles, PhaseError> {
        let Some(of) = ChangeSet::of(&event.kind) else {
            return Ok(ChangedFiles::Known {
                paths: Vec::new(),
                lines: ChangedLines::default(),
                truncated: false,
            });
        };
        let changed = self.forge.changed_files(repo, &of).await?;
        if let ChangedFiles::Unknown { why } = &changed {
            tracing::info!(delivery = %event.delivery, why, "path filters hold no workflow back");
        }
        Ok(changed)
    }

    /// The number of a new run; none of one that GitHub would not have made.
    async fn number(
        &self,
        event: &Event,
        policy: &Policy,
        planned: &Planned,
    ) -> Result<Option<u64>, PhaseError> {
        if matches!(planned.hold, Some(Hold::SkipCi | Hold::Unmatched { .. })) {
            return Ok(None);
        }
        let numbering = Numbering {
            numbers: self.numbers,
        };
        let is_own = Trust::of(event, policy) == Trust::Own;
        let run = run_id(event, &planned.path);
        let number = numbering.take(event.repository.id, &planned.path, &run, is_own);
        Ok(Some(number.await?))
    }

    /// Writes a run and moves it on. `files` are its workflow file and those that it calls; none where they are kept already.
    async fn create(
        &self,
        run: &Run,
        files: Option<(Option<String>, &[CalledFile])>,
    ) -> Result<(), PhaseError> {
        if let Some((source, called)) = files {
            if !called.is_empty() {
                let files = called::encode(called)?;
                self.blobs.put(&keys::called(&run.id), files).await?;
            }
            if let Some(source) = source {
                let key = keys::workflow(&run.id);
                self.blobs.put(&key, source.into_bytes()).await?;
            }
        }
        let created = self.runs.create(run).await?;
        let advanced = self.advance().run(&run.id).await?;
        if !created {
            self.advance().start_queued(&advanced.jobs).await?;
        }
        Ok(())
    }

    /// A run in the place of one whose row can't be kept, because it is too large: a check says so, and the other files have
    /// theirs.
    async fn create_unkept(
        &self,
        event: &Event,
        sha: &CommitSha,
        path: &str,
        number: Option<u64>,
        problem: &str,
    ) -> Result<(), PhaseError> {
        tracing::error!(delivery = %event.delivery, path, problem, "a run can't be kept");
        let planned = Planned::broken(path, view::unkept(path).into());
        // Without the policy, whose variables may be what is too large.
        let run = run_of(event, sha, &Policy::default(), planned, number, self.clock.now());
        self.create(&run, None).await
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

    fn timetables(&self) -> Timetables<'_> {
        Timetables {
            schedules: self.schedules,
            forge: self.forge,
            clock: self.clock,
        }
    }

    fn rerun(&self) -> Rerun<'_> {
        Rerun {
            runs: self.runs,
            jobs: self.jobs,
            blobs: self.blobs,
            forge: self.forge,
            engine: self.engine,
            backends: self.backends,
            clock: self.clock,
        }
    }
}

fn repo_of(event: &Event) -> RepoRef {
    RepoRef {
        installation: event.installation,
        id: event.repository.id,
        name: event.repository.name.clone(),
    }
}

/// The files of a commit of a repository.
#[derive(Clone, Copy)]
struct Of<'a> {
    repo: &'a RepoRef,
    sha: &'a CommitSha,
    files: &'a PlanningFiles,
}

/// As the trigger's rules want it.
fn known(changed: &ChangedFiles) -> Changed<'_> {
    match changed {
        ChangedFiles::Known { paths, truncated, .. } => Changed::Files {
            paths,
            truncated: *truncated,
        },
        ChangedFiles::Unknown { .. } => Changed::Unknown,
    }
}

/// Whether this fork's run can be approved at all.
#[must_use]
pub fn may_be_approved(run: &Run) -> bool {
    run.trust == Trust::ForkUnapproved && run.forks() == ForkPolicy::Approval
}
