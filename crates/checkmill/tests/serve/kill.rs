//! SIGKILL at any moment.

use crate::conversation::{CI, REPO};
use crate::served::Served;
use checkmill_core::Conclusion;
use checkmill_testkit::{NewCommit, NewRepository};
use std::time::Duration;

/// Four legs and a job that needs them. Each says in a file that it started: once is right, twice is not.
const WORKFLOW: &str = r#"
name: CI
on: push
jobs:
  leg:
    runs-on: linux
    strategy:
      fail-fast: false
      matrix:
        n: [1, 2, 3, 4]
    steps:
      - run: |
          echo started >> "{desk}/$GITHUB_SHA-${{ matrix.n }}"
          sleep 0.4
          exit $(( ${{ matrix.n }} == 3 ))
  last:
    needs: leg
    if: always()
    runs-on: linux
    steps:
      - run: echo started >> "{desk}/$GITHUB_SHA-last"
"#;

#[tokio::test]
async fn killed_at_any_moment_it_finishes_every_job_once() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    let commit = NewCommit::new("Add CI").write(CI, served.workflow(WORKFLOW));
    served.github.push(REPO, "main", commit).unwrap();
    for n in 0..3 {
        let commit = NewCommit::new("More").write("file", format!("{n}"));
        served.github.push(REPO, "main", commit).unwrap();
    }
    let deliveries = served.github.take_webhooks();
    // Prime steps spread the kills over everything that happens: receipt, plan, start, run, results.
    let delivering = served.deliver_in_background(deliveries);
    for kill in 0..12_u64 {
        served.run_for(Duration::from_millis(60 + kill * 137 % 480)).await;
        served.kill_and_restart().await;
    }
    delivering.await.unwrap();
    let checks = served.github.wait_for_checks(REPO, 20).await;

    assert_eq!(
        checks.len(),
        20,
        "one check for each job:\n{}",
        served.checks_now()
    );
    for check in &checks {
        let expected = if check.name == "CI / leg (3)" {
            Conclusion::Failure
        } else {
            Conclusion::Success
        };
        assert_eq!(
            check.conclusion,
            Some(expected),
            "{}: {:?}",
            check.name,
            check.output
        );
    }
    for entry in std::fs::read_dir(served.desk()).unwrap() {
        let path = entry.unwrap().path();
        let starts = std::fs::read_to_string(&path).unwrap().lines().count();
        assert_eq!(starts, 1, "{} was started {starts} times", path.display());
    }
    served.finish().await;
}
