//! GitHub's published expression vectors (`tests/vectors/expressions`), against the evaluator.

use checkmill_workflow::expr::{ErrorKind, JobStatus, Scope, evaluate};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct Vector {
    expr: String,
    #[serde(default)]
    contexts: Map<String, Value>,
    result: Option<Expected>,
    err: Option<ExpectedError>,
}

#[derive(Deserialize)]
struct Expected {
    kind: String,
    value: Value,
}

#[derive(Deserialize)]
struct ExpectedError {
    kind: String,
    value: String,
}

/// File, group and number of a vector that doesn't hold here, and why.
const SKIPPED: &[(&str, &str, usize, &str)] = &[
    (
        "basic.json",
        "empty_expression",
        0,
        "`${{ }}` is an error in a workflow file, also on GitHub",
    ),
    ("op_idx.json", "index-star", 0, "objects are sorted by key here"),
    ("tojson.json", "object", 1, "objects are sorted by key here"),
    ("tojson.json", "object", 2, "objects are sorted by key here"),
];

/// Vectors whose error we find at another place than GitHub, and why that is as good.
const OTHER_PLACE: &[(&str, &str, usize, &str)] = &[
    (
        "syntax-errors.json",
        "parsing-errors",
        0,
        "we point behind the last token, GitHub at it",
    ),
    (
        "syntax-errors.json",
        "parsing-errors",
        13,
        "GitHub's position is of the wrong token, ours of the function",
    ),
    (
        "syntax-errors.json",
        "parsing-errors",
        22,
        "we parse to the end before we look names up",
    ),
    (
        "syntax-errors.json",
        "parsing-errors",
        23,
        "we point behind the last token, GitHub at it",
    ),
    ("syntax-errors.json", "parsing-errors", 25, ARITY_FIRST),
    ("syntax-errors.json", "parsing-errors", 26, ARITY_FIRST),
    ("syntax-errors.json", "parsing-errors", 27, ARITY_FIRST),
    ("syntax-errors.json", "parsing-errors", 28, ARITY_FIRST),
];

const ARITY_FIRST: &str = "two errors: the number of arguments comes before the unknown context";

fn listed(list: &[(&str, &str, usize, &str)], file: &str, group: &str, number: usize) -> bool {
    list.iter()
        .any(|(f, g, n, _)| (*f, *g, *n) == (file, group, number))
}

/// The position in "… Located at position 5 within expression: …".
fn position(message: &str) -> Option<usize> {
    let digits = message.split("Located at position ").nth(1)?;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn same(expected: &Expected, value: &Value) -> bool {
    match expected.kind.as_str() {
        "Number" => expected.value.as_f64() == value.as_f64(),
        _ => same_value(&expected.value, value),
    }
}

/// Numbers as numbers: `1.0` in a vector is our `1`.
fn same_value(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same_value(a.1, b.1))
        }
        _ => expected == value,
    }
}

/// What is wrong with our answer to a vector.
fn complaint(vector: &Vector, other_place: bool) -> Option<String> {
    let scope = Scope {
        contexts: &vector.contexts,
        status: JobStatus::Success,
        files: None,
    };
    let answer = evaluate(&vector.expr, &scope);
    match (&vector.err, &vector.result, answer) {
        (Some(expected), _, Err(error)) => {
            // A limit may be met while parsing or while computing.
            let of_that_kind = match error.kind {
                ErrorKind::Limit => true,
                kind => (kind == ErrorKind::Evaluation) == (expected.kind == "evaluation"),
            };
            if !of_that_kind {
                return Some(format!(
                    "expected a {} error, got {:?}: {error}",
                    expected.kind, error.kind
                ));
            }
            let place = position(&expected.value);
            (!other_place && place.is_some_and(|place| place != error.position))
                .then(|| format!("expected {:?}, got: {error}", expected.value))
        }
        (Some(expected), _, Ok(value)) => Some(format!("expected {:?}, got {value}", expected.value)),
        (None, Some(expected), Ok(value)) => {
            (!same(expected, &value)).then(|| format!("expected {}, got {value}", expected.value))
        }
        (None, Some(expected), Err(error)) => Some(format!("expected {}, got: {error}", expected.value)),
        (None, None, _) => Some("the vector has neither result nor error".to_owned()),
    }
}

#[test]
fn github_vectors_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/expressions");
    let mut complaints = Vec::new();
    let mut held = 0;
    let files = std::fs::read_dir(&folder).expect("the folder of the vectors");
    for file in files.map(|entry| entry.expect("an entry").path()) {
        if file.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let groups: BTreeMap<String, Vec<Vector>> = serde_json::from_str(&text).expect("a file of vectors");
        for (group, vectors) in &groups {
            for (number, vector) in vectors.iter().enumerate() {
                let other_place = listed(OTHER_PLACE, &name, group, number);
                let complaint = complaint(vector, other_place);
                match (listed(SKIPPED, &name, group, number), complaint) {
                    (false, None) => held += 1,
                    (true, Some(_)) => {}
                    (false, Some(complaint)) => {
                        complaints.push(format!(
                            "{name} {group} {number} `{:.80}`: {complaint:.300}",
                            vector.expr
                        ));
                    }
                    (true, None) => {
                        complaints.push(format!("{name} {group} {number} holds: take it off the list"))
                    }
                }
            }
        }
    }
    assert!(
        complaints.is_empty(),
        "{} of {held} hold\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    assert!(held > 1000, "only {held} vectors were found");
}
