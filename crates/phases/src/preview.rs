//! What an event would start, with nothing written and nobody asked: the planner's own decision about each file, and each
//! run's graph walked to its end as if every job that starts succeeded.

use crate::advance::statuses;
use crate::called::{self, CalledFile, Remote, RemoteFile};
use crate::decide::{Decided, Deciding, Decision, Only, Outcome, decide, run_of};
use crate::evaluate::{self, Expanded};
use crate::planned::diagnosis;
use crate::view;
use checkmill_core::graph::{self, Advance as Move};
use checkmill_core::run::{Diagnosis, Hold};
use checkmill_core::{CommitSha, Concurrency, End, Event, Job, JobKey, JobState, Reason, Run, UnixMillis};
use checkmill_github::forge::PlanningFiles;
use checkmill_workflow::{Changed, Diagnostics, LaterKey, Workflow};
use std::collections::BTreeMap;

/// Nothing is counted here: `github.run_number` is what it is for the first run.
const FIRST_RUN: u64 = 1;

/// What becomes of one workflow file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowPreview {
    pub path: String,
    /// The workflow's name; the path where the file was not started or can't be read.
    pub name: String,
    pub outcome: WorkflowOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowOutcome {
    /// The first rule that stopped it, as one sentence without the full stop.
    NotStarted(String),
    /// The file, or the policy, has mistakes.
    Broken(Diagnosis),
    Started {
        /// `run-name`, where the workflow has one.
        run_name: Option<String>,
        /// What its jobs wait for before anything runs: the approval of a fork's commit.
        waits_for: Option<String>,
        /// The concurrency group of the whole run.
        concurrency: Option<Concurrency>,
        /// In the order of the file.
        jobs: Vec<JobPreview>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPreview {
    pub key: JobKey,
    /// Of its check; of a job with several, as if it had none of them.
    pub name: String,
    /// The jobs that must have ended before.
    pub needs: Vec<JobKey>,
    pub outcome: JobOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    Starts {
        /// The legs as they would be queued; none where the matrix, or what each leg is made of, is decided later.
        legs: Vec<Job>,
        /// The keys whose values hang on other jobs' ends or outputs.
        later: Vec<LaterKey>,
        /// Legs that would end when they start, by their names, for the policy does not let them use their environment.
        refused: Vec<(String, Diagnosis)>,
    },
    /// It calls a workflow, whose jobs are listed behind it.
    Calls {
        /// The concurrency groups of the calls.
        concurrency: Vec<Concurrency>,
    },
    /// It calls a workflow of another repository, which is not looked at here.
    Elsewhere(String),
    /// Why, as one sentence without the full stop.
    Skipped(String),
    Broken(Diagnosis),
}

/// What the event would start. `sha` is the commit of the `files`; `changed` are the paths that the event changes.
#[must_use]
pub fn preview(
    event: &Event,
    sha: &CommitSha,
    files: &PlanningFiles,
    changed: &[String],
) -> Vec<WorkflowPreview> {
    let changed = Changed::Files {
        paths: changed,
        truncated: false,
    };
    let mut remote = Remote::new();
    let Decided { policy, files, .. } = loop {
        match decide(event, files, Some(changed), &remote, Only::default()) {
            Deciding::Decided(decided) => break *decided,
            Deciding::NeedsChangedFiles => return Vec::new(),
            Deciding::NeedsWorkflows(wanted) => {
                remote.extend(wanted.into_iter().map(|one| (one, RemoteFile::Elsewhere)));
            }
        }
    };
    let workflow = |Decision { path, outcome }| match outcome {
        Outcome::No(reason) => WorkflowPreview {
            name: path.clone(),
            path,
            outcome: WorkflowOutcome::NotStarted(reason),
        },
        Outcome::Run { mut planned, source } => {
            let called = std::mem::take(&mut planned.called);
            let run = run_of(event, sha, &policy, planned, Some(FIRST_RUN), UnixMillis(0));
            WorkflowPreview {
                path,
                name: checkmill_workflow::name_for(event, &run.workflow_name),
                outcome: outcome_of(run, source.as_deref(), called),
            }
        }
    };
    files.into_iter().map(workflow).collect()
}

fn outcome_of(run: Run, source: Option<&str>, called: Vec<CalledFile>) -> WorkflowOutcome {
    if let Some(Hold::Broken(diagnosis)) = run.hold {
        return WorkflowOutcome::Broken(diagnosis);
    }
    let workflow = checkmill_workflow::parse(&run.workflow_path, source.unwrap_or_default());
    match workflow.and_then(|workflow| called::link(workflow, &run.policy, called)) {
        Err(diagnostics) => WorkflowOutcome::Broken(diagnosis(&diagnostics)),
        Ok(workflow) => WorkflowOutcome::Started {
            run_name: run.title.clone(),
            concurrency: run.concurrency.clone(),
            waits_for: (!run.trust.may_run()).then(|| view::untrusted(&run)),
            jobs: Walk::new(run, workflow).jobs(),
        },
    }
}

/// A run in memory.
struct Walk {
    run: Run,
    workflow: Workflow,
    legs: Vec<Job>,
    outcomes: BTreeMap<JobKey, JobOutcome>,
    /// Of the checks of jobs that have one.
    names: BTreeMap<JobKey, String>,
}

impl Walk {
    const fn new(run: Run, workflow: Workflow) -> Self {
        Self {
            run,
            workflow,
            legs: Vec::new(),
            outcomes: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    fn jobs(mut self) -> Vec<JobPreview> {
        loop {
            let moves = graph::advance(&self.run.nodes, &statuses(&self.run, &self.legs));
            let keys: Vec<JobKey> = moves
                .into_iter()
                .filter_map(|step| match step {
                    Move::Expand(key) => Some(key),
                    Move::Release(_) | Move::FailFast(_) => None,
                })
                .collect();
            if keys.is_empty() {
                break;
            }
            for key in keys {
                self.expand(&key);
            }
        }
        let Self {
            run,
            workflow,
            mut outcomes,
            mut names,
            ..
        } = self;
        let job = |key: JobKey| {
            Some(JobPreview {
                needs: run.nodes.get(&key)?.needs.clone(),
                outcome: outcomes.remove(&key)?,
                name: names.remove(&key).unwrap_or_else(|| {
                    let name = checkmill_workflow::unevaluated_name(&workflow, &key);
                    checkmill_workflow::name_for(&run.event, &name)
                }),
                key,
            })
        };
        in_order(&run, &workflow).into_iter().filter_map(job).collect()
    }

    fn expand(&mut self, key: &JobKey) {
        let (mut expanded, mut outcome) = self.expanded(key);
        if let (JobOutcome::Starts { .. }, Err(refused)) = (&outcome, self.allowed(key)) {
            // `start` would end it so.
            let state = ended(Reason::Configuration, refused.summary());
            expanded.jobs.iter_mut().for_each(|job| job.state = state.clone());
            outcome = JobOutcome::Broken(diagnosis(&refused));
        }
        if let JobOutcome::Starts { legs, refused, .. } = &mut outcome {
            *refused = self.refused_environments(key, legs);
            let is_refused = |leg: &Job| refused.iter().any(|(name, _)| *name == leg.name);
            legs.retain(|leg| !is_refused(leg));
            for job in expanded.jobs.iter_mut().filter(|job| is_refused(job)) {
                job.state = ended(Reason::Configuration, "its environment is refused".to_owned());
            }
        }
        if let Some(node) = self.run.nodes.get_mut(key) {
            node.expansion = Some(expanded.expansion);
        }
        self.run.nodes.extend(expanded.nodes);
        if let [job] = expanded.jobs.as_slice() {
            self.names.insert(key.clone(), job.name.clone());
        }
        self.legs.extend(expanded.jobs.into_iter().map(succeeded));
        self.outcomes.insert(key.clone(), outcome);
    }

    fn allowed(&self, key: &JobKey) -> Result<(), Diagnostics> {
        checkmill_workflow::allowed_actions(&self.workflow, key, &self.run.policy.actions)
    }

    /// The legs whose environment the policy has not, or not for this ref.
    fn refused_environments(&self, key: &JobKey, legs: &[Job]) -> Vec<(String, Diagnosis)> {
        if self.workflow.environment_decided_later(key) {
            return Vec::new();
        }
        let judged = legs.iter().filter_map(|leg| {
            let results = evaluate::results(&self.run, &self.legs);
            let refused = evaluate::allowed_environment(&self.workflow, &self.run, leg, results).err()?;
            Some((leg.name.clone(), diagnosis(&refused)))
        });
        judged.collect()
    }

    fn needs_what_is_skipped(&self, key: &JobKey) -> bool {
        let needs = self.run.nodes.get(key).map_or(&[][..], |node| &node.needs);
        let is_skipped = |need| matches!(self.outcomes.get(need), Some(JobOutcome::Skipped(_)));
        needs.iter().any(is_skipped)
    }

    fn expanded(&self, key: &JobKey) -> (Expanded, JobOutcome) {
        let now = UnixMillis(0);
        if let Some(held) = evaluate::held(&self.workflow, &self.run, key, now) {
            let reason = match &self.run.hold {
                Some(Hold::Unmatched { detail, .. }) => sentence(detail),
                _ => "the commit's message asks for no CI".to_owned(),
            };
            return (held, JobOutcome::Skipped(reason));
        }
        if let Some(uses) = self.workflow.calls_elsewhere(key) {
            let unexpanded = evaluate::unexpanded(&self.workflow, &self.run, key, now);
            return (unexpanded, JobOutcome::Elsewhere(uses));
        }
        let later = self.workflow.decided_later(key);
        let workflow = match later.as_slice() {
            [] => self.workflow.clone(),
            // Where a need is known to be skipped, only the condition itself can say that the job runs all the same.
            [LaterKey::If] if self.needs_what_is_skipped(key) => self.workflow.clone(),
            [LaterKey::If] => self.workflow.without_condition(key),
            _ => {
                let legs = Vec::new();
                return (
                    evaluate::unexpanded(&self.workflow, &self.run, key, now),
                    JobOutcome::Starts {
                        legs,
                        later,
                        refused: Vec::new(),
                    },
                );
            }
        };
        let results = evaluate::results(&self.run, &self.legs);
        let expanded = evaluate::expand_with(&workflow, &self.run, key, results, now);
        let outcome = match (&expanded.diagnosis, expanded.jobs.as_slice()) {
            (Some(diagnosis), _) => JobOutcome::Broken(diagnosis.clone()),
            (None, []) => JobOutcome::Calls {
                concurrency: expanded
                    .expansion
                    .concurrency
                    .values()
                    .flatten()
                    .cloned()
                    .collect(),
            },
            (None, [one]) if let Some(end) = one.end() => match end.reason {
                Reason::Configuration => JobOutcome::Broken(end.detail.clone().into()),
                _ => JobOutcome::Skipped(sentence(&end.detail)),
            },
            (None, legs) => JobOutcome::Starts {
                legs: legs.to_vec(),
                later,
                refused: Vec::new(),
            },
        };
        (expanded, outcome)
    }
}

/// The jobs in the order of their files, those of a called workflow behind the job that calls it.
fn in_order(run: &Run, workflow: &Workflow) -> Vec<JobKey> {
    let mut open: Vec<JobKey> = workflow.keys().cloned().collect();
    open.reverse();
    let mut keys = Vec::new();
    while let Some(key) = open.pop() {
        let expansion = run.nodes.get(&key).and_then(|node| node.expansion.as_ref());
        let calls = expansion.map_or(&[][..], |expansion| &expansion.calls);
        let called = || workflow.keys_called_by(&key);
        let jobs = calls
            .iter()
            .flat_map(|call| called().into_iter().filter_map(|own| call.job(own)));
        let jobs: Vec<JobKey> = jobs.collect();
        open.extend(jobs.into_iter().rev());
        keys.push(key);
    }
    keys
}

/// `Skipped: it is so.` as a check says it, without what is plain here.
fn sentence(detail: &str) -> String {
    let text = detail.strip_prefix("Skipped: ").unwrap_or(detail);
    text.trim_end_matches('.').to_owned()
}

fn succeeded(mut job: Job) -> Job {
    if job.end().is_none() {
        job.state = ended(Reason::Success, String::new());
    }
    job
}

fn ended(reason: Reason, detail: String) -> JobState {
    let end = End::new(reason, detail, UnixMillis(0));
    JobState::Ended { handle: None, end }
}
