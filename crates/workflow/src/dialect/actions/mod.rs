//! GitHub Actions' workflow syntax.
//!
//! Source of the rules: GitHub docs, "Workflow syntax for GitHub Actions", "Events that trigger workflows", "Contexts";
//! where they are silent, GitHub's published schema `workflow-v1.0.json` and its runner's `WorkflowTemplateConverter`.

mod call;
mod common;
mod concurrency;
mod container;
mod container_options;
mod dispatch;
mod job;
mod keys;
mod lint;
mod local;
mod manifest;
mod needs;
mod permissions;
mod schedule;
mod step;
mod strategy;
mod triggers;
mod workflow_call;
mod written;

pub(crate) use concurrency::concurrency;
pub(crate) use container::{Given, container, services};
pub(crate) use keys::ALL as KEYS;
pub(super) use lint::notices;
pub(super) use local::local_actions;
pub(crate) use manifest::parse as parse_action;
pub(crate) use permissions::permissions;
pub(crate) use strategy::strategy;
pub(super) use written::steps as written_steps;
pub use written::{Written, WrittenAction, WrittenStep};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::expr::Place;
use crate::model::{Unmatched, Workflow};
use crate::read::Reader;
use crate::source::Source;
use crate::yaml::{self, Node, Value};

/// Whether GitHub has an event of this name, supported here or not.
pub(super) fn is_event(name: &str) -> bool {
    keys::EVENTS.find(name).is_some()
}

pub(super) fn parse(path: &str, text: &str) -> Result<Workflow, Diagnostics> {
    let source = Source::new(path, text);
    let node = yaml::parse(&source)?;
    if node.value == Value::Null {
        return Err(Diagnostic::new(&source, node.span, "the file is empty")
            .with_hint("a workflow needs at least `on` and `jobs`")
            .into());
    }
    let mut reader = Reader::new(&source);
    let workflow = workflow(&mut reader, &node);
    reader.finish(workflow)
}

fn workflow(reader: &mut Reader<'_>, node: &Node) -> Option<Workflow> {
    let fields = reader.fields(node, &keys::WORKFLOW, "a workflow")?;
    let name = fields
        .given("name")
        .and_then(|node| reader.literal(node, "`name`"));
    if let Some(node) = fields.given("description") {
        reader.literal(node, "`description`");
    }
    let run_name = fields
        .given("run-name")
        .and_then(|node| reader.template(node, "`run-name`", Place::RunName));
    let triggers = match fields.entry("on") {
        Some(entry) => Some(triggers::triggers(reader, entry)),
        None => {
            reader.report_with(
                node.span,
                "`on` is missing",
                "say when the workflow runs, such as `on: push`",
            );
            None
        }
    };
    let env = fields
        .get("env")
        .map(|node| common::env(reader, node, Place::WorkflowEnv));
    let defaults = fields
        .get("defaults")
        .map(|node| common::defaults(reader, node, None));
    let permissions = fields.get("permissions").map(|node| permissions(reader, node));
    let concurrency = fields
        .get("concurrency")
        .inspect(|node| concurrency::check(reader, node, Place::WorkflowConcurrency));
    let jobs = match fields.entry("jobs") {
        Some(entry) => job::jobs(reader, entry),
        None => {
            reader.report_with(
                node.span,
                "`jobs` is missing",
                "a workflow needs at least one job",
            );
            Vec::new()
        }
    };
    Some(Workflow {
        commit: None,
        name: name
            .map(|name| name.value)
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| reader.source.path().to_owned()),
        source: reader.source.clone(),
        run_name,
        triggers: triggers?,
        unmatched: Unmatched::Silent,
        env: env.unwrap_or_default(),
        defaults: defaults.unwrap_or_default(),
        permissions: permissions.flatten(),
        concurrency: concurrency.cloned(),
        jobs,
    })
}
