//! `trigger`: a name, a list of names, or a mapping from names to branches. Without one, every event starts the file.

use super::keys;
use super::scalar::written;
use crate::diagnostic::quoted;
use crate::dialect::actions;
use crate::filter::NameList;
use crate::model::{DispatchTrigger, Filter, PullRequestTrigger, PushTrigger, Triggers};
use crate::read::Reader;
use crate::source::Span;
use crate::yaml::{Entry, Node, Value};

/// The activity types of a pull request that start a file: those with something new to test. Borda/GH-app-bot knows the first
/// two.
const PULL_REQUEST_TYPES: [&str; 4] = ["opened", "synchronize", "reopened", "ready_for_review"];

/// What `trigger` says, or its absence.
pub(super) fn triggers(reader: &mut Reader<'_>, trigger: Option<&Entry>) -> Triggers {
    let events = match trigger {
        Some(trigger) => events(reader, trigger),
        None => Vec::new(),
    };
    let mut triggers = Triggers::default();
    if events.is_empty() && trigger.is_none_or(|trigger| is_empty(&trigger.value)) {
        for name in ["push", "pull_request", "workflow_dispatch"] {
            add(reader, &named(name, Span::default()), &mut triggers);
        }
    }
    for event in &events {
        add(reader, event, &mut triggers);
    }
    triggers
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The events of whichever form, as entries of a mapping.
fn events(reader: &mut Reader<'_>, trigger: &Entry) -> Vec<Entry> {
    let node = &trigger.value;
    match &node.value {
        _ if is_empty(node) => Vec::new(),
        Value::Map(entries) => entries.clone(),
        Value::Text(name) => vec![named(name, node.span)],
        Value::List(items) => items
            .iter()
            .filter_map(|item| match &item.value {
                Value::Text(name) => Some(named(name, item.span)),
                _ => {
                    reader.wrong_type(item, "an item of `trigger`", "the name of an event");
                    None
                }
            })
            .collect(),
        _ => {
            let expected = "an event, a list of events, or a mapping from events to branches";
            reader.wrong_type(node, "`trigger`", expected);
            Vec::new()
        }
    }
}

fn named(name: &str, span: Span) -> Entry {
    Entry {
        key_span: span,
        key: name.to_owned(),
        value: Node {
            span,
            value: Value::Null,
        },
    }
}

fn add(reader: &mut Reader<'_>, event: &Entry, triggers: &mut Triggers) {
    // Files may name what GitHub has and nobody here listens to; a name that GitHub does not have is a mistake.
    if keys::EVENTS.find(&event.key).is_none() && actions::is_event(&event.key) {
        return;
    }
    if !reader.is_usable(event, &keys::EVENTS, "`trigger`") {
        return;
    }
    let branches = branches(reader, event);
    match event.key.as_str() {
        "push" => {
            triggers.push = Some(PushTrigger {
                branches,
                ..PushTrigger::default()
            });
        }
        "pull_request" => {
            triggers.pull_request = Some(PullRequestTrigger {
                types: PULL_REQUEST_TYPES.map(str::to_owned).to_vec(),
                branches,
                paths: None,
            });
        }
        "workflow_dispatch" => {
            triggers.workflow_dispatch = Some(DispatchTrigger {
                span: event.key_span,
                inputs: Vec::new(),
            });
        }
        _ => {}
    }
}

/// The branches of an event; none for any.
fn branches(reader: &mut Reader<'_>, event: &Entry) -> Option<Filter> {
    if event.value.value == Value::Null {
        return None;
    }
    let what = format!("`{}`", quoted(&event.key));
    let fields = reader.fields(&event.value, &keys::EVENT, &what)?;
    let node = fields.get("branches").filter(|node| !is_empty(node))?;
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Map(_) => {
            reader.wrong_type(node, "`branches`", "a list of names");
            return None;
        }
        _ => std::slice::from_ref(node),
    };
    let texts: Vec<_> = items
        .iter()
        .filter_map(|item| written(reader, item, "a branch"))
        .collect();
    if !texts.is_empty() && texts.iter().all(|text| text.value.starts_with('!')) {
        let hint = "`!` takes names away from those before it: begin with `'**'` for all branches";
        reader.report_with(node.span, "`branches` names no branch that is wanted", hint);
        return None;
    }
    match NameList::parse(texts.iter().map(|text| text.value.clone()).collect()) {
        Ok(names) => Some(Filter::Names(names)),
        Err(error) => {
            let span = texts.get(error.index).map_or(node.span, |text| text.span);
            reader.report(span, error.message);
            None
        }
    }
}
