//! Whether there is what an expression reads. GitHub makes an empty text of what is not there.

use super::Scope;
use super::facts::{Facts, JobFacts};
use crate::diagnostic::quoted;
use crate::expr::Read;
use crate::nearest::nearest;
use crate::read::list_of;
use crate::rule::Rule;

/// What is wrong with it: rule, message and hint.
pub(super) type Verdict = (Rule, String, Option<String>);

pub(super) fn judge(read: &Read, facts: &Facts<'_>, scope: &Scope<'_>) -> Option<Verdict> {
    let names: Vec<&str> = read.names.iter().map(String::as_str).collect();
    match (read.context, scope.job) {
        ("steps", Some(job)) => step(&names, job, scope.steps_before?),
        ("needs", Some(job)) => need(&names, job, facts),
        ("matrix", Some(job)) => matrix(names.first()?, job),
        ("jobs", None) => called(&names, facts),
        ("github", _) => github(names.first()?),
        ("inputs", _) => input(names.first()?, facts),
        _ => None,
    }
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|near| format!("did you mean `{near}`?"))
}

fn step(names: &[&str], job: &JobFacts<'_>, before: usize) -> Option<Verdict> {
    let (id, rest) = names.split_first()?;
    let place = job
        .steps
        .iter()
        .position(|step| step.is_some_and(|step| same(step, id)));
    match place {
        None => {
            let message = format!(
                "the job `{}` has no step with the id `{}`",
                quoted(job.key),
                quoted(id)
            );
            let known = job.steps.iter().flatten().copied();
            Some((Rule::UnknownStep, message, did_you_mean(id, known)))
        }
        Some(place) if place >= before => {
            let what = if place == before {
                "is this one"
            } else {
                "runs after this one"
            };
            let message = format!("the step `{}` {what}: nothing is known of it yet", quoted(id));
            Some((Rule::UnknownStep, message, None))
        }
        Some(_) => {
            let known = ["outputs", "outcome", "conclusion"];
            let name = rest
                .first()
                .filter(|name| !known.iter().any(|known| same(known, name)))?;
            let message = format!("`steps.{}` has no `{}`", quoted(id), quoted(name));
            let hint = did_you_mean(name, known).or_else(|| Some(format!("it has {}", list_of(known))));
            Some((Rule::UnknownOutput, message, hint))
        }
    }
}

fn need(names: &[&str], job: &JobFacts<'_>, facts: &Facts<'_>) -> Option<Verdict> {
    let (key, rest) = names.split_first()?;
    if !job.needs.iter().any(|need| same(need, key)) {
        let message = format!("the job `{}` does not need `{}`", quoted(job.key), quoted(key));
        let hint = match facts.job(key) {
            Some(known) => Some(format!("add `{}` to its `needs`", known.key)),
            None => did_you_mean(key, job.needs.iter().copied()),
        };
        return Some((Rule::UnknownJob, message, hint));
    }
    // One that is not there has been reported at `needs`.
    output(key, rest, facts.job(key)?, "needs")
}

/// What is read of a job that has ended.
fn output(key: &str, rest: &[&str], needed: &JobFacts<'_>, context: &str) -> Option<Verdict> {
    match *rest {
        [outputs, name, ..] if same(outputs, "outputs") => {
            let known = needed.outputs.as_ref()?;
            if known.iter().any(|output| same(output, name)) {
                return None;
            }
            let message = format!(
                "the job `{}` has no output `{}`",
                quoted(needed.key),
                quoted(name)
            );
            let hint = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("declare it under `outputs` of `{}`", needed.key));
            Some((Rule::UnknownOutput, message, Some(hint)))
        }
        [name, ..] if !same(name, "outputs") && !same(name, "result") => {
            let message = format!("`{context}.{}` has no `{}`", quoted(key), quoted(name));
            let hint = did_you_mean(name, ["outputs", "result"]);
            Some((
                Rule::UnknownOutput,
                message,
                hint.or_else(|| Some("it has `outputs` and `result`".to_owned())),
            ))
        }
        _ => None,
    }
}

/// `jobs`, which an output of `workflow_call` is made of.
fn called(names: &[&str], facts: &Facts<'_>) -> Option<Verdict> {
    let (key, rest) = names.split_first()?;
    match facts.job(key) {
        Some(job) => output(key, rest, job, "jobs"),
        None => {
            let message = format!("the workflow has no job `{}`", quoted(key));
            let known = facts.jobs.iter().map(|job| job.key);
            Some((Rule::UnknownJob, message, did_you_mean(key, known)))
        }
    }
}

fn matrix(name: &str, job: &JobFacts<'_>) -> Option<Verdict> {
    let known = job.matrix.as_ref()?;
    if known.iter().any(|key| same(key, name)) {
        return None;
    }
    let message = match known.as_slice() {
        [] => format!("the job `{}` has no matrix", quoted(job.key)),
        _ => format!("the matrix of `{}` has no `{}`", quoted(job.key), quoted(name)),
    };
    Some((
        Rule::UnknownMatrixKey,
        message,
        did_you_mean(name, known.iter().copied()),
    ))
}

/// What the `github` context has here.
const GITHUB: [&str; 41] = [
    "action",
    "action_path",
    "action_ref",
    "action_repository",
    "action_status",
    "actor",
    "actor_id",
    "api_url",
    "base_ref",
    "env",
    "event",
    "event_name",
    "event_path",
    "graphql_url",
    "head_ref",
    "job",
    "output",
    "path",
    "ref",
    "ref_name",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "repository_visibility",
    "repositoryurl",
    "run_attempt",
    "run_id",
    "run_number",
    "secret_source",
    "server_url",
    "sha",
    "state",
    "step_summary",
    "token",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "workflow_sha",
    "workspace",
];
/// What GitHub's has beside, and what to do without it.
const GITHUB_ONLY: [(&str, &str); 3] = [
    (
        "job_workflow_sha",
        "`job.workflow_sha` is the commit of the workflow file that the job is in",
    ),
    (
        "ref_protected",
        "no webhook says whether a branch is protected; an `environment` of the policy names the branches that it is for",
    ),
    (
        "retention_days",
        "how long artifacts and logs are kept is a setting of the deployment, and no job's",
    ),
];

fn github(name: &str) -> Option<Verdict> {
    if GITHUB.iter().any(|known| same(known, name)) {
        return None;
    }
    let name_there = GITHUB_ONLY.iter().find(|(known, _)| same(known, name));
    let (message, hint) = match name_there {
        Some((name, instead)) => (
            format!("`github.{name}` is set by GitHub, and empty here"),
            Some((*instead).to_owned()),
        ),
        None => (
            format!("there is no `github.{}`", quoted(name)),
            did_you_mean(name, GITHUB),
        ),
    };
    Some((Rule::UnknownGithubProperty, message, hint))
}

fn input(name: &str, facts: &Facts<'_>) -> Option<Verdict> {
    let known = &facts.inputs;
    if known.iter().any(|input| same(input, name)) {
        return None;
    }
    let message = format!("the workflow declares no input `{}`", quoted(name));
    let hint = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
        "declare it under `inputs` of `on.workflow_dispatch` or `on.workflow_call`".to_owned()
    });
    Some((Rule::UnknownInput, message, Some(hint)))
}
