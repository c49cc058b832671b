//! What a caller gives, against what the called workflow declares.

use super::check_literal;
use crate::diagnostic::{Diagnostic, quoted};
use crate::model::{Call, CallTrigger, GivenSecrets, Job, Workflow};
use crate::nearest::nearest;
use crate::read::list_of;
use crate::source::Span;
use checkmill_core::policy::{Access, TokenPermissions};
use std::collections::BTreeSet;

/// The secret that every job has.
const JOB_TOKEN: &str = "GITHUB_TOKEN";

/// Everything that is wrong with a call, in the file of the caller.
pub(super) fn call(workflow: &Workflow, job: &Job, call: &Call, callee: &Workflow) -> Vec<Diagnostic> {
    let mut wrong = Wrong {
        workflow,
        found: Vec::new(),
    };
    let Some(trigger) = &callee.triggers.workflow_call else {
        let message = format!(
            "`{}` can't be called: its `on` does not name `workflow_call`",
            callee.path()
        );
        wrong.report(call.span, message, "add `workflow_call:` to its `on`".to_owned());
        return wrong.found;
    };
    inputs(&mut wrong, job, call, callee, trigger);
    secrets(&mut wrong, job, call, callee, trigger);
    wrong.found
}

struct Wrong<'w> {
    workflow: &'w Workflow,
    found: Vec<Diagnostic>,
}

impl Wrong<'_> {
    fn report(&mut self, span: Span, message: String, hint: String) {
        let diagnostic = Diagnostic::new(&self.workflow.source, span, message);
        self.found.push(diagnostic.with_hint(hint));
    }
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// What to do about a name that is not declared.
fn known<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone, key: &str) -> String {
    match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.clone().next().is_none() => format!("it declares none under `on.workflow_call.{key}`"),
        None => format!("it declares {}", list_of(names)),
    }
}

fn inputs(wrong: &mut Wrong<'_>, job: &Job, call: &Call, callee: &Workflow, trigger: &CallTrigger) {
    for given in &call.with {
        let declared = trigger.inputs.iter().find(|input| same(&input.name, &given.key));
        let Some(input) = declared else {
            let message = format!("`{}` has no input `{}`", callee.path(), quoted(&given.key));
            let names = trigger.inputs.iter().map(|input| input.name.as_str());
            let hint = known(&given.key, names, "inputs");
            wrong.report(given.key_span, message, hint);
            continue;
        };
        if let Err((problem, hint)) = check_literal(&input.kind, &given.value) {
            let message = format!("the input `{}` of `{}` {problem}", input.name, callee.path());
            wrong.report(given.value.span, message, hint.to_owned());
        }
    }
    for input in trigger.inputs.iter().filter(|input| input.required) {
        if !call.with.iter().any(|given| same(&given.key, &input.name)) {
            let message = format!(
                "the job `{}` does not give the input `{}`, which `{}` requires",
                job.key,
                input.name,
                callee.path()
            );
            wrong.report(call.span, message, format!("add `{}` under `with`", input.name));
        }
    }
}

fn secrets(wrong: &mut Wrong<'_>, job: &Job, call: &Call, callee: &Workflow, trigger: &CallTrigger) {
    let given = match &call.secrets {
        GivenSecrets::Named(given) => given,
        GivenSecrets::Inherited(_) => return,
    };
    for secret in given {
        if !trigger
            .secrets
            .iter()
            .any(|declared| same(&declared.name, &secret.name))
        {
            let message = format!("`{}` has no secret `{}`", callee.path(), quoted(&secret.name));
            let names = trigger.secrets.iter().map(|secret| secret.name.as_str());
            wrong.report(secret.name_span, message, known(&secret.name, names, "secrets"));
        }
    }
    for secret in trigger.secrets.iter().filter(|secret| secret.required) {
        let is_given = given.iter().any(|given| same(&given.name, &secret.name));
        if !is_given && !same(&secret.name, JOB_TOKEN) {
            let message = format!(
                "the job `{}` does not give the secret `{}`, which `{}` requires",
                job.key,
                secret.name,
                callee.path()
            );
            let hint = format!(
                "add `{}` under `secrets`, or write `secrets: inherit`",
                secret.name
            );
            wrong.report(call.span, message, hint);
        }
    }
}

/// Jobs of called workflows that ask to write what the jobs that call them may not. GitHub refuses such a call; that fewer
/// things can be read than a called job asks for is no mistake here, as it is none where the policy allows less.
pub(super) fn permissions(root: &Workflow) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    // Many jobs can call the same workflow.
    let mut seen = BTreeSet::new();
    let mut next: Vec<(&Workflow, Option<TokenPermissions>)> = vec![(root, None)];
    while let Some((workflow, granted)) = next.pop() {
        for job in &workflow.jobs {
            let Some((call, callee)) = job
                .call
                .as_ref()
                .and_then(|call| Some((call, call.callee.as_ref()?)))
            else {
                continue;
            };
            let asked = job.permissions.as_ref().or(workflow.permissions.as_ref());
            let mine = match (asked, &granted) {
                (Some(asked), Some(granted)) => asked.intersect(granted),
                (Some(asked), None) => asked.clone(),
                (None, Some(granted)) => granted.clone(),
                (None, None) => TokenPermissions::read_only(),
            };
            if !seen.insert((workflow.path(), job.key.clone(), format!("{mine:?}"))) {
                continue;
            }
            let refused = callee.jobs.iter().filter_map(|called| {
                let asked = called.permissions.as_ref().or(callee.permissions.as_ref())?;
                Some((called, too_much(asked, &mine)?))
            });
            found.extend(refused.map(|(called, name)| {
                let name = name.replace('_', "-");
                let message = format!(
                    "the job `{}` of `{}` asks for `{name}: write`, which the job `{}` that calls it does not grant",
                    called.key,
                    callee.path(),
                    job.key
                );
                let hint = format!("add `{name}: write` to the `permissions` of `{}`", job.key);
                Diagnostic::new(&workflow.source, call.span, message).with_hint(hint)
            }));
            next.push((callee, Some(mine)));
        }
    }
    found
}

fn too_much<'a>(asked: &'a TokenPermissions, granted: &TokenPermissions) -> Option<&'a str> {
    let writes = asked.0.iter().filter(|(_, access)| **access == Access::Write);
    let mut names = writes.map(|(name, _)| name.as_str());
    names.find(|name| granted.0.get(*name) != Some(&Access::Write))
}
