//! Where a job stands: in the run's own workflow, or in one that it calls, with everything that its expressions see there.

use super::outputs::Level;
use super::passed::{Passed, passed};
use crate::concurrency;
use crate::contexts::NeedsJob;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::expand::{JobContext, Plan, PlannedLeg, contexts, find, leg_title, legs_of_first_attempt, scope};
use crate::expr::JobStatus;
use crate::job::PassedSecrets;
use crate::model::{Call, GivenSecrets, Job, Workflow};
use crate::resolve::Resolver;
use checkmill_core::{CallKey, Concurrency, JobKey};
use serde_json::{Map, Value as Json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A job, its workflow as it is called, and what it knows there. In it, all jobs have the keys of their own file.
pub(crate) struct At<'w> {
    /// Its name is that of the run's workflow and of the jobs on the way: what checks of its jobs begin with.
    pub(crate) workflow: Cow<'w, Workflow>,
    pub(crate) key: JobKey,
    pub(crate) inputs: Cow<'w, Map<String, Json>>,
    /// The inputs hold nothing that an outsider chose.
    pub(crate) own_inputs: bool,
    pub(crate) results: BTreeMap<JobKey, NeedsJob>,
    /// What the callers pass on, the outermost first.
    pub(crate) secrets: Vec<PassedSecrets>,
}

impl<'w> At<'w> {
    /// Finds a job of the run.
    ///
    /// # Errors
    /// Expressions of the jobs that call its workflow, which had no mistakes when those were expanded; an unknown key.
    pub(crate) fn find(
        root: &'w Workflow,
        key: &JobKey,
        outer: &JobContext<'w>,
    ) -> Result<Self, Diagnostics> {
        let mut callers: Vec<CallKey> =
            std::iter::successors(key.call(), |call| call.caller().call()).collect();
        callers.reverse();
        let mut at = Place {
            workflow: Cow::Borrowed(root),
            call: None,
            inputs: Cow::Borrowed(outer.inputs),
            own_inputs: false,
        };
        let mut secrets = Vec::new();
        for call in callers {
            at = at.enter(call, outer, &mut secrets)?;
        }
        let own = key.own();
        find(&at.workflow, &own)?;
        let results = at.level(outer).results_for(&own)?;
        let mut workflow = at.workflow;
        if key.call().is_some() {
            let permissions = root.permissions(key);
            let jobs = workflow.to_mut().jobs.iter_mut();
            jobs.filter(|job| job.key == own)
                .for_each(|job| job.permissions.clone_from(&permissions));
        }
        Ok(Self {
            workflow,
            key: own,
            inputs: at.inputs,
            own_inputs: at.own_inputs,
            results,
            secrets,
        })
    }

    /// What the job's expressions see.
    pub(crate) fn context<'a>(&'a self, outer: &JobContext<'a>) -> JobContext<'a> {
        JobContext {
            inputs: &self.inputs,
            results: &self.results,
            ..*outer
        }
    }
}

/// A workflow of the run, as it is called.
struct Place<'w> {
    workflow: Cow<'w, Workflow>,
    /// None for the run's own.
    call: Option<CallKey>,
    inputs: Cow<'w, Map<String, Json>>,
    own_inputs: bool,
}

impl<'w> Place<'w> {
    fn level<'a>(&'a self, outer: &'a JobContext<'a>) -> Level<'a> {
        Level {
            workflow: &self.workflow,
            call: self.call.as_ref(),
            inputs: &self.inputs,
            outer,
        }
    }

    /// The workflow that a job of this one calls.
    fn enter(
        self,
        call: CallKey,
        outer: &JobContext<'_>,
        secrets: &mut Vec<PassedSecrets>,
    ) -> Result<Self, Diagnostics> {
        let caller = call.caller().own();
        let job = find(&self.workflow, &caller)?;
        let results = self.level(outer).results_for(&caller)?;
        let context = JobContext {
            inputs: &self.inputs,
            results: &results,
            ..*outer
        };
        let made = MadeCall::of(&self.workflow, job, &call, &context)?;
        let callee = callee(&self.workflow, made.call)?;
        let Passed { inputs, own } = passed(
            &self.workflow,
            job,
            made.call,
            callee,
            &made.contexts,
            self.own_inputs,
        )?;
        match &made.call.secrets {
            GivenSecrets::Inherited(_) => {}
            GivenSecrets::Named(given) => secrets.push(PassedSecrets {
                contexts: made
                    .contexts
                    .iter()
                    .filter(|(name, _)| !matches!(name.as_str(), "github" | "vars"))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
                values: given
                    .iter()
                    .map(|secret| (secret.name.clone(), secret.value.value.clone()))
                    .collect(),
            }),
        }
        let mut workflow = Workflow::clone(callee);
        workflow.name = format!("{} / {}", self.workflow.name, made.title.trim());
        Ok(Self {
            workflow: Cow::Owned(workflow),
            call: Some(call),
            inputs: Cow::Owned(inputs),
            own_inputs: own,
        })
    }
}

/// The workflow that a job calls.
pub(crate) fn callee<'w>(workflow: &Workflow, call: &'w Call) -> Result<&'w Workflow, Diagnostics> {
    call.callee.as_deref().ok_or_else(|| {
        let message = format!("`{}` was not read", call.target);
        Diagnostic::new(&workflow.source, call.span, message).into()
    })
}

/// One leg of a job that calls a workflow.
pub(super) struct MadeCall<'j> {
    pub(super) call: &'j Call,
    /// What `with` sees.
    pub(super) contexts: Map<String, Json>,
    /// The job's name with the values of the matrix.
    pub(super) title: String,
}

impl<'j> MadeCall<'j> {
    /// The leg of this call.
    pub(super) fn of(
        workflow: &Workflow,
        job: &'j Job,
        key: &CallKey,
        context: &JobContext<'_>,
    ) -> Result<Self, Diagnostics> {
        let unknown = || {
            let message = format!("the job `{}` makes no call `{key}`", job.key);
            Diagnostics::from(Diagnostic::new(&workflow.source, job.key_span, message))
        };
        let call = job.call.as_ref().ok_or_else(unknown)?;
        let mut contexts = contexts(job, context);
        let plan = legs_of_first_attempt(workflow, job, contexts.clone())?;
        let is_it = |leg: &&PlannedLeg| CallKey::derive(&key.caller(), leg.text()) == *key;
        let leg = plan.legs.iter().find(is_it).ok_or_else(unknown)?;
        plan.add_contexts(leg, &mut contexts);
        let title = title(workflow, job, leg, &contexts)?;
        Ok(Self {
            call,
            contexts,
            title,
        })
    }
}

fn title(
    workflow: &Workflow,
    job: &Job,
    leg: &PlannedLeg,
    contexts: &Map<String, Json>,
) -> Result<String, Diagnostics> {
    let resolver = Resolver {
        source: &workflow.source,
        scope: scope(contexts, JobStatus::Success),
    };
    Ok(leg_title(job, leg, &resolver)?)
}

/// Evaluates what a leg of a calling job passes on, so that its mistakes are found before any of the called jobs begins; the
/// concurrency groups of the call, that of the job which calls before that of the workflow which it calls.
pub(crate) fn check_call(
    at: &At<'_>,
    job: &Job,
    call: &Call,
    plan: &Plan,
    leg: &PlannedLeg,
    contexts: &mut Map<String, Json>,
) -> Result<Vec<Concurrency>, Diagnostics> {
    plan.add_contexts(leg, contexts);
    title(&at.workflow, job, leg, contexts)?;
    let callee = callee(&at.workflow, call)?;
    let passed = passed(&at.workflow, job, call, callee, contexts, at.own_inputs)?;
    let of_caller = concurrency::evaluate(&at.workflow, job.concurrency.as_ref(), contexts)?;
    contexts.insert("inputs".to_owned(), Json::Object(passed.inputs));
    let of_callee = concurrency::evaluate(callee, callee.concurrency.as_ref(), contexts)?;
    contexts.insert("inputs".to_owned(), Json::Object(at.inputs.clone().into_owned()));
    Ok(of_caller.into_iter().chain(of_callee).collect())
}
