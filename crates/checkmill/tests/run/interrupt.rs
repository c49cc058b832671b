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

    CI / slow: Cancelled at the terminal.

    0 passed, 0 failed, 1 skipped, 1 cancelled
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
    for signal in ["-TERM", "-HUP", "-QUIT"] {
        let project = Project::with_workflow(WORKFLOW);
        let ended = interrupted(&project, signal).await;
        assert_eq!(ended.code, Some(1), "{signal}");
        assert!(ended.stdout.contains("cancelled"), "{signal}: {}", ended.stdout);
    }
}

/// Whoever starts it so wants it to outlive the terminal.
#[tokio::test]
async fn a_closed_terminal_does_not_cancel_it_under_nohup() {
    let text = "
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    steps:
      - run: |
          echo started > {desk}/started
          until test -e {desk}/go; do sleep 0.05; done
";
    let project = Project::with_workflow(text);
    let child = project.spawn_by_nohup(&["run", "."]);
    project
        .until("the job to start", || project.mark("started").is_some())
        .await;
    signal(&child, "-HUP").await;
    std::fs::write(project.desk().join("go"), "").unwrap();
    let ended = project.ended(child).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
