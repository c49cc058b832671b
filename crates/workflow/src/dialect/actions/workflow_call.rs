//! `on.workflow_call`: what a workflow takes from those who call it, and what it gives them.

use super::triggers::settings;
use super::{common, dispatch, keys};
use crate::expr::Place;
use crate::model::{CallTrigger, DeclaredOutput, DeclaredSecret};
use crate::read::Reader;
use crate::yaml::{Entry, Node, Value};

pub(super) fn workflow_call(reader: &mut Reader<'_>, node: &Node) -> CallTrigger {
    let mut trigger = CallTrigger {
        inputs: Vec::new(),
        secrets: Vec::new(),
        outputs: Vec::new(),
    };
    let Some(fields) = settings(reader, node, &keys::CALL, "`workflow_call`") else {
        return trigger;
    };
    let mut named = |key: &str, what: &str, read: &mut dyn FnMut(&mut Reader<'_>, &Entry)| {
        let Some(node) = fields.get(key).filter(|node| node.value != Value::Null) else {
            return;
        };
        let mut taken = Vec::new();
        for entry in reader.map(node, &format!("`{key}`")).unwrap_or_default() {
            if common::id(reader, &entry.key, entry.key_span, what, &mut taken) {
                read(reader, entry);
            }
        }
    };
    named("inputs", "the input", &mut |reader, entry| {
        trigger.inputs.extend(dispatch::call_input(reader, entry));
    });
    named("secrets", "the secret", &mut |reader, entry| {
        trigger.secrets.push(secret(reader, entry));
    });
    named("outputs", "the output", &mut |reader, entry| {
        trigger.outputs.extend(output(reader, entry));
    });
    trigger
}

fn secret(reader: &mut Reader<'_>, entry: &Entry) -> DeclaredSecret {
    let what = format!("the secret `{}`", entry.key);
    let fields = settings(reader, &entry.value, &keys::CALL_SECRET, &what);
    let field = |key| fields.as_ref().and_then(|fields| fields.get(key));
    if let Some(node) = fields.as_ref().and_then(|fields| fields.given("description")) {
        reader.text(node, "`description`");
    }
    let required = field("required").and_then(|node| reader.boolean(node, "`required`"));
    DeclaredSecret {
        name: entry.key.clone(),
        required: required.unwrap_or(false),
    }
}

fn output(reader: &mut Reader<'_>, entry: &Entry) -> Option<DeclaredOutput> {
    let what = format!("the output `{}`", entry.key);
    let fields = settings(reader, &entry.value, &keys::CALL_OUTPUT, &what);
    let field = |key| fields.as_ref().and_then(|fields| fields.get(key));
    if let Some(node) = fields.as_ref().and_then(|fields| fields.given("description")) {
        reader.text(node, "`description`");
    }
    let Some(node) = field("value") else {
        let hint = "such as `value: ${{ jobs.build.outputs.version }}`";
        reader.report_with(entry.key_span, format!("{what} has no `value`"), hint);
        return None;
    };
    Some(DeclaredOutput {
        name: entry.key.clone(),
        value: reader.template(node, "`value`", Place::CallOutputValue)?,
    })
}
