//! `--event`, `--input`, `--job`, `--workflow`.

use crate::program::Project;

#[tokio::test]
async fn a_pull_request() {
    let project = Project::with_workflow(
        r#"
name: CI
on:
  pull_request:
    branches: [trunk]
    paths: ['src/**']
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo "$GITHUB_EVENT_NAME $GITHUB_BASE_REF $GITHUB_HEAD_REF" > {desk}/event
"#,
    );
    project.git(&["init", "--quiet", "--initial-branch=trunk"]);
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "-m", "First"]);
    project.write("src/a.rs", "fn a() {}\n");
    insta::assert_snapshot!(project.run(&["--event", "pull_request"]).await.table(), @"
    exit code 0
        CHECK      CONCLUSION  REASON
     ✓  CI / test  success     success

    1 passed, 0 failed
    ");
    insta::assert_snapshot!(project.mark("event").unwrap(), @"pull_request trunk changes");
}

/// What a filter of branches says of a pull request is about the branch that it is for; what one of paths says, about all of its
/// changes.
#[tokio::test]
async fn a_pull_request_for_another_branch() {
    let project = Project::with_workflow(
        r#"
name: CI
on:
  pull_request:
    branches: [release]
    paths: ['docs/**']
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo "$GITHUB_BASE_REF $GITHUB_HEAD_REF ${{ github.event.pull_request.base.ref }}" > {desk}/event
"#,
    );
    project.git(&["init", "--quiet", "--initial-branch=trunk"]);
    for (file, branch) in [
        ("src/a.rs", "release"),
        ("docs/a.md", "documented"),
        ("src/b.rs", "more"),
    ] {
        project.write(file, "text\n");
        project.git(&["add", "."]);
        project.git(&["commit", "--quiet", "-m", file]);
        project.git(&["branch", branch]);
    }
    let pull_request = ["--event", "pull_request", "--base"];
    let run = async |base: &str| project.run(&[&pull_request[..], &[base]].concat()).await;
    insta::assert_snapshot!(run("release").await.table(), @"
    exit code 0
        CHECK      CONCLUSION  REASON
     ✓  CI / test  success     success

    1 passed, 0 failed
    ");
    assert_eq!(project.mark("event").as_deref(), Some("release trunk release"));
    // A commit is where the branch that is checked out was before.
    for (base, why) in [
        (
            "HEAD~2",
            "the base branch `trunk` does not match `branches` (`release`)",
        ),
        (
            "documented",
            "the base branch `documented` does not match `branches` (`release`)",
        ),
    ] {
        let ended = run(base).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
    // All that is there is in `release` by now, but for what is no documentation.
    project.git(&["branch", "--force", "release", "documented"]);
    let ended = run("release").await;
    assert!(
        ended.stderr.contains("No workflow matches the event."),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("`paths`"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_dispatch_with_inputs() {
    let project = Project::with_workflow(
        r#"
name: Deploy
on:
  workflow_dispatch:
    inputs:
      where: {type: choice, options: [staging, production], required: true}
      dry: {type: boolean, default: true}
jobs:
  deploy:
    runs-on: linux
    steps:
      - run: echo "${{ inputs.where }} ${{ inputs.dry && 'dry' || 'wet' }}" > {desk}/inputs
"#,
    );
    let dispatch = [
        "--event",
        "workflow_dispatch",
        "--input",
        "where=production",
        "--input",
        "dry=false",
    ];
    assert_eq!(project.run(&dispatch).await.code, Some(0));
    assert_eq!(project.mark("inputs").as_deref(), Some("production wet"));
}

const CHAIN: &str = "
name: CI
on: push
jobs:
  build:
    runs-on: linux
    steps:
      - run: echo built
  lint:
    runs-on: linux
    steps:
      - run: echo linted
  test:
    needs: build
    runs-on: linux
    steps:
      - run: echo tested
  deploy:
    needs: [test, lint]
    runs-on: linux
    steps:
      - run: echo deployed
";

#[tokio::test]
async fn one_job_and_what_it_needs() {
    let project = Project::with_workflow(CHAIN);
    insta::assert_snapshot!(project.run(&["--job", "test"]).await.table(), @"
    exit code 0
        CHECK       CONCLUSION  REASON
     ✓  CI / build  success     success
     ✓  CI / test   success     success

    2 passed, 0 failed
    ");
}

#[tokio::test]
async fn one_workflow_of_two() {
    let project = Project::with_workflow(CHAIN);
    project.write(
        ".checkmill/workflows/other.yaml",
        &CHAIN.replace("CI", "Other").replace("push", "[push]"),
    );
    for name in ["other.yaml", ".checkmill/workflows/other.yaml"] {
        let ended = project.run(&["--workflow", name, "--job", "lint"]).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(ended.table(), @"
            exit code 0
                CHECK         CONCLUSION  REASON
             ✓  Other / lint  success     success

            1 passed, 0 failed
            ");
        }
    }
}

const NIGHTLY: &str = r#"
name: Nightly
on:
  push:
  schedule:
    - cron: '30 5 * * 1-5'
    - cron: '0 12 * * *'
      timezone: Europe/Berlin
jobs:
  clean:
    if: github.event.schedule == '0 12 * * *'
    runs-on: linux
    steps:
      - run: echo "$GITHUB_EVENT_NAME ${{ github.event.schedule }} $GITHUB_REF" > {desk}/ran
"#;

#[tokio::test]
async fn a_schedule_whose_time_has_come() {
    let project = Project::with_workflow(NIGHTLY);
    let schedule = ["--event", "schedule"];
    insta::assert_snapshot!(project.run(&schedule).await.table(), @"exit code 2");
    let noon = [&schedule[..], &["--cron", "0 12 * * *"]].concat();
    insta::assert_snapshot!(project.run(&noon).await.table(), @"
    exit code 0
        CHECK            CONCLUSION  REASON
     ✓  Nightly / clean  success     success

    1 passed, 0 failed
    ");
    insta::assert_snapshot!(project.mark("ran").unwrap(), @"schedule 0 12 * * * refs/heads/main");
    let none = [&schedule[..], &["--cron", "0 13 * * *"]].concat();
    insta::assert_snapshot!(project.run(&none).await.table(), @"exit code 2");
    insta::assert_snapshot!(project.run(&["--cron", "0 12 * * *"]).await.table(), @"exit code 2");
}

/// GitHub's webhook of the event goes through the whole pipeline, with what is laid over its payload.
#[tokio::test]
async fn an_event_of_the_repository() {
    let project = Project::with_workflow(
        r#"
name: CI
on:
  repository_dispatch:
    types: [deploy]
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo "$GITHUB_EVENT_NAME ${{ github.event.action }} to ${{ github.event.client_payload.where }}" > {desk}/event
"#,
    );
    project.write("staging.json", r#"{"client_payload": {"where": "$(staging)"}}"#);
    let dispatch = [
        "--event",
        "repository_dispatch",
        "--type",
        "deploy",
        "--payload",
        "staging.json",
    ];
    insta::assert_snapshot!(project.run(&dispatch).await.table(), @"
    exit code 0
        CHECK      CONCLUSION  REASON
     ✓  CI / test  success     success

    1 passed, 0 failed
    ");
    insta::assert_snapshot!(project.mark("event").unwrap(), @"repository_dispatch deploy to $(staging)");
}
