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
    insta::assert_snapshot!(ended.stdout, @"");
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
    insta::assert_snapshot!(ended.stdout, @"");
    assert_eq!(ended.code, Some(0));
}

/// A called file is looked at wherever it is, and its own mistakes stand in it alone.
#[tokio::test]
async fn a_broken_file_is_told_once() {
    let caller = "on: push\njobs: {a: {uses: ./.github/workflows/build.yml}}\n";
    let build = "on: workflow_call\njobs: {b: {runs-on: linux, stepps: [{run: make}]}}\n";
    let project = Project::new(&[(CI, caller), (BUILD, build)]);
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"");
}
