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
    pub(super) own: OwnInputs,
}

/// The inputs in which no text comes from where an outsider may choose it. Each is judged by itself: a title beside it takes
/// nothing from a command that the caller has written.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnInputs {
    /// All of them are, and there may be none.
    pub(crate) all: bool,
    /// Those that are, in lower case, where not all are.
    pub(crate) names: BTreeSet<String>,
}

impl OwnInputs {
    /// Of this many inputs these are.
    fn of(names: BTreeSet<String>, count: usize) -> Self {
        match names.len() == count {
            true => Self {
                all: true,
                names: BTreeSet::new(),
            },
            false => Self { all: false, names },
        }
    }
}

/// Evaluates `with` in the `contexts` of the calling job's leg, and the defaults of what is not given. `own` are those of
/// the caller's own inputs that hold nothing that an outsider chose.
pub(super) fn passed(
    workflow: &Workflow,
    job: &Job,
    call: &Call,
    callee: &Workflow,
    contexts: &Map<String, Json>,
    own: &OwnInputs,
) -> Result<Passed, Diagnostic> {
    let nothing = CallTrigger {
        inputs: Vec::new(),
        secrets: Vec::new(),
        outputs: Vec::new(),
    };
    let trigger = callee.triggers.workflow_call.as_ref().unwrap_or(&nothing);
    let mut inputs = Map::new();
    let mut names = BTreeSet::new();
    let vouched = Vouched {
        inputs: own,
        matrix: !matrix_computed(job),
    };
    for input in &trigger.inputs {
        let given = call
            .with
            .iter()
            .find(|given| given.key.eq_ignore_ascii_case(&input.name));
        let (value, is_own) = match given {
            Some(given) => {
                let is_own = is_own(&given.value, vouched);
                let value = resolved(&workflow.source, &given.value, contexts)?;
                let value = typed(input, value).map_err(|problem| {
                    let message = format!("the input `{}` of `{}` {problem}", input.name, callee.path());
                    let hint =
                        "a variable or an output is a text; make another value of it with `fromJSON` or `==`";
                    Diagnostic::new(&workflow.source, given.value.span, message).with_hint(hint)
                })?;
                (value, is_own)
            }
            None => {
                let before = OwnInputs::of(names.clone(), inputs.len());
                default(callee, input, contexts, &inputs, &before)?
            }
        };
        if is_own {
            names.insert(input.name.to_ascii_lowercase());
        }
        inputs.insert(input.name.clone(), value);
    }
    let own = OwnInputs::of(names, inputs.len());
    Ok(Passed { inputs, own })
}

/// The default, and whether it is the workflow's own word. GitHub docs, "Context availability": a default sees `github`, `vars` and
/// `inputs`; of the latter, those before it.
fn default(
    callee: &Workflow,
    input: &Input,
    contexts: &Map<String, Json>,
    before: &Map<String, Json>,
    own: &OwnInputs,
) -> Result<(Json, bool), Diagnostic> {
    let Some(default) = &input.default else {
        return Ok((input.kind.empty(), true));
    };
    let node = match &input.kind {
        // A literal of another kind has been written as such.
        InputKind::Text | InputKind::Choice(_) | InputKind::Environment => Value::Text(default.value.clone()),
        _ if has_expression(&default.value) => Value::Text(default.value.clone()),
        kind => {
            let value = kind.value(&default.value).unwrap_or_else(|_| kind.empty());
            return Ok((value, true));
        }
    };
    let node = Node {
        span: default.span,
        value: node,
    };
    // It sees no matrix.
    let is_own = is_own(
        &node,
        Vouched {
            inputs: own,
            matrix: true,
        },
    );
    let mut seen = contexts.clone();
    seen.retain(|name, _| matches!(name.as_str(), "github" | "vars"));
    seen.insert("inputs".to_owned(), Json::Object(before.clone()));
    let value = resolved(&callee.source, &node, &seen)?;
    let value = typed(input, value).map_err(|problem| {
        let message = format!("the default of the input `{}` {problem}", input.name);
        Diagnostic::new(&callee.source, default.span, message)
    })?;
    Ok((value, is_own))
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
struct Vouched<'a> {
    inputs: &'a OwnInputs,
    matrix: bool,
}

/// Whether a value is the workflow's own word: what an outsider or a step has worded is not, nor what was taken from either.
fn is_own(node: &Node, vouched: Vouched<'_>) -> bool {
    let Value::Text(text) = &node.value else {
        return true;
    };
    let opaque = Opaque {
        env: &BTreeSet::new(),
        inputs: false,
        matrix: !vouched.matrix,
    };
    let inputs = vouched.inputs;
    expr::opaque_references(text, opaque).is_empty()
        && (inputs.all || expr::untrusted_references_but(text, &inputs.names).is_empty())
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
        (InputKind::Text | InputKind::Choice(_) | InputKind::Environment, value) => match value {
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
        (Value::Null, _) | (_, InputKind::Text | InputKind::Choice(_) | InputKind::Environment) => Ok(()),
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
