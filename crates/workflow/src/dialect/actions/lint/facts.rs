//! The names that a file gives to its parts, as far as they are written out.

use super::super::strategy::holds_expression;
use crate::yaml::{Entry, Node, Value};
use std::collections::BTreeSet;

/// The names of a file.
pub(super) struct Facts<'n> {
    pub(super) jobs: Vec<JobFacts<'n>>,
    /// What the file is for, by the names of `on`.
    pub(super) events: Vec<&'n str>,
    /// The inputs of all events.
    pub(super) inputs: Vec<&'n str>,
    /// Those, in lower case, whose values are checked against a type that no command fits: numbers, booleans and the file's own
    /// choices.
    pub(super) closed_inputs: BTreeSet<String>,
}

pub(super) struct JobFacts<'n> {
    pub(super) key: &'n str,
    pub(super) needs: Vec<&'n str>,
    /// None of a job that calls another workflow.
    pub(super) outputs: Option<Vec<&'n str>>,
    /// The id of each step.
    pub(super) steps: Vec<Option<&'n str>>,
    /// The keys of the `matrix` context; none where an expression gives some.
    pub(super) matrix: Option<Vec<&'n str>>,
}

impl<'n> Facts<'n> {
    pub(super) fn of(root: &'n Node) -> Self {
        let jobs = root.get("jobs").and_then(Node::entries).unwrap_or_default();
        Self {
            jobs: jobs
                .iter()
                .map(|entry| JobFacts::of(&entry.key, &entry.value))
                .collect(),
            events: root.get("on").map(events).unwrap_or_default(),
            inputs: declared(root.get("on")).map(|entry| entry.key.as_str()).collect(),
            closed_inputs: closed(root.get("on")),
        }
    }

    /// Without regard to case, as GitHub finds them.
    pub(super) fn job(&self, key: &str) -> Option<&JobFacts<'n>> {
        self.jobs.iter().find(|job| job.key.eq_ignore_ascii_case(key))
    }
}

fn events(on: &Node) -> Vec<&str> {
    match on.entries() {
        Some(events) => events.iter().map(|event| event.key.as_str()).collect(),
        None => texts(on),
    }
}

/// The inputs of all events that have some.
fn declared(on: Option<&Node>) -> impl Iterator<Item = &Entry> {
    let events = match on.map(|on| &on.value) {
        Some(Value::Map(events)) => events.as_slice(),
        _ => &[],
    };
    let with_inputs = ["workflow_dispatch", "workflow_call"];
    let of_events = events
        .iter()
        .filter(move |event| with_inputs.contains(&event.key.as_str()))
        .filter_map(|event| event.value.get("inputs"));
    of_events.flat_map(|inputs| inputs.entries().unwrap_or_default())
}

fn closed(on: Option<&Node>) -> BTreeSet<String> {
    let is_closed = |input: &Entry| {
        let kind = input.value.get("type").and_then(text);
        matches!(kind, Some("number" | "boolean" | "choice"))
    };
    let names = |wanted: bool| {
        let of_kind = declared(on).filter(move |input| is_closed(input) == wanted);
        of_kind
            .map(|input| input.key.to_ascii_lowercase())
            .collect::<BTreeSet<_>>()
    };
    // Both events can have an input of one name.
    names(true).difference(&names(false)).cloned().collect()
}

impl<'n> JobFacts<'n> {
    fn of(key: &'n str, job: &'n Node) -> Self {
        let steps = match job.get("steps").map(|steps| &steps.value) {
            Some(Value::List(steps)) => steps.as_slice(),
            _ => &[],
        };
        Self {
            key,
            needs: job.get("needs").map(texts).unwrap_or_default(),
            outputs: match job.get("uses") {
                Some(_) => None,
                None => Some(job.get("outputs").map(keys).unwrap_or_default()),
            },
            steps: steps.iter().map(|step| step.get("id").and_then(text)).collect(),
            matrix: matrix(job.get("strategy")),
        }
    }
}

fn matrix(strategy: Option<&Node>) -> Option<Vec<&str>> {
    let Some(strategy) = strategy else {
        return Some(Vec::new());
    };
    let entries = match &strategy.value {
        Value::Map(_) => match strategy.get("matrix") {
            None => return Some(Vec::new()),
            Some(matrix) => matrix.entries()?,
        },
        _ => return None,
    };
    let mut names = Vec::new();
    for entry in entries {
        match (entry.key.as_str(), &entry.value.value) {
            ("exclude", _) => {}
            ("include", Value::List(items)) => {
                for item in items {
                    // An expression may add any key.
                    names.extend(item.entries()?.iter().map(|entry| entry.key.as_str()));
                }
            }
            ("include", _) if holds_expression(&entry.value) => return None,
            (name, _) => names.push(name),
        }
    }
    Some(names)
}

fn keys(node: &Node) -> Vec<&str> {
    let entries = node.entries().unwrap_or_default();
    entries.iter().map(|entry| entry.key.as_str()).collect()
}

fn texts(node: &Node) -> Vec<&str> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(text).collect(),
        _ => text(node).into_iter().collect(),
    }
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
