//! `on`: the events and their filters.

use super::workflow_call::workflow_call;
use super::{dispatch, keys, schedule};
use crate::diagnostic::quoted;
use crate::filter::{PatternError, PatternList};
use crate::keys::Keys;
use crate::model::{Filter, PullRequestTrigger, PushTrigger, Triggers, WorkflowRunTrigger};
use crate::nearest::nearest;
use crate::read::{Fields, Reader, list_of};
use crate::rule::Rule;
use crate::source::Span;
use crate::text::Text;
use crate::yaml::{Entry, Node, Value};
use checkmill_core::event::{Activities, RepositoryEventName};
use checkmill_core::limits::{DISPATCH_TYPE_CHARS, FOLLOWED_WORKFLOWS};

/// The activity types of `pull_request` and `pull_request_target`. GitHub docs: "Events that trigger workflows".
const PULL_REQUEST_TYPES: [&str; 21] = [
    "assigned",
    "unassigned",
    "labeled",
    "unlabeled",
    "opened",
    "edited",
    "closed",
    "reopened",
    "synchronize",
    "converted_to_draft",
    "locked",
    "unlocked",
    "enqueued",
    "dequeued",
    "milestoned",
    "demilestoned",
    "ready_for_review",
    "review_requested",
    "review_request_removed",
    "auto_merge_enabled",
    "auto_merge_disabled",
];
/// The only one of `merge_group`, from the same page.
const MERGE_GROUP_TYPES: [&str; 1] = ["checks_requested"];
/// Those of `release`, from the same page.
const RELEASE_TYPES: [&str; 7] = [
    "published",
    "unpublished",
    "created",
    "edited",
    "deleted",
    "prereleased",
    "released",
];
/// Those of `issue_comment`.
const COMMENT_TYPES: [&str; 3] = ["created", "edited", "deleted"];
/// Those of `workflow_run`.
const WORKFLOW_RUN_TYPES: [&str; 3] = ["completed", "requested", "in_progress"];
/// Those that run a workflow which names none.
const PULL_REQUEST_DEFAULT: [&str; 3] = ["opened", "synchronize", "reopened"];

pub(super) fn triggers(reader: &mut Reader<'_>, on: &Entry) -> Triggers {
    let mut triggers = Triggers::default();
    match &on.value.value {
        Value::Null => {
            let hint = "say when the workflow runs, such as `on: push`";
            reader.report_with(on.key_span, "`on` names no event", hint);
        }
        Value::Map(entries) if entries.is_empty() => reader.report(on.value.span, "`on` names no event"),
        Value::Map(_) => {
            if let Some(fields) = reader.fields(&on.value, &keys::EVENTS, "`on`") {
                from_mapping(reader, &fields, &mut triggers);
            }
        }
        Value::List(items) if items.is_empty() => reader.report(on.value.span, "`on` names no event"),
        _ => {
            for name in reader.literals(&on.value, "`on`") {
                named(reader, &name, &mut triggers);
            }
        }
    }
    triggers
}

/// An event without settings: `on: push`, `on: [push]`.
fn named(reader: &mut Reader<'_>, name: &Text, triggers: &mut Triggers) {
    let nothing = Node {
        span: name.span,
        value: Value::Null,
    };
    let entry = Entry {
        key_span: name.span,
        key: name.value.clone(),
        value: nothing,
    };
    let mapping = Node {
        span: name.span,
        value: Value::Map(vec![entry]),
    };
    if let Some(fields) = reader.fields(&mapping, &keys::EVENTS, "`on`") {
        from_mapping(reader, &fields, triggers);
    }
}

fn from_mapping(reader: &mut Reader<'_>, fields: &Fields<'_>, triggers: &mut Triggers) {
    if let Some(node) = fields.get("push") {
        triggers.push = Some(push(reader, node));
    }
    if let Some(node) = fields.get("pull_request") {
        triggers.pull_request = Some(pull_request(reader, node, "pull_request", &keys::PULL_REQUEST));
    }
    if let Some(node) = fields.get("pull_request_target") {
        let keys = &keys::PULL_REQUEST_TARGET;
        triggers.pull_request_target = Some(pull_request(reader, node, "pull_request_target", keys));
    }
    if let Some(node) = fields.get("merge_group") {
        merge_group(reader, node);
        triggers.merge_group = true;
    }
    if let Some(node) = fields.get("schedule") {
        triggers.schedule = schedule::schedule(reader, node);
    }
    if let Some(node) = fields.get("release") {
        triggers.release = Some(types_of(reader, node, "release", &keys::RELEASE, &RELEASE_TYPES));
    }
    if let Some(node) = fields.get("issue_comment") {
        let types = types_of(
            reader,
            node,
            "issue_comment",
            &keys::ISSUE_COMMENT,
            &COMMENT_TYPES,
        );
        triggers.issue_comment = Some(types);
    }
    if let Some(node) = fields.get("workflow_run") {
        triggers.workflow_run = workflow_run(reader, node);
    }
    for name in RepositoryEventName::ALL {
        if let Some(node) = fields.get(name.as_str()) {
            let types = repository_event(reader, node, *name);
            triggers.repository.insert(*name, types);
        }
    }
    if let Some(entry) = fields.entry("workflow_dispatch") {
        triggers.workflow_dispatch = Some(dispatch::dispatch(reader, entry));
    }
    if let Some(node) = fields.get("workflow_call") {
        triggers.workflow_call = Some(workflow_call(reader, node));
    }
}

/// The settings of an event; none where it stands alone.
pub(super) fn settings<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    keys: &Keys,
    what: &str,
) -> Option<Fields<'n>> {
    match node.value {
        Value::Null => None,
        _ => reader.fields(node, keys, what),
    }
}

fn push(reader: &mut Reader<'_>, node: &Node) -> PushTrigger {
    let Some(fields) = settings(reader, node, &keys::PUSH, "`push`") else {
        return PushTrigger::default();
    };
    PushTrigger {
        branches: filter(reader, &fields, "branches", "branches-ignore"),
        tags: filter(reader, &fields, "tags", "tags-ignore"),
        paths: filter(reader, &fields, "paths", "paths-ignore"),
    }
}

fn pull_request(reader: &mut Reader<'_>, node: &Node, event: &str, keys: &Keys) -> PullRequestTrigger {
    let default = || PULL_REQUEST_DEFAULT.map(str::to_owned).to_vec();
    let Some(fields) = settings(reader, node, keys, &format!("`{event}`")) else {
        return PullRequestTrigger {
            types: default(),
            branches: None,
            paths: None,
        };
    };
    let types = fields
        .get("types")
        .map(|node| activity_types(reader, node, event, &PULL_REQUEST_TYPES));
    PullRequestTrigger {
        types: types.unwrap_or_else(default),
        branches: filter(reader, &fields, "branches", "branches-ignore"),
        paths: filter(reader, &fields, "paths", "paths-ignore"),
    }
}

/// Its one activity type may be written down; there is nothing to choose.
fn merge_group(reader: &mut Reader<'_>, node: &Node) {
    let fields = settings(reader, node, &keys::MERGE_GROUP, "`merge_group`");
    if let Some(types) = fields.and_then(|fields| fields.get("types")) {
        activity_types(reader, types, "merge_group", &MERGE_GROUP_TYPES);
    }
}

/// The activity types of an event that has no other settings; all where the workflow names none.
fn types_of(
    reader: &mut Reader<'_>,
    node: &Node,
    event: &str,
    keys: &Keys,
    known: &'static [&'static str],
) -> Vec<String> {
    let fields = settings(reader, node, keys, &format!("`{event}`"));
    match fields.and_then(|fields| fields.get("types")) {
        Some(types) => activity_types(reader, types, event, known),
        None => known.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// The activity types that start the workflow; none where each does.
fn repository_event(reader: &mut Reader<'_>, node: &Node, name: RepositoryEventName) -> Option<Vec<String>> {
    let event = name.as_str();
    let fields = settings(reader, node, keys::of_event(name), &format!("`{event}`"));
    let types = fields.and_then(|fields| fields.get("types"))?;
    match name.activities() {
        Activities::None => None,
        Activities::Types(known) => Some(activity_types(reader, types, event, known)),
        Activities::Custom => Some(dispatch_types(reader, types)),
    }
}

/// The types of `repository_dispatch` are anybody's.
fn dispatch_types(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    let types = reader.literals(node, "`types`");
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        reader.report_with(
            node.span,
            "`types` is empty",
            "remove it; every type counts without it",
        );
    }
    let long = |text: &&Text| text.value.chars().count() > DISPATCH_TYPE_CHARS;
    if let Some(long) = types.iter().find(long) {
        let message = format!("a type of `repository_dispatch` has at most {DISPATCH_TYPE_CHARS} characters");
        reader.report(long.span, message);
    }
    types.into_iter().map(|text| text.value).collect()
}

fn workflow_run(reader: &mut Reader<'_>, node: &Node) -> Option<WorkflowRunTrigger> {
    let fields = settings(reader, node, &keys::WORKFLOW_RUN, "`workflow_run`");
    let fields = fields.as_ref();
    let Some(workflows) = fields.and_then(|fields| fields.get("workflows")) else {
        let hint = "name the workflows to follow, such as `workflows: [CI]`";
        reader.report_with(node.span, "`workflow_run` needs `workflows`", hint);
        return None;
    };
    let names = reader.literals(workflows, "`workflows`");
    if names.is_empty() && matches!(&workflows.value, Value::List(items) if items.is_empty()) {
        reader.report_with(
            workflows.span,
            "`workflows` is empty",
            "name at least one workflow",
        );
    }
    if let Some(surplus) = names.get(FOLLOWED_WORKFLOWS) {
        let message = format!("a workflow can follow at most {FOLLOWED_WORKFLOWS} others");
        reader.report(surplus.span, message);
    }
    if let Some(types) = fields.and_then(|fields| fields.get("types")) {
        let named = activity_types(reader, types, "workflow_run", &WORKFLOW_RUN_TYPES);
        let early = |name: &String| name != "completed" && WORKFLOW_RUN_TYPES.contains(&name.as_str());
        if let Some(early) = named.iter().find(|name| early(name)) {
            let message =
                format!("the type `{early}` of `workflow_run` is not supported yet in this version");
            let hint = "use `completed`; or `needs` in one workflow".to_owned();
            reader.report_as(Rule::Unsupported, types.span, message, Some(hint));
        }
    }
    Some(WorkflowRunTrigger {
        workflows: names.into_iter().map(|name| name.value).collect(),
        branches: fields.and_then(|fields| filter(reader, fields, "branches", "branches-ignore")),
    })
}

fn activity_types(
    reader: &mut Reader<'_>,
    node: &Node,
    event: &str,
    known: &'static [&'static str],
) -> Vec<String> {
    let types = reader.literals(node, "`types`");
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        reader.report_with(
            node.span,
            "`types` is empty",
            "remove it; there are types that hold without it",
        );
    }
    for unknown in types.iter().filter(|text| !known.contains(&text.as_str())) {
        let message = format!(
            "`{}` is not an activity type of `{event}`",
            quoted(&unknown.value)
        );
        let hint = match nearest(&unknown.value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the types are {}", list_of(known.iter().copied())),
        };
        reader.report_with(unknown.span, message, hint);
    }
    types.into_iter().map(|text| text.value).collect()
}

/// One of two keys that exclude each other.
fn filter(reader: &mut Reader<'_>, fields: &Fields<'_>, only: &str, ignore: &str) -> Option<Filter> {
    if let (Some(_), Some(second)) = (fields.entry(only), fields.entry(ignore)) {
        let hint = format!("use `{only}` alone, with `!` before a pattern that is to be left out");
        reader.report_with(
            second.key_span,
            format!("`{only}` and `{ignore}` can't be used together"),
            hint,
        );
        return None;
    }
    if let Some(node) = fields.get(only) {
        return patterns(reader, node, only, PatternList::parse).map(Filter::Only);
    }
    let node = fields.get(ignore)?;
    patterns(reader, node, ignore, PatternList::parse_ignore).map(Filter::Ignore)
}

fn patterns(
    reader: &mut Reader<'_>,
    node: &Node,
    key: &str,
    parse: fn(&[String]) -> Result<PatternList, PatternError>,
) -> Option<PatternList> {
    let texts = reader.literals(node, &format!("`{key}`"));
    let written: Vec<String> = texts.iter().map(|text| text.value.clone()).collect();
    if written.is_empty() {
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            reader.report_with(
                node.span,
                format!("`{key}` is empty"),
                "remove it, or name at least one pattern",
            );
        }
        return None;
    }
    match parse(&written) {
        Ok(list) => Some(list),
        Err(error) => {
            let text = texts.get(error.index);
            let span = text.map_or(node.span, |text| {
                let at = crate::yaml::offset_in_source(reader.source, text.span, &text.value, error.offset);
                Span::new(at, at)
            });
            reader.report(span, error.message);
            None
        }
    }
}
