//! What nektos/act's own tests say of GitHub's expressions, as far as GitHub's vectors (`expr_vectors.rs`) leave it open.
//!
//! Facts alone, put differently: the operators' table is made of the rule that act's rows are cases of. Where act does something
//! else than GitHub, the row has GitHub's result and says so.

use checkmill_workflow::expr::{JobStatus, Scope, evaluate};
use serde_json::{Map, Value, json};

fn value(source: &str) -> Result<Value, String> {
    let contexts = json!({
        "github": {
            "action": "push",
            "event": {"commits": [
                {"author": {"username": "someone"}},
                {"author": {"username": "someone-else"}},
            ]},
        },
        "env": {"key": "value"},
        "secrets": {"name": "value"},
        "needs": {
            "first-job": {"result": "success", "outputs": {"key": "one"}},
            "second-job": {"result": "failure", "outputs": {}},
        },
        "steps": {
            "step-id": {"outcome": "success", "conclusion": "success", "outputs": {"name": "value"}},
            "step-id2": {"outcome": "failure", "conclusion": "skipped", "outputs": {}},
        },
        "job": {"status": "success"},
        "strategy": {"fail-fast": true},
    });
    let contexts: Map<String, Value> = contexts.as_object().cloned().unwrap_or_default();
    let scope = Scope {
        contexts: &contexts,
        status: JobStatus::Success,
        files: None,
    };
    evaluate(source, &scope).map_err(|error| error.to_string())
}

#[track_caller]
fn hold(rows: &[(&str, Value)]) {
    for (source, expected) in rows {
        assert_eq!(value(source).as_ref(), Ok(expected), "{source}");
    }
}

/// An operand, whether it counts as true, and its value.
fn operands() -> Vec<(&'static str, bool, Value)> {
    vec![
        ("true", true, json!(true)),
        ("false", false, json!(false)),
        ("null", false, json!(null)),
        ("-10", true, json!(-10)),
        ("-1.5", true, json!(-1.5)),
        ("0", false, json!(0)),
        ("0.0", false, json!(0)),
        ("10", true, json!(10)),
        ("3.25", true, json!(3.25)),
        ("Infinity", true, json!("Infinity")),
        // act can't read this one.
        ("-Infinity", true, json!("-Infinity")),
        ("NaN", false, json!("NaN")),
        ("''", false, json!("")),
        ("'abc'", true, json!("abc")),
        ("'false'", true, json!("false")),
        ("fromJSON('{}')", true, json!({})),
        ("fromJSON('[]')", true, json!([])),
    ]
}

/// GitHub docs, "Operators": `&&` and `||` give one of their operands, of whatever type.
#[test]
fn and_and_or_give_an_operand() {
    for (left, is_true, left_value) in operands() {
        for (right, _, right_value) in operands() {
            let (and, or) = match is_true {
                true => (&right_value, &left_value),
                false => (&left_value, &right_value),
            };
            assert_eq!(
                value(&format!("{left} && {right}")).as_ref(),
                Ok(and),
                "{left} && {right}"
            );
            assert_eq!(
                value(&format!("{left} || {right}")).as_ref(),
                Ok(or),
                "{left} || {right}"
            );
        }
        assert_eq!(value(&format!("!{left}")), Ok(json!(!is_true)), "!{left}");
    }
}

#[test]
fn contains_turns_into_texts_and_compares_items_as_equals_does() {
    hold(&[
        ("contains('search', 'item')", json!(false)),
        ("cOnTaInS('Hello', 'LL')", json!(true)),
        ("contains('3.141592', 3.14)", json!(true)),
        ("contains(3.141592, '3.14')", json!(true)),
        ("contains(3.141592, 3.14)", json!(true)),
        ("contains(true, 'u')", json!(true)),
        ("contains(null, '')", json!(true)),
        ("contains(fromJSON('[null, \"second\"]'), '')", json!(true)),
        ("contains(fromJSON('[\"\", \"second\"]'), null)", json!(true)),
        // `true` is 1, the text `true` is no number.
        ("contains(fromJSON('[true, \"second\"]'), 'true')", json!(false)),
        ("contains(fromJSON('[\"true\", \"second\"]'), true)", json!(false)),
        ("contains(fromJSON('[3.14, \"second\"]'), '3.14')", json!(true)),
        ("contains(fromJSON('[3.14, \"second\"]'), 3.14)", json!(true)),
        (
            "contains(fromJSON('[\"\", \"x\"]'), fromJSON('[]'))",
            json!(false),
        ),
        (
            "contains(fromJSON('[\"\", \"x\"]'), fromJSON('{}'))",
            json!(false),
        ),
        ("contains(needs.*.result, 'failure')", json!(true)),
        ("contains(needs.*.result, 'cancelled')", json!(false)),
        ("contains(needs.*.outputs.key, 'one')", json!(true)),
        ("contains(needs.*.outputs.key, 'two')", json!(false)),
        ("contains(steps.*.outcome, 'failure')", json!(true)),
        ("contains(steps.*.outputs.name, 'value')", json!(true)),
        // act looks into the items of a list. GitHub docs: that is what `*` is for, and a list has no property.
        (
            "contains(fromJSON('[{\"first\": {\"result\": \"success\"}}]').first.result, 'success')",
            json!(false),
        ),
    ]);
}

#[test]
fn texts_begin_and_end_with_what_is_no_text() {
    hold(&[
        ("startsWith('123search', '123s')", json!(true)),
        ("startsWith(123, 's')", json!(false)),
        ("startsWith(123, '12')", json!(true)),
        ("startsWith('123', 12)", json!(true)),
        ("startsWith(null, '42')", json!(false)),
        ("startsWith('null', null)", json!(true)),
        ("endsWith('search123s', '123s')", json!(true)),
        ("endsWith(123, 's')", json!(false)),
        ("endsWith(123, '23')", json!(true)),
        ("endsWith('123', 23)", json!(true)),
        ("endsWith(null, '42')", json!(false)),
        ("endsWith('null', null)", json!(true)),
    ]);
}

#[test]
fn join_takes_any_value_and_any_separator() {
    hold(&[
        ("join(fromJSON('[\"a\", \"b\"]'))", json!("a,b")),
        ("join(fromJSON('[\"a\", \"b\", null]'), null)", json!("ab")),
        ("join(fromJSON('[\"a\", \"b\", null]'), 1)", json!("a1b1")),
        ("join('text', ';')", json!("text")),
        ("join(1, ';')", json!("1")),
        ("join(null, ';')", json!("")),
        ("toJSON(null)", json!("null")),
        ("toJSON(env)", json!("{\n  \"key\": \"value\"\n}")),
    ]);
}

#[test]
fn format_writes_every_type() {
    hold(&[
        ("format('text')", json!("text")),
        ("format(true)", json!("true")),
        ("format('}}')", json!("}")),
        ("format('{{{0}}}', 'test')", json!("{test}")),
        (
            "format('\"{0}\" {1} {2} {3} {4}', null, true, -3.14, NaN, Infinity)",
            json!("\"\" true -3.14 NaN Infinity"),
        ),
        (
            "format('{0} {1} {2}', fromJSON('[0]'), fromJSON('[{\"a\": 1}]'), fromJSON('{\"a\": {}}'))",
            json!("Array Array Object"),
        ),
        ("format('echo {0} ${{X}}', github.undefined)", json!("echo  ${X}")),
        (
            "format('{0} {1} {2} {3}', 1.0, 1.1, 1234567890.0, 12345678901234567890.0)",
            json!("1 1.1 1234567890 1.23456789012346E+19"),
        ),
    ]);
    for source in [
        "format('{0}}', 'a')",
        "format('{0', 'a')",
        "format('{2}', 'a', 'b')",
        "format('{2147483648}')",
    ] {
        assert!(value(source).is_err(), "{source}");
    }
}

#[test]
fn case_takes_pairs_and_a_default() {
    hold(&[
        ("case(true, 'a', 'b')", json!("a")),
        ("CASE(false, 1, true, 2, 3)", json!(2)),
        ("case(startsWith('hello', 'he'), 'yes', 'no')", json!("yes")),
        ("case(true, null, 'b')", json!(null)),
    ]);
    assert!(value("case(false, 'a')").is_err());
    assert!(value("case(false, 'a', true, 'b')").is_err());
}

#[test]
fn values_are_reached_into() {
    hold(&[
        ("github['action']", json!("push")),
        ("github.action[0]", json!(null)),
        ("github.action['0']", json!(null)),
        ("fromJSON('[0, 1]')[1]", json!(1)),
        // act finds nothing there; GitHub's runner rounds an index down.
        ("fromJSON('[0, 1]')[1.1]", json!(1)),
        ("fromJSON('[0, 1]')['1.1']", json!(1)),
        ("fromJSON('[0, 1]')[2]", json!(null)),
        ("fromJSON('[0, 1]')[34553]", json!(null)),
        ("fromJSON('[0, 1]')[-1]", json!(null)),
        ("fromJSON('{\"commits\": []}').commits[0].message", json!(null)),
        // act gives the first of them. In GitHub's own evaluator (actions/languageservices) parentheses change nothing: what
        // follows a filter is looked up in each of its items, and a text has no `[0]`.
        ("(github.event.commits.*.author.username)[0]", json!([])),
        ("github.event.commits[0].message", json!(null)),
        // act gives null; on GitHub a filter gives a list, whatever it is of.
        ("github.event.pull_request.labels.*.name", json!([])),
        ("steps.step-id['outcome'] == 'success'", json!(true)),
        ("steps['step-id2']['conclusion'] && true", json!(true)),
        ("strategy.fail-fast", json!(true)),
        ("job.status", json!("success")),
    ]);
}

#[test]
fn comparisons_turn_into_numbers_and_know_objects_by_identity() {
    hold(&[
        ("'TEST' == 'test'", json!(true)),
        ("'3' == 3", json!(true)),
        ("true >= true", json!(true)),
        ("'b' <= 'a'", json!(false)),
        ("'b' >= 'a'", json!(true)),
        ("fromJSON('{}') < 2", json!(false)),
        ("fromJSON('{}') < fromJSON('[]')", json!(false)),
        ("fromJSON('{}') > fromJSON('[]')", json!(false)),
        (
            "github.event.commits[0].author.username != github.event.commits[1].author.username",
            json!(true),
        ),
        (
            "github.event.commits[0].author.username != github.event.commits[1].author.missing",
            json!(true),
        ),
        // act refuses this, and finds two nulls unequal. GitHub docs: objects are equal only if they are the same, and null is 0.
        ("secrets != env", json!(true)),
        (
            "github.event.commits[0].author.no != github.event.commits[1].author.nothing",
            json!(false),
        ),
    ]);
}
