//! From a job of the file to the jobs that run: its condition, and the legs of its matrix.

mod allowed;
mod condition;
mod later;
mod leg;
mod name;
mod plan;

pub use later::LaterKey;
pub(crate) use leg::timeout;
pub(crate) use name::{check_name, leg_name, leg_title};
pub use name::{name_for, unevaluated_name};
pub(crate) use plan::{Plan, PlannedLeg, legs, legs_of_first_attempt};

use crate::call::{At, check_call};
use crate::contexts::{NeedsJob, needs_context, vars_context};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::expr::{JobStatus, Scope};
use crate::model::{Call, Job, Workflow};
use crate::resolve::Resolver;
use crate::source::Span;
use checkmill_core::graph::Node as GraphNode;
use checkmill_core::policy::TokenPermissions;
use checkmill_core::{CallKey, Concurrency, JobKey, Millis};
use condition::{skipped, status};
use leg::evaluate;
use name::skipped_name;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Why a job without legs doesn't run. One of a `strategy` without any is a mistake of the file.
pub(crate) const NO_LEGS: &str = "its parameters leave no combination";

/// What a job's expressions can see before it starts.
#[derive(Debug, Clone, Copy)]
pub struct JobContext<'a> {
    /// From [`crate::github_context`].
    pub github: &'a Map<String, Json>,
    /// From [`crate::inputs()`].
    pub inputs: &'a Map<String, Json>,
    /// From the policy.
    pub vars: &'a BTreeMap<String, String>,
    /// Of all jobs that have ended; those that this one needs, directly or through others, must be among them. One that is
    /// not counts as skipped.
    pub results: &'a BTreeMap<JobKey, NeedsJob>,
    /// The longest `timeout-minutes` that the policy allows.
    pub run_timeout_max: Millis,
    /// The run was cancelled: only a job whose `if` asks for that runs. GitHub docs, "Workflow cancellation reference".
    pub cancelled: bool,
}

/// What becomes of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Expansion {
    /// It doesn't run.
    Skipped {
        /// One sentence without the full stop.
        reason: String,
        /// The check's name.
        name: String,
    },
    Legs {
        fail_fast: bool,
        max_parallel: Option<u32>,
        /// At least one; one without matrix values for a job without a matrix.
        legs: Vec<Leg>,
    },
    /// It calls a workflow, whose jobs are the run's now.
    Calls {
        fail_fast: bool,
        max_parallel: Option<u32>,
        /// One for each leg of the matrix, in its order; one for a job without a matrix.
        calls: Vec<CallKey>,
        /// The concurrency groups of those that have any, the outer one first.
        concurrency: BTreeMap<CallKey, Vec<Concurrency>>,
        /// The jobs of all of them.
        nodes: BTreeMap<JobKey, GraphNode>,
    },
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// The matrix values as text, for [`checkmill_core::JobId::derive`]: no two legs of a job have the same. Empty for a
    /// job without a matrix.
    pub leg: String,
    /// The check's name: `{workflow} / {job} ({values})`, or with the job's evaluated `name`.
    pub name: String,
    /// At least one.
    pub runs_on: Vec<String>,
    pub continue_on_error: bool,
    pub timeout: Millis,
    /// What its token may do, as the file asks for it; none where it says nothing.
    pub permissions: Option<TokenPermissions>,
    /// The group that it runs in.
    pub concurrency: Option<Concurrency>,
}

/// Evaluates a job's `if`, `strategy` and what decides about each leg. All that `needs` names must have ended.
///
/// # Errors
/// Expressions that can't be evaluated or give what can't be used, at their place in their file; also a `key` that is none
/// of the workflow's.
pub fn expand(workflow: &Workflow, key: &JobKey, context: &JobContext<'_>) -> Result<Expansion, Diagnostics> {
    let at = At::find(workflow, key, context)?;
    let context = &at.context(context);
    let workflow: &Workflow = &at.workflow;
    let job = find(workflow, &at.key)?;
    let mut contexts = contexts(job, context);
    let resolver = Resolver {
        source: &workflow.source,
        scope: scope(
            &contexts,
            match context.cancelled {
                true => JobStatus::Cancelled,
                false => status(workflow, &at.key, context.results),
            },
        ),
    };
    if let Some(reason) = skipped(workflow, job, context, &resolver)? {
        return Ok(Expansion::Skipped {
            reason,
            name: skipped_name(workflow, job, &resolver)?,
        });
    }
    let plan = legs(workflow, job, &resolver)?;
    if plan.legs.is_empty() {
        return Ok(Expansion::Skipped {
            reason: NO_LEGS.to_owned(),
            name: skipped_name(workflow, job, &resolver)?,
        });
    }
    if let Some(call) = &job.call {
        return calls(&at, job, call, key, &plan, contexts);
    }
    let mut legs = Vec::with_capacity(plan.legs.len());
    let mut found = Vec::new();
    for leg in &plan.legs {
        plan.add_contexts(leg, &mut contexts);
        match evaluate(workflow, job, leg, &contexts, context.run_timeout_max) {
            Ok(leg) => legs.push(leg),
            Err(wrong) => found.extend(wrong.as_slice().iter().cloned()),
        }
    }
    match Diagnostics::of(found, 0) {
        Some(found) => Err(found),
        None => Ok(Expansion::Legs {
            fail_fast: plan.fail_fast,
            max_parallel: plan.max_parallel,
            legs,
        }),
    }
}

/// What a job becomes that calls a workflow.
fn calls(
    at: &At<'_>,
    job: &Job,
    call: &Call,
    key: &JobKey,
    plan: &Plan,
    mut contexts: Map<String, Json>,
) -> Result<Expansion, Diagnostics> {
    let callee = call.callee.as_deref().into_iter().flat_map(|callee| &callee.jobs);
    let mut calls = Vec::with_capacity(plan.legs.len());
    let mut nodes = BTreeMap::new();
    let mut concurrency = BTreeMap::new();
    for leg in &plan.legs {
        let groups = check_call(at, job, call, plan, leg, &mut contexts)?;
        let made = CallKey::derive(key, leg.text());
        if !groups.is_empty() {
            concurrency.insert(made.clone(), groups);
        }
        for called in callee.clone() {
            let needs = called.needs.iter().filter_map(|need| made.job(need)).collect();
            let node = GraphNode {
                needs,
                expansion: None,
            };
            nodes.extend(made.job(&called.key).map(|key| (key, node)));
        }
        calls.push(made);
    }
    Ok(Expansion::Calls {
        fail_fast: plan.fail_fast,
        max_parallel: plan.max_parallel,
        calls,
        concurrency,
        nodes,
    })
}

pub(crate) fn find<'w>(workflow: &'w Workflow, key: &JobKey) -> Result<&'w Job, Diagnostics> {
    let missing = || {
        let message = format!("the workflow has no job `{key}`");
        Diagnostic::new(&workflow.source, Span::default(), message).into()
    };
    workflow.job(key).ok_or_else(missing)
}

/// `github`, `vars`, `inputs` and `needs`.
pub(crate) fn contexts(job: &Job, context: &JobContext<'_>) -> Map<String, Json> {
    let contexts = [
        ("github", context.github.clone()),
        ("inputs", context.inputs.clone()),
        ("needs", needs_context(&job.needs, context.results)),
        ("vars", vars_context(context.vars)),
    ];
    contexts
        .into_iter()
        .map(|(name, fields)| (name.to_owned(), Json::Object(fields)))
        .collect()
}

pub(crate) const fn scope(contexts: &Map<String, Json>, status: JobStatus) -> Scope<'_> {
    Scope {
        contexts,
        status,
        files: None,
    }
}
