//! `run-name`: what a run of the workflow is called.

use crate::contexts::vars_context;
use crate::diagnostic::Diagnostics;
use crate::expr::{JobStatus, Scope};
use crate::model::Workflow;
use crate::resolve::Resolver;
use checkmill_core::limits::RUN_NAME_CHARS;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The `run-name` of the workflow for one run: one line of at most [`RUN_NAME_CHARS`]; none where the file has none, or where
/// its expressions give nothing, as GitHub has it.
///
/// # Errors
/// An expression that can't be evaluated, at its place in the file.
pub fn run_name(
    workflow: &Workflow,
    github: &Map<String, Json>,
    inputs: &Map<String, Json>,
    vars: &BTreeMap<String, String>,
) -> Result<Option<String>, Diagnostics> {
    let Some(written) = &workflow.run_name else {
        return Ok(None);
    };
    let contexts = Map::from_iter([
        ("github".to_owned(), Json::Object(github.clone())),
        ("inputs".to_owned(), Json::Object(inputs.clone())),
        ("vars".to_owned(), Json::Object(vars_context(vars))),
    ]);
    let resolver = Resolver {
        source: &workflow.source,
        scope: Scope {
            contexts: &contexts,
            status: JobStatus::Success,
            files: None,
        },
    };
    let name = resolver.text(written)?;
    let line: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line: String = line.trim().chars().take(RUN_NAME_CHARS).collect();
    Ok((!line.is_empty()).then_some(line))
}
