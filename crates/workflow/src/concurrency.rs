//! `concurrency`: the group that a run, a call or a job is in.

use crate::contexts::vars_context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::dialect::actions;
use crate::expr::{JobStatus, Scope};
use crate::model::Workflow;
use crate::read::Reader;
use crate::resolve::Resolver;
use crate::yaml::Node;
use checkmill_core::Concurrency;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The group of a whole run, or of a call of the workflow; none where the file names none.
///
/// # Errors
/// An expression that can't be evaluated or gives what can't be used, at its place in the file.
pub fn run_concurrency(
    workflow: &Workflow,
    github: &Map<String, Json>,
    inputs: &Map<String, Json>,
    vars: &BTreeMap<String, String>,
) -> Result<Option<Concurrency>, Diagnostics> {
    let vars = vars_context(vars);
    let context = |fields: &Map<String, Json>| Json::Object(fields.clone());
    let contexts = Map::from_iter([
        ("github".to_owned(), context(github)),
        ("inputs".to_owned(), context(inputs)),
        ("vars".to_owned(), context(&vars)),
    ]);
    evaluate(workflow, workflow.concurrency.as_ref(), &contexts)
}

/// What a `concurrency` comes to in these contexts.
pub(crate) fn evaluate(
    workflow: &Workflow,
    written: Option<&Node>,
    contexts: &Map<String, Json>,
) -> Result<Option<Concurrency>, Diagnostics> {
    let Some(written) = written else { return Ok(None) };
    let resolver = Resolver {
        source: &workflow.source,
        scope: Scope {
            contexts,
            status: JobStatus::Success,
            files: None,
        },
    };
    let node = resolver
        .node(written)
        .map_err(|wrong: Diagnostic| Diagnostics::from(wrong))?;
    let mut reader = Reader::new(&workflow.source);
    let concurrency = actions::concurrency(&mut reader, &node);
    reader.finish(concurrency).map(Some)
}
