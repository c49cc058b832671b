//! `workflow_run`: a workflow of the default branch that follows others, in whatever branch or fork those ran.

use crate::conversation::{CI, REPO};
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository};

const BUILD: &str = r#"
name: Build
on: pull_request
jobs:
  test:
    runs-on: linux
    steps:
      - run: exit 3
"#;

const REPORT: &str = r#"
name: Report
on:
  workflow_run:
    workflows: [Build, Report]
    types: [completed]
jobs:
  tell:
    runs-on: linux
    steps:
      - env:
          RUN: ${{ toJSON(github.event.workflow_run.pull_requests) }}
        run: |
          echo "$GITHUB_EVENT_NAME $GITHUB_REF $GITHUB_SHA" >> {desk}/told
          echo "${{ github.event.workflow_run.name }}: ${{ github.event.workflow_run.conclusion }} of ${{ github.event.workflow_run.head_branch }}" >> {desk}/told
"#;

#[tokio::test]
async fn a_run_that_ends_starts_those_that_follow_it_and_no_endless_chain() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let files = NewCommit::new("Add CI")
        .write(CI, BUILD)
        .write(".checkmill/workflows/report.yml", served.workflow(REPORT));
    let main = served.push(files).await;
    served.logged("the schedules of a repository changed").await;
    served
        .pull_request("feature", NewCommit::new("Change").write("x", "y"))
        .await;
    // `Report` follows itself: it stops at the third.
    insta::assert_snapshot!(served.checks(4).await, @"
    Build / test: failure
    Report / tell: success
    Report / tell: success
    Report / tell: success
    ");
    served.concluded(4).await;
    let told = std::fs::read_to_string(served.desk().join("told")).unwrap();
    insta::assert_snapshot!(told.replace(main.as_str(), "MAIN"), @"
    workflow_run refs/heads/main MAIN
    Build: failure of feature
    workflow_run refs/heads/main MAIN
    Report: success of main
    workflow_run refs/heads/main MAIN
    Report: success of main
    ");
    assert_eq!(
        served.github.check_runs(REPO).unwrap().len(),
        4,
        "{}",
        served.checks_now()
    );

    // A re-run that ends is another end.
    let build = served.completed("Build / test").await;
    served.rerun(&build, "octocat").await;
    served.checks(8).await;
    served.concluded(8).await;
    served.finish().await;
}
