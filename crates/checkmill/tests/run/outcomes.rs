//! Exit codes, and what is said about each end.

use crate::program::{CI, Project};

#[tokio::test]
async fn a_failure_shows_the_last_lines_of_its_step() {
    let project = Project::with_workflow(
        "
name: CI
on: push
jobs:
  test:
    runs-on: linux
    steps:
      - name: Compile
        run: echo compiled
      - name: Test
        run: |
          echo 'two tests passed'
          echo 'one did not' >&2
          exit 3
  after:
    needs: test
    runs-on: linux
    steps:
      - run: echo never
",
    );
    insta::assert_snapshot!(project.run(&[]).await.table(), @r#"
    exit code 1
        CHECK       CONCLUSION  REASON
     ✗  CI / test   failure     test
     ✓  CI / after  skipped     skipped

    CI / test: Step "Test" failed with exit code 3
      │ two tests passed
      │ one did not

    0 passed, 1 failed, 1 skipped
    "#);
}

#[tokio::test]
async fn skipped_and_allowed_failures_pass() {
    let project = Project::with_workflow(
        "
name: CI
on: push
jobs:
  allowed:
    continue-on-error: true
    runs-on: linux
    steps:
      - run: exit 1
  skipped:
    if: github.ref == 'refs/heads/other'
    runs-on: linux
    steps:
      - run: echo never
",
    );
    insta::assert_snapshot!(project.run(&[]).await.table(), @r#"
    exit code 0
        CHECK         CONCLUSION  REASON
     ✓  CI / allowed  neutral     neutral
     ✓  CI / skipped  skipped     skipped

    CI / allowed: Allowed to fail (continue-on-error): Step "Run exit 1" failed with exit code 1

    1 passed, 0 failed, 1 skipped
    "#);
}

#[tokio::test]
async fn a_broken_file_fails_with_its_mistakes_and_the_other_one_runs() {
    let project = Project::with_workflow("on: push\njobs: {test: {runs-on: linux, steps: [{run: echo}]}}\n");
    project.write(
        ".checkmill/workflows/lint.yml",
        "on: push\njobs:\n  lint:\n    run-on: linux\n    steps:\n      - run: echo\n",
    );
    insta::assert_snapshot!(project.run(&[]).await.table(), @"
    exit code 1
        CHECK                               CONCLUSION  REASON
     ✓  .checkmill/workflows/ci.yml / test  success     success
     ✗  .checkmill/workflows/lint.yml       failure     configuration

    .checkmill/workflows/lint.yml: Can't run as it is written.
      │ .checkmill/workflows/lint.yml:3:3: the job `lint` has no `runs-on`
      │ 3 |   lint:
      │   |   ^^^^
      │   = help: name the machine that it needs, such as `runs-on: ubuntu-latest`
      │
      │ .checkmill/workflows/lint.yml:4:5: unknown key `run-on` in the job `lint`
      │ 4 |     run-on: linux
      │   |     ^^^^^^
      │   = help: did you mean `runs-on`?

    1 passed, 1 failed
    ");
}

#[tokio::test]
async fn a_broken_policy_runs_nothing() {
    let project = Project::with_workflow(
        "on: push\njobs: {test: {runs-on: linux, steps: [{run: 'echo > {desk}/ran'}]}}\n",
    );
    project.write(".checkmill/config.yml", "comment: sometimes\n");
    insta::assert_snapshot!(project.run(&[]).await.table(), @"
    exit code 1
        CHECK                  CONCLUSION  REASON
     ✗  .checkmill/config.yml  failure     configuration

    .checkmill/config.yml: Can't run as it is written.
      │ .checkmill/config.yml:1:10: `comment` can't be `sometimes`
      │ 1 | comment: sometimes
      │   |          ^^^^^^^^^
      │   = help: it is one of `always`, `on-failure` and `never`

    0 passed, 1 failed
    ");
    assert_eq!(project.mark("ran"), None);
}

#[tokio::test]
async fn a_workflow_that_the_event_does_not_start_is_told_why() {
    let project = Project::new(&[]);
    project.write(
        CI,
        "on:\n  push:\n    branches: [release]\njobs: {test: {runs-on: linux, steps: [{run: echo}]}}\n",
    );
    let ended = project.run(&["--json"]).await;
    assert_eq!(
        ended.code,
        Some(0),
        "filters that hold a commit back are no mistake: {}",
        ended.stderr
    );
    let said = "No workflow matches the event.\n  .checkmill/workflows/ci.yml: the branch `main` does not match `branches` (`release`)\n";
    assert!(ended.stderr.ends_with(said), "{}", ended.stderr);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&report["run"], &report["checks"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
}
