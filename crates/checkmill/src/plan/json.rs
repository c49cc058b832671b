//! The plan for programs. What is added to it later is added beside what is there.

use super::Report;
use checkmill_core::run::{Diagnosis, Mark};
use checkmill_core::{Concurrency, Job, JobKey};
use checkmill_phases::preview::{JobOutcome, JobPreview, WorkflowOutcome, WorkflowPreview};
use checkmill_workflow::LaterKey;
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Object<'a> {
    event: Option<&'static str>,
    sha: &'a str,
    changed: &'a [String],
    ignored: Option<&'a str>,
    workflows: Vec<WorkflowObject<'a>>,
}

#[derive(Serialize)]
struct WorkflowObject<'a> {
    path: &'a str,
    name: &'a str,
    /// `starts`, `not_started` or `broken`.
    state: &'static str,
    reason: Option<&'a str>,
    waits_for: Option<&'a str>,
    run_name: Option<&'a str>,
    concurrency: Option<&'a Concurrency>,
    diagnostics: Option<Diagnostics<'a>>,
    jobs: Vec<JobObject<'a>>,
}

#[derive(Serialize)]
struct JobObject<'a> {
    key: &'a str,
    /// Of its check, where it has one.
    name: &'a str,
    /// `starts`, `later`, `calls`, `elsewhere`, `skipped` or `broken`.
    state: &'static str,
    /// The workflow that it calls and that is not looked at.
    uses: Option<&'a str>,
    needs: Vec<&'a str>,
    /// Of the calls that it makes.
    concurrency: Vec<&'a Concurrency>,
    decided_later: Vec<&'static str>,
    reason: Option<&'a str>,
    diagnostics: Option<Diagnostics<'a>>,
    legs: Vec<LegObject<'a>>,
    /// Legs that would end when they start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Refused<'a>>,
}

#[derive(Serialize)]
struct LegObject<'a> {
    name: &'a str,
    matrix: Value,
    runs_on: &'a [String],
    continue_on_error: bool,
    timeout_ms: u64,
    concurrency: Option<&'a Concurrency>,
}

/// A leg that its environment is refused to.
#[derive(Serialize)]
struct Refused<'a> {
    name: &'a str,
    diagnostics: Diagnostics<'a>,
}

#[derive(Serialize)]
struct Diagnostics<'a> {
    text: &'a str,
    places: &'a [Mark],
}

pub(super) fn json(report: &Report) -> anyhow::Result<String> {
    let object = Object {
        event: report.event.as_ref().map(checkmill_core::Event::name),
        sha: report.sha.as_str(),
        changed: &report.changed,
        ignored: report.ignored.as_deref(),
        workflows: report.workflows.iter().map(workflow).collect(),
    };
    Ok(serde_json::to_string(&object)? + "\n")
}

fn workflow(of: &WorkflowPreview) -> WorkflowObject<'_> {
    let mut object = WorkflowObject {
        path: &of.path,
        name: &of.name,
        state: "starts",
        reason: None,
        waits_for: None,
        run_name: None,
        concurrency: None,
        diagnostics: None,
        jobs: Vec::new(),
    };
    match &of.outcome {
        WorkflowOutcome::NotStarted(reason) => {
            object.state = "not_started";
            object.reason = Some(reason);
        }
        WorkflowOutcome::Broken(diagnosis) => {
            object.state = "broken";
            object.diagnostics = Some(diagnostics(diagnosis));
        }
        WorkflowOutcome::Started {
            run_name,
            waits_for,
            concurrency,
            jobs,
        } => {
            object.concurrency = concurrency.as_ref();
            object.run_name = run_name.as_deref();
            object.waits_for = waits_for.as_deref();
            object.jobs = jobs.iter().map(job).collect();
        }
    }
    object
}

fn job(of: &JobPreview) -> JobObject<'_> {
    let mut object = JobObject {
        key: of.key.as_str(),
        name: &of.name,
        state: "starts",
        uses: None,
        needs: of.needs.iter().map(JobKey::as_str).collect(),
        concurrency: Vec::new(),
        decided_later: Vec::new(),
        reason: None,
        diagnostics: None,
        legs: Vec::new(),
        refused: Vec::new(),
    };
    match &of.outcome {
        JobOutcome::Starts { legs, later, refused } => {
            if legs.is_empty() && !refused.is_empty() {
                object.state = "broken";
            } else if !later.is_empty() {
                object.state = "later";
            }
            object.decided_later = later.iter().copied().map(LaterKey::as_str).collect();
            object.legs = legs.iter().map(leg).collect();
            let refused = refused.iter().map(|(name, diagnosis)| Refused {
                name,
                diagnostics: diagnostics(diagnosis),
            });
            object.refused = refused.collect();
        }
        JobOutcome::Calls { concurrency } => {
            object.state = "calls";
            object.concurrency = concurrency.iter().collect();
        }
        JobOutcome::Elsewhere(uses) => {
            object.state = "elsewhere";
            object.uses = Some(uses);
        }
        JobOutcome::Skipped(reason) => {
            object.state = "skipped";
            object.reason = Some(reason);
        }
        JobOutcome::Broken(diagnosis) => {
            object.state = "broken";
            object.diagnostics = Some(diagnostics(diagnosis));
        }
    }
    object
}

fn diagnostics(of: &Diagnosis) -> Diagnostics<'_> {
    Diagnostics {
        text: &of.text,
        places: &of.marks,
    }
}

fn leg(of: &Job) -> LegObject<'_> {
    // Of equal legs, all but the first have `#2`, `#3`, … behind their values.
    let values = of.leg.rfind('}').map_or("", |end| &of.leg[..=end]);
    LegObject {
        name: &of.name,
        matrix: serde_json::from_str(values).unwrap_or(Value::Null),
        runs_on: &of.runs_on,
        continue_on_error: of.continue_on_error,
        timeout_ms: of.run_timeout.0,
        concurrency: of.concurrency.as_ref(),
    }
}
