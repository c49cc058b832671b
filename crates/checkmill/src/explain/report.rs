//! What is printed, as one value.

use super::becomes::{Job, Rules, StepReport};
use super::detect::{self, Dependencies, Files};
use super::machine::Machine;
use checkmill_workflow::JobOutline;
use checkmill_workflow::job::RunDefaults;
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) file: String,
    pub(super) name: String,
    /// What is said of actions is about this one.
    pub(super) machine: Machine,
    pub(super) jobs: Vec<JobReport>,
}

#[derive(Debug, Serialize)]
pub(super) struct JobReport {
    pub(super) key: String,
    pub(super) runs_on: Vec<String>,
    /// The workflow that it runs, in place of steps of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) calls: Option<String>,
    pub(super) needs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) services: Vec<String>,
    /// Why the job can't run here at all; a sentence without its full stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<String>,
    pub(super) matrix: bool,
    pub(super) steps: Vec<StepReport>,
    /// What its steps set up.
    pub(super) tools: BTreeSet<String>,
    pub(super) env: BTreeSet<String>,
    pub(super) secrets: BTreeSet<String>,
    pub(super) vars: BTreeSet<String>,
    pub(super) dependencies: Vec<Dependencies>,
}

impl Report {
    pub(super) fn has_refusals(&self) -> bool {
        if self.jobs.iter().any(|job| job.refused.is_some()) {
            return true;
        }
        let mut steps = self.jobs.iter().flat_map(|job| &job.steps);
        steps.any(StepReport::has_refusals)
    }
}

pub(super) fn job(job: &JobOutline<'_>, rules: &Rules<'_>, files: &Files) -> JobReport {
    let around = Job {
        defaults: RunDefaults {
            shell: job.shell.or(job.in_container.then_some("sh")).map(str::to_owned),
            working_directory: None,
        },
        in_container: job.in_container,
    };
    let steps: Vec<StepReport> = job
        .steps
        .iter()
        .map(|step| rules.step(step, &around, 0))
        .collect();
    JobReport {
        key: job.key.to_string(),
        runs_on: job.runs_on.clone(),
        calls: job.calls.clone(),
        needs: job.needs.iter().map(ToString::to_string).collect(),
        condition: job.condition.map(str::to_owned),
        image: job.image.map(str::to_owned),
        services: job.services.iter().map(|id| (*id).to_owned()).collect(),
        refused: refused(job, rules),
        matrix: job.has_legs,
        tools: steps.iter().filter_map(|step| step.brings.clone()).collect(),
        steps,
        env: job.env.clone(),
        secrets: job.secrets.clone(),
        vars: job.vars.clone(),
        dependencies: detect::dependencies(job, files),
    }
}

/// The backend of one machine is that machine; what others have, they say when the job starts.
fn refused(job: &JobOutline<'_>, rules: &Rules<'_>) -> Option<String> {
    let what = match (job.in_container, job.services.is_empty()) {
        (true, _) => "it runs in a container",
        (false, false) => "its services are containers",
        (false, true) => return None,
    };
    (!rules.machine.containers).then(|| format!("{what}, and there is no container engine on this machine"))
}
