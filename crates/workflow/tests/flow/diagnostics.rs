//! What people see when a workflow file is wrong.

use crate::support::{PATH, job, wrong};
use checkmill_workflow::parse;

/// A job's lines are wrong.
fn wrong_job(lines: &str) -> String {
    wrong(&job(lines))
}

/// A run's row has room for so much of them.
#[test]
fn a_graph_of_too_many_names() {
    let text = |jobs: usize, length: usize| {
        let job = |n: usize| {
            format!(
                "  {}{n}: {{runs-on: x, steps: [{{run: y}}]}}\n",
                "k".repeat(length)
            )
        };
        let jobs: String = (0..jobs).map(job).collect();
        format!("on: push\nname: CI\njobs:\n{jobs}")
    };
    parse(PATH, &text(700, 90)).unwrap();
    let wrong = wrong(&text(710, 90))
        .replace(&"k".repeat(90), "KEY")
        .replace(&"^".repeat(90), "^^^");
    insta::assert_snapshot!(wrong, @"
    .checkmill/workflows/ci.yml:709:3: the names of the jobs and of those that they need have more than 65536 bytes together
    709 |   KEY705: {runs-on: x, steps: [{r…
        |   ^^^^^^
      = help: shorten them, or let a job that needs the others stand between them and those that need it
    ");
}

#[test]
fn several_mistakes_at_once() {
    let text = "\
name: CI
on:
  push:
    branch: main
jobs:
  build:
    run-on: linux
    steps:
      - run: make ${{ matrx.os }}
        wth: x
  test:
    needs: biuld
    runs-on: linux
    steps: []
";
    insta::assert_snapshot!(wrong(text), @r"
    .checkmill/workflows/ci.yml:4:5: unknown key `branch` in `push`
    4 |     branch: main
      |     ^^^^^^
      = help: did you mean `branches`?

    .checkmill/workflows/ci.yml:6:3: the job `build` has no `runs-on`
    6 |   build:
      |   ^^^^^
      = help: name the machine that it needs, such as `runs-on: ubuntu-latest`

    .checkmill/workflows/ci.yml:7:5: unknown key `run-on` in the job `build`
    7 |     run-on: linux
      |     ^^^^^^
      = help: did you mean `runs-on`?

    .checkmill/workflows/ci.yml:9:23: unknown context `matrx`
    9 |       - run: make ${{ matrx.os }}
      |                       ^^^^^
      = help: did you mean `matrix`?

    .checkmill/workflows/ci.yml:10:9: unknown key `wth` in a step
    10 |         wth: x
       |         ^^^
      = help: did you mean `with`?

    .checkmill/workflows/ci.yml:12:12: the job `test` needs `biuld`, which is not a job of this workflow
    12 |     needs: biuld
       |            ^^^^^
      = help: did you mean `build`?

    .checkmill/workflows/ci.yml:14:12: `steps` is empty
    14 |     steps: []
       |            ^
      = help: a job needs at least one step, such as `- run: make test`
    ");
}

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(wrong(""), @r"
    .checkmill/workflows/ci.yml:1:1: the file is empty
    1 | 
      | ^
      = help: a workflow needs at least `on` and `jobs`
    ");
    insta::assert_snapshot!(wrong("# nothing but a comment\n"), @r"
    .checkmill/workflows/ci.yml:2:1: the file is empty
    2 | 
      | ^
      = help: a workflow needs at least `on` and `jobs`
    ");
}

#[test]
fn a_file_that_is_a_list() {
    insta::assert_snapshot!(wrong("- run: make\n"), @r"
    .checkmill/workflows/ci.yml:1:1: a workflow must be a mapping, not a list
    1 | - run: make
      | ^
    ");
}

#[test]
fn nothing_but_a_name() {
    insta::assert_snapshot!(wrong("name: CI\n"), @r"
    .checkmill/workflows/ci.yml:1:1: `jobs` is missing
    1 | name: CI
      | ^
      = help: a workflow needs at least one job

    .checkmill/workflows/ci.yml:1:1: `on` is missing
    1 | name: CI
      | ^
      = help: say when the workflow runs, such as `on: push`
    ");
}

#[test]
fn keys_without_a_value() {
    insta::assert_snapshot!(wrong("on:\njobs:\n"), @r"
    .checkmill/workflows/ci.yml:1:1: `on` names no event
    1 | on:
      | ^^
      = help: say when the workflow runs, such as `on: push`

    .checkmill/workflows/ci.yml:2:1: `jobs` is empty
    2 | jobs:
      | ^^^^
      = help: a workflow needs at least one job
    ");
    insta::assert_snapshot!(wrong("on: []\njobs: {}\n"), @r"
    .checkmill/workflows/ci.yml:1:5: `on` names no event
    1 | on: []
      |     ^

    .checkmill/workflows/ci.yml:2:1: `jobs` is empty
    2 | jobs: {}
      | ^^^^
      = help: a workflow needs at least one job
    ");
    insta::assert_snapshot!(wrong("on: push\njobs:\n  build:\n"), @"
    .checkmill/workflows/ci.yml:3:3: the job `build` is empty
    3 |   build:
      |   ^^^^^
      = help: a job needs `runs-on` and `steps`, or `uses`
    ");
}

#[test]
fn a_job_without_a_machine_or_steps() {
    insta::assert_snapshot!(wrong("on: push\njobs:\n  build:\n    name: Build\n"), @r"
    .checkmill/workflows/ci.yml:3:3: the job `build` has no `runs-on`
    3 |   build:
      |   ^^^^^
      = help: name the machine that it needs, such as `runs-on: ubuntu-latest`

    .checkmill/workflows/ci.yml:3:3: the job `build` has no `steps`
    3 |   build:
      |   ^^^^^
      = help: a job needs at least one step, such as `- run: make test`
    ");
}

#[test]
fn wrong_types() {
    insta::assert_snapshot!(wrong_job("steps:\n  run: make"), @r"
    .checkmill/workflows/ci.yml:6:7: `steps` must be a list, not a mapping
    6 |       run: make
      |       ^
    ");
    insta::assert_snapshot!(wrong_job("runs-on: {}"), @r"
    .checkmill/workflows/ci.yml:5:14: `runs-on` has no `labels`
    5 |     runs-on: {}
      |              ^
    ");
    insta::assert_snapshot!(wrong_job("env: [A, B]"), @r"
    .checkmill/workflows/ci.yml:5:10: `env` must be a mapping, not a list
    5 |     env: [A, B]
      |          ^
    ");
    insta::assert_snapshot!(wrong_job("timeout-minutes: soon"), @r"
    .checkmill/workflows/ci.yml:5:22: `timeout-minutes` must be a number or an expression, not a text
    5 |     timeout-minutes: soon
      |                      ^^^^
    ");
    insta::assert_snapshot!(wrong_job("timeout-minutes: 0"), @r"
    .checkmill/workflows/ci.yml:5:22: `timeout-minutes` must be more than 0
    5 |     timeout-minutes: 0
      |                      ^
    ");
    insta::assert_snapshot!(wrong_job("continue-on-error: 'yes'"), @r"
    .checkmill/workflows/ci.yml:5:24: `continue-on-error` must be `true`, `false` or an expression, not a text
    5 |     continue-on-error: 'yes'
      |                        ^^^^^
    ");
    insta::assert_snapshot!(wrong_job("name: [a]"), @r"
    .checkmill/workflows/ci.yml:5:11: `name` must be a text, not a list
    5 |     name: [a]
      |           ^
    ");
    insta::assert_snapshot!(wrong("on: push\njobs:\n  build: make\n"), @r"
    .checkmill/workflows/ci.yml:3:10: the job `build` must be a mapping, not a text
    3 |   build: make
      |          ^^^^
    ");
}

#[test]
fn unknown_events() {
    insta::assert_snapshot!(wrong("on: pushes\njobs: {a: {runs-on: x, steps: [run: y]}}\n"), @r"
    .checkmill/workflows/ci.yml:1:5: unknown event `pushes` in `on`
    1 | on: pushes
      |     ^^^^^^
      = help: did you mean `push`?
    ");
    insta::assert_snapshot!(wrong("on: [push, pullrequest]\njobs: {a: {runs-on: x, steps: [run: y]}}\n"), @r"
    .checkmill/workflows/ci.yml:1:12: unknown event `pullrequest` in `on`
    1 | on: [push, pullrequest]
      |            ^^^^^^^^^^^
      = help: did you mean `pull_request`?
    ");
}

#[test]
fn what_this_version_does_not_support() {
    let text = "\
on:
  project:
jobs:
  called:
    uses: octo/workflows/.github/workflows/ci.yml@v1
    with:
      level: 3
  build:
    runs-on: linux
    steps:
      - name: Set up
        uses: actions/setup-node@v4
      - uses: ./local-action
      - uses: docker://alpine
      - id: wait
        wait: all
";
    insta::assert_snapshot!(wrong(text), @"
    .checkmill/workflows/ci.yml:2:3: `project` is not supported yet in this version
    2 |   project:
      |   ^^^^^^^
      = help: remove it; GitHub has no classic projects any more, and sends this event to nobody

    .checkmill/workflows/ci.yml:16:9: `wait` is not supported yet in this version
    16 |         wait: all
       |         ^^^^
      = help: remove it; the steps of a job run one after the other
    ");
}

#[test]
fn checkout_without_a_version() {
    insta::assert_snapshot!(wrong_job("steps:\n  - uses: actions/checkout"), @r"
    .checkmill/workflows/ci.yml:6:15: step 1 uses `actions/checkout` without a version
    6 |       - uses: actions/checkout
      |               ^^^^^^^^^^^^^^^^
      = help: write `actions/checkout@v4`
    ");
}

#[test]
fn job_keys() {
    let text = "\
on: push
jobs:
  1st: {runs-on: x, steps: [run: y]}
  a b: {runs-on: x, steps: [run: y]}
  __own: {runs-on: x, steps: [run: y]}
  test: {runs-on: x, steps: [run: y]}
  Test: {runs-on: x, steps: [run: y]}
";
    insta::assert_snapshot!(wrong(text), @r"
    .checkmill/workflows/ci.yml:3:3: the job id `1st` must begin with a letter or `_`, and have letters, digits, `-` and `_` only, at most 100
    3 |   1st: {runs-on: x, steps: [run: y]}
      |   ^^^

    .checkmill/workflows/ci.yml:4:3: the job id `a b` must begin with a letter or `_`, and have letters, digits, `-` and `_` only, at most 100
    4 |   a b: {runs-on: x, steps: [run: y]}
      |   ^^^

    .checkmill/workflows/ci.yml:5:3: the job id `__own` must not begin with two underscores
    5 |   __own: {runs-on: x, steps: [run: y]}
      |   ^^^^^

    .checkmill/workflows/ci.yml:7:3: the job id `Test` is there already; upper and lower case are the same here
    7 |   Test: {runs-on: x, steps: [run: y]}
      |   ^^^^
    ");
}

#[test]
fn needs_in_a_circle() {
    let text = "\
on: push
jobs:
  a: {needs: c, runs-on: x, steps: [run: y]}
  b: {needs: a, runs-on: x, steps: [run: y]}
  c: {needs: [b], runs-on: x, steps: [run: y]}
  d: {needs: d, runs-on: x, steps: [run: y]}
";
    insta::assert_snapshot!(wrong(text), @r"
    .checkmill/workflows/ci.yml:4:14: the jobs need each other in a circle: `a` → `c` → `b` → `a`
    4 |   b: {needs: a, runs-on: x, steps: [run: y]}
      |              ^
      = help: remove one of the `needs`

    .checkmill/workflows/ci.yml:6:14: the job `d` needs itself
    6 |   d: {needs: d, runs-on: x, steps: [run: y]}
      |              ^
      = help: remove one of the `needs`
    ");
}

#[test]
fn filters() {
    let on = |lines: &str| {
        wrong(&format!(
            "on:\n  push:\n{lines}jobs: {{a: {{runs-on: x, steps: [run: y]}}}}\n"
        ))
    };
    insta::assert_snapshot!(on("    branches: [main]\n    branches-ignore: [old]\n"), @r"
    .checkmill/workflows/ci.yml:4:5: `branches` and `branches-ignore` can't be used together
    4 |     branches-ignore: [old]
      |     ^^^^^^^^^^^^^^^
      = help: use `branches` alone, with `!` before a pattern that is to be left out
    ");
    insta::assert_snapshot!(on("    branches: []\n"), @r"
    .checkmill/workflows/ci.yml:3:15: `branches` is empty
    3 |     branches: []
      |               ^
      = help: remove it, or name at least one pattern
    ");
    insta::assert_snapshot!(on("    branches:\n"), @r"
    .checkmill/workflows/ci.yml:3:13: `branches` must be a text or a list of texts, not nothing
    3 |     branches:
      |             ^
    ");
    insta::assert_snapshot!(on("    branches: ['!main']\n"), @r"
    .checkmill/workflows/ci.yml:3:17: at least one pattern must not start with `!`; to leave names out, use the `-ignore` filter
    3 |     branches: ['!main']
      |                 ^
    ");
    insta::assert_snapshot!(on("    paths:\n      - 'src/**'\n      - 'docs/[a-'\n"), @r"
    .checkmill/workflows/ci.yml:5:15: `[` has no `]`
    5 |       - 'docs/[a-'
      |               ^
    ");
    insta::assert_snapshot!(on("    tags: ['${{ github.ref }}']\n"), @r"
    .checkmill/workflows/ci.yml:3:12: an item of `tags` can't hold an expression
    3 |     tags: ['${{ github.ref }}']
      |            ^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn activity_types() {
    let text =
        "on:\n  pull_request:\n    types: [opened, sync, reopen]\njobs: {a: {runs-on: x, steps: [run: y]}}\n";
    insta::assert_snapshot!(wrong(text), @r"
    .checkmill/workflows/ci.yml:3:21: `sync` is not an activity type of `pull_request`
    3 |     types: [opened, sync, reopen]
      |                     ^^^^
      = help: did you mean `synchronize`?

    .checkmill/workflows/ci.yml:3:27: `reopen` is not an activity type of `pull_request`
    3 |     types: [opened, sync, reopen]
      |                           ^^^^^^
      = help: did you mean `reopened`?
    ");
}

#[test]
fn steps() {
    insta::assert_snapshot!(wrong_job("steps:\n  - name: Nothing"), @r"
    .checkmill/workflows/ci.yml:6:9: step `Nothing` has neither `run` nor `uses`
    6 |       - name: Nothing
      |         ^^^^
      = help: a step needs one of them
    ");
    insta::assert_snapshot!(wrong_job("steps:\n  - run: make\n    uses: actions/checkout@v4"), @r"
    .checkmill/workflows/ci.yml:7:9: step 1 has both `run` and `uses`
    7 |         uses: actions/checkout@v4
      |         ^^^^
      = help: make two steps of it
    ");
    insta::assert_snapshot!(wrong_job("steps:\n  - run: make\n    with:\n      x: y"), @r"
    .checkmill/workflows/ci.yml:7:9: step 1 has `with`, which belongs to a step with `uses`
    7 |         with:
      |         ^^^^
      = help: remove it
    ");
    insta::assert_snapshot!(wrong_job("steps:\n  - uses: actions/checkout@v4\n    shell: bash"), @r"
    .checkmill/workflows/ci.yml:7:9: step 1 has `shell`, which belongs to a step with `run`
    7 |         shell: bash
      |         ^^^^^
      = help: remove it
    ");
    insta::assert_snapshot!(wrong_job("steps:\n  - run: make\n    shell: fish"), @r"
    .checkmill/workflows/ci.yml:7:16: `fish` is not a shell
    7 |         shell: fish
      |                ^^^^
      = help: use bash, sh, pwsh, python, cmd or powershell, or a command with {0} for the script's path
    ");
    insta::assert_snapshot!(wrong_job("steps:\n  - run: make\n    shell: ${{ matrix.shell }}"), @r"
    .checkmill/workflows/ci.yml:7:16: `shell` of a step can't hold an expression
    7 |         shell: ${{ matrix.shell }}
      |                ^^^^^^^^^^^^^^^^^^^
      = help: set it in `defaults.run.shell` of the job, which can hold one
    ");
    insta::assert_snapshot!(wrong_job("steps:\n  - id: a\n    run: x\n  - id: A\n    run: y"), @r"
    .checkmill/workflows/ci.yml:8:13: the step id `A` is there already; upper and lower case are the same here
    8 |       - id: A
      |             ^
    ");
    insta::assert_snapshot!(wrong_job("steps:\n  -\n  - make"), @r"
    .checkmill/workflows/ci.yml:6:8: step 1 is empty
    6 |       -
      |        ^
      = help: a step needs `run` or `uses`

    .checkmill/workflows/ci.yml:7:9: a step must be a mapping, not a text
    7 |       - make
      |         ^^^^
    ");
    insta::assert_snapshot!(wrong_job("steps:\n  - run: ''"), @r"
    .checkmill/workflows/ci.yml:6:14: `run` must not be empty
    6 |       - run: ''
      |              ^^
    ");
}

#[test]
fn expressions_are_wrong_where_they_stand() {
    insta::assert_snapshot!(wrong_job("steps:\n  - run: |\n      echo one\n      echo ${{ github.ref == }}"), @r"
    .checkmill/workflows/ci.yml:8:33: unexpected end of expression
    8 |           echo ${{ github.ref == }}
      |                                 ^
    ");
    insta::assert_snapshot!(wrong_job("if: startWith(github.ref, 'x')"), @r"
    .checkmill/workflows/ci.yml:5:9: unknown function `startWith`
    5 |     if: startWith(github.ref, 'x')
      |         ^^^^^^^^^
      = help: did you mean `startsWith`?
    ");
    insta::assert_snapshot!(wrong_job("if: steps.a.outputs.b"), @r"
    .checkmill/workflows/ci.yml:5:9: the context `steps` can't be used in `jobs.<job_id>.if`
    5 |     if: steps.a.outputs.b
      |         ^^^^^
      = help: the contexts here are github, needs, vars, inputs
    ");
    insta::assert_snapshot!(wrong_job("runs-on: ${{ env.MACHINE }}"), @r"
    .checkmill/workflows/ci.yml:5:18: the context `env` can't be used in `jobs.<job_id>.runs-on`
    5 |     runs-on: ${{ env.MACHINE }}
      |                  ^^^
      = help: the contexts here are github, needs, strategy, matrix, vars, inputs
    ");
    insta::assert_snapshot!(wrong_job("name: \"tab\\t${{ secrets.X }}\""), @r#"
    .checkmill/workflows/ci.yml:5:21: the context `secrets` can't be used in `jobs.<job_id>.name`
    5 |     name: "tab\t${{ secrets.X }}"
      |                     ^^^^^^^
      = help: the contexts here are github, needs, strategy, matrix, vars, inputs
    "#);
    insta::assert_snapshot!(wrong_job("env:\n  A: ${{ steps.x.outputs.y }}"), @r"
    .checkmill/workflows/ci.yml:6:14: the context `steps` can't be used in `jobs.<job_id>.env`
    6 |       A: ${{ steps.x.outputs.y }}
      |              ^^^^^
      = help: the contexts here are github, needs, strategy, matrix, vars, secrets, inputs
    ");
    insta::assert_snapshot!(wrong_job("env: ${{ fromJSON('{}') }}"), @r"
    .checkmill/workflows/ci.yml:5:10: `env` must be a mapping; an expression for all of it is not supported
    5 |     env: ${{ fromJSON('{}') }}
      |          ^^^^^^^^^^^^^^^^^^^^^
      = help: write the names, and an expression for each value
    ");
    insta::assert_snapshot!(wrong_job("env:\n  ${{ github.ref }}: x"), @r"
    .checkmill/workflows/ci.yml:6:7: a key can't hold an expression
    6 |       ${{ github.ref }}: x
      |       ^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn a_matrix() {
    insta::assert_snapshot!(wrong_job("strategy:\n  matrix:\n    os: linux"), @r"
    .checkmill/workflows/ci.yml:7:13: `os` of the matrix must be a list, not a text
    7 |         os: linux
      |             ^^^^^
    ");
    insta::assert_snapshot!(wrong_job("strategy:\n  matrix:\n    os: []"), @r"
    .checkmill/workflows/ci.yml:7:9: `os` of the matrix has no values
    7 |         os: []
      |         ^^
      = help: where a list may be empty, skip the job with `if`
    ");
    insta::assert_snapshot!(wrong_job("strategy:\n  matrix: {}"), @r"
    .checkmill/workflows/ci.yml:6:15: the matrix has neither a list of values nor `include`
    6 |       matrix: {}
      |               ^
      = help: give it at least one key with a list of values
    ");
    insta::assert_snapshot!(wrong_job("strategy:\n  matrix:\n    os: [a]\n    exclude:\n      - so: a"), @r"
    .checkmill/workflows/ci.yml:9:13: `exclude` names `so`, which is not a key of the matrix
    9 |           - so: a
      |             ^^
      = help: did you mean `os`?
    ");
    insta::assert_snapshot!(wrong_job("strategy:\n  matrix:\n    os: [a]\n    exclude:\n      - os: a"), @r"
    .checkmill/workflows/ci.yml:7:9: the matrix has no legs: `exclude` leaves none of its combinations
    7 |         os: [a]
      |         ^
      = help: where that may happen, skip the job with `if`
    ");
    insta::assert_snapshot!(wrong_job("strategy:\n  matrix:\n    include:\n      - {}\n      - x"), @r"
    .checkmill/workflows/ci.yml:8:13: an item of `include` is empty
    8 |           - {}
      |             ^

    .checkmill/workflows/ci.yml:9:13: an item of `include` must be a mapping, not a text
    9 |           - x
      |             ^
    ");
    insta::assert_snapshot!(wrong_job("strategy:\n  fail-fast: maybe\n  max-parallel: -1\n  matrix: {os: [a]}"), @r"
    .checkmill/workflows/ci.yml:6:18: `fail-fast` must be `true` or `false`, not a text
    6 |       fail-fast: maybe
      |                  ^^^^^

    .checkmill/workflows/ci.yml:7:21: `max-parallel` must be a whole number, at least 1
    7 |       max-parallel: -1
      |                     ^^
    ");
    insta::assert_snapshot!(wrong_job("strategy:\n  matrix:\n    os: ['${{ matrix.x }}']"), @r"
    .checkmill/workflows/ci.yml:7:19: the context `matrix` can't be used in `jobs.<job_id>.strategy`
    7 |         os: ['${{ matrix.x }}']
      |                   ^^^^^^
      = help: the contexts here are github, needs, vars, inputs
    ");
}

#[test]
fn permissions() {
    insta::assert_snapshot!(wrong_job("permissions: read"), @r"
    .checkmill/workflows/ci.yml:5:18: `permissions` must be `read-all`, `write-all` or a mapping
    5 |     permissions: read
      |                  ^^^^
      = help: such as `contents: read`; `{}` grants nothing
    ");
    insta::assert_snapshot!(wrong_job("permissions:\n  content: read\n  issues: maybe\n  id-token: write"), @r"
    .checkmill/workflows/ci.yml:6:7: unknown permission `content` in `permissions`
    6 |       content: read
      |       ^^^^^^^
      = help: did you mean `contents`?

    .checkmill/workflows/ci.yml:7:15: `maybe` is no access to `issues`
    7 |       issues: maybe
      |               ^^^^^
      = help: write `read`, `write` or `none`

    .checkmill/workflows/ci.yml:8:7: `id-token` is not supported yet in this version
    8 |       id-token: write
      |       ^^^^^^^^
      = help: remove it; Checkmill issues no OpenID Connect tokens: keep a credential as a secret of the environment, or use the role of the machine
    ");
}

#[test]
fn inputs() {
    let text = "\
on:
  workflow_dispatch:
    inputs:
      level:
        type: choice
      count:
        type: number
        default: many
      flag:
        type: bool
      place:
        type: environment
      size:
        options: [s, m]
      pick:
        type: choice
        options: [a, b]
        default: c
        requird: true
      9lives:
jobs: {a: {runs-on: x, steps: [run: y]}}
";
    insta::assert_snapshot!(wrong(text), @r"
    .checkmill/workflows/ci.yml:4:7: an input of type `choice` needs options
    4 |       level:
      |       ^^^^^
      = help: name them as a list under `options`

    .checkmill/workflows/ci.yml:8:18: the default of the input `count` must be a number, not `many`
    8 |         default: many
      |                  ^^^^

    .checkmill/workflows/ci.yml:10:15: `bool` is not a type of an input
    10 |         type: bool
       |               ^^^^
      = help: the types are string, boolean, number, choice and environment

    .checkmill/workflows/ci.yml:14:18: `options` is for inputs of type `choice`
    14 |         options: [s, m]
       |                  ^
      = help: add `type: choice`

    .checkmill/workflows/ci.yml:18:18: the default of the input `pick` must be one of `a`, `b`, not `c`
    18 |         default: c
       |                  ^

    .checkmill/workflows/ci.yml:19:9: unknown key `requird` in the input `pick`
    19 |         requird: true
       |         ^^^^^^^
      = help: did you mean `required`?

    .checkmill/workflows/ci.yml:20:7: the input `9lives` must begin with a letter or `_`, and have letters, digits, `-` and `_` only, at most 100
    20 |       9lives:
       |       ^^^^^^
    ");
}

#[test]
fn a_diagnostic_tells_an_annotation_where_to_go() {
    let wrong = parse(
        PATH,
        "on: push\njobs:\n  build:\n    runs-on: linux\n    stepz: []\n",
    )
    .unwrap_err();
    let first = &wrong.as_slice()[0];
    assert_eq!((first.path.as_str(), first.line, first.column), (PATH, 3, 3));
    assert_eq!(
        wrong.as_slice()[1].message,
        "unknown key `stepz` in the job `build`"
    );
    assert_eq!(
        wrong.summary(),
        ".checkmill/workflows/ci.yml:3:3: the job `build` has no `steps` (and 1 more error)"
    );
}

#[test]
fn schedules_that_are_none() {
    let text = "\
on:
  schedule:
    - cron: '@daily'
    - cron: 0 0 * * 7
    - cron: \"0 \\x30 1-32 * *\"
    - cron: '0 0 * * *'
      timezone: Europe/Munich
    - timezone: UTC
    - cron: '0 0 30 feb *'
      time-zone: UTC
jobs: {a: {runs-on: x, steps: [run: y]}}
";
    insta::assert_snapshot!(wrong(text), @r#"
    .checkmill/workflows/ci.yml:3:14: `@daily` is not POSIX cron, which has five fields
    3 |     - cron: '@daily'
      |              ^
      = help: write `0 0 * * *`

    .checkmill/workflows/ci.yml:4:21: `7` is not a day of the week
    4 |     - cron: 0 0 * * 7
      |                     ^
      = help: Sunday is `0` or `SUN`

    .checkmill/workflows/ci.yml:5:23: `32` is not a day of the month
    5 |     - cron: "0 \x30 1-32 * *"
      |                       ^
      = help: it is a number from 1 to 31

    .checkmill/workflows/ci.yml:7:17: there is no such time zone
    7 |       timezone: Europe/Munich
      |                 ^
      = help: name one of the IANA database, such as `Europe/Berlin` or `America/New_York`

    .checkmill/workflows/ci.yml:8:7: `cron` is missing
    8 |     - timezone: UTC
      |       ^
      = help: name one, such as `- cron: '30 5 * * 1-5'`

    .checkmill/workflows/ci.yml:9:18: there is no such day in any of its months: it would never run
    9 |     - cron: '0 0 30 feb *'
      |                  ^
      = help: choose a day that the month has

    .checkmill/workflows/ci.yml:10:7: unknown key `time-zone` in an item of `schedule`
    10 |       time-zone: UTC
       |       ^^^^^^^^^
      = help: did you mean `timezone`?
    "#);
    insta::assert_snapshot!(wrong("on: schedule\njobs: {a: {runs-on: x, steps: [run: y]}}\n"), @"
    .checkmill/workflows/ci.yml:1:5: `schedule` names no time
    1 | on: schedule
      |     ^^^^^^^^
      = help: name one, such as `- cron: '30 5 * * 1-5'`
    ");
    insta::assert_snapshot!(wrong("on: {schedule: {cron: '0 0 * * *'}}\njobs: {a: {runs-on: x, steps: [run: y]}}\n"), @"
    .checkmill/workflows/ci.yml:1:16: `schedule` must be a list, not a mapping
    1 | on: {schedule: {cron: '0 0 * * *'}}
      |                ^
    ");
    insta::assert_snapshot!(wrong("on: {schedule: []}\njobs: {a: {runs-on: x, steps: [run: y]}}\n"), @"
    .checkmill/workflows/ci.yml:1:16: `schedule` is empty
    1 | on: {schedule: []}
      |                ^
      = help: name one, such as `- cron: '30 5 * * 1-5'`
    ");
}

#[test]
fn events_that_are_set_wrong() {
    let text = "\
on:
  release: {types: [publish]}
  issue_comment: {types: []}
  workflow_run:
    types: [completed, requested]
    workflow: CI
jobs: {a: {runs-on: x, steps: [run: y]}}
";
    insta::assert_snapshot!(wrong(text), @"
    .checkmill/workflows/ci.yml:2:21: `publish` is not an activity type of `release`
    2 |   release: {types: [publish]}
      |                     ^^^^^^^
      = help: did you mean `published`?

    .checkmill/workflows/ci.yml:3:26: `types` is empty
    3 |   issue_comment: {types: []}
      |                          ^
      = help: remove it; there are types that hold without it

    .checkmill/workflows/ci.yml:5:5: `workflow_run` needs `workflows`
    5 |     types: [completed, requested]
      |     ^
      = help: name the workflows to follow, such as `workflows: [CI]`

    .checkmill/workflows/ci.yml:6:5: unknown key `workflow` in `workflow_run`
    6 |     workflow: CI
      |     ^^^^^^^^
      = help: did you mean `workflows`?
    ");
    let text = "on: {workflow_run: {workflows: [CI], types: [requested, complete]}}\njobs: {a: {runs-on: x, steps: [run: y]}}\n";
    insta::assert_snapshot!(wrong(text), @"
    .checkmill/workflows/ci.yml:1:45: the type `requested` of `workflow_run` is not supported yet in this version
    1 | on: {workflow_run: {workflows: [CI], types: [requested, complete]}}
      |                                             ^
      = help: use `completed`; or `needs` in one workflow

    .checkmill/workflows/ci.yml:1:57: `complete` is not an activity type of `workflow_run`
    1 | on: {workflow_run: {workflows: [CI], types: [requested, complete]}}
      |                                                         ^^^^^^^^
      = help: did you mean `completed`?
    ");
}
