//! `uses`, `with` and `secrets` of a job.

use super::common;
use crate::call::WorkflowReference;
use crate::diagnostic::quoted;
use crate::expr::Place;
use crate::model::{Call, GivenSecret, GivenSecrets};
use crate::read::{Fields, Reader};
use crate::yaml::{Entry, Node, Value};

/// Keys of a job that runs steps. GitHub docs: "Supported keywords for jobs that call a reusable workflow" has none of them.
const OF_STEPS: [&str; 10] = [
    "runs-on",
    "steps",
    "timeout-minutes",
    "continue-on-error",
    "env",
    "defaults",
    "outputs",
    "container",
    "services",
    "environment",
];

/// The call of a job that has `uses`; reports what goes with it and must not, or the other way round.
pub(super) fn call(reader: &mut Reader<'_>, fields: &Fields<'_>, job: &Entry) -> Option<Call> {
    let Some(uses) = fields.entry("uses") else {
        for key in ["with", "secrets"] {
            if let Some(entry) = fields.entry(key) {
                let message = format!("`{key}` of a job goes with `uses`");
                let hint = "name the workflow to call with `uses`, or move it to a step";
                reader.report_with(entry.key_span, message, hint);
            }
        }
        return None;
    };
    for entry in OF_STEPS.iter().filter_map(|key| fields.entry(key)) {
        let message = format!("`{}` can't stand beside `uses`", entry.key);
        let hint = "the workflow that is called has its own; remove one of the two";
        reader.report_with(entry.key_span, message, hint);
    }
    let target = target(reader, uses, job);
    let with = fields.entry("with").map(|entry| with(reader, entry));
    let secrets = fields.get("secrets").and_then(|node| secrets(reader, node));
    Some(Call {
        target: target?,
        span: uses.value.span,
        with: with.unwrap_or_default(),
        secrets: secrets.unwrap_or_else(|| GivenSecrets::Named(Vec::new())),
        callee: None,
    })
}

fn target(reader: &mut Reader<'_>, uses: &Entry, job: &Entry) -> Option<WorkflowReference> {
    let text = reader.literal(&uses.value, "`uses`")?;
    match text.value.parse() {
        Ok(target) => Some(target),
        Err(problem) => {
            let comma = if problem.message.starts_with("which") || problem.message.starts_with("whose") {
                ","
            } else {
                ""
            };
            let message = format!(
                "the job `{}` uses `{}`{comma} {}",
                quoted(&job.key),
                quoted(text.value.trim()),
                problem.message
            );
            reader.report_with(text.span, message, problem.hint);
            None
        }
    }
}

/// The inputs: scalars, whose types are those of the called workflow.
fn with(reader: &mut Reader<'_>, entry: &Entry) -> Vec<Entry> {
    let entries = common::mapping(reader, &entry.value, "`with`").unwrap_or_default();
    let mut taken = Vec::new();
    let mut is_sound = |entry: &&Entry| {
        let what = format!("`{}`", quoted(&entry.key));
        let is_new = common::id(reader, &entry.key, entry.key_span, "the input", &mut taken);
        let is_scalar = entry.value.value == Value::Null
            || reader.template(&entry.value, &what, Place::JobWith).is_some();
        is_new && is_scalar
    };
    entries.iter().filter(&mut is_sound).cloned().collect()
}

fn secrets(reader: &mut Reader<'_>, node: &Node) -> Option<GivenSecrets> {
    if matches!(&node.value, Value::Text(text) if text == "inherit") {
        return Some(GivenSecrets::Inherited(node.span));
    }
    if matches!(
        &node.value,
        Value::Text(_) | Value::Bool(_) | Value::Number(_) | Value::List(_)
    ) {
        reader.report_with(
            node.span,
            format!("`secrets` must be `inherit` or a mapping, not {}", node.kind()),
            "such as `TOKEN: ${{ secrets.TOKEN }}` below it",
        );
        return None;
    }
    let entries = common::mapping(reader, node, "`secrets`")?;
    let mut taken = Vec::new();
    let read = |entry: &Entry| {
        let is_new = common::id(reader, &entry.key, entry.key_span, "the secret", &mut taken);
        let value = common::value(reader, entry, Place::JobSecrets)?;
        is_new.then(|| GivenSecret {
            name: entry.key.clone(),
            name_span: entry.key_span,
            value,
        })
    };
    Some(GivenSecrets::Named(entries.iter().filter_map(read).collect()))
}
