//! `steps`.

use super::job::{boolean_or_expression, minutes};
use super::{common, keys};
use crate::diagnostic::quoted;
use crate::expr::Place;
use crate::model::{Action, Step};
use crate::nearest::nearest;
use crate::read::{Fields, Reader, list_of};
use crate::text::Text;
use crate::uses::{ActionReference, Builtin, UsesError};
use crate::yaml::{Entry, Node, Value};
use checkmill_core::limits;

pub(super) fn steps(reader: &mut Reader<'_>, node: &Node) -> Vec<Step> {
    let Some(items) = reader.list(node, "`steps`") else {
        return Vec::new();
    };
    if items.is_empty() {
        reader.report_with(
            node.span,
            "`steps` is empty",
            "a job needs at least one step, such as `- run: make test`",
        );
    }
    if let Some(item) = items.get(limits::STEPS) {
        reader.report(
            item.span,
            format!("a job can have at most {} steps", limits::STEPS),
        );
        return Vec::new();
    }
    let mut taken = Vec::new();
    items
        .iter()
        .enumerate()
        .filter_map(|(index, node)| step(reader, node, index + 1, &mut taken))
        .collect()
}

fn step(reader: &mut Reader<'_>, node: &Node, number: usize, taken: &mut Vec<String>) -> Option<Step> {
    if node.value == Value::Null {
        reader.report_with(
            node.span,
            format!("step {number} is empty"),
            "a step needs `run` or `uses`",
        );
        return None;
    }
    let fields = reader.fields(node, &keys::STEP, "a step")?;
    let id = fields.get("id").and_then(|node| reader.literal(node, "`id`"));
    if let Some(id) = &id {
        common::id(reader, &id.value, id.span, "the step id", taken);
    }
    let name = fields
        .given("name")
        .and_then(|node| reader.template(node, "`name`", Place::StepName));
    let condition = fields
        .given("if")
        .and_then(|node| reader.template(node, "`if`", Place::StepIf));
    let env = fields
        .get("env")
        .map(|node| common::env(reader, node, Place::StepEnv));
    let continue_on_error = fields.get("continue-on-error").and_then(|node| {
        boolean_or_expression(reader, node, "`continue-on-error`", Place::StepContinueOnError)
    });
    let timeout_minutes = fields
        .get("timeout-minutes")
        .and_then(|node| minutes(reader, node, Place::StepTimeout));
    let title = name.as_ref().or(id.as_ref()).map_or_else(
        || format!("step {number}"),
        |text| format!("step `{}`", quoted(&text.value)),
    );
    let action = action(reader, node, &fields, &title)?;
    Some(Step {
        id: id.map(|text| text.value),
        name: name.map(|text| text.value).filter(|name| !name.trim().is_empty()),
        condition: condition.map(|text| text.value),
        env: env.unwrap_or_default(),
        continue_on_error,
        timeout_minutes,
        action,
    })
}

fn action(reader: &mut Reader<'_>, node: &Node, fields: &Fields<'_>, title: &str) -> Option<Action> {
    match (fields.entry("run"), fields.entry("uses")) {
        (Some(_), Some(uses)) => {
            let message = format!("{title} has both `run` and `uses`");
            reader.report_with(uses.key_span, message, "make two steps of it");
            None
        }
        (Some(run), None) => {
            belongs(reader, fields, &["with"], "uses", title);
            let text = reader.nonempty_text(&run.value, "`run`")?;
            reader.check(&text, Place::StepRun);
            run_step(reader, fields, text)
        }
        (None, Some(uses)) => {
            belongs(reader, fields, &["shell", "working-directory"], "run", title);
            let text = reader.literal(&uses.value, "`uses`")?;
            uses_step(reader, fields, &text, title)
        }
        (None, None) => {
            // A background step has been refused for what it is.
            let refused = ["wait", "wait-all", "cancel"]
                .iter()
                .any(|key| node.get(key).is_some());
            if !refused {
                let span = node
                    .entries()
                    .and_then(<[_]>::first)
                    .map_or(node.span, |entry| entry.key_span);
                reader.report_with(
                    span,
                    format!("{title} has neither `run` nor `uses`"),
                    "a step needs one of them",
                );
            }
            None
        }
    }
}

/// Reports keys that mean something in the other kind of step only.
fn belongs(reader: &mut Reader<'_>, fields: &Fields<'_>, keys: &[&str], other: &str, title: &str) {
    for entry in keys.iter().filter_map(|key| fields.entry(key)) {
        let message = format!(
            "{title} has `{}`, which belongs to a step with `{other}`",
            entry.key
        );
        reader.report_with(entry.key_span, message, "remove it");
    }
}

fn run_step(reader: &mut Reader<'_>, fields: &Fields<'_>, run: Text) -> Option<Action> {
    let directory = fields.given("working-directory");
    let directory =
        directory.and_then(|node| reader.template(node, "`working-directory`", Place::StepWorkingDirectory));
    let shell = fields
        .get("shell")
        .and_then(|node| reader.nonempty_text(node, "`shell`"));
    if let Some(text) = &shell {
        if text.has_expression() {
            let hint = "set it in `defaults.run.shell` of the job, which can hold one";
            reader.report_with(text.span, "`shell` of a step can't hold an expression", hint);
        } else {
            common::shell(reader, text);
        }
    }
    let text = |text: Text| text.value;
    Some(Action::Run {
        run: run.value,
        shell: shell.map(text),
        working_directory: directory.map(text),
    })
}

fn uses_step(reader: &mut Reader<'_>, fields: &Fields<'_>, uses: &Text, title: &str) -> Option<Action> {
    let with = fields
        .get("with")
        .map(|node| common::texts(reader, node, "`with`", Place::StepWith));
    let action = reference(reader, uses, fields.get("with"), title)?;
    Some(Action::Uses {
        action,
        span: uses.span,
        with: with.unwrap_or_default(),
    })
}

/// What `uses` names. Of an action that is built in, the names of its inputs are checked too.
pub(super) fn reference(
    reader: &mut Reader<'_>,
    uses: &Text,
    with: Option<&Node>,
    title: &str,
) -> Option<ActionReference> {
    let action: ActionReference = match uses.value.parse() {
        Ok(action) => action,
        Err(UsesError { message, hint }) => {
            let name = quoted(uses.value.trim().trim_end_matches('@'));
            let comma = if message.starts_with("which") || message.starts_with("whose") {
                ","
            } else {
                ""
            };
            reader.report_with(uses.span, format!("{title} uses `{name}`{comma} {message}"), hint);
            return None;
        }
    };
    if let (ActionReference::Builtin { action, .. }, Some(with)) = (&action, with) {
        inputs(reader, *action, with);
    }
    Some(action)
}

/// Reports names that the action has no input of; names are the same in upper and lower case, as on GitHub.
fn inputs(reader: &mut Reader<'_>, action: Builtin, with: &Node) {
    let known = action.inputs();
    let is_unknown = |entry: &&Entry| !known.iter().any(|name| name.eq_ignore_ascii_case(&entry.key));
    for entry in with.entries().unwrap_or_default().iter().filter(is_unknown) {
        let message = format!("unknown input `{}` of `{}`", quoted(&entry.key), action.name());
        let hint = match nearest(&entry.key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its inputs are {}", list_of(known.iter().copied())),
        };
        reader.report_with(entry.key_span, message, hint);
    }
}
