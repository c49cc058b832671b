//! What is said of a file beyond its errors.

use crate::support::{PATH, job};
use checkmill_workflow::{Rule, Severity, lint};

fn shown(text: &str) -> String {
    lint(PATH, text).map_or_else(|| "nothing".to_owned(), |found| found.to_string())
}

/// `rule line:column` of each.
fn rules(text: &str) -> Vec<String> {
    let found = lint(PATH, text);
    let line =
        |one: &checkmill_workflow::Diagnostic| format!("{} {}:{}", one.rule.id(), one.line, one.column);
    found.map_or_else(Vec::new, |found| found.as_slice().iter().map(line).collect())
}

const GOOD: &str = "
name: CI
on:
  push:
  workflow_dispatch:
    inputs:
      level: {type: choice, options: [a, b]}
env:
  LEVEL: ${{ inputs.level }}
jobs:
  build:
    runs-on: linux
    outputs:
      tag: ${{ steps.tag.outputs.value }}
    steps:
      - id: Tag
        run: echo value=1 >> $GITHUB_OUTPUT
      - if: steps.tag.outcome == 'success' && steps['tag'].conclusion
        run: echo ${{ steps.tag.outputs.value }} ${{ github.sha }}
  test:
    needs: [BUILD]
    if: needs.build.result == 'success'
    runs-on: ${{ matrix.os }}
    strategy:
      matrix:
        os: [linux, mac]
        include:
          - {os: linux, os-name: Linux, experimental: true}
        exclude:
          - os: mac
    continue-on-error: ${{ matrix.experimental || false }}
    steps:
      - run: make ${{ needs.build.outputs.tag }} ${{ matrix['os-name'] }}
";

#[test]
fn a_good_file() {
    assert_eq!(shown(GOOD), "nothing");
}

#[test]
fn names_that_are_not_there() {
    let text = "\
on: push
env:
  LEVEL: ${{ inputs.level }}
jobs:
  build:
    runs-on: linux
    outputs:
      tag: ${{ steps.tags.outputs.value }}
    steps:
      - if: steps.tag.outputs.value
        run: echo ${{ steps.later.output.x }}
      - id: tag
        run: make
      - id: later
        env:
          A: ${{ steps.tag.output.x }}
        run: |
          echo one
          echo ${{ matrix.os }}
  test:
    needs: build
    if: needs.lint.result == 'success'
    runs-on: ${{ matrix.oss }}
    strategy:
      matrix:
        os: [linux]
    steps:
      - run: echo ${{ needs.build.outputs.tags }} ${{ needs.build.results }}
  lint:
    runs-on: linux
    steps: [run: make]
";
    insta::assert_snapshot!(shown(text), @"
    .checkmill/workflows/ci.yml:3:14: warning: the workflow declares no input `level`
    3 |   LEVEL: ${{ inputs.level }}
      |              ^^^^^^^^^^^^
      = help: declare it under `inputs` of `on.workflow_dispatch` or `on.workflow_call`

    .checkmill/workflows/ci.yml:8:16: warning: the job `build` has no step with the id `tags`
    8 |       tag: ${{ steps.tags.outputs.value }}
      |                ^^^^^^^^^^^^^^^^^^^^^^^^
      = help: did you mean `tag`?

    .checkmill/workflows/ci.yml:10:13: warning: the step `tag` runs after this one: nothing is known of it yet
    10 |       - if: steps.tag.outputs.value
       |             ^^^^^^^^^^^^^^^^^^^^^^^

    .checkmill/workflows/ci.yml:11:23: warning: the step `later` runs after this one: nothing is known of it yet
    11 |         run: echo ${{ steps.later.output.x }}
       |                       ^^^^^^^^^^^^^^^^^^^^

    .checkmill/workflows/ci.yml:16:18: warning: `steps.tag` has no `output`
    16 |           A: ${{ steps.tag.output.x }}
       |                  ^^^^^^^^^^^^^^^^^^
      = help: did you mean `outputs`?

    .checkmill/workflows/ci.yml:19:20: warning: the job `build` has no matrix
    19 |           echo ${{ matrix.os }}
       |                    ^^^^^^^^^

    .checkmill/workflows/ci.yml:22:9: warning: the job `test` does not need `lint`
    22 |     if: needs.lint.result == 'success'
       |         ^^^^^^^^^^^^^^^^^
      = help: add `lint` to its `needs`

    .checkmill/workflows/ci.yml:23:18: warning: the matrix of `test` has no `oss`
    23 |     runs-on: ${{ matrix.oss }}
       |                  ^^^^^^^^^^
      = help: did you mean `os`?

    .checkmill/workflows/ci.yml:28:23: warning: the job `build` has no output `tags`
    28 |       - run: echo ${{ needs.build.outputs.tags }} ${{ needs.build.results }}
       |                       ^^^^^^^^^^^^^^^^^^^^^^^^
      = help: did you mean `tag`?

    .checkmill/workflows/ci.yml:28:55: warning: `needs.build` has no `results`
    28 |       - run: echo ${{ needs.build.outputs.tags }} ${{ needs.build.results }}
       |                                                       ^^^^^^^^^^^^^^^^^^^
      = help: did you mean `result`?
    ");
}

/// Rules of what can't be known without running.
#[test]
fn what_can_not_be_known_is_passed_over() {
    for text in [
        // Names that an expression gives.
        "strategy:\n  matrix: ${{ fromJSON(vars.M) }}\nsteps:\n  - run: make ${{ matrix.os }}",
        "strategy:\n  matrix:\n    include: ${{ fromJSON(vars.M) }}\nsteps:\n  - run: make ${{ matrix.os }}",
        "strategy:\n  matrix:\n    include: ['${{ fromJSON(vars.M) }}']\nsteps:\n  - run: make ${{ matrix.os }}",
        "strategy: ${{ fromJSON(vars.M) }}\nsteps:\n  - run: make ${{ matrix.os }}",
        // A name that is computed.
        "steps:\n  - run: make ${{ steps[format('{0}', 1)].outputs.x }}",
        "steps:\n  - run: make '${{ toJSON(steps) }}'",
        // Filters with something to evaluate.
        "strategy:\n  matrix:\n    os: [a, '${{ vars.OS }}']\n    exclude: [{os: b}]",
    ] {
        assert_eq!(shown(&job(text)), "nothing", "{text}");
    }
}

#[test]
fn filters_of_a_matrix_that_filter_nothing() {
    let text = job(
        "strategy:\n  matrix:\n    os: [linux, mac]\n    node: [20, 22]\n    exclude:\n      - {os: windows}\n      \
         - {os: mac, node: 20}\n    include:\n      - {os: linux, nod: 24}\n      - {os: linux, extra: 1}",
    );
    insta::assert_snapshot!(shown(&text), @"
    .checkmill/workflows/ci.yml:10:14: warning: this item of `exclude` matches no combination of the matrix
    10 |           - {os: windows}
       |              ^^
      = help: compare its values with those of the matrix

    .checkmill/workflows/ci.yml:13:25: warning: `include` adds the key `nod`, which the matrix does not have
    13 |           - {os: linux, nod: 24}
       |                         ^^^
      = help: did you mean `node`?
    ");
}

#[test]
fn scripts_with_text_of_outsiders() {
    let text = job(
        "steps:\n  - run: |\n      echo ${{ github.sha }}\n      echo \"${{ github.event.pull_request.title }}\"\n    env:\n      \
         T: ${{ github.head_ref }}",
    );
    insta::assert_snapshot!(shown(&text), @r#"
    .checkmill/workflows/ci.yml:8:17: note: `github.event.pull_request.title` can be text that an outsider chooses, and stands in a script
    8 |           echo "${{ github.event.pull_request.title }}"
      |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: set an `env` variable to it and use that; Checkmill does so, GitHub Actions runs what it holds
    "#);
}

#[test]
fn properties_of_github_that_are_not_there() {
    let text =
        job("steps:\n  - run: y ${{ github.retention_days }} ${{ github.Sha }} ${{ github.head_reff }}");
    insta::assert_snapshot!(shown(&text), @"
    .checkmill/workflows/ci.yml:6:20: warning: `github.retention_days` is set by GitHub, and empty here
    6 |       - run: y ${{ github.retention_days }} ${{ github.Sha }} ${{ github.head_reff }}
      |                    ^^^^^^^^^^^^^^^^^^^^^
      = help: how long artifacts and logs are kept is a setting of the deployment, and no job's

    .checkmill/workflows/ci.yml:6:63: note: `github.head_reff` can be text that an outsider chooses, and stands in a script
    6 |       - run: y ${{ github.retention_days }} ${{ github.Sha }} ${{ github.head_reff }}
      |                                                               ^^^^^^^^^^^^^^^^^^^^^^^
      = help: set an `env` variable to it and use that; Checkmill does so, GitHub Actions runs what it holds

    .checkmill/workflows/ci.yml:6:67: warning: there is no `github.head_reff`
    6 |       - run: y ${{ github.retention_days }} ${{ github.Sha }} ${{ github.head_reff }}
      |                                                                   ^^^^^^^^^^^^^^^^
      = help: did you mean `head_ref`?
    ");
}

/// It is refused for a fork when it runs; what GitHub's checkout of version 7 refuses is told beforehand.
#[test]
fn checkouts_of_outsiders_commits() {
    let checkout = |on: &str, inputs: &str| {
        let text = format!(
            "on: {on}\njobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n        with: {{{inputs}}}\n"
        );
        rules(&text).len()
    };
    let head = "ref: '${{ github.event.pull_request.head.sha }}'";
    for (on, inputs, warnings) in [
        ("pull_request_target", head, 1),
        ("[push, pull_request_target]", head, 1),
        ("{pull_request_target: {types: [labeled]}}", head, 1),
        (
            "pull_request_target",
            "ref: '${{ github.head_ref || github.ref }}'",
            1,
        ),
        (
            "pull_request_target",
            "ref: 'refs/pull/${{ github.event.number }}/merge'",
            1,
        ),
        (
            "pull_request_target",
            "repository: '${{ github.event.pull_request.head.repo.full_name }}', ref: \"${{ github.event['pull_request'].head.ref }}\"",
            2,
        ),
        (
            "{workflow_run: {workflows: [CI]}}",
            "ref: '${{ github.event.workflow_run.head_sha }}'",
            1,
        ),
        ("pull_request", head, 0),
        (
            "pull_request_target",
            "path: '${{ github.event.pull_request.head.sha }}'",
            0,
        ),
        (
            "pull_request_target",
            "ref: '${{ github.event.pull_request.base.sha }}'",
            0,
        ),
        (
            "{workflow_run: {workflows: [CI]}}",
            "ref: '${{ github.event.workflow_run.id }}'",
            0,
        ),
        ("{workflow_run: {workflows: [CI]}}", head, 0),
    ] {
        assert_eq!(checkout(on, inputs), warnings, "{on}: {inputs}");
    }
    let text = format!(
        "on: pull_request_target\njobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n        with: {{{head}}}\n"
    );
    insta::assert_snapshot!(shown(&text), @"
    .checkmill/workflows/ci.yml:7:21: warning: on `pull_request_target` this checks out what an outsider may have written, with the rights of the default branch
    7 |         with: {ref: '${{ github.event.pull_request.head.sha }}'}
      |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: a fork's commit is refused here; do what needs it in a workflow for `pull_request`, and only what needs the rights in this one
    ");
}

/// Values that are checked against a type hold no command; where two events declare one name, both must.
#[test]
fn scripts_with_inputs_of_closed_types() {
    let dispatch = "on:\n  workflow_dispatch:\n    inputs:\n      n: {type: number}\n      flag: {type: boolean}\n      \
                    level: {type: choice, options: [a, b]}\n      text: {}\n      both: {type: number}\n";
    let call = "  workflow_call:\n    inputs:\n      both: {type: string}\n";
    let script = "jobs:\n  a:\n    runs-on: x\n    steps:\n      - run: y ${{ inputs.n }} ${{ inputs.FLAG }} ${{ inputs.level }} \
                  ${{ inputs.text }} ${{ inputs.both }}\n";
    let notes = |on: &str| {
        let found = rules(&format!("{on}{script}"));
        let notes = found.iter().filter(|rule| rule.starts_with("untrusted-input"));
        notes.count()
    };
    assert_eq!(notes(dispatch), 1, "text");
    assert_eq!(notes(&format!("{dispatch}{call}")), 2, "text and both");
}

/// A broken file gets its warnings too; what is no YAML has no more to tell.
#[test]
fn errors_and_warnings_together() {
    let text = job("stesp: []\nsteps:\n  - run: make ${{ matrix.os }} ${{ matrx.os }}");
    assert_eq!(
        rules(&text),
        ["unknown-key 5:5", "unknown-matrix-key 7:23", "expression 7:40"]
    );
    assert_eq!(rules("on: [push"), ["yaml 1:5"]);
}

#[test]
fn each_mistake_has_its_rule() {
    for (text, expected) in [
        (
            "on: push\njobs:\n  a: {runs-on: x, steps: [run: y], x: 1}\n",
            "unknown-key 3:36",
        ),
        (
            "on: [project]\njobs:\n  a: {runs-on: x, steps: [run: y]}\n",
            "unsupported 1:6",
        ),
        (
            "on: {schedule: [{cron: '* * * * *'}, {cron: '*/5 * * * *'}]}\njobs:\n  a: {runs-on: x, steps: [run: y]}\n",
            "schedule-interval 1:24",
        ),
        ("on: push\njobs:\n  a: {runs-on: x, steps: y}\n", "invalid 3:26"),
        (
            "on: push\njobs:\n  a: {runs-on: x, steps: [run: y]}\n  A: {runs-on: x, steps: [run: y]}\n",
            "duplicate-id 4:3",
        ),
        (
            "on: push\njobs:\n  a: {runs-on: x, steps: [{id: i, run: y}, {id: I, run: y}]}\n",
            "duplicate-id 3:49",
        ),
        (
            "on: push\njobs:\n  a: {runs-on: x, needs: b, steps: [run: y]}\n",
            "unknown-need 3:26",
        ),
        (
            "on: push\njobs:\n  a: {runs-on: x, needs: a, steps: [run: y]}\n",
            "needs-cycle 3:26",
        ),
        (
            "on: push\njobs:\n  a: {runs-on: x, strategy: {matrix: {o: [a], exclude: [{o: a}]}}, steps: [run: y]}\n",
            "matrix 3:38",
        ),
        (
            "on: push\njobs:\n  a: {runs-on: x, if: contains('a'), steps: [run: y]}\n",
            "expression 3:23",
        ),
    ] {
        assert_eq!(rules(text), [expected], "{text}");
    }
}

/// Too many legs are known before all values are.
#[test]
fn a_matrix_with_too_many_legs() {
    let values = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let matrix = |rest: &str| {
        job(&format!(
            "strategy:\n  fail-fast: ${{{{ vars.FAST == '1' }}}}\n  matrix:\n    a: [{}]\n    b: [{}]\n{rest}",
            values(17),
            values(16)
        ))
    };
    assert_eq!(rules(&matrix("")), ["matrix 8:9"]);
    assert_eq!(rules(&matrix("    c: ['${{ vars.C }}']")), ["matrix 8:9"]);
    assert_eq!(rules(&matrix("    c: ${{ fromJSON(vars.C) }}")), ["matrix 8:9"]);
    assert_eq!(rules(&matrix("    exclude: ${{ fromJSON(vars.C) }}")), [""; 0]);
}

#[test]
fn more_than_is_shown_is_counted() {
    let steps: String = (0..60)
        .map(|n| format!("\n  - run: make ${{{{ matrix.x{n} }}}}"))
        .collect();
    let found = lint(PATH, &job(&format!("stesp: []\nsteps:{steps}"))).unwrap();
    let errors = found
        .as_slice()
        .iter()
        .filter(|one| one.severity() == Severity::Error);
    assert_eq!(
        (errors.count(), found.as_slice().len(), found.left_out()),
        (1, 51, 10)
    );
}

#[test]
fn a_place_has_an_end() {
    let found = lint(PATH, &job("if: ${{ matrx.os }}")).unwrap();
    let first = &found.as_slice()[0];
    assert_eq!(
        (first.rule, first.column, first.end_column),
        (Rule::Expression, 13, 18)
    );
}
