//! What a workflow file says of its jobs, without an event: for whoever explains it.

use crate::describe;
use crate::expr::reads;
use crate::job::{StepAction, StepDescription};
use crate::model::{Container, Job, Legs, Workflow};
use checkmill_core::JobKey;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// A job as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct JobOutline<'a> {
    pub key: &'a JobKey,
    /// `runs-on`: labels, or the text of an expression.
    pub runs_on: Vec<String>,
    pub needs: &'a [JobKey],
    pub condition: Option<&'a str>,
    /// The image that the job asks for; not one that its dialect would choose where there are containers.
    pub image: Option<&'a str>,
    /// Its steps run in a container, which it asks for.
    pub in_container: bool,
    /// The ids of its services.
    pub services: Vec<&'a str>,
    /// The shell of `defaults.run`.
    pub shell: Option<&'a str>,
    /// The workflow that it calls, as it is written.
    pub calls: Option<String>,
    /// It has a matrix, or several combinations of parameters.
    pub has_legs: bool,
    /// The names in `env` of the workflow, the job and its steps.
    pub env: BTreeSet<String>,
    /// The names that its expressions read of the `secrets` context; `GITHUB_TOKEN` for `github.token`.
    pub secrets: BTreeSet<String>,
    /// The same of `vars`.
    pub vars: BTreeSet<String>,
    pub steps: Vec<StepDescription>,
}

impl Workflow {
    /// The jobs in the order of the file.
    #[must_use]
    pub fn outline(&self) -> Vec<JobOutline<'_>> {
        self.jobs.iter().map(|job| outline(self, job)).collect()
    }
}

fn outline<'a>(workflow: &'a Workflow, job: &'a Job) -> JobOutline<'a> {
    let steps: Vec<StepDescription> = job.steps.iter().map(describe::step).collect();
    let mut outline = JobOutline {
        key: &job.key,
        runs_on: labels(&job.settings.runs_on.to_json()),
        needs: &job.needs,
        condition: job.condition.as_ref().map(|text| text.value.as_str()),
        image: match &job.settings.container {
            Some(Container::Image { optional: true, .. }) | None => None,
            Some(container) => container.image(),
        },
        in_container: matches!(
            job.settings.container,
            Some(Container::Written(_) | Container::Image { optional: false, .. })
        ),
        services: service_ids(job),
        shell: [&job.defaults, &workflow.defaults]
            .into_iter()
            .find_map(|defaults| defaults.shell.as_ref())
            .map(|text| text.value.as_str()),
        calls: job.call.as_ref().map(|call| call.target.to_string()),
        has_legs: match &job.legs {
            Legs::Strategy(strategy) => strategy.is_some(),
            Legs::Listed(legs) => legs.len() > 1,
        },
        env: BTreeSet::new(),
        secrets: BTreeSet::new(),
        vars: BTreeSet::new(),
        steps: Vec::new(),
    };
    let outer = workflow.env.iter().chain(&job.env);
    for entry in outer.chain(&job.settings.variables) {
        outline.env.insert(entry.name.clone());
        outline.reads(&entry.value.value, false);
    }
    outline.reads(outline.condition.unwrap_or_default(), true);
    let written = match &job.settings.container {
        Some(Container::Written(node)) => Some(node),
        _ => None,
    };
    for node in written.into_iter().chain(&job.settings.services) {
        node.each_text(&mut |text| outline.reads(text, false));
    }
    for step in &steps {
        outline.reads_of(step);
    }
    outline.steps = steps;
    outline
}

fn service_ids(job: &Job) -> Vec<&str> {
    let entries = job.settings.services.iter().filter_map(|node| node.entries());
    entries.flatten().map(|entry| entry.key.as_str()).collect()
}

impl JobOutline<'_> {
    fn reads_of(&mut self, step: &StepDescription) {
        self.reads(step.condition.as_deref().unwrap_or_default(), true);
        for (name, text) in &step.env {
            self.env.insert(name.clone());
            self.reads(text, false);
        }
        match &step.action {
            StepAction::Run { run, .. } => self.reads(run, false),
            StepAction::Uses { with, .. } => with.values().for_each(|text| self.reads(text, false)),
        }
    }

    fn reads(&mut self, text: &str, is_condition: bool) {
        for read in reads(text, is_condition) {
            match (read.context, read.names.first()) {
                ("secrets", Some(name)) => self.secrets.insert(name.clone()),
                ("vars", Some(name)) => self.vars.insert(name.clone()),
                ("github", Some(name)) if name.eq_ignore_ascii_case("token") => {
                    self.secrets.insert("GITHUB_TOKEN".to_owned())
                }
                _ => false,
            };
        }
    }
}

/// The texts of `runs-on`, whichever form it has.
fn labels(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(labels).collect(),
        Json::Object(fields) => fields.get("labels").map(labels).unwrap_or_default(),
        _ => Vec::new(),
    }
}
