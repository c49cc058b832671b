//! What a caller passes: the `inputs` of the called workflow, in their types.

use crate::describe::matrix_computed;
use crate::diagnostic::Diagnostic;
use crate::expand::scope;
use crate::expr::{self, JobStatus, Opaque};
use crate::model::{Call, CallTrigger, Input, InputKind, Job, Workflow};
use crate::resolve::Resolver;
use crate::source::{Source, Span};
use crate::text::{has_expression, number_text};
use crate::yaml::{Node, Value};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;

/// The values of a call's inputs.
pub(super) struct Passed {
    pub(super) inputs: Map<String, Json>,
    /// No text in them comes from where an outsider may choose it.
    pub(super) own: bool,
}

/// Evaluates `with` in the `contexts` of the calling job's leg, and the defaults of what is not given. `own` says that the
/// caller's own inputs hold nothing that an outsider chose.
pub(super) fn passed(
    workflow: &Workflow,
    job: &Job,
    call: &Call,
    callee: &Workflow,
    contexts: &Map<String, Json>,
    own: bool,
) -> Result<Passed, Diagnostic> {
    let nothing = CallTrigger {
        inputs: Vec::new(),
        secrets: Vec::new(),
        outputs: Vec::new(),
    };
    let trigger = callee.triggers.workflow_call.as_ref().unwrap_or(&nothing);
    let mut passed = Passed {
        inputs: Map::new(),
        own: true,
    };
    let vouched = Vouched {
        inputs: own,
        matrix: !matrix_computed(job),
    };
    for input in &trigger.inputs {
        let given = call
            .with
            .iter()
            .find(|given| given.key.eq_ignore_ascii_case(&input.name));
        let value = match given {
            Some(given) => {
                passed.own &= is_own(&given.value, vouched);
                let value = resolved(&workflow.source, &given.value, contexts)?;
                typed(input, value).map_err(|problem| {
                    let message = format!("the input `{}` of `{}` {problem}", input.name, callee.path());
                    let hint =
                        "a variable or an output is a text; make another value of it with `fromJSON` or `==`";
                    Diagnostic::new(&workflow.source, given.value.span, message).with_hint(hint)
                })?
            }
            None => default(callee, input, contexts, &mut passed)?,
        };
        passed.inputs.insert(input.name.clone(), value);
    }
    Ok(passed)
}

/// GitHub docs, "Context availability": a default sees `github`, `vars` and `inputs`; of the latter, those before it.
fn default(
    callee: &Workflow,
    input: &Input,
    contexts: &Map<String, Json>,
    passed: &mut Passed,
) -> Result<Json, Diagnostic> {
    let Some(default) = &input.default else {
        return Ok(input.kind.empty());
    };
    let node = match &input.kind {
        // A literal of another kind has been written as such.
        InputKind::Text | InputKind::Choice(_) => Value::Text(default.value.clone()),
        _ if has_expression(&default.value) => Value::Text(default.value.clone()),
        kind => return Ok(kind.value(&default.value).unwrap_or_else(|_| kind.empty())),
    };
    let node = Node {
        span: default.span,
        value: node,
    };
    passed.own &= is_own(&node, Vouched::DEFAULTS);
    let mut seen = contexts.clone();
    seen.retain(|name, _| matches!(name.as_str(), "github" | "vars"));
    seen.insert("inputs".to_owned(), Json::Object(passed.inputs.clone()));
    let value = resolved(&callee.source, &node, &seen)?;
    typed(input, value).map_err(|problem| {
        let message = format!("the default of the input `{}` {problem}", input.name);
        Diagnostic::new(&callee.source, default.span, message)
    })
}

fn resolved(source: &Source, node: &Node, contexts: &Map<String, Json>) -> Result<Json, Diagnostic> {
    let resolver = Resolver {
        source,
        scope: scope(contexts, JobStatus::Success),
    };
    Ok(resolver.node(node)?.to_json())
}

/// What of the contexts nobody but the workflow has worded.
#[derive(Clone, Copy)]
struct Vouched {
    inputs: bool,
    matrix: bool,
}

impl Vouched {
    /// A default sees inputs that have been judged already, and no matrix.
    const DEFAULTS: Self = Self {
        inputs: true,
        matrix: true,
    };
}

/// Whether a value is the workflow's own word: what an outsider or a step has worded is not, nor what was taken from either.
fn is_own(node: &Node, vouched: Vouched) -> bool {
    let Value::Text(text) = &node.value else {
        return true;
    };
    let opaque = Opaque {
        env: &BTreeSet::new(),
        inputs: !vouched.inputs,
        matrix: !vouched.matrix,
    };
    expr::opaque_references(text, opaque).is_empty()
}

/// A value as the input's type wants it. Nothing at all is an empty text, `false` or 0.
fn typed(input: &Input, value: Json) -> Result<Json, String> {
    match (&input.kind, value) {
        (kind, Json::Null) => Ok(kind.empty()),
        (InputKind::Boolean, value @ Json::Bool(_)) | (InputKind::Number, value @ Json::Number(_)) => {
            Ok(value)
        }
        (InputKind::Boolean, value) => Err(format!("must be `true` or `false`, and is {}", kind_of(&value))),
        (InputKind::Number, value) => Err(format!("must be a number, and is {}", kind_of(&value))),
        (InputKind::Text | InputKind::Choice(_), value) => match value {
            Json::Bool(value) => Ok(Json::String(value.to_string())),
            Json::Number(number) => Ok(Json::String(
                number.as_f64().map_or_else(|| number.to_string(), number_text),
            )),
            text @ Json::String(_) => Ok(text),
            other => Err(format!("must be a text, and is {}", kind_of(&other))),
        },
    }
}

fn kind_of(value: &Json) -> String {
    Node::from_json(value.clone(), Span::default()).kind().to_owned()
}

/// Whether a value without an expression is of the type; else what is wrong, as the end of a sentence, and what to do.
pub(crate) fn check_literal(kind: &InputKind, node: &Node) -> Result<(), (String, &'static str)> {
    match (&node.value, kind) {
        (Value::Text(text), _) if has_expression(text) => Ok(()),
        (Value::Null, _) | (_, InputKind::Text | InputKind::Choice(_)) => Ok(()),
        (Value::Bool(_), InputKind::Boolean) | (Value::Number(_), InputKind::Number) => Ok(()),
        (_, InputKind::Boolean) => Err((
            format!("must be `true` or `false`, not {}", node.kind()),
            "write it without quotes",
        )),
        (_, InputKind::Number) => Err((
            format!("must be a number, not {}", node.kind()),
            "write digits without quotes",
        )),
    }
}
