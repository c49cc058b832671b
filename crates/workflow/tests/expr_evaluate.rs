//! What expressions give: the examples of GitHub's documentation, and what its vectors leave out.

use checkmill_workflow::expr::{ErrorKind, HashFiles, JobStatus, Scope, evaluate, limits};
use serde_json::{Map, Value, json};

fn contexts() -> Map<String, Value> {
    let contexts = json!({
        "github": {
            "ref": "refs/heads/main", "ref_name": "main", "event_name": "push", "run_id": 123_456_789,
            "event": {
                "issue": {"labels": [{"name": "bug"}, {"name": "help wanted"}], "title": "It's $(broken)"},
                "empty": [], "also_empty": [], "commits": [{"id": "a", "files": ["x", "y"]}, {"id": "b"}],
            },
        },
        "env": {"Name": "mixed", "NUMBER": "3"},
        "vars": {"Name": "mixed"},
        "inputs": {"level": "", "flag": true, "count": 2},
        "needs": {"build": {"result": "success", "outputs": {"matrix": "{\"os\":[\"linux\",\"mac\"]}"}}},
        "secrets": {"TOKEN": "hunter2"},
    });
    match contexts {
        Value::Object(contexts) => contexts,
        other => panic!("{other}"),
    }
}

struct Files;

impl HashFiles for Files {
    fn hash_files(&self, patterns: &[String], follow_symlinks: bool) -> Result<String, String> {
        match patterns {
            [one] if one == "missing" => Err("the disk is gone".to_owned()),
            _ => Ok(format!(
                "{}{}",
                patterns.join("+"),
                if follow_symlinks { "!" } else { "" }
            )),
        }
    }
}

#[track_caller]
fn gives(source: &str, expected: &Value) {
    let contexts = contexts();
    let scope = Scope {
        contexts: &contexts,
        status: JobStatus::Success,
        files: Some(&Files),
    };
    match evaluate(source, &scope) {
        Ok(value) => assert_eq!(&value, expected, "{source}"),
        Err(error) => panic!("{source}: {error}"),
    }
}

fn error(source: &str) -> String {
    let contexts = contexts();
    let scope = Scope {
        contexts: &contexts,
        status: JobStatus::Success,
        files: None,
    };
    match evaluate(source, &scope) {
        Ok(value) => format!("no error, but {value}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn literals_of_the_documentation() {
    for (source, expected) in [
        ("null", json!(null)),
        ("false", json!(false)),
        ("711", json!(711)),
        ("-9.2", json!(-9.2)),
        ("0xff", json!(255)),
        ("-2.99e-2", json!(-0.0299)),
        ("'It''s open source!'", json!("It's open source!")),
        // What JSON can't hold.
        ("NaN", json!("NaN")),
        ("-Infinity", json!("-Infinity")),
        ("'1e400' == Infinity", json!(true)),
    ] {
        gives(source, &expected);
    }
}

#[test]
fn functions_of_the_documentation() {
    for (source, expected) in [
        ("contains('Hello world', 'llo')", json!(true)),
        ("contains(github.event.issue.labels.*.name, 'BUG')", json!(true)),
        ("contains(github.event.issue.labels.*.name, 'bu')", json!(false)),
        (
            "contains(fromJSON('[\"push\", \"pull_request\"]'), github.event_name)",
            json!(true),
        ),
        ("contains(github, 'push')", json!(false)),
        ("contains('1.5', 1.5)", json!(true)),
        ("startsWith('Hello world', 'he')", json!(true)),
        ("endsWith('Hello world', 'LD')", json!(true)),
        ("startsWith(github, 'O')", json!(false)),
        (
            "format('Hello {0} {1} {2}', 'Mona', 'the', 'Octocat')",
            json!("Hello Mona the Octocat"),
        ),
        (
            "format('{{Hello {0} {1} {2}!}}', 'Mona', 'the', 'Octocat')",
            json!("{Hello Mona the Octocat!}"),
        ),
        ("format('{1}{0}{1}', 'a', github)", json!("ObjectaObject")),
        (
            "join(github.event.issue.labels.*.name, ', ')",
            json!("bug, help wanted"),
        ),
        ("join(github.event.empty)", json!("")),
        (
            "toJSON(inputs)",
            json!("{\n  \"count\": 2,\n  \"flag\": true,\n  \"level\": \"\"\n}"),
        ),
        ("toJSON(github.event.*.*.nothing)", json!("[]")),
        ("toJSON('a\"\\é\u{2028}')", json!("\"a\\\"\\\\é\\u2028\"")),
        ("fromJSON(needs.build.outputs.matrix).os[1]", json!("mac")),
        (
            "fromJSON(needs.build.outputs.matrix).os.*",
            json!(["linux", "mac"]),
        ),
        ("fromJSON(env.NUMBER)", json!(3)),
        ("fromJSON(toJSON(needs)) == needs", json!(false)),
        (
            "hashFiles('**/package-lock.json', '**/Gemfile.lock')",
            json!("**/package-lock.json+**/Gemfile.lock"),
        ),
        ("hashFiles('--follow-symbolic-links', 'a')", json!("a!")),
        (
            "case(github.ref == 'refs/heads/main', 'production', 'development')",
            json!("production"),
        ),
        // What `case` doesn't choose isn't computed.
        ("case(true, 1, fromJSON('no'))", json!(1)),
        ("SUCCESS() && ALWAYS() && !Failure() && !Cancelled()", json!(true)),
    ] {
        gives(source, &expected);
    }
}

#[test]
fn operators_give_values_and_stop_early() {
    for (source, expected) in [
        ("inputs.level || 'default'", json!("default")),
        ("inputs.flag && 'yes' || 'no'", json!("yes")),
        ("false && fromJSON('no')", json!(false)),
        ("'x' || fromJSON('no')", json!("x")),
        ("0 || '' || null", json!(null)),
        ("1 && 'a' && ''", json!("")),
        ("!''", json!(true)),
        ("!github.event.empty", json!(false)),
        ("1 < 2 == true", json!(true)),
        ("3 > 2 > 1", json!(false)),
        ("'B' > 'a'", json!(true)),
        ("null <= null", json!(true)),
        ("null < null", json!(false)),
        ("'' == null", json!(true)),
        ("'true' == true", json!(false)),
        (
            "github == github && github.event.empty == github.event.empty",
            json!(true),
        ),
        ("github.event.empty == github.event.also_empty", json!(false)),
        ("github.event.commits.* == github.event.commits.*", json!(false)),
    ] {
        gives(source, &expected);
    }
}

#[test]
fn names_are_found_without_case_but_env() {
    for (source, expected) in [
        ("GitHub.EVENT_name", json!("push")),
        ("vars.name", json!("mixed")),
        ("env.Name", json!("mixed")),
        ("env.name", json!(null)),
        ("ENV['name']", json!(null)),
        ("env['Name']", json!("mixed")),
        ("github.event.nothing.at.all", json!(null)),
        ("github.event.commits[1].id", json!("b")),
        ("github.event.commits['1'].id", json!("b")),
        ("github.event.commits[1.9].id", json!("b")),
        ("github.event.commits[9].id", json!(null)),
        ("github.event.commits.*.files.*", json!(["x", "y"])),
        ("github.event.commits.*.files[1]", json!(["y"])),
        // Known to GitHub, absent here.
        ("matrix.os", json!(null)),
        ("matrix", json!(null)),
    ] {
        gives(source, &expected);
    }
}

#[test]
fn errors_say_what_and_where_but_no_value() {
    insta::assert_snapshot!(error("github.ref = 'x'"), @"expected `==`, at position 12 of `github.ref = 'x'`; equality is written ==");
    insta::assert_snapshot!(error("github.ref == \"x\""), @r#"unexpected symbol, at position 15 of `github.ref == "x"`; strings are written in single quotes"#);
    insta::assert_snapshot!(error("1 + 2"), @"invalid numeric literal, at position 3 of `1 + 2`; expressions have no arithmetic");
    insta::assert_snapshot!(error("(github.ref"), @"expected `)`, at position 12 of `(github.ref`");
    insta::assert_snapshot!(error("'é' == starWith(github.ref, 'x')"), @"unknown function `starWith`, at position 8 of `'é' == starWith(github.ref, 'x')`; did you mean `startsWith`?");
    insta::assert_snapshot!(error("gihub.ref"), @"unknown context `gihub`, at position 1 of `gihub.ref`; did you mean `github`?");
    insta::assert_snapshot!(error("contains('a') && contains('b', 'c')"), @"`contains` takes exactly 2 arguments, at position 1 of `contains('a') && contains('b', 'c')`");
    insta::assert_snapshot!(error("contains(contains('a', 'b'), contains('x'))"), @"`contains` takes exactly 2 arguments, at position 30 of `contains(contains('a', 'b'), contains('x'))`");
    insta::assert_snapshot!(error("success(1)"), @"`success` takes no arguments, at position 1 of `success(1)`");
    insta::assert_snapshot!(error("format()"), @"`format` takes 1 to 255 arguments, at position 1 of `format()`");
    insta::assert_snapshot!(error("hashFiles('x')"), @"`hashFiles` has no files here, at position 1 of `hashFiles('x')`; it can be used in a job's steps, once the runner has the workspace");
    insta::assert_snapshot!(error("fromJSON(secrets.TOKEN)"), @"`fromJSON` was given a text that isn't JSON (line 1, column 1 of it), at position 1 of `fromJSON(secrets.TOKEN)`");
    insta::assert_snapshot!(error("fromJSON(needs.other.outputs.matrix)"), @"`fromJSON` was given an empty text, at position 1 of `fromJSON(needs.other.outputs.matrix)`; an output that was never set and a name that doesn't exist are empty");
    insta::assert_snapshot!(error("format('{0} {1}', secrets.TOKEN)"), @"the template of `format` refers to {1}, which isn't given, at position 1 of `format('{0} {1}', secrets.TOKEN)`; the first value after the template is {0}");
    insta::assert_snapshot!(error("format('{x}', secrets.TOKEN)"), @"the template of `format` has a `{` that is no `{0}`, at position 1 of `format('{x}', secrets.TOKEN)`; write `{{` for a brace");
    insta::assert_snapshot!(error("format('a}', secrets.TOKEN)"), @"the template of `format` has a `}` without a `{`, at position 1 of `format('a}', secrets.TOKEN)`; write `}}` for a brace");
    insta::assert_snapshot!(error("case(secrets.TOKEN, 1, 2)"), @"a condition of `case` is neither true nor false, at position 6 of `case(secrets.TOKEN, 1, 2)`; compare it, as in `x == 'y'`");
    insta::assert_snapshot!(error("  "), @"the expression is empty");
}

#[test]
fn hash_files_passes_its_error_on_and_knows_one_option() {
    let contexts = contexts();
    let scope = Scope {
        contexts: &contexts,
        status: JobStatus::Success,
        files: Some(&Files),
    };
    let shown = |source| evaluate(source, &scope).expect_err("an error").to_string();
    insta::assert_snapshot!(shown("hashFiles('missing')"), @"`hashFiles` failed: the disk is gone, at position 1 of `hashFiles('missing')`");
    insta::assert_snapshot!(shown("hashFiles('--what', 'a')"), @"`hashFiles` was given an unknown option, at position 1 of `hashFiles('--what', 'a')`; the one option is --follow-symbolic-links");
}

#[test]
fn limits_are_errors_of_their_kind() {
    let contexts = contexts();
    let scope = Scope {
        contexts: &contexts,
        status: JobStatus::Success,
        files: None,
    };
    let kind = |source: &str| evaluate(source, &scope).map_err(|error| error.kind);
    let long = |characters: usize| format!("'{}'", "é".repeat(characters - 2));
    let chain = |operators: usize| format!("1{}", "&&1".repeat(operators));
    let nested = |levels: usize| format!("{}1{}", "(".repeat(levels), ")".repeat(levels));
    let path = |levels: usize| format!("github{}", ".a".repeat(levels));
    let filters = |levels: usize| format!("github{}", ".*".repeat(levels));
    let arguments = |count: usize| format!("format('{{0}}'{})", ",1".repeat(count - 1));
    for (fits, breaks) in [
        (long(limits::EXPRESSION_CHARS), long(limits::EXPRESSION_CHARS + 1)),
        (chain(limits::OPERATORS), chain(limits::OPERATORS + 1)),
        (nested(limits::DEPTH - 1), nested(limits::DEPTH)),
        (path(limits::DEPTH - 1), path(limits::DEPTH)),
        (filters(limits::DEPTH - 1), filters(limits::DEPTH)),
    ] {
        assert!(kind(&fits).is_ok(), "{fits:.60}");
        assert_eq!(kind(&breaks), Err(ErrorKind::Limit), "{breaks:.60}");
    }
    assert!(kind(&arguments(limits::ARGUMENTS)).is_ok());
    assert_eq!(kind(&arguments(limits::ARGUMENTS + 1)), Err(ErrorKind::Syntax));
    // Text that doubles in each of 20 levels.
    let mut bomb = "'0123456789'".to_owned();
    for _ in 0..20 {
        bomb = format!("format('{{0}}{{0}}', {bomb})");
    }
    assert_eq!(kind(&bomb), Err(ErrorKind::Limit));
}
