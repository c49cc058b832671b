//! The inputs that a file declares for `workflow_dispatch` and `workflow_call`.

use super::triggers::settings;
use super::{common, keys};
use crate::call::check_literal;
use crate::diagnostic::quoted;
use crate::expr::Place;
use crate::model::{DispatchTrigger, Input, InputKind};
use crate::read::{Fields, Reader};
use crate::source::Span;
use crate::text::Text;
use crate::yaml::{Entry, Node, Value};

const CALL_TYPES: &str = "the types are string, boolean and number";
/// Inputs of one workflow. GitHub docs: 25.
const INPUTS: usize = 25;

pub(super) fn dispatch(reader: &mut Reader<'_>, entry: &Entry) -> DispatchTrigger {
    let inputs = settings(reader, &entry.value, &keys::DISPATCH, "`workflow_dispatch`")
        .and_then(|fields| fields.get("inputs"))
        .filter(|node| node.value != Value::Null)
        .and_then(|node| reader.map(node, "`inputs`"));
    let entries = inputs.unwrap_or(&[]);
    if let Some(surplus) = entries.get(INPUTS) {
        reader.report(
            surplus.key_span,
            format!("a workflow can have at most {INPUTS} inputs"),
        );
    }
    let mut taken = Vec::new();
    let mut read = |entry: &Entry| {
        common::id(reader, &entry.key, entry.key_span, "the input", &mut taken)
            .then(|| input(reader, entry))?
    };
    DispatchTrigger {
        span: entry.key_span,
        inputs: entries.iter().filter_map(&mut read).collect(),
    }
}

/// An input of `workflow_call`: its type is never left out, and its default may hold expressions.
pub(super) fn call_input(reader: &mut Reader<'_>, entry: &Entry) -> Option<Input> {
    let (name, span) = (entry.key.clone(), entry.key_span);
    let what = format!("the input `{name}`");
    let fields = settings(reader, &entry.value, &keys::CALL_INPUT, &what);
    let field = |key| fields.as_ref().and_then(|fields| fields.get(key));
    if let Some(node) = fields.as_ref().and_then(|fields| fields.given("description")) {
        reader.text(node, "`description`");
    }
    let required = field("required").and_then(|node| reader.boolean(node, "`required`"));
    let Some(node) = field("type") else {
        reader.report_with(span, format!("{what} has no `type`"), CALL_TYPES);
        return None;
    };
    let kind = match reader.literal(node, "`type`")?.as_str() {
        "string" => InputKind::Text,
        "boolean" => InputKind::Boolean,
        "number" => InputKind::Number,
        other => {
            let message = format!("`{}` is not a type of an input of `workflow_call`", quoted(other));
            reader.report_with(node.span, message, CALL_TYPES);
            return None;
        }
    };
    let default = field("default").filter(|node| node.value != Value::Null);
    let default = default.and_then(|node| {
        if let Err((problem, hint)) = check_literal(&kind, node) {
            reader.report_with(node.span, format!("the default of {what} {problem}"), hint);
            return None;
        }
        reader.template(node, "`default`", Place::CallInputDefault)
    });
    Some(Input {
        name,
        span,
        required: required.unwrap_or(false),
        default,
        kind,
    })
}

fn input(reader: &mut Reader<'_>, entry: &Entry) -> Option<Input> {
    let (name, span) = (entry.key.clone(), entry.key_span);
    let Some(fields) = settings(reader, &entry.value, &keys::INPUT, &format!("the input `{name}`")) else {
        return Some(Input {
            name,
            span,
            required: false,
            default: None,
            kind: InputKind::Text,
        });
    };
    if let Some(node) = fields.given("description") {
        reader.text(node, "`description`");
    }
    let required = fields
        .get("required")
        .and_then(|node| reader.boolean(node, "`required`"));
    let default = fields.get("default").filter(|node| node.value != Value::Null);
    let default = default.and_then(|node| reader.text(node, "`default`"));
    let options = fields
        .get("options")
        .map(|node| (node, reader.literals(node, "`options`")));
    let kind = kind(reader, &fields, span, options)?;
    if let Some(default) = &default
        && let Err(problem) = kind.value(&default.value)
    {
        reader.report(
            default.span,
            format!("the default of the input `{name}` {problem}"),
        );
    }
    Some(Input {
        name,
        span,
        required: required.unwrap_or(false),
        default,
        kind,
    })
}

fn kind(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    span: Span,
    options: Option<(&Node, Vec<Text>)>,
) -> Option<InputKind> {
    let written = fields
        .get("type")
        .map(|node| (node, reader.literal(node, "`type`")));
    let kind = match &written {
        None => InputKind::Text,
        Some((node, text)) => match text.as_ref()?.as_str() {
            "string" => InputKind::Text,
            "boolean" => InputKind::Boolean,
            "number" => InputKind::Number,
            "choice" => {
                let options = options.as_ref().map_or(&[][..], |(_, options)| options);
                if options.is_empty() {
                    let hint = "name them as a list under `options`";
                    reader.report_with(span, "an input of type `choice` needs options", hint);
                    return None;
                }
                return Some(InputKind::Choice(
                    options.iter().map(|text| text.value.clone()).collect(),
                ));
            }
            "environment" => InputKind::Environment,
            other => {
                let message = format!("`{}` is not a type of an input", quoted(other));
                reader.report_with(
                    node.span,
                    message,
                    "the types are string, boolean, number, choice and environment",
                );
                return None;
            }
        },
    };
    if let Some((node, _)) = options {
        reader.report_with(
            node.span,
            "`options` is for inputs of type `choice`",
            "add `type: choice`",
        );
    }
    Some(kind)
}
