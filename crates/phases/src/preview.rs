//! What an event would start, with nothing written and nobody asked: the planner's own decision about each file, and each
//! run's graph walked to its end as if every job that starts succeeded.

use crate::advance::statuses;
use crate::decide::{Decided, Decision, Outcome, decide, run_of};
use crate::evaluate::{self, Expanded};
use crate::planned::diagnosis;
use crate::view;
use checkmill_core::graph::{self, Advance as Move};
use checkmill_core::run::{Diagnosis, Hold};
use checkmill_core::{CommitSha, End, Event, Job, JobKey, JobState, Reason, Run, UnixMillis};
use checkmill_github::forge::PlanningFiles;
use checkmill_workflow::{Changed, LaterKey, Workflow};
use std::collections::BTreeMap;

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
        /// In the order of the file.
        jobs: Vec<JobPreview>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPreview {
    pub key: JobKey,
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
    },
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
    let Some(Decided { policy, files, .. }) = decide(event, files, Some(changed), None) else {
        return Vec::new();
    };
    let workflow = |Decision { path, outcome }| match outcome {
        Outcome::No(reason) => WorkflowPreview {
            name: path.clone(),
            path,
            outcome: WorkflowOutcome::NotStarted(reason),
        },
        Outcome::Run { planned, source } => {
            let run = run_of(event, sha, &policy, planned, UnixMillis(0));
            WorkflowPreview {
                path,
                name: run.workflow_name.clone(),
                outcome: outcome_of(run, source.as_deref()),
            }
        }
    };
    files.into_iter().map(workflow).collect()
}

fn outcome_of(run: Run, source: Option<&str>) -> WorkflowOutcome {
    if let Some(Hold::Broken(diagnosis)) = run.hold {
        return WorkflowOutcome::Broken(diagnosis);
    }
    match checkmill_workflow::parse(&run.workflow_path, source.unwrap_or_default()) {
        Err(diagnostics) => WorkflowOutcome::Broken(diagnosis(&diagnostics)),
        Ok(workflow) => WorkflowOutcome::Started {
            run_name: run.title.clone(),
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
}

impl Walk {
    const fn new(run: Run, workflow: Workflow) -> Self {
        Self {
            run,
            workflow,
            legs: Vec::new(),
            outcomes: BTreeMap::new(),
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
            ..
        } = self;
        let job = |key: &JobKey| {
            Some(JobPreview {
                key: key.clone(),
                needs: run.nodes.get(key)?.needs.clone(),
                outcome: outcomes.remove(key)?,
            })
        };
        workflow.keys().filter_map(job).collect()
    }

    fn expand(&mut self, key: &JobKey) {
        let (expanded, outcome) = self.expanded(key);
        if let Some(node) = self.run.nodes.get_mut(key) {
            node.expansion = Some(expanded.expansion);
        }
        self.legs.extend(expanded.jobs.into_iter().map(succeeded));
        self.outcomes.insert(key.clone(), outcome);
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
                    JobOutcome::Starts { legs, later },
                );
            }
        };
        let results = evaluate::results(&self.run, &self.legs);
        let expanded = evaluate::expand_with(&workflow, &self.run, &self.legs, key, results, now);
        let outcome = match (&expanded.diagnosis, expanded.jobs.as_slice()) {
            (Some(diagnosis), _) => JobOutcome::Broken(diagnosis.clone()),
            (None, [one]) if let Some(end) = one.end() => match end.reason {
                Reason::Configuration => JobOutcome::Broken(end.detail.clone().into()),
                _ => JobOutcome::Skipped(sentence(&end.detail)),
            },
            (None, legs) => JobOutcome::Starts {
                legs: legs.to_vec(),
                later,
            },
        };
        (expanded, outcome)
    }
}

/// `Skipped: it is so.` as a check says it, without what is plain here.
fn sentence(detail: &str) -> String {
    let text = detail.strip_prefix("Skipped: ").unwrap_or(detail);
    text.trim_end_matches('.').to_owned()
}

fn succeeded(mut job: Job) -> Job {
    if job.end().is_none() {
        let end = End::new(Reason::Success, String::new(), UnixMillis(0));
        job.state = JobState::Ended { handle: None, end };
    }
    job
}
