//! `inputs`.

use crate::diagnostic::quoted;
use crate::expr::Place;
use crate::manifest::ActionInput;
use crate::read::Reader;
use crate::yaml::{Entry, Node, Value};

/// More than any action has; a list without end is a mistake or worse.
const INPUTS: usize = 500;

pub(super) fn inputs(reader: &mut Reader<'_>, node: &Node) -> Vec<ActionInput> {
    if node.value == Value::Null {
        return Vec::new();
    }
    let Some(entries) = reader.map(node, "`inputs`") else {
        return Vec::new();
    };
    if let Some(entry) = entries.get(INPUTS) {
        reader.report(
            entry.key_span,
            format!("an action can have at most {INPUTS} inputs"),
        );
        return Vec::new();
    }
    entries.iter().filter_map(|entry| input(reader, entry)).collect()
}

fn input(reader: &mut Reader<'_>, entry: &Entry) -> Option<ActionInput> {
    let name = entry.key.clone();
    if name.trim().is_empty() || name.contains(['=', '\0']) {
        reader.report(
            entry.key_span,
            format!("`{}` can't be the name of an input", quoted(&name)),
        );
        return None;
    }
    let value = &entry.value;
    if value.value == Value::Null {
        return Some(ActionInput {
            name,
            required: false,
            default: None,
            deprecation: None,
        });
    }
    reader.map(value, &format!("the input `{}`", quoted(&name)))?;
    // GitHub takes `required: "true"` for true as well, and what isn't true for false.
    let required = value.get("required").is_some_and(|node| match &node.value {
        Value::Bool(required) => *required,
        Value::Text(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    });
    let default = value
        .get("default")
        .filter(|node| node.value != Value::Null)
        .and_then(|node| reader.template(node, "`default`", Place::ActionInputDefault));
    let deprecation = value
        .get("deprecationMessage")
        .filter(|node| node.value != Value::Null)
        .and_then(|node| reader.text(node, "`deprecationMessage`"));
    Some(ActionInput {
        name,
        required,
        default: default.map(|text| text.value),
        deprecation: deprecation.map(|text| text.value),
    })
}
