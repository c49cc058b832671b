//! What called workflows put out: `on.workflow_call.outputs`, made of the outputs of their jobs.

use super::at::{MadeCall, callee};
use super::passed::{OwnInputs, passed};
use crate::contexts::{NeedsJob, jobs_context, vars_context};
use crate::diagnostic::Diagnostics;
use crate::expand::{JobContext, scope};
use crate::expr::JobStatus;
use crate::model::{Job, Workflow};
use crate::resolve::Resolver;
use checkmill_core::{CallKey, JobKey};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// The jobs of one workflow of the run.
#[derive(Clone, Copy)]
pub(super) struct Level<'a> {
    pub(super) workflow: &'a Workflow,
    /// None for the run's own.
    pub(super) call: Option<&'a CallKey>,
    pub(super) inputs: &'a Map<String, Json>,
    pub(super) outer: &'a JobContext<'a>,
}

type Results = BTreeMap<JobKey, NeedsJob>;

impl Level<'_> {
    /// How the jobs of this workflow ended that have, by the keys of its file. Of jobs that call others, those have outputs
    /// that `key` needs, directly or through others.
    pub(super) fn results_for(self, key: &JobKey) -> Result<Results, Diagnostics> {
        self.results(&self.workflow.ancestors(key).into_iter().collect())
    }

    fn results(self, of: &BTreeSet<&JobKey>) -> Result<Results, Diagnostics> {
        let mut results: Results = self.workflow.keys().filter_map(|own| self.ended(own)).collect();
        // Each after those that it needs: what it passes on may be made of their outputs.
        let mut open: Vec<&Job> = self
            .workflow
            .jobs
            .iter()
            .filter(|job| of.contains(&job.key))
            .collect();
        while !open.is_empty() {
            let is_open = |key: &JobKey| open.iter().any(|job| job.key == *key);
            let (later, now): (Vec<&Job>, Vec<&Job>) =
                open.iter().partition(|job| job.needs.iter().any(is_open));
            if now.is_empty() {
                break;
            }
            for job in now {
                let calls = results
                    .get(&job.key)
                    .map(|job| job.calls.clone())
                    .unwrap_or_default();
                let outputs = self.outputs(job, &calls, &results)?;
                if let Some(ended) = results.get_mut(&job.key).filter(|_| job.call.is_some()) {
                    ended.outputs = outputs;
                }
            }
            open = later;
        }
        Ok(results)
    }

    fn ended(self, own: &JobKey) -> Option<(JobKey, NeedsJob)> {
        let full = match self.call {
            Some(call) => call.job(own)?,
            None => own.clone(),
        };
        Some((own.clone(), self.outer.results.get(&full)?.clone()))
    }

    /// Of all calls of a job together, later legs winning; an empty one does not hide another's, as GitHub has it.
    fn outputs(
        self,
        job: &Job,
        calls: &[CallKey],
        results: &Results,
    ) -> Result<BTreeMap<String, String>, Diagnostics> {
        let mut all = BTreeMap::new();
        for call in calls {
            for (name, value) in self.outputs_of(job, call, results)? {
                if !value.is_empty() || !all.contains_key(&name) {
                    all.insert(name, value);
                }
            }
        }
        Ok(all)
    }

    fn outputs_of(
        self,
        job: &Job,
        key: &CallKey,
        results: &Results,
    ) -> Result<Vec<(String, String)>, Diagnostics> {
        let context = JobContext {
            inputs: self.inputs,
            results,
            ..*self.outer
        };
        let made = MadeCall::of(self.workflow, job, key, &context)?;
        let callee = callee(self.workflow, made.call)?;
        let declared = match &callee.triggers.workflow_call {
            Some(trigger) if !trigger.outputs.is_empty() => &trigger.outputs,
            _ => return Ok(Vec::new()),
        };
        let passed = passed(
            self.workflow,
            job,
            made.call,
            callee,
            &made.contexts,
            &OwnInputs::default(),
        )?;
        let level = Level {
            workflow: callee,
            call: Some(key),
            inputs: &passed.inputs,
            outer: self.outer,
        };
        let jobs = level.results(&callee.keys().collect())?;
        let contexts: Map<String, Json> = [
            ("github", Json::Object(self.outer.github.clone())),
            ("vars", Json::Object(vars_context(self.outer.vars))),
            ("inputs", Json::Object(passed.inputs.clone())),
            ("jobs", Json::Object(jobs_context(&jobs))),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let resolver = Resolver {
            source: &callee.source,
            scope: scope(&contexts, JobStatus::Success),
        };
        let values = declared
            .iter()
            .map(|output| Ok((output.name.clone(), resolver.text(&output.value)?)));
        values.collect()
    }
}
