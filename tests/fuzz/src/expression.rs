//! Expressions, and texts with expressions in them.

use checkmill_workflow::expr::{
    ErrorKind, ExprError, JobStatus, Place, Scope, asks_for_failure, check, condition, evaluate, interpolate,
    interpolate_value, limits, reads, references, untrusted_references,
};
use serde_json::{Map, Value, json};

/// What no error may show.
const SECRET: &str = "s3cr3t-v4lu3";

/// Reads, checks and evaluates a text as an expression, as a condition and as a text with expressions.
pub fn expression(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let contexts = contexts();
    for status in [JobStatus::Success, JobStatus::Failure] {
        let scope = Scope {
            contexts: &contexts,
            status,
            files: None,
        };
        shows_no_secret(text, evaluate(text, &scope).err());
        shows_no_secret(text, condition(text, &scope).err());
        shows_no_secret(text, interpolate_value(text, &scope).err());
        match interpolate(text, &scope) {
            Ok(made) => assert!(made.len() <= limits::INTERPOLATED_BYTES.max(text.len())),
            Err(error) => shows_no_secret(text, Some(error)),
        }
    }
    for place in [Place::StepIf, Place::JobIf, Place::StepRun, Place::RunName] {
        for error in check(text, place) {
            lies_inside(text, &error);
        }
    }
    for span in references(text).iter().chain(&untrusted_references(text)) {
        assert!(
            text.get(span.range.clone()).is_some(),
            "it is no part of the text: {span:?}"
        );
    }
    let _ = (reads(text, false), reads(text, true), asks_for_failure(text));
}

fn lies_inside(text: &str, error: &ExprError) {
    assert!(
        error.offset <= text.len() && text.is_char_boundary(error.offset),
        "it is no place of the text: {error:?}"
    );
}

fn shows_no_secret(text: &str, error: Option<ExprError>) {
    let Some(error) = error else { return };
    lies_inside(text, &error);
    // A mistake in the text may quote the text; what comes of evaluating it may not.
    if error.kind == ErrorKind::Evaluation && !text.contains(SECRET) {
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    }
}

fn contexts() -> Map<String, Value> {
    let contexts = json!({
        "github": {"ref": "refs/heads/x", "event": {"list": [1, [2, {"a": "b"}], null], "number": 5}},
        "secrets": {"TOKEN": SECRET, "list": [SECRET], "0": SECRET},
        "env": {"A": "1", "B": "true"},
        "matrix": {"os": "linux", "n": -0.5},
        "steps": {"a": {"outputs": {"x": "[1]"}, "outcome": "success"}},
    });
    match contexts {
        Value::Object(contexts) => contexts,
        _ => Map::new(),
    }
}
