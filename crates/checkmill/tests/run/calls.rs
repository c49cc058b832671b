//! Workflows that call others, without a server.

use crate::program::{CI, Project};
use std::path::Path;

#[tokio::test]
async fn the_example_of_calls_runs() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/calls");
    let project = Project::new(&[]);
    let ended = project.checkmill(&["run", example.to_str().unwrap()]).await;
    // Jobs that run side by side end in any order.
    let mut lines: Vec<String> = ended.table().lines().map(str::to_owned).collect();
    lines.sort();
    insta::assert_snapshot!(lines.join("\n").trim(), @"
    CHECK                              CONCLUSION  REASON
     ✓  Calls / build (debug) / compile    success     success
     ✓  Calls / build (debug) / test       success     success
     ✓  Calls / build (release) / compile  success     success
     ✓  Calls / build (release) / test     success     success
     ✓  Calls / modes                      success     success
     ✓  Calls / publish                    success     success
    6 passed, 0 failed
    exit code 0
    ");
}

#[tokio::test]
async fn a_file_of_another_repository_is_none_of_a_directorys() {
    let text = "on: push\njobs: {a: {uses: octo/shared/.github/workflows/a.yml@v1}}\n";
    let project = Project::new(&[(CI, text)]);
    let ended = project.run(&[]).await;
    assert_eq!(ended.code, Some(1));
    insta::assert_snapshot!(ended.table(), @"
    exit code 1
        CHECK                        CONCLUSION  REASON
     ✗  .checkmill/workflows/ci.yml  failure     configuration

    .checkmill/workflows/ci.yml: Can't run as it is written.
      │ .checkmill/workflows/ci.yml:2:18: `octo/shared/.github/workflows/a.yml@v1` can't be called: GitHub has no repository octo/shared, or the App may not see it
      │ 2 | jobs: {a: {uses: octo/shared/.github/workflows/a.yml@v1}}
      │   |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    0 passed, 1 failed
    ");
}

#[tokio::test]
async fn one_job_that_calls() {
    let caller = "\
on: push
jobs:
  a: {runs-on: linux, steps: [run: 'true']}
  b: {uses: ./.checkmill/workflows/called.yml}
";
    let called = "on: workflow_call\njobs: {c: {runs-on: linux, steps: [run: 'true']}}\n";
    let project = Project::new(&[(CI, caller), (".checkmill/workflows/called.yml", called)]);
    insta::assert_snapshot!(project.run(&["--job", "b"]).await.table(), @"
    exit code 0
        CHECK                                CONCLUSION  REASON
     ✓  .checkmill/workflows/ci.yml / b / c  success     success

    1 passed, 0 failed
    ");
}

/// `--workflow` starts no other file, and those that it calls are there all the same.
#[tokio::test]
async fn a_named_workflow_calls_others() {
    let caller = "on: push\njobs: {b: {uses: ./.checkmill/workflows/called.yml}}\n";
    let called = "on: [push, workflow_call]\njobs: {c: {runs-on: linux, steps: [run: 'true']}}\n";
    let project = Project::new(&[(CI, caller), (".checkmill/workflows/called.yml", called)]);
    insta::assert_snapshot!(project.run(&["--workflow", "ci.yml"]).await.table(), @"
    exit code 0
        CHECK                                CONCLUSION  REASON
     ✓  .checkmill/workflows/ci.yml / b / c  success     success

    1 passed, 0 failed
    ");
}
