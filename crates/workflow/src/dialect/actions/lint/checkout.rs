//! Checkouts of what an outsider wrote, in runs that have the rights of the default branch.

use crate::expr::{self, Read};
use crate::yaml::{Node, Value};

/// Events whose runs have those rights, though anybody can bring them about, with the properties of `github.event` that lead to
/// the outsider's commit.
const EVENTS: [(&str, &[&[&str]]); 2] = [
    (
        "pull_request_target",
        &[
            &["pull_request", "head"],
            &["pull_request", "merge_commit_sha"],
            &["pull_request", "number"],
            &["number"],
        ],
    ),
    (
        "workflow_run",
        &[
            &["workflow_run", "head_sha"],
            &["workflow_run", "head_branch"],
            &["workflow_run", "head_commit"],
            &["workflow_run", "head_repository"],
            &["workflow_run", "pull_requests"],
        ],
    ),
];

/// The inputs of a checkout that name such a commit, each with the event for which it does.
pub(super) fn of_outsiders<'s>(step: &'s Node, events: &[&str]) -> Vec<(&'s Node, &'static str)> {
    let is_checkout = |uses: &str| {
        let name = uses.split_once('@').map_or(uses, |(name, _)| name);
        name.eq_ignore_ascii_case("actions/checkout")
    };
    let Some(Value::Text(uses)) = step.get("uses").map(|uses| &uses.value) else {
        return Vec::new();
    };
    let inputs = step.get("with").filter(|_| is_checkout(uses));
    let inputs = inputs.and_then(Node::entries).unwrap_or_default().iter();
    let named = inputs.filter(|entry| matches!(entry.key.as_str(), "ref" | "repository"));
    let found = named.filter_map(|entry| {
        let Value::Text(text) = &entry.value.value else {
            return None;
        };
        let reads = expr::reads(text, false);
        let mut possible = EVENTS.iter().filter(|(event, _)| events.contains(event));
        let (event, _) = possible.find(|(event, properties)| {
            let is_head = *event == "pull_request_target"
                && (text.starts_with("refs/pull/") || reads.iter().any(is_head_ref));
            is_head || reads.iter().any(|read| leads_to(read, properties))
        })?;
        Some((&entry.value, *event))
    });
    found.collect()
}

fn is_head_ref(read: &Read) -> bool {
    read.context == "github"
        && read
            .names
            .first()
            .is_some_and(|name| name.eq_ignore_ascii_case("head_ref"))
}

fn leads_to(read: &Read, properties: &[&[&str]]) -> bool {
    let begins = |path: &[&str]| {
        read.names.len() > path.len()
            && read
                .names
                .iter()
                .skip(1)
                .zip(path)
                .all(|(name, part)| name.eq_ignore_ascii_case(part))
    };
    read.context == "github"
        && read
            .names
            .first()
            .is_some_and(|name| name.eq_ignore_ascii_case("event"))
        && properties.iter().any(|path| begins(path))
}
