//! Ctrl-C, and worse.

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

/// Four processes in four groups: the script, one in its background, one that has left its session, and what it waits for.
const FAMILY: &str = "
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    steps:
      - run: |
          (exec sleep 3001) &
          setsid sleep 3002 &
          echo $$ $! > {desk}/started
          sleep 3003
";

/// Whether one of the processes whose ids a job has left lives.
fn lives(project: &Project) -> bool {
    let ids = project.mark("started").unwrap_or_default();
    ids.split_whitespace().any(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
    })
}

/// Nobody is left who could stop its jobs, and nothing is kept by which somebody could take them up.
#[tokio::test]
async fn killed_outright_it_takes_its_jobs_with_it() {
    let project = Project::with_workflow(FAMILY);
    let mut child = project.spawn(&["run", "."]);
    project.until("the job to start", || lives(&project)).await;
    signal(&child, "-KILL").await;
    child.wait().await.unwrap();
    project
        .until("the job's processes to end", || !lives(&project))
        .await;
    project.until("its agent to end", || project.is_quiet()).await;
}

/// Where the state is kept, the job goes on, as those of `serve` do.
#[tokio::test]
async fn killed_outright_with_its_data_kept_it_leaves_its_jobs_running() {
    let text = "
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    steps:
      - run: |
          echo $$ > {desk}/started
          until test -e {desk}/go; do sleep 0.05; done
          echo done > {desk}/done
";
    let project = Project::with_workflow(text);
    let data = project.desk().join("data");
    let mut child = project.spawn(&["run", ".", "--data", data.to_str().unwrap()]);
    project.until("the job to start", || lives(&project)).await;
    signal(&child, "-KILL").await;
    child.wait().await.unwrap();
    std::fs::write(project.desk().join("go"), "").unwrap();
    project
        .until("the job to end", || project.mark("done").is_some())
        .await;
}

/// Its GitHub went with it: nobody could be told how its jobs end, and what needs them would never begin.
#[tokio::test]
async fn the_next_run_in_its_data_stops_its_jobs_and_says_so() {
    let text = "
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    steps:
      - run: |
          test ! -e {desk}/second || exit 0
          echo $$ > {desk}/started
          sleep 300
  after:
    needs: slow
    runs-on: linux
    steps:
      - run: echo after >> {desk}/after
";
    let project = Project::with_workflow(text);
    let data = project.desk().join("data");
    let data = data.to_str().unwrap();
    let mut child = project.spawn(&["run", ".", "--data", data]);
    project.until("the job to start", || lives(&project)).await;
    signal(&child, "-KILL").await;
    child.wait().await.unwrap();
    std::fs::write(project.desk().join("second"), "").unwrap();
    // Who is killed removes nothing.
    for left in std::fs::read_dir(project.temporary()).unwrap().flatten() {
        std::fs::remove_dir_all(left.path()).unwrap();
    }
    let ended = project.run(&["--data", data]).await;
    let said = "An earlier run in this data directory was killed before its end. Its open jobs were stopped, and nothing more \
                of it runs: CI / slow.";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert_eq!(ended.code, Some(0), "{}", ended.table());
    project
        .until("the earlier job's processes to end", || !lives(&project))
        .await;
    assert_eq!(
        project.mark("after").as_deref(),
        Some("after"),
        "once, of the second run"
    );
    let third = project.run(&["--data", data]).await;
    assert!(!third.stderr.contains("An earlier run"), "{}", third.stderr);
}
