//! Where the phases meet workflow files: what their jobs become, and what the agent is told.

use crate::error::PhaseError;
use crate::planned::diagnosis;
use crate::ports::{Blobs, StoreError};
use crate::{called, keys, verdict, view};
use checkmill_core::conclusion::CancelledBy;
use checkmill_core::graph::{self, Doom, Expansion, Node};
use checkmill_core::limits::{GRAPH_BYTES, RUN_JOBS};
use checkmill_core::policy::{Policy, TokenPermissions};
use checkmill_core::retry::Retries;
use checkmill_core::run::{Diagnosis, Hold};
use checkmill_core::{
    AttemptNumber, CallKey, Concurrency, End, Job, JobId, JobKey, JobState, Login, Millis, Reason, Run,
    UnixMillis,
};
use checkmill_workflow::job::{CheckoutSource, JobDescription};
use checkmill_workflow::{
    AttemptInfo, Diagnostics, EnvironmentRules, Expansion as Evaluated, JobContext, Leg, NeedsJob,
    RunContext, Workflow,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A run's workflow, as it was at its commit.
pub(crate) enum Source {
    Workflow(Box<Workflow>),
    /// The run is held for good; its file is not looked at.
    Broken,
}

impl Source {
    /// # Errors
    /// The store's; [`PhaseError::Missing`] when the file is gone, which its retention prevents.
    pub(crate) async fn load(blobs: &dyn Blobs, run: &Run) -> Result<Self, PhaseError> {
        if matches!(run.hold, Some(Hold::Broken { .. })) {
            return Ok(Self::Broken);
        }
        let missing = || PhaseError::Missing(format!("workflow file of run {}", run.id));
        let bytes = blobs.get(&keys::workflow(&run.id)).await?.ok_or_else(missing)?;
        let text = String::from_utf8_lossy(&bytes);
        let broken = |diagnostics: Diagnostics| {
            let summary = diagnostics.summary();
            StoreError::Corrupt(format!("a workflow that parsed does no more: {summary}"))
        };
        let workflow = checkmill_workflow::parse(&run.workflow_path, &text).map_err(broken)?;
        // The jobs of a run that is held are not looked at.
        if workflow.calls().is_empty() || run.hold.is_some() {
            return Ok(Self::Workflow(Box::new(workflow)));
        }
        let bytes = blobs.get(&keys::called(&run.id)).await?.ok_or_else(missing)?;
        let files = called::decode(&bytes)?;
        let linked = called::link(workflow, &run.policy, files).map_err(broken)?;
        Ok(Self::Workflow(Box::new(linked)))
    }
}

/// Everything that a job's expressions can read, owned.
struct Contexts {
    github: Map<String, Value>,
    inputs: Map<String, Value>,
    results: BTreeMap<JobKey, NeedsJob>,
}

/// How the jobs of a run ended that have, without what they put out.
pub(crate) fn results(run: &Run, jobs: &[Job]) -> BTreeMap<JobKey, NeedsJob> {
    let statuses = crate::advance::statuses(run, jobs);
    let result = |(key, node): (&JobKey, &Node)| {
        let ended = NeedsJob {
            result: graph::result(&run.nodes, &statuses, key)?,
            outputs: BTreeMap::new(),
            calls: node
                .expansion
                .as_ref()
                .map_or_else(Vec::new, |expansion| expansion.calls.clone()),
        };
        Some((key.clone(), ended))
    };
    run.nodes.iter().filter_map(result).collect()
}

/// The same, with what those jobs put out that `key` needs, itself and for what its callers pass on to it.
async fn results_for(
    blobs: &dyn Blobs,
    run: &Run,
    jobs: &[Job],
    key: &JobKey,
) -> Result<BTreeMap<JobKey, NeedsJob>, PhaseError> {
    let mut results = results(run, jobs);
    for need in graph::sources(&run.nodes, key) {
        let expansion = run.nodes.get(&need).and_then(|node| node.expansion.as_ref());
        if let (Some(ended), Some(expansion)) = (results.get_mut(&need), expansion) {
            ended.outputs = outputs(blobs, jobs, &expansion.legs).await?;
        }
    }
    Ok(results)
}

impl Contexts {
    fn new(
        workflow: &Workflow,
        run: &Run,
        attempt: AttemptNumber,
        results: BTreeMap<JobKey, NeedsJob>,
    ) -> Self {
        let inputs = checkmill_workflow::inputs(workflow, &run.event).unwrap_or_default();
        let github = checkmill_workflow::github_context(&RunContext {
            event: &run.event,
            sha: &run.sha,
            workflow,
            run: &run.id,
            number: run.number,
            attempt,
            triggering_actor: triggering_actor(run, attempt),
            has_secrets: run.may_have_secrets(),
            api_url: &view::api_url(&run.event),
            inputs: &inputs,
        });
        Self {
            github,
            inputs,
            results,
        }
    }

    fn of<'a>(&'a self, policy: &'a Policy) -> JobContext<'a> {
        JobContext {
            github: &self.github,
            inputs: &self.inputs,
            vars: &policy.vars,
            results: &self.results,
            run_timeout_max: policy.run_timeout_max,
            cancelled: false,
        }
    }
}

/// Who asked for an attempt of the run's jobs. That one attempt more was asked for by a person is what the run knows; one
/// that was retried by itself has the person's before it.
fn triggering_actor(run: &Run, attempt: AttemptNumber) -> &Login {
    let again = run.rerun_by.as_ref().filter(|_| attempt != AttemptNumber::FIRST);
    again.unwrap_or(&run.event.sender)
}

/// The outputs of a matrix's legs together, later legs winning; an empty one does not hide another's, as GitHub has it.
async fn outputs(
    blobs: &dyn Blobs,
    jobs: &[Job],
    legs: &[JobId],
) -> Result<BTreeMap<String, String>, PhaseError> {
    let mut all = BTreeMap::new();
    for job in legs.iter().filter_map(|id| jobs.iter().find(|job| job.id == *id)) {
        let Some(bytes) = blobs.get(&keys::result(&job.id, job.attempt)).await? else {
            continue;
        };
        let Some(result) = verdict::parse(job, &bytes) else {
            continue;
        };
        for (name, value) in result.outputs {
            if !value.is_empty() || !all.contains_key(&name) {
                all.insert(name, value);
            }
        }
    }
    Ok(all)
}

/// What a node becomes: its legs, and their rows.
pub(crate) struct Expanded {
    pub(crate) expansion: Expansion,
    /// The jobs of the workflow that it calls.
    pub(crate) nodes: BTreeMap<JobKey, Node>,
    pub(crate) jobs: Vec<Job>,
    /// Why it could not be evaluated.
    pub(crate) diagnosis: Option<Diagnosis>,
}

/// Evaluates a job's `if` and matrix. A job that can't be evaluated becomes one leg that has ended with the diagnostics.
///
/// # Errors
/// The store's.
pub(crate) async fn expand(
    blobs: &dyn Blobs,
    source: &Source,
    run: &Run,
    jobs: &[Job],
    key: &JobKey,
    now: UnixMillis,
) -> Result<Expanded, PhaseError> {
    let Source::Workflow(workflow) = source else {
        // `start` ends it with what the run is held for.
        return Ok(queued(run, key, &run.workflow_name, now));
    };
    if let Some(held) = held(workflow, run, key, now) {
        return Ok(held);
    }
    // What runs after a cancellation is queued after it, whatever this clock says: that tells it from what is to be stopped.
    let now = run
        .cancellation(key)
        .map_or(now, |cancelled| now.max(cancelled.at + Millis(1)));
    let results = results_for(blobs, run, jobs, key).await?;
    let cancelled = run.cancellation(key);
    let is_again = |id: &JobId| {
        let job = jobs.iter().find(|job| job.id == *id);
        job.is_some_and(|job| job.attempt > AttemptNumber::FIRST || run.is_asked_again(job))
    };
    let doom = graph::doom(&run.nodes, &crate::advance::statuses(run, jobs), key, is_again);
    // The same for what always runs in a call that is stopped.
    let now = match doom {
        Some(Doom::Job { failed }) => now.max(failed + Millis(1)),
        _ => now,
    };
    // What never began is evaluated for its name alone.
    let never_begun = cancelled.filter(|cancelled| !cancelled.begun);
    let is_cancelled =
        never_begun.is_none() && (cancelled.is_some() || matches!(doom, Some(Doom::Job { .. })));
    let mut expanded = evaluated(workflow, run, key, results, is_cancelled, now);
    if let Some(cancelled) = never_begun {
        let by = CancelledBy::Concurrency;
        expanded = stopped(workflow, run, key, expanded, by, &cancelled.detail, now);
    } else if doom == Some(Doom::Call) {
        let by = CancelledBy::FailFast;
        let detail = format!("Cancelled by {by}.");
        expanded = stopped(workflow, run, key, expanded, by, &detail, now);
    }
    if let (Some(diagnosis), [job]) = (&expanded.diagnosis, expanded.jobs.as_slice()) {
        let known = jobs.iter().find(|known| known.id == job.id);
        let attempt = known.map_or(job.attempt, |known| known.attempt.next());
        let diagnosis = keys::encode_diagnosis(diagnosis)?;
        blobs.put(&keys::diagnostics(&job.id, attempt), diagnosis).await?;
    }
    Ok(expanded)
}

/// What the workflow calls this run, and the concurrency group that it is in.
pub(crate) fn of_run(
    workflow: &Workflow,
    run: &Run,
) -> Result<(Option<String>, Option<Concurrency>), Diagnosis> {
    let contexts = Contexts::new(workflow, run, AttemptNumber::FIRST, BTreeMap::new());
    let (github, inputs, vars) = (&contexts.github, &contexts.inputs, &run.policy.vars);
    let evaluate = || {
        let name = checkmill_workflow::run_name(workflow, github, inputs, vars)?;
        let concurrency = checkmill_workflow::run_concurrency(workflow, github, inputs, vars)?;
        Ok((name, concurrency))
    };
    evaluate().map_err(|diagnostics| diagnosis(&diagnostics))
}

/// A job of a run that is held as one queued leg, of which nothing is evaluated: `start` ends it, too.
pub(crate) fn held(workflow: &Workflow, run: &Run, key: &JobKey, now: UnixMillis) -> Option<Expanded> {
    let name = match run.hold.as_ref()? {
        Hold::SkipCi => checkmill_workflow::unevaluated_name(workflow, key),
        Hold::Unmatched { check, .. } => check.clone(),
        Hold::Broken { .. } => return None,
    };
    Some(queued(run, key, &name, now))
}

/// A job as one queued leg, of which nothing has been evaluated.
pub(crate) fn unexpanded(workflow: &Workflow, run: &Run, key: &JobKey, now: UnixMillis) -> Expanded {
    queued(
        run,
        key,
        &checkmill_workflow::unevaluated_name(workflow, key),
        now,
    )
}

/// What would have become of a job that ends before it runs: another call has failed, or its place in a concurrency group is
/// lost. One that calls a workflow itself, or can't be evaluated, is one leg then.
fn stopped(
    workflow: &Workflow,
    run: &Run,
    key: &JobKey,
    mut expanded: Expanded,
    by: CancelledBy,
    detail: &str,
    now: UnixMillis,
) -> Expanded {
    let state = || {
        let end = End::new(Reason::Cancelled { by: by.clone() }, detail, now);
        JobState::Ended { handle: None, end }
    };
    if !expanded.expansion.calls.is_empty() || expanded.diagnosis.is_some() {
        let name = checkmill_workflow::unevaluated_name(workflow, key);
        return alone(row(run, key, &held_leg(run, &name), state(), now));
    }
    // What never began was not skipped either: a skipped check lets a merge pass.
    let is_stopped = |job: &&mut Job| by == CancelledBy::Concurrency || job.end().is_none();
    for job in expanded.jobs.iter_mut().filter(is_stopped) {
        job.state = state();
    }
    expanded
}

fn queued(run: &Run, key: &JobKey, name: &str, now: UnixMillis) -> Expanded {
    alone(row(run, key, &held_leg(run, name), JobState::Queued, now))
}

/// Evaluates a job's `if` and matrix with what is known of the jobs before it.
pub(crate) fn expand_with(
    workflow: &Workflow,
    run: &Run,
    key: &JobKey,
    results: BTreeMap<JobKey, NeedsJob>,
    now: UnixMillis,
) -> Expanded {
    let is_cancelled = run.cancellation(key).is_some();
    evaluated(workflow, run, key, results, is_cancelled, now)
}

fn evaluated(
    workflow: &Workflow,
    run: &Run,
    key: &JobKey,
    results: BTreeMap<JobKey, NeedsJob>,
    is_cancelled: bool,
    now: UnixMillis,
) -> Expanded {
    let contexts = Contexts::new(workflow, run, AttemptNumber::FIRST, results);
    let ended = |name: &str, reason, detail| {
        let end = End::new(reason, detail, now);
        let state = JobState::Ended { handle: None, end };
        alone(row(run, key, &held_leg(run, name), state, now))
    };
    let unevaluated = || checkmill_workflow::unevaluated_name(workflow, key);
    let context = JobContext {
        cancelled: is_cancelled,
        ..contexts.of(&run.policy)
    };
    match checkmill_workflow::expand(workflow, key, &context) {
        Ok(Evaluated::Legs { legs, .. }) if known_jobs(run) + legs.len() > RUN_JOBS => {
            let detail = format!(
                "The matrix of `{key}` has {} legs, with which the run has more than {RUN_JOBS} jobs.",
                legs.len()
            );
            ended(&unevaluated(), Reason::Configuration, detail)
        }
        Ok(Evaluated::Legs {
            fail_fast,
            max_parallel,
            legs,
        }) => legs_of(run, key, &legs, fail_fast, max_parallel, now),
        Ok(Evaluated::Calls {
            nodes, concurrency, ..
        }) if let Some(detail) = too_many(run, key, &nodes, &concurrency) => {
            ended(&unevaluated(), Reason::Configuration, detail)
        }
        Ok(Evaluated::Calls {
            fail_fast,
            max_parallel,
            calls,
            concurrency,
            nodes,
        }) => Expanded {
            expansion: Expansion {
                legs: Vec::new(),
                calls,
                concurrency,
                fail_fast,
                max_parallel,
            },
            nodes,
            jobs: Vec::new(),
            diagnosis: None,
        },
        // A skipped check lets a merge pass, and the condition is a stranger's: `start` has it approved first.
        Ok(Evaluated::Skipped { name, .. }) if !run.trust.may_run() => queued(run, key, &name, now),
        Ok(Evaluated::Skipped { reason, name }) => {
            ended(&name, Reason::Skipped, format!("Skipped: {reason}."))
        }
        Err(diagnostics) => Expanded {
            diagnosis: Some(diagnosis(&diagnostics)),
            ..ended(&unevaluated(), Reason::Configuration, diagnostics.summary())
        },
    }
}

/// The jobs that the run has by now: a re-run may have left rows of others.
fn known_jobs(run: &Run) -> usize {
    let expansions = run.nodes.values().filter_map(|node| node.expansion.as_ref());
    expansions.map(|expansion| expansion.legs.len()).sum()
}

/// A job in the place of what can't be kept: its row, or that of the run with it, is larger than the store takes.
pub(crate) fn unkept(source: &Source, run: &Run, key: &JobKey, now: UnixMillis) -> Expanded {
    let name = match source {
        Source::Workflow(workflow) => checkmill_workflow::unevaluated_name(workflow, key),
        Source::Broken => run.workflow_name.clone(),
    };
    let end = End::new(Reason::Configuration, view::unkept_job(key), now);
    let state = JobState::Ended { handle: None, end };
    alone(row(run, key, &held_leg(run, &name), state, now))
}

/// What is said where a run can't take up the jobs of the workflows that one of its jobs calls.
fn too_many(
    run: &Run,
    key: &JobKey,
    nodes: &BTreeMap<JobKey, Node>,
    groups: &BTreeMap<CallKey, Vec<Concurrency>>,
) -> Option<String> {
    let jobs = nodes.len();
    if run.nodes.len() + jobs > RUN_JOBS {
        return Some(format!(
            "The workflows that `{key}` calls have {jobs} jobs, with which the run has more than {RUN_JOBS} jobs."
        ));
    }
    let bytes = |(key, node): (&JobKey, &Node)| {
        let keys = node.needs.iter().chain([key]);
        keys.map(|key| key.as_str().len()).sum::<usize>()
    };
    // A group's name, with what the row says around it.
    let of_call = |(call, groups): (&CallKey, &Vec<Concurrency>)| {
        let names = groups.iter().map(|of| of.group.len() + 64);
        call.as_str().len() + names.sum::<usize>()
    };
    let expansions = run.nodes.values().filter_map(|node| node.expansion.as_ref());
    let known = expansions.flat_map(|expansion| &expansion.concurrency);
    let keys: usize = run.nodes.iter().chain(nodes).map(bytes).sum();
    let all = keys + known.chain(groups).map(of_call).sum::<usize>();
    (all > GRAPH_BYTES).then(|| {
        format!(
            "The {jobs} jobs of the workflows that `{key}` calls make the run's graph larger than {GRAPH_BYTES} bytes: call \
             fewer at once, or give the jobs on the way and their concurrency groups shorter names."
        )
    })
}

fn alone(job: Job) -> Expanded {
    let expansion = Expansion {
        legs: vec![job.id.clone()],
        calls: Vec::new(),
        concurrency: BTreeMap::new(),
        fail_fast: false,
        max_parallel: None,
    };
    Expanded {
        expansion,
        nodes: BTreeMap::new(),
        jobs: vec![job],
        diagnosis: None,
    }
}

/// The leg of a job that does not run.
fn held_leg(run: &Run, name: &str) -> Leg {
    Leg {
        leg: String::new(),
        name: name.to_owned(),
        runs_on: Vec::new(),
        continue_on_error: false,
        timeout: run.policy.run_timeout_max,
        permissions: None,
        concurrency: None,
    }
}

fn legs_of(
    run: &Run,
    key: &JobKey,
    legs: &[Leg],
    fail_fast: bool,
    max_parallel: Option<u32>,
    now: UnixMillis,
) -> Expanded {
    let places = max_parallel.map_or(usize::MAX, |max| max.max(1) as usize);
    let state = |index| {
        if index < places {
            JobState::Queued
        } else {
            JobState::Waiting
        }
    };
    let jobs: Vec<Job> = legs
        .iter()
        .enumerate()
        .map(|(index, leg)| row(run, key, leg, state(index), now))
        .collect();
    let legs = jobs.iter().map(|job| job.id.clone()).collect();
    Expanded {
        expansion: Expansion {
            legs,
            calls: Vec::new(),
            concurrency: BTreeMap::new(),
            fail_fast,
            max_parallel,
        },
        nodes: BTreeMap::new(),
        jobs,
        diagnosis: None,
    }
}

fn row(run: &Run, key: &JobKey, leg: &Leg, state: JobState, now: UnixMillis) -> Job {
    Job {
        id: JobId::derive(&run.id, key, &leg.leg),
        key: key.clone(),
        leg: leg.leg.clone(),
        name: checkmill_workflow::name_for(&run.event, &leg.name),
        runs_on: leg.runs_on.clone(),
        continue_on_error: leg.continue_on_error,
        queue_timeout: run.policy.queue_timeout,
        run_timeout: leg.timeout,
        retries: Retries::allowed(run.policy.model.retries(run.policy.retry)),
        concurrency: leg.concurrency.clone(),
        attempt: AttemptNumber::FIRST,
        generation: 0,
        state,
        queued_at: now,
        placed_at: None,
        running_at: None,
        stop: None,
        early_report: None,
        check: None,
        check_uncertain: false,
        check_busy_until: None,
        previous_check: None,
        revived_at: None,
        task_token: None,
        version: 1,
    }
}

/// Whether the policy lets a leg use the environment of its job; what is wrong where it does not.
pub(crate) fn allowed_environment(
    workflow: &Workflow,
    run: &Run,
    leg: &Job,
    results: BTreeMap<JobKey, NeedsJob>,
) -> Result<(), Diagnostics> {
    let contexts = Contexts::new(workflow, run, leg.attempt, results);
    let git_ref = checkmill_workflow::full_ref(&run.event);
    let rules = EnvironmentRules {
        rules: &run.policy.environments,
        git_ref: &git_ref,
    };
    checkmill_workflow::allowed_environment(workflow, &leg.key, &leg.leg, &contexts.of(&run.policy), rules)
}

/// What the agent is told, and what its token may do.
pub(crate) struct Described {
    pub(crate) description: JobDescription,
    pub(crate) permissions: TokenPermissions,
}

/// Describes one attempt of a job; what is wrong where it can't be.
///
/// # Errors
/// The store's.
pub(crate) async fn describe(
    blobs: &dyn Blobs,
    source: &Source,
    run: &Run,
    siblings: &[Job],
    job: &Job,
) -> Result<Result<Described, Diagnosis>, PhaseError> {
    let Source::Workflow(workflow) = source else {
        return Ok(Err("The workflow file is broken.".to_owned().into()));
    };
    let results = results_for(blobs, run, siblings, &job.key).await?;
    let contexts = Contexts::new(workflow, run, job.attempt, results);
    let git_ref = checkmill_workflow::full_ref(&run.event);
    let attempt = AttemptInfo {
        job: &job.id,
        attempt: job.attempt,
        checkout: CheckoutSource {
            clone_url: run.event.repository.clone_url.clone(),
            repository: run.event.repository.name.to_string(),
            sha: run.sha.to_string(),
            git_ref: git_ref.clone(),
            only: run
                .only_own_commits()
                .map(|commits| commits.iter().map(ToString::to_string).collect()),
        },
        callback: None,
        actions: &run.policy.actions,
        containers: run.policy.containers,
        environments: EnvironmentRules {
            rules: &run.policy.environments,
            git_ref: &git_ref,
        },
    };
    let described =
        checkmill_workflow::describe(workflow, &job.key, &job.leg, &contexts.of(&run.policy), attempt);
    // A job that asks for nothing gets what everybody gets; nobody gets more than the policy allows.
    let asked = workflow
        .permissions(&job.key)
        .unwrap_or_else(TokenPermissions::read_only);
    let permissions = run.permitted(&asked);
    Ok(described
        .map(|description| Described {
            description,
            permissions,
        })
        .map_err(|diagnostics| diagnosis(&diagnostics)))
}
