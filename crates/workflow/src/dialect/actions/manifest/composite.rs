//! `runs` of a composite action: steps that run in the place of the step that uses it.

use super::common;
use crate::diagnostic::quoted;
use crate::dialect::actions::job::boolean_or_expression;
use crate::dialect::actions::step::reference;
use crate::expr::Place;
use crate::job::{StepAction, StepDescription};
use crate::keys::{Keys, full, refused};
use crate::manifest::Runs;
use crate::read::{Fields, Reader};
use crate::yaml::{Entry, Node, Value};
use checkmill_core::limits;
use std::collections::BTreeMap;

const STEP: Keys = Keys {
    path: "runs.steps[*]",
    noun: "key",
    keys: &[
        full("id"),
        full("name"),
        full("if"),
        full("uses"),
        full("run"),
        full("with"),
        full("shell"),
        full("working-directory"),
        full("env"),
        full("continue-on-error"),
        refused(
            "timeout-minutes",
            "set it on the step that uses the action; GitHub has none here either",
        ),
    ],
};

pub(super) fn runs(reader: &mut Reader<'_>, node: &Node, outputs: Option<&Node>) -> Option<Runs> {
    let Some(steps) = node.get("steps") else {
        reader.report_with(
            node.span,
            "`steps` is missing in `runs`",
            "a composite action needs at least one step",
        );
        return None;
    };
    let steps = self::steps(reader, steps);
    let outputs = outputs.map(|node| self::outputs(reader, node));
    Some(Runs::Composite {
        steps,
        outputs: outputs.unwrap_or_default(),
    })
}

fn outputs(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    if node.value == Value::Null {
        return BTreeMap::new();
    }
    let Some(entries) = reader.map(node, "`outputs`") else {
        return BTreeMap::new();
    };
    let read = |entry: &Entry| {
        // An output that nobody gives a value is empty, as on GitHub.
        let value = entry.value.get("value").filter(|node| node.value != Value::Null);
        let text = value.and_then(|node| reader.template(node, "`value`", Place::CompositeStep));
        (entry.key.clone(), text.map(|text| text.value).unwrap_or_default())
    };
    entries.iter().map(read).collect()
}

fn steps(reader: &mut Reader<'_>, node: &Node) -> Vec<StepDescription> {
    let Some(items) = reader.list(node, "`steps`") else {
        return Vec::new();
    };
    if let Some(item) = items.get(limits::STEPS) {
        reader.report(
            item.span,
            format!("a composite action can have at most {} steps", limits::STEPS),
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

fn step(
    reader: &mut Reader<'_>,
    node: &Node,
    number: usize,
    taken: &mut Vec<String>,
) -> Option<StepDescription> {
    let fields = reader.fields(node, &STEP, "a step of a composite action")?;
    let id = fields.get("id").and_then(|node| reader.literal(node, "`id`"));
    if let Some(id) = &id {
        common::id(reader, &id.value, id.span, "the step id", taken);
    }
    let name = fields
        .given("name")
        .and_then(|node| reader.template(node, "`name`", Place::CompositeStep));
    let condition = fields
        .given("if")
        .and_then(|node| reader.template(node, "`if`", Place::CompositeIf));
    let env = fields
        .get("env")
        .map(|node| common::env(reader, node, Place::CompositeStep));
    let continue_on_error = fields
        .get("continue-on-error")
        .and_then(|node| boolean_or_expression(reader, node, "`continue-on-error`", Place::CompositeStep));
    let title = name.as_ref().or(id.as_ref()).map_or_else(
        || format!("step {number}"),
        |text| format!("step `{}`", quoted(&text.value)),
    );
    let action = action(reader, node, &fields, &title)?;
    let env = env.unwrap_or_default().into_iter();
    Some(StepDescription {
        id: id.map(|text| text.value),
        name: name.map(|text| text.value).filter(|name| !name.trim().is_empty()),
        condition: condition.map(|text| text.value),
        env: env.map(|entry| (entry.name, entry.value.value)).collect(),
        continue_on_error,
        timeout_minutes: None,
        action,
    })
}

fn action(reader: &mut Reader<'_>, node: &Node, fields: &Fields<'_>, title: &str) -> Option<StepAction> {
    match (fields.get("run"), fields.get("uses")) {
        (Some(run), None) => run_step(reader, fields, run, title),
        (None, Some(uses)) => {
            let text = reader.literal(uses, "`uses`")?;
            let action = reference(reader, &text, fields.get("with"), title)?;
            let with = fields
                .get("with")
                .map(|node| common::texts(reader, node, "`with`", Place::CompositeStep));
            Some(StepAction::Uses {
                uses: action,
                with: with.unwrap_or_default(),
            })
        }
        (Some(_), Some(_)) => {
            reader.report_with(
                node.span,
                format!("{title} has both `run` and `uses`"),
                "make two steps of it",
            );
            None
        }
        (None, None) => {
            reader.report_with(
                node.span,
                format!("{title} has neither `run` nor `uses`"),
                "a step needs one of them",
            );
            None
        }
    }
}

fn run_step(reader: &mut Reader<'_>, fields: &Fields<'_>, run: &Node, title: &str) -> Option<StepAction> {
    let run = reader.template(run, "`run`", Place::CompositeStep);
    let Some(shell) = fields.get("shell") else {
        // The runner: "Required property is missing: shell".
        let span = fields
            .entry("run")
            .map(|entry| entry.key_span)
            .unwrap_or_default();
        reader.report_with(
            span,
            format!("{title} has no `shell`"),
            "a `run` of a composite action needs one, such as `shell: bash`",
        );
        return None;
    };
    let shell = reader
        .nonempty_text(shell, "`shell`")
        .inspect(|text| reader.check(text, Place::CompositeStep))?;
    common::shell(reader, &shell);
    let directory = fields.given("working-directory");
    let directory =
        directory.and_then(|node| reader.template(node, "`working-directory`", Place::CompositeStep));
    Some(StepAction::Run {
        run: run?.value,
        shell: Some(shell.value),
        working_directory: directory.map(|text| text.value),
    })
}
