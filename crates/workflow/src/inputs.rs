//! The inputs of `workflow_dispatch`: what was given, against what the workflow declares.

use crate::diagnostic::{Diagnostic, Diagnostics, quoted};
use crate::model::{DispatchTrigger, Input, InputKind, Workflow};
use crate::nearest::nearest;
use checkmill_core::event::{Event, EventKind};
use checkmill_core::policy::EnvironmentRule;
use serde_json::{Map, Number, Value as Json};
use std::collections::BTreeMap;

/// The `inputs` context: the given values in their types, defaults for the rest. Empty for events other than
/// `workflow_dispatch`.
///
/// An input that is neither given nor has a default is an empty text, `false`, 0, or the first of the options, as GitHub's
/// form preselects it. GitHub docs: "Providing inputs".
///
/// # Errors
/// Every input that is missing, unknown or not of its type, at its declaration in the file.
pub fn inputs(workflow: &Workflow, event: &Event) -> Result<Map<String, Json>, Diagnostics> {
    match &event.kind {
        EventKind::WorkflowDispatch(dispatch) => dispatch_inputs(workflow, &dispatch.inputs),
        _ => Ok(Map::new()),
    }
}

/// The same for a `workflow_dispatch` that is not an event yet.
///
/// # Errors
/// As [`inputs`].
pub fn dispatch_inputs(
    workflow: &Workflow,
    given: &BTreeMap<String, String>,
) -> Result<Map<String, Json>, Diagnostics> {
    let Some(trigger) = &workflow.triggers.workflow_dispatch else {
        return Ok(Map::new());
    };
    let mut found = Vec::new();
    for name in given.keys() {
        if !trigger.inputs.iter().any(|input| is(input, name)) {
            found.push(unknown(workflow, trigger, name));
        }
    }
    let mut values = Map::new();
    for input in &trigger.inputs {
        match value(input, given) {
            Ok(value) => {
                values.insert(input.name.clone(), value);
            }
            Err(problem) => found.push(Diagnostic::new(&workflow.source, input.span, problem)),
        }
    }
    Diagnostics::of(found, 0).map_or(Ok(values), Err)
}

/// Whether what was given for inputs of type `environment` are names of environments of the policy. An input that may be left
/// out and is, is an empty text.
///
/// # Errors
/// Every one that is not, at its declaration in the file.
pub fn check_environments(
    workflow: &Workflow,
    inputs: &Map<String, Json>,
    known: &BTreeMap<String, EnvironmentRule>,
) -> Result<(), Diagnostics> {
    let declared = workflow.triggers.workflow_dispatch.iter();
    let declared = declared.flat_map(|trigger| &trigger.inputs);
    let of_kind = declared.filter(|input| input.kind == InputKind::Environment);
    let unknown = of_kind.filter_map(|input| {
        let given = inputs.get(&input.name).and_then(Json::as_str).unwrap_or_default();
        if given.is_empty() || known.keys().any(|name| name.eq_ignore_ascii_case(given)) {
            return None;
        }
        let message = format!(
            "the input `{}` must be an environment of the repository's policy, not `{}`",
            input.name,
            quoted(given)
        );
        let hint = match nearest(given, known.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name it in `environments` in `.checkmill/config.yml` of the default branch".to_owned(),
        };
        Some(Diagnostic::new(&workflow.source, input.span, message).with_hint(hint))
    });
    Diagnostics::of(unknown.collect(), 0).map_or(Ok(()), Err)
}

/// GitHub finds inputs without regard to case.
fn is(input: &Input, name: &str) -> bool {
    input.name.eq_ignore_ascii_case(name)
}

fn unknown(workflow: &Workflow, trigger: &DispatchTrigger, name: &str) -> Diagnostic {
    let message = format!(
        "the input `{}` was given, which the workflow does not declare",
        quoted(name)
    );
    let diagnostic = Diagnostic::new(&workflow.source, trigger.span, message);
    match nearest(name, trigger.inputs.iter().map(|input| input.name.as_str())) {
        Some(near) => diagnostic.with_hint(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

fn value(input: &Input, given: &BTreeMap<String, String>) -> Result<Json, String> {
    let given = given
        .iter()
        .find(|(name, _)| is(input, name))
        .map(|(_, value)| value.as_str());
    // GitHub's form sends an empty text for what was left empty.
    let given = given.filter(|value| !value.is_empty() || (input.kind == InputKind::Text && !input.required));
    let default = input.default.as_ref().map(|text| text.value.as_str());
    match given.or(default) {
        Some(text) => input
            .kind
            .value(text)
            .map_err(|problem| format!("the input `{}` {problem}", input.name)),
        None if input.required => Err(format!(
            "the input `{}` is required and was not given",
            input.name
        )),
        None => Ok(input.kind.empty()),
    }
}

impl InputKind {
    /// The value that a text means.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence about the input.
    pub(crate) fn value(&self, text: &str) -> Result<Json, String> {
        let must_be = |what: &str| format!("must be {what}, not `{}`", quoted(text));
        match self {
            Self::Text | Self::Environment => Ok(Json::String(text.to_owned())),
            Self::Boolean => text
                .trim()
                .parse()
                .map(Json::Bool)
                .map_err(|_| must_be("`true` or `false`")),
            Self::Number => {
                let number = text
                    .trim()
                    .parse::<f64>()
                    .ok()
                    .filter(|number| number.is_finite());
                let whole = text.trim().parse::<i64>().map(Number::from).ok();
                let number = whole.or_else(|| number.and_then(Number::from_f64));
                number.map(Json::Number).ok_or_else(|| must_be("a number"))
            }
            Self::Choice(options) if options.iter().any(|option| option == text) => {
                Ok(Json::String(text.to_owned()))
            }
            Self::Choice(options) => {
                let options: Vec<String> = options
                    .iter()
                    .map(|option| format!("`{}`", quoted(option)))
                    .collect();
                Err(must_be(&format!("one of {}", options.join(", "))))
            }
        }
    }

    /// What stands for nothing.
    pub(crate) fn empty(&self) -> Json {
        match self {
            Self::Text | Self::Environment => Json::String(String::new()),
            Self::Boolean => Json::Bool(false),
            Self::Number => Json::Number(0.into()),
            Self::Choice(options) => Json::String(options.first().cloned().unwrap_or_default()),
        }
    }
}
