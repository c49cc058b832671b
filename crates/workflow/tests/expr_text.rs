//! Texts with expressions in them, conditions, and the static check.

use checkmill_workflow::expr::{
    ErrorKind, JobStatus, Place, Scope, check, condition, interpolate, interpolate_value, limits,
};
use serde_json::{Map, Value, json};

fn contexts() -> Map<String, Value> {
    let contexts = json!({
        "github": {"ref_name": "main", "event": {"list": [1, 2], "object": {"a": 1}}, "run_number": 7},
        "matrix": {"os": "linux", "version": 1.5},
        "needs": {"plan": {"outputs": {"json": "{\"os\":[\"a\",\"b\"]}"}}},
        "inputs": {"level": "", "flag": false},
    });
    match contexts {
        Value::Object(contexts) => contexts,
        other => panic!("{other}"),
    }
}

fn shown(text: &str) -> String {
    let contexts = contexts();
    let scope = Scope {
        contexts: &contexts,
        status: JobStatus::Success,
        files: None,
    };
    interpolate(text, &scope).unwrap_or_else(|error| format!("error at byte {}: {error}", error.offset))
}

#[test]
fn values_become_text() {
    for (text, expected) in [
        ("plain", "plain"),
        ("", ""),
        ("${{ matrix.os }}", "linux"),
        ("${{ matrix.os }}-${{ matrix.version }}!", "linux-1.5!"),
        ("#${{ github.run_number }}", "#7"),
        (
            "[${{ inputs.flag }}|${{ inputs.level }}|${{ null }}]",
            "[false||]",
        ),
        (
            "list: ${{ github.event.list }}, ${{ github.event.object }}",
            "list: Array, Object",
        ),
        ("${{ '${{ }}' }}", "${{ }}"),
        ("${{ 'a' }}${{ 'b' }}", "ab"),
        ("$${{ 'a' }} } }} {{", "$a } }} {{"),
        // What a value holds is not an expression.
        ("${{ format('{0}{{{{ 1 }}}}', '$') }}", "${{ 1 }}"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn a_whole_expression_keeps_its_type() {
    let contexts = contexts();
    let scope = Scope {
        contexts: &contexts,
        status: JobStatus::Success,
        files: None,
    };
    for (text, expected) in [
        (
            "${{ fromJSON(needs.plan.outputs.json) }}",
            json!({"os": ["a", "b"]}),
        ),
        ("${{ github.event.list }}", json!([1, 2])),
        ("${{ inputs.flag }}", json!(false)),
        ("${{ matrix.nothing }}", json!(null)),
        ("${{ matrix.version }} ", json!("1.5 ")),
        ("5", json!("5")),
    ] {
        assert_eq!(interpolate_value(text, &scope), Ok(expected), "{text}");
    }
}

#[test]
fn errors_point_into_the_text() {
    insta::assert_snapshot!(shown("a ${{ 1 }} b ${{ nope.x }} c"), @"error at byte 17: unknown context `nope`, at position 1 of `nope.x`; the contexts here are github, env, vars, job, jobs, steps, runner, secrets, strategy, matrix, needs, inputs");
    insta::assert_snapshot!(shown("a ${{ 1 "), @"error at byte 2: `${{` has no `}}`, at position 1 of `1`");
    insta::assert_snapshot!(shown("${{ github.event.list }}"), @"error at byte 3: a text is needed here, and this is an array, at position 1 of `github.event.list`; toJSON() makes a text of it");
    insta::assert_snapshot!(shown("x ${{ }}"), @"error at byte 5: the expression is empty");
    insta::assert_snapshot!(shown("é ${{ 'é' ! }}"), @"error at byte 12: unexpected trailing input, at position 5 of `'é' !`");
}

#[test]
fn a_text_may_not_grow_without_bounds() {
    let contexts = Map::from_iter([("vars".to_owned(), json!({"long": "x".repeat(1024 * 1024)}))]);
    let scope = Scope {
        contexts: &contexts,
        status: JobStatus::Success,
        files: None,
    };
    let times =
        |count: usize| interpolate(&" ${{ vars.long }}".repeat(count), &scope).map_err(|error| error.kind);
    assert!(times(9).is_ok());
    assert_eq!(
        times(limits::INTERPOLATED_BYTES / (1024 * 1024)),
        Err(ErrorKind::Limit)
    );
}

#[test]
fn success_is_implied_unless_a_status_function_is_called() {
    let contexts = contexts();
    use JobStatus::{Cancelled, Failure, Skipped, Success};
    // In the order success, failure, cancelled, skipped.
    for (text, expected) in [
        ("", [true, false, false, false]),
        ("  ", [true, false, false, false]),
        ("true", [true, false, false, false]),
        ("${{ true }}", [true, false, false, false]),
        (" ${{ matrix.os == 'linux' }}\n", [true, false, false, false]),
        ("matrix.os == 'mac'", [false; 4]),
        ("${{ inputs.flag }}", [false; 4]),
        ("inputs.level", [false; 4]),
        ("github.event.object", [true, false, false, false]),
        ("success()", [true, false, false, false]),
        ("failure()", [false, true, false, false]),
        ("cancelled()", [false, false, true, false]),
        ("always()", [true; 4]),
        ("!cancelled()", [true, true, false, true]),
        (
            "${{ !Cancelled() && matrix.os == 'linux' }}",
            [true, true, false, true],
        ),
        ("failure() && matrix.os == 'mac'", [false; 4]),
        ("contains('x', format('{0}', always())) || true", [true; 4]),
        // In a string it is no call.
        ("'always()' == 'always()'", [true, false, false, false]),
        // Text around an expression makes a string of it, which is true.
        ("${{ false }} == true", [true, false, false, false]),
        ("${{ always() }} && false", [true; 4]),
        ("${{ inputs.level }}${{ null }}", [false; 4]),
    ] {
        for (status, expected) in [Success, Failure, Cancelled, Skipped].into_iter().zip(expected) {
            let scope = Scope {
                contexts: &contexts,
                status,
                files: None,
            };
            assert_eq!(condition(text, &scope), Ok(expected), "{text} {status:?}");
        }
    }
}

#[test]
fn what_needs_not_be_computed_is_still_parsed() {
    let contexts = contexts();
    let scope = Scope {
        contexts: &contexts,
        status: JobStatus::Failure,
        files: None,
    };
    assert_eq!(condition("fromJSON('no')", &scope), Ok(false));
    for (text, offset) in [
        ("a b", 2),
        (" ${{ a b }}", 7),
        ("x ${{ y", 2),
        ("${{ true }} ${{ a b }}", 18),
    ] {
        let error = condition(text, &scope).expect_err("a syntax error");
        assert_eq!((error.kind, error.offset), (ErrorKind::Syntax, offset), "{text}");
    }
    let scope = Scope {
        status: JobStatus::Success,
        ..scope
    };
    for (text, offset) in [
        ("  fromJSON('no')", 2),
        (" ${{ 1 && fromJSON('no') }}", 10),
        ("a ${{ fromJSON('no') }}", 6),
    ] {
        let error = condition(text, &scope).expect_err("an error");
        assert_eq!(
            (error.kind, error.offset),
            (ErrorKind::Evaluation, offset),
            "{text}"
        );
    }
}

fn problems(text: &str, place: Place) -> String {
    let problems = check(text, place);
    problems
        .iter()
        .map(|problem| format!("{}: {problem}", problem.offset))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_check_names_every_problem() {
    insta::assert_snapshot!(problems("${{ secrets.A }} and ${{ steps.b.outputs.c }}", Place::JobName), @"
4: the context `secrets` can't be used in `jobs.<job_id>.name`, at position 1 of `secrets.A`; the contexts here are github, needs, strategy, matrix, vars, inputs
25: the context `steps` can't be used in `jobs.<job_id>.name`, at position 1 of `steps.b.outputs.c`; the contexts here are github, needs, strategy, matrix, vars, inputs
");
    insta::assert_snapshot!(problems("matrix.os == 'linux' && always()", Place::JobIf), @"0: the context `matrix` can't be used in `jobs.<job_id>.if`, at position 1 of `matrix.os == 'linux' && always()`; the contexts here are github, needs, vars, inputs");
    insta::assert_snapshot!(problems("success() && hashFiles('x')", Place::JobIf), @"13: the function `hashFiles` can't be used in `jobs.<job_id>.if`, at position 14 of `success() && hashFiles('x')`; there are files only in the steps of a job");
    insta::assert_snapshot!(problems("${{ failure() }}", Place::StepRun), @"4: the function `failure` can't be used in `jobs.<job_id>.steps.run`, at position 1 of `failure()`; the status functions belong in an `if`");
    insta::assert_snapshot!(problems("${{ step.a.outcome }}", Place::StepRun), @"4: unknown context `step`, at position 1 of `step.a.outcome`; did you mean `steps`?");
    insta::assert_snapshot!(problems("always && true", Place::StepIf), @"0: unknown context `always`, at position 1 of `always && true`; a function is called with parentheses: always()");
    insta::assert_snapshot!(problems("${{ toLower('A') }}", Place::StepRun), @"4: unknown function `toLower`, at position 1 of `toLower('A')`; the functions are contains, startsWith, endsWith, format, join, toJSON, fromJSON, hashFiles, case, success, failure, always, cancelled");
    insta::assert_snapshot!(problems("${{ format('{0} {1}', 1) }} ${{ 'unclosed }}", Place::StepRun), @"28: `${{` has no `}}`, at position 1 of `'unclosed }}`; a string inside it has no closing quote");
    insta::assert_snapshot!(problems("${{ format('{0} {1}', 1) }}", Place::StepRun), @"4: the template of `format` refers to {1}, which isn't given, at position 1 of `format('{0} {1}', 1)`; the first value after the template is {0}");
    insta::assert_snapshot!(problems("${{ github.ref == 'a' }} && true", Place::JobIf), @"0: the text outside `${{ }}` makes this condition a string, which is always true, at position 1 of `${{ github.ref == 'a' }} && true`; put the whole condition inside one `${{ }}`, or leave `${{` and `}}` out");
    insta::assert_snapshot!(problems("${{ a b }} ${{ github }}", Place::RunName), @"6: unexpected trailing input, at position 3 of `a b`");
}

#[test]
fn the_check_finds_nothing_wrong_with_what_github_accepts() {
    for (text, place) in [
        ("", Place::JobIf),
        ("no expression", Place::JobName),
        ("github.ref == 'x' && always()", Place::JobIf),
        (
            " ${{ steps.a.outcome == 'failure' && failure() }}\n",
            Place::StepIf,
        ),
        ("hashFiles('**/x') != ''", Place::StepIf),
        ("${{ hashFiles('**/x') }}", Place::StepWith),
        ("${{ fromJSON(needs.a.outputs.b) }}", Place::JobStrategy),
        ("${{ SECRETS.a }}", Place::WorkflowEnv),
        ("${{ github.head_ref || github.ref }}", Place::WorkflowConcurrency),
        ("${{ format(github.x, 1) }}", Place::RunName),
    ] {
        assert_eq!(check(text, place), [], "{text}");
    }
}

/// GitHub's table "Context availability", as its documentation lists it.
const AVAILABILITY: &str = "
run-name | github inputs vars |
concurrency | github inputs vars |
env | github secrets inputs vars |
jobs.<job_id>.concurrency | github needs strategy matrix inputs vars |
jobs.<job_id>.container | github needs strategy matrix vars inputs |
jobs.<job_id>.container.credentials | github needs strategy matrix env vars secrets inputs |
jobs.<job_id>.container.env.<env_id> | github needs strategy matrix job runner env vars secrets inputs |
jobs.<job_id>.continue-on-error | github needs strategy vars matrix inputs |
jobs.<job_id>.defaults.run | github needs strategy matrix env vars inputs |
jobs.<job_id>.env | github needs strategy matrix vars secrets inputs |
jobs.<job_id>.environment | github needs strategy matrix vars inputs |
jobs.<job_id>.environment.url | github needs strategy matrix job runner env vars steps inputs |
jobs.<job_id>.if | github needs vars inputs | always cancelled success failure
jobs.<job_id>.name | github needs strategy matrix vars inputs |
jobs.<job_id>.outputs.<output_id> | github needs strategy matrix job runner env vars secrets steps inputs |
jobs.<job_id>.runs-on | github needs strategy matrix vars inputs |
jobs.<job_id>.secrets.<secrets_id> | github needs strategy matrix secrets inputs vars |
jobs.<job_id>.services | github needs strategy matrix vars inputs |
jobs.<job_id>.services.<service_id>.credentials | github needs strategy matrix env vars secrets inputs |
jobs.<job_id>.services.<service_id>.env.<env_id> | github needs strategy matrix job runner env vars secrets inputs |
jobs.<job_id>.steps.continue-on-error | github needs strategy matrix job runner env vars secrets steps inputs | hashFiles
jobs.<job_id>.steps.env | github needs strategy matrix job runner env vars secrets steps inputs | hashFiles
jobs.<job_id>.steps.if | github needs strategy matrix job runner env vars steps inputs | always cancelled success failure hashFiles
jobs.<job_id>.steps.name | github needs strategy matrix job runner env vars secrets steps inputs | hashFiles
jobs.<job_id>.steps.run | github needs strategy matrix job runner env vars secrets steps inputs | hashFiles
jobs.<job_id>.steps.timeout-minutes | github needs strategy matrix job runner env vars secrets steps inputs | hashFiles
jobs.<job_id>.steps.with | github needs strategy matrix job runner env vars secrets steps inputs | hashFiles
jobs.<job_id>.steps.working-directory | github needs strategy matrix job runner env vars secrets steps inputs | hashFiles
jobs.<job_id>.strategy | github needs vars inputs |
jobs.<job_id>.timeout-minutes | github needs strategy matrix vars inputs |
jobs.<job_id>.with.<with_id> | github needs strategy matrix inputs vars |
on.workflow_call.inputs.<inputs_id>.default | github inputs vars |
on.workflow_call.outputs.<output_id>.value | github jobs vars inputs |
";

#[test]
fn the_table_of_the_documentation() {
    let contexts = [
        "github", "env", "vars", "job", "jobs", "steps", "runner", "secrets", "strategy", "matrix", "needs",
        "inputs",
    ];
    let functions = [
        "always()",
        "cancelled()",
        "success()",
        "failure()",
        "hashFiles('x')",
    ];
    let rows: Vec<&str> = AVAILABILITY.trim().lines().collect();
    assert_eq!(rows.len(), Place::ALL.len());
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let place = Place::ALL
            .into_iter()
            .find(|place| place.key() == cells[0])
            .expect(cells[0]);
        let allowed = |name: &str, cell: &str| cell.split(' ').any(|entry| entry == name);
        for context in contexts {
            let accepted = check(&format!("${{{{ {context}.x }}}}"), place).is_empty();
            assert_eq!(accepted, allowed(context, cells[1]), "{context} in {row}");
        }
        for function in functions {
            let accepted = check(&format!("${{{{ {function} }}}}"), place).is_empty();
            let name = function.split('(').next().unwrap_or_default();
            assert_eq!(accepted, allowed(name, cells[2]), "{function} in {row}");
        }
    }
}
