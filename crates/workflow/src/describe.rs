//! What the agent is told about one leg of a job.

use crate::call::{At, WorkflowReference};
use crate::containers::containers;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::environment::{self, EnvironmentRules};
use crate::expand::{JobContext, contexts, find, leg_name, legs_of_first_attempt, scope, timeout};
use crate::expr::{JobStatus, Opaque, opaque_references};
use crate::job::{Callback, CheckoutSource, JobDescription, RunDefaults, StepAction, StepDescription};
use crate::model::{Action, EnvEntry, Job, Legs, Step, Workflow};
use crate::resolve::Resolver;
use crate::text::Text;
use crate::uses::is_allowed;
use checkmill_core::policy::{AllowedActions, ContainerPolicy};
use checkmill_core::{AttemptNumber, CommitSha, JobId, JobKey};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the workflow doesn't say about an attempt.
#[derive(Debug, Clone)]
pub struct AttemptInfo<'a> {
    pub job: &'a JobId,
    pub attempt: AttemptNumber,
    pub checkout: CheckoutSource,
    pub callback: Option<Callback>,
    /// The policy's.
    pub actions: &'a AllowedActions,
    /// The policy's.
    pub containers: ContainerPolicy,
    pub environments: EnvironmentRules<'a>,
}

/// The variable that makes the agent show `::debug::` lines. GitHub docs: "Enabling debug logging".
const DEBUG_VARIABLE: &str = "ACTIONS_STEP_DEBUG";

/// Builds the description of the leg whose text [`crate::expand()`] gave, from the same contexts; only `github.run_attempt`
/// may have changed since.
///
/// # Errors
/// As [`crate::expand()`]; also an action or an environment that the policy does not allow, and a leg that the matrix doesn't have, which means that the contexts are not the same.
pub fn describe(
    workflow: &Workflow,
    key: &JobKey,
    leg: &str,
    context: &JobContext<'_>,
    attempt: AttemptInfo<'_>,
) -> Result<JobDescription, Diagnostics> {
    let at = At::find(workflow, key, context)?;
    let context = &at.context(context);
    let (workflow, key): (&Workflow, &JobKey) = (&at.workflow, &at.key);
    let job = find(workflow, key)?;
    allowed(workflow, job, attempt.actions)?;
    let mut contexts = contexts(job, context);
    let plan = legs_of_first_attempt(workflow, job, contexts.clone())?;
    let planned = plan
        .legs
        .iter()
        .find(|planned| planned.text() == leg)
        .ok_or_else(|| {
            let message = format!("the matrix of `{key}` has no leg with the values {leg}");
            Diagnostics::from(Diagnostic::new(&workflow.source, job.key_span, message))
        })?;
    plan.add_contexts(planned, &mut contexts);
    let resolver = Resolver {
        source: &workflow.source,
        scope: scope(&contexts, JobStatus::Success),
    };
    let name = leg_name(workflow, job, planned, &resolver)?;
    let settings = job.settings(planned);
    let timeout = timeout(workflow, &settings.timeout, &resolver, context.run_timeout_max)?;
    let (container, services) = containers(
        &workflow.source,
        settings,
        &contexts,
        &attempt.checkout.repository,
        attempt.containers,
    )?;
    let environment = environment::evaluate(job.environment.as_ref(), &resolver, attempt.environments)?;
    let mut layers = vec![env(&workflow.env), env(&job.env)];
    if !settings.variables.is_empty() {
        layers.push(env(&settings.variables));
    }
    set(&mut contexts, "github", "job", key.as_str());
    contexts.insert("job".to_owned(), workflow_of_job(workflow, &attempt.checkout));
    if job.debug {
        set(&mut contexts, "vars", DEBUG_VARIABLE, "true");
    }
    Ok(JobDescription {
        job: attempt.job.to_string(),
        attempt: attempt.attempt.0,
        name,
        checkout: attempt.checkout,
        contexts,
        matrix_computed: matrix_computed(job),
        env: layers,
        defaults: defaults(workflow, job),
        container,
        services,
        backend: String::new(),
        environment,
        interruptible: settings.interruptible,
        steps: job.steps.iter().map(step).collect(),
        secrets: at.secrets.clone(),
        own_inputs: at.own_inputs.all,
        own_input_names: at.own_inputs.names.clone(),
        actions: attempt.actions.clone(),
        translations: None,
        outputs: job.outputs.clone(),
        timeout_ms: timeout.0,
        callback: attempt.callback,
    })
}

/// What the `job` context says of the workflow file that the job is in: of a called one itself, where `github` is the
/// caller's. Source: GitHub docs, "Contexts".
fn workflow_of_job(workflow: &Workflow, run: &CheckoutSource) -> Json {
    let (workflow_ref, repository, path, sha) = match workflow.path().parse() {
        Ok(WorkflowReference::Remote(remote)) => (
            workflow.path().to_owned(),
            remote.repository.to_string(),
            remote.path,
            workflow.commit.as_ref().map(CommitSha::as_str),
        ),
        _ => (
            format!("{}/{}@{}", run.repository, workflow.path(), run.git_ref),
            run.repository.clone(),
            workflow.path().to_owned(),
            Some(run.sha.as_str()),
        ),
    };
    json!({
        "workflow_ref": workflow_ref,
        "workflow_repository": repository,
        "workflow_file_path": path,
        "workflow_sha": sha,
    })
}

/// Whether the policy allows what a job's steps use, which [`describe`] asks before anything else.
///
/// # Errors
/// Every step whose action it does not allow; a job that the workflow doesn't have.
pub fn allowed_actions(workflow: &Workflow, key: &JobKey, rule: &AllowedActions) -> Result<(), Diagnostics> {
    match workflow.way(key).and_then(|way| way.last().copied()) {
        Some((workflow, job)) => allowed(workflow, job, rule),
        None => find(workflow, key).map(drop),
    }
}

/// Whether the policy lets a leg use the environment of its job, which [`describe`] asks as well.
///
/// # Errors
/// As [`describe`]'s about the environment.
pub fn allowed_environment(
    workflow: &Workflow,
    key: &JobKey,
    leg: &str,
    context: &JobContext<'_>,
    rules: EnvironmentRules<'_>,
) -> Result<(), Diagnostics> {
    let at = At::find(workflow, key, context)?;
    let context = &at.context(context);
    let (workflow, key): (&Workflow, &JobKey) = (&at.workflow, &at.key);
    let job = find(workflow, key)?;
    if job.environment.is_none() {
        return Ok(());
    }
    let mut contexts = contexts(job, context);
    let plan = legs_of_first_attempt(workflow, job, contexts.clone())?;
    if let Some(planned) = plan.legs.iter().find(|planned| planned.text() == leg) {
        plan.add_contexts(planned, &mut contexts);
    }
    let resolver = Resolver {
        source: &workflow.source,
        scope: scope(&contexts, JobStatus::Success),
    };
    environment::evaluate(job.environment.as_ref(), &resolver, rules).map(drop)
}

fn allowed(workflow: &Workflow, job: &Job, rule: &AllowedActions) -> Result<(), Diagnostics> {
    let refused = job.steps.iter().filter_map(|step| match &step.action {
        Action::Uses { action, span, .. } if !is_allowed(rule, action) => {
            let message = format!("the repository's policy does not allow the action `{action}`");
            let hint = "allow it with `actions` in `.checkmill/config.yml` of the default branch";
            Some(Diagnostic::new(&workflow.source, *span, message).with_hint(hint))
        }
        _ => None,
    });
    match Diagnostics::of(refused.collect(), 0) {
        Some(refused) => Err(refused),
        None => Ok(()),
    }
}

/// Whether an expression of the matrix reads what steps, other jobs or the event have worded.
pub(crate) fn matrix_computed(job: &Job) -> bool {
    let opaque = Opaque {
        env: &BTreeSet::new(),
        inputs: true,
        matrix: false,
    };
    match &job.legs {
        Legs::Strategy(Some(node)) => node.any_text(&|text| !opaque_references(text, opaque).is_empty()),
        Legs::Strategy(None) | Legs::Listed(_) => false,
    }
}

fn set(contexts: &mut Map<String, Json>, context: &str, name: &str, value: &str) {
    if let Some(Json::Object(fields)) = contexts.get_mut(context) {
        fields.insert(name.to_owned(), Json::String(value.to_owned()));
    }
}

fn env(entries: &[EnvEntry]) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|entry| (entry.name.clone(), entry.value.value.clone()))
        .collect()
}

/// Those of the job come first, key by key.
fn defaults(workflow: &Workflow, job: &Job) -> RunDefaults {
    let text = |own: &Option<Text>, general: &Option<Text>| {
        own.as_ref().or(general.as_ref()).map(|text| text.value.clone())
    };
    RunDefaults {
        shell: text(&job.defaults.shell, &workflow.defaults.shell),
        working_directory: text(
            &job.defaults.working_directory,
            &workflow.defaults.working_directory,
        ),
    }
}

pub(crate) fn step(step: &Step) -> StepDescription {
    StepDescription {
        id: step.id.clone(),
        name: step.name.clone(),
        condition: step.condition.clone(),
        env: env(&step.env),
        continue_on_error: step.continue_on_error.clone(),
        timeout_minutes: step.timeout_minutes.clone(),
        action: match &step.action {
            Action::Run {
                run,
                shell,
                working_directory,
            } => StepAction::Run {
                run: run.clone(),
                shell: shell.clone(),
                working_directory: working_directory.clone(),
            },
            Action::Uses { action, with, .. } => StepAction::Uses {
                uses: action.clone(),
                with: with.clone(),
            },
        },
    }
}
