//! Ctrl-C.

use crate::program::{Ended, Project};
use tokio::process::{Child, Command};

const WORKFLOW: &str = "
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    steps:
      - run: |
          echo started > {desk}/started
          sleep 300
  after:
    needs: slow
    runs-on: linux
    steps:
      - run: echo never
";

async fn signal(child: &Child, name: &str) {
    let id = child.id().expect("the program runs").to_string();
    let status = Command::new("kill").args([name, &id]).status().await.unwrap();
    assert!(status.success());
}

/// Runs until the job has started, and then sends the signal.
async fn interrupted(project: &Project, by: &str) -> Ended {
    let child = project.spawn(&["run", "."]);
    project
        .until("the job to start", || project.mark("started").is_some())
        .await;
    signal(&child, by).await;
    project.ended(child).await
}

#[tokio::test]
async fn ctrl_c_cancels_and_leaves_nothing_behind() {
    let project = Project::with_workflow(WORKFLOW);
    let ended = interrupted(&project, "-INT").await;
    insta::assert_snapshot!(ended.table(), @"
    exit code 1
        CHECK       CONCLUSION  REASON
     ✗  CI / slow   cancelled   cancelled
     ✓  CI / after  skipped     skipped

    CI / slow: Cancelled with Ctrl-C.

    1 passed, 1 failed
    ");
    assert!(
        ended
            .stderr
            .contains("Cancelling; press Ctrl-C again to end at once."),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn so_does_whatever_ends_a_program_politely() {
    let project = Project::with_workflow(WORKFLOW);
    let ended = interrupted(&project, "-TERM").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("cancelled"), "{}", ended.stdout);
}
