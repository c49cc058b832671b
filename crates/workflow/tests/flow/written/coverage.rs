//! Which keys a file uses.

use checkmill_workflow::Keys;
use serde_json::Value;
use std::collections::BTreeSet;

/// Adds the paths of the keys that the document has, as the tables write them.
pub(super) fn used(document: &Value, tables: &[&Keys], used: &mut BTreeSet<String>) {
    for keys in tables {
        for place in places(keys.path) {
            for node in nodes(document, &place) {
                let has = |name: &str| is_named(node, name);
                used.extend(
                    keys.keys
                        .iter()
                        .filter(|key| has(key.name))
                        .map(|key| keys.path_of(key)),
                );
            }
        }
    }
}

/// Where mappings with these keys can stand: those of a workflow also in each of its jobs.
fn places(path: &str) -> Vec<String> {
    match path {
        "permissions" | "defaults" | "defaults.run" => {
            vec![path.to_owned(), format!("jobs.<job_id>.{path}")]
        }
        _ => vec![path.to_owned()],
    }
}

/// All that stands at a path such as `jobs.<job_id>.steps[*]`.
fn nodes<'d>(document: &'d Value, path: &str) -> Vec<&'d Value> {
    let mut nodes = vec![document];
    for segment in path.split('.').filter(|segment| !segment.is_empty()) {
        let (name, is_list) = match segment.strip_suffix("[*]") {
            Some(name) => (name, true),
            None => (segment, false),
        };
        let step = |node: &'d Value| -> Vec<&'d Value> {
            let fields = node.as_object();
            let found: Vec<&Value> = if name.starts_with('<') {
                fields.into_iter().flat_map(|fields| fields.values()).collect()
            } else {
                fields.and_then(|fields| fields.get(name)).into_iter().collect()
            };
            match is_list {
                true => found.into_iter().filter_map(Value::as_array).flatten().collect(),
                false => found,
            }
        };
        nodes = nodes.into_iter().flat_map(step).collect();
    }
    nodes
}

/// As a key of a mapping, or as events can be named: `on: push`, `on: [push]`.
fn is_named(node: &Value, name: &str) -> bool {
    match node {
        Value::Object(fields) => fields.contains_key(name),
        Value::Array(items) => items.iter().any(|item| item == name),
        Value::String(text) => text == name,
        _ => false,
    }
}
