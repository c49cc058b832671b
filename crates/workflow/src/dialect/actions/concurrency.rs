//! `concurrency`, before and after its expressions are evaluated.
//!
//! Source: GitHub docs, "Control the concurrency of workflows and jobs".

use super::{job, keys};
use crate::expr::Place;
use crate::read::Reader;
use crate::text::has_expression;
use crate::yaml::{Node, Value};
use checkmill_core::Concurrency;
use checkmill_core::concurrency::Queueing;
use checkmill_core::limits::GROUP_NAME_CHARS;

const WHAT: &str = "`concurrency`";

/// Reports what is wrong already before the expressions are evaluated.
pub(super) fn check(reader: &mut Reader<'_>, node: &Node, place: Place) {
    match node.value {
        Value::Map(_) => {}
        Value::List(_) => return reader.wrong_type(node, WHAT, "a text or a mapping"),
        _ => return group_shape(reader, node, WHAT, place),
    }
    let Some(fields) = reader.fields(node, &keys::CONCURRENCY, WHAT) else {
        return;
    };
    match fields.get("group") {
        Some(group) => group_shape(reader, group, "`group`", place),
        None => reader.report_with(
            node.span,
            format!("{WHAT} has no `group`"),
            "name the group, such as `group: deploy`",
        ),
    }
    let cancels = fields.get("cancel-in-progress");
    if let Some(cancels) = cancels {
        job::boolean_or_expression(reader, cancels, "`cancel-in-progress`", place);
    }
    let Some(written) = fields.get("queue") else {
        return;
    };
    let text = reader.template(written, "`queue`", place);
    if text.is_some_and(|text| !text.has_expression()) {
        let queue = queueing(reader, written);
        let is_true = cancels.is_some_and(|node| node.value == Value::Bool(true));
        if is_true && queue == Some(Queueing::Max) {
            contradiction(reader, written);
        }
    }
}

fn group_shape(reader: &mut Reader<'_>, node: &Node, what: &str, place: Place) {
    if matches!(node.value, Value::Null) {
        return reader.report_with(
            node.span,
            format!("{what} is empty"),
            "name the group, such as `deploy`",
        );
    }
    if let Some(text) = reader.nonempty_text(node, what) {
        reader.check(&text, place);
    }
}

/// Reads one whose expressions are evaluated.
pub(crate) fn concurrency(reader: &mut Reader<'_>, node: &Node) -> Option<Concurrency> {
    if !matches!(node.value, Value::Map(_)) {
        return Some(Concurrency {
            group: group(reader, node, WHAT)?,
            cancel_in_progress: false,
            queue: Queueing::Single,
        });
    }
    let fields = reader.fields(node, &keys::CONCURRENCY, WHAT)?;
    let Some(named) = fields.get("group") else {
        reader.report(node.span, format!("{WHAT} has no `group`"));
        return None;
    };
    let group = group(reader, named, "`group`")?;
    let cancel_in_progress = match fields.get("cancel-in-progress") {
        Some(node) => cancels(reader, node)?,
        None => false,
    };
    let written = fields.get("queue");
    let queue = match written {
        Some(node) => queueing(reader, node)?,
        None => Queueing::Single,
    };
    if let (true, Queueing::Max, Some(written)) = (cancel_in_progress, queue, written) {
        contradiction(reader, written);
        return None;
    }
    Some(Concurrency {
        group,
        cancel_in_progress,
        queue,
    })
}

fn group(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    let is_nothing = match &node.value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        _ => false,
    };
    if is_nothing {
        // GitHub docs: "you will need to provide a fallback to avoid a syntax error".
        let hint = "what is not set is nothing; add a name for that case, such as `|| github.run_id`";
        reader.report_with(node.span, format!("the expression in {what} gives no name"), hint);
        return None;
    }
    let text = reader.text(node, what)?;
    if text.value.chars().nth(GROUP_NAME_CHARS).is_some() {
        let message = format!("the group in {what} has a name of more than {GROUP_NAME_CHARS} characters");
        reader.report(node.span, message);
        return None;
    }
    // It stands on one line of a check.
    Some(
        text.value
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect(),
    )
}

fn cancels(reader: &mut Reader<'_>, node: &Node) -> Option<bool> {
    let Value::Bool(cancels) = node.value else {
        let message = format!(
            "`cancel-in-progress` must be `true` or `false`; the expression gives {}",
            node.kind()
        );
        let hint = match node.value {
            Value::Null => "what is not set is nothing; add `|| false`",
            _ => "make a boolean of it, such as with `== 'true'` or `fromJSON`",
        };
        reader.report_with(node.span, message, hint);
        return None;
    };
    Some(cancels)
}

fn queueing(reader: &mut Reader<'_>, node: &Node) -> Option<Queueing> {
    match &node.value {
        Value::Text(text) if text == "single" => Some(Queueing::Single),
        Value::Text(text) if text == "max" => Some(Queueing::Max),
        Value::Text(text) if !has_expression(text) => {
            reader.report(
                node.span,
                format!(
                    "`queue` must be `single` or `max`, not `{}`",
                    crate::diagnostic::quoted(text)
                ),
            );
            None
        }
        _ => {
            reader.wrong_type(node, "`queue`", "`single` or `max`");
            None
        }
    }
}

fn contradiction(reader: &mut Reader<'_>, queue: &Node) {
    reader.report_with(
        queue.span,
        "`queue: max` and `cancel-in-progress: true` contradict each other",
        "let all wait and cancel none, or cancel and let only the newest wait; remove one of the two",
    );
}
