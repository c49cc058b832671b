//! Callers against the files that they call.

use crate::program::{CI, Project};

const BUILD: &str = ".github/workflows/build.yml";

#[tokio::test]
async fn callers_are_compared_with_local_files() {
    let caller = "\
on: push
jobs:
  build:
    uses: ./.github/workflows/build.yml
    with: {mod: x, jobs: many}
    secrets: {word: x}
  gone:
    uses: ./.github/workflows/gone.yml
  remote:
    uses: octo/shared/.github/workflows/x.yml@v1
    with: {whatever: 1}
";
    let build = "\
on:
  workflow_call:
    inputs:
      mode: {type: string, required: true}
      jobs: {type: number}
    outputs: {file: {value: '${{ jobs.compile.outputs.file }}'}}
jobs:
  compile:
    runs-on: linux
    outputs: {file: x}
    steps: [{run: make}]
";
    let project = Project::new(&[(CI, caller), (BUILD, build)]);
    let ended = project.checkmill(&["lint"]).await;
    insta::assert_snapshot!(ended.stdout, @"
    .checkmill/workflows/ci.yml:4:11: the job `build` does not give the input `mode`, which `.github/workflows/build.yml` requires
    4 |     uses: ./.github/workflows/build.yml
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: add `mode` under `with`

    .checkmill/workflows/ci.yml:5:12: `.github/workflows/build.yml` has no input `mod`
    5 |     with: {mod: x, jobs: many}
      |            ^^^
      = help: did you mean `mode`?

    .checkmill/workflows/ci.yml:5:26: the input `jobs` of `.github/workflows/build.yml` must be a number, not a text
    5 |     with: {mod: x, jobs: many}
      |                          ^^^^
      = help: write digits without quotes

    .checkmill/workflows/ci.yml:6:15: `.github/workflows/build.yml` has no secret `word`
    6 |     secrets: {word: x}
      |               ^^^^
      = help: it declares none under `on.workflow_call.secrets`

    .checkmill/workflows/ci.yml:8:11: `./.github/workflows/gone.yml` can't be called: there is no such file
    8 |     uses: ./.github/workflows/gone.yml
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    5 errors in 2 files
    ");
    assert_eq!(ended.code, Some(1));

    let fits = "\
on: push
jobs:
  build:
    uses: ./.github/workflows/build.yml
    with: {mode: x, jobs: 4}
  after:
    needs: build
    runs-on: linux
    steps: [{run: 'echo ${{ needs.build.outputs.files }}'}]
";
    let project = Project::new(&[(CI, fits), (BUILD, build)]);
    let ended = project.checkmill(&["lint"]).await;
    insta::assert_snapshot!(ended.stdout, @"
    .checkmill/workflows/ci.yml:9:29: warning: `.github/workflows/build.yml`, which `build` calls, has no output `files`
    9 |     steps: [{run: 'echo ${{ needs.build.outputs.files }}'}]
      |                             ^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: did you mean `file`?

    1 warning in 2 files
    ");
    assert_eq!(ended.code, Some(0));
}

/// A called file is looked at wherever it is, and its own mistakes stand in it alone.
#[tokio::test]
async fn a_broken_file_is_told_once() {
    let caller = "on: push\njobs: {a: {uses: ./.github/workflows/build.yml}}\n";
    let build = "on: workflow_call\njobs: {b: {runs-on: linux, stepps: [{run: make}]}}\n";
    let project = Project::new(&[(CI, caller), (BUILD, build)]);
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"
    .checkmill/workflows/ci.yml:2:18: the job `a` calls `./.github/workflows/build.yml`, which has mistakes
    2 | jobs: {a: {uses: ./.github/workflows/build.yml}}
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    .github/workflows/build.yml:2:8: the job `b` has no `steps`
    2 | jobs: {b: {runs-on: linux, stepps: [{run: make}]}}
      |        ^
      = help: a job needs at least one step, such as `- run: make test`

    .github/workflows/build.yml:2:28: unknown key `stepps` in the job `b`
    2 | jobs: {b: {runs-on: linux, stepps: [{run: make}]}}
      |                            ^^^^^^
      = help: did you mean `steps`?

    3 errors in 2 files
    ");
}
