//! Which expressions of a script give text that an outsider chooses.
//!
//! Pasted into a script, a branch called `$(curl …)` is a command. The agent passes such values by environment variable
//! instead. What counts is what can flow into the expression's text: a comparison gives `true` or `false` whatever it
//! compares, `a && b` gives `b` or something empty.
//!
//! Everything of `inputs` and of `github`, and `job.workflow_ref`, is taken for untrusted unless it is named here as a value that GitHub alone
//! chooses, in a form that can't be a command: a number, a hash, a boolean, an account's or repository's name.
//!
//! What outputs of steps and jobs hold nobody can know before, and what reached `env` and `matrix` depends on how they were
//! made: [`opaque_references`] finds the expressions that read those, for the caller to judge by the value.

use super::ExprSpan;
use super::names::Function;
use super::syntax::{Key, Kind, Literal, Node, parse};
use super::template::{Part, parts};
use std::collections::BTreeSet;

/// Every `${{ }}` of the text that can give text an outsider chooses, in the text's order. One that can't be parsed
/// counts as such; a text with an unclosed `${{` has none (it can't be interpolated either).
#[must_use]
pub fn untrusted_references(text: &str) -> Vec<ExprSpan> {
    references_from(text, &["github", "inputs"])
}

/// The same for a text of an action whose inputs were given nothing that an outsider chooses: `inputs` is the workflow's
/// own word then.
#[must_use]
pub fn untrusted_references_of_action(text: &str) -> Vec<ExprSpan> {
    references_from(text, &["github"])
}

/// The same where of `inputs` only these, in lower case, were given nothing that an outsider chooses. All of `inputs` at once,
/// and one whose name is computed, may be any of the others.
#[must_use]
pub fn untrusted_references_but(text: &str, own: &BTreeSet<String>) -> Vec<ExprSpan> {
    let sources = Sources {
        contexts: &["github", "inputs"],
        env: None,
        own: Some(own),
    };
    spans_from(text, sources)
}

/// Where text that nobody vouches for can be, beside `github` and the outputs of steps and jobs.
#[derive(Debug, Clone, Copy)]
pub struct Opaque<'a> {
    /// Variables whose values were made of such text, or set by a step.
    pub env: &'a BTreeSet<String>,
    /// `inputs` was given some.
    pub inputs: bool,
    /// The matrix was computed.
    pub matrix: bool,
}

/// Every `${{ }}` of the text that can give text nobody vouches for: an event's, or what a step or another job has put into
/// its outputs or variables, which may be made of it in any way.
#[must_use]
pub fn opaque_references(text: &str, opaque: Opaque<'_>) -> Vec<ExprSpan> {
    let mut contexts = vec!["github", "steps", "needs", "jobs"];
    contexts.extend(opaque.inputs.then_some("inputs"));
    contexts.extend(opaque.matrix.then_some("matrix"));
    let sources = Sources {
        contexts: &contexts,
        env: Some(opaque.env),
        own: None,
    };
    spans_from(text, sources)
}

fn references_from(text: &str, contexts: &[&str]) -> Vec<ExprSpan> {
    let sources = Sources {
        contexts,
        env: None,
        own: None,
    };
    spans_from(text, sources)
}

fn spans_from(text: &str, sources: Sources<'_>) -> Vec<ExprSpan> {
    let untrusted = |span: &ExprSpan| parse(&span.expression).map_or(true, |tree| flows(&tree, sources));
    references(text).into_iter().filter(untrusted).collect()
}

/// What is looked for: everything of these contexts, and these variables of `env`.
#[derive(Clone, Copy)]
struct Sources<'a> {
    contexts: &'a [&'a str],
    env: Option<&'a BTreeSet<String>>,
    /// Inputs that are not looked for.
    own: Option<&'a BTreeSet<String>>,
}

impl Sources<'_> {
    fn has(self, context: &str) -> bool {
        let of_env = context.eq_ignore_ascii_case("env") && self.env.is_some_and(|names| !names.is_empty());
        of_env || listed(self.contexts, context)
    }

    /// Whether `inputs.…` with these keys is one that is passed over.
    fn is_own_input(self, keys: &[Key]) -> bool {
        self.own.is_some_and(|names| match keys.first().map(step) {
            Some(Some(Step::Named(name))) => names.contains(&name.to_ascii_lowercase()),
            _ => false,
        })
    }

    /// Whether `env.…` with these keys is one of the variables. A name that is not known before may be any.
    fn has_variable(self, keys: &[Key]) -> bool {
        self.env.is_some_and(|names| match keys.first().map(step) {
            Some(Some(Step::Named(name))) => names.contains(name),
            _ => !names.is_empty(),
        })
    }
}

/// Every `${{ }}` of the text, in the text's order; none where the text has an unclosed one (it can't be interpolated
/// either).
#[must_use]
pub fn references(text: &str) -> Vec<ExprSpan> {
    let spans = parts(text)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|part| match part {
            Part::Expression(marked) => Some(ExprSpan {
                expression: text[marked.inner].trim().to_owned(),
                range: marked.outer,
            }),
            Part::Text(_) => None,
        });
    spans.collect()
}

/// Properties of `github` that an outsider doesn't word.
const SAFE_GITHUB: [&str; 37] = [
    "action",
    "action_path",
    "action_ref",
    "action_repository",
    "action_status",
    "actor",
    "actor_id",
    "api_url",
    "env",
    "event_name",
    "event_path",
    "graphql_url",
    "job",
    "output",
    "path",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "repository_visibility",
    "repositoryurl",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "secret_source",
    "server_url",
    "sha",
    "state",
    "step_summary",
    "token",
    "triggering_actor",
    "workflow",
    "workflow_sha",
    "workspace",
];

/// Objects of a webhook's payload whose shape GitHub fixes. Not among them: `inputs`, `client_payload`,
/// `payload`, package metadata and whatever else holds keys of somebody's choice.
const FIXED_OBJECTS: [&str; 23] = [
    "assignee",
    "base",
    "check_run",
    "check_suite",
    "comment",
    "discussion",
    "head",
    "head_commit",
    "installation",
    "issue",
    "merge_group",
    "milestone",
    "organization",
    "owner",
    "pull_request",
    "release",
    "repo",
    "repository",
    "review",
    "sender",
    "team",
    "user",
    "workflow_run",
];

/// Lists of such objects. An element of anything else could be an object with keys of somebody's choice.
const FIXED_LISTS: [&str; 2] = ["commits", "pull_requests"];

/// Fields of those objects that are a number, a hash, a boolean or the name of an account or repository in each of them.
const SAFE_FIELDS: [&str; 27] = [
    "additions",
    "after",
    "before",
    "changed_files",
    "created",
    "deleted",
    "deletions",
    "draft",
    "forced",
    "fork",
    "full_name",
    "head_sha",
    "id",
    "locked",
    "login",
    "maintainer_can_modify",
    "merge_commit_sha",
    "merged",
    "node_id",
    "number",
    "prerelease",
    "private",
    "run_attempt",
    "run_number",
    // Of digits, letters and `*,-/` by its grammar, from the default branch's file.
    "schedule",
    "sha",
    "tree_id",
];

fn listed(list: &[&str], name: &str) -> bool {
    list.iter().any(|entry| entry.eq_ignore_ascii_case(name))
}

/// Whether text of the sources can be in the node's value.
fn flows(node: &Node, sources: Sources<'_>) -> bool {
    let flows = |node: &Node| flows(node, sources);
    match &node.kind {
        Kind::Literal(_) | Kind::Not(_) | Kind::Compare { .. } => false,
        Kind::Context(name) => sources.has(name) || is_job(name),
        // What stops the chain early is empty, false, null or 0.
        Kind::All(nodes) => nodes.last().is_some_and(&flows),
        Kind::Any(nodes) => nodes.iter().any(&flows),
        Kind::Call { function, args } => match function {
            Function::Format | Function::Join | Function::ToJson | Function::FromJson => {
                args.iter().any(&flows)
            }
            Function::Case => {
                let default = args.last().into_iter();
                args.iter().skip(1).step_by(2).chain(default).any(&flows)
            }
            Function::Contains
            | Function::StartsWith
            | Function::EndsWith
            | Function::HashFiles
            | Function::Success
            | Function::Failure
            | Function::Always
            | Function::Cancelled => false,
        },
        Kind::Access { base, keys } => match &base.kind {
            Kind::Context(name) if name.eq_ignore_ascii_case("github") => !is_safe(keys),
            Kind::Context(name) if is_job(name) => names_a_ref(keys),
            Kind::Context(name) if name.eq_ignore_ascii_case("inputs") && sources.is_own_input(keys) => false,
            Kind::Context(name) if name.eq_ignore_ascii_case("env") => sources.has_variable(keys),
            _ => flows(base),
        },
    }
}

fn is_job(context: &str) -> bool {
    context.eq_ignore_ascii_case("job")
}

/// Whether `job.…` with these keys may be `job.workflow_ref`, which ends in the name of a branch or tag. All else of `job` is
/// Checkmill's or the machine's.
fn names_a_ref(keys: &[Key]) -> bool {
    match keys.first().map(step) {
        Some(Some(Step::Named(name))) => name.eq_ignore_ascii_case("workflow_ref"),
        _ => true,
    }
}

/// Whether `github.…` with these keys is one of the values that GitHub alone chooses.
fn is_safe(keys: &[Key]) -> bool {
    let Some(names) = keys.iter().map(step).collect::<Option<Vec<_>>>() else {
        return false;
    };
    match names.as_slice() {
        [Step::Named(name)] => listed(&SAFE_GITHUB, name),
        [Step::Named(event), between @ .., Step::Named(leaf)] if event.eq_ignore_ascii_case("event") => {
            are_fixed(between) && listed(&SAFE_FIELDS, leaf)
        }
        _ => false,
    }
}

/// Whether each step leads to an object whose keys GitHub fixes.
fn are_fixed(steps: &[Step<'_>]) -> bool {
    match steps {
        [] => true,
        [Step::Named(list), Step::Element, rest @ ..] if listed(&FIXED_LISTS, list) => are_fixed(rest),
        [Step::Named(object), rest @ ..] => listed(&FIXED_OBJECTS, object) && are_fixed(rest),
        [Step::Element, ..] => false,
    }
}

/// A key that is known without values.
enum Step<'k> {
    Named(&'k str),
    /// `*` or an index of a list.
    Element,
}

fn step(key: &Key) -> Option<Step<'_>> {
    match key {
        Key::Name(name) => Some(Step::Named(name)),
        Key::Every => Some(Step::Element),
        Key::Computed(node) => match &node.kind {
            Kind::Literal(Literal::Text(name)) => Some(Step::Named(name)),
            Kind::Literal(_) => Some(Step::Element),
            _ => None,
        },
    }
}
