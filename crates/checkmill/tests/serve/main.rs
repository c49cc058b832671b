//! The real program, `checkmill serve`, against the fake GitHub: answers, checks, and SIGKILL at any moment.

mod served;

use checkmill_core::Conclusion;
use checkmill_testkit::{NewCommit, NewRepository};
use http::Method;
use served::Served;
use std::time::Duration;

const REPO: &str = "octocat/hello";

/// Four legs and a job that needs them. Each says in a file that it started: once is right, twice is not.
fn workflow(starts: &std::path::Path) -> String {
    format!(
        r#"
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
          echo started >> "{starts}/$GITHUB_SHA-${{{{ matrix.n }}}}"
          sleep 0.4
          exit $(( ${{{{ matrix.n }}}} == 3 ))
  last:
    needs: leg
    if: always()
    runs-on: linux
    steps:
      - run: echo started >> "{starts}/$GITHUB_SHA-last"
"#,
        starts = starts.display()
    )
}

#[tokio::test]
async fn it_answers_webhooks_at_every_path_and_says_why_it_refuses() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let healthy = served.request(Method::GET, "/healthz", &[], Vec::new()).await.unwrap();
    assert_eq!(healthy.status, 200);
    let statuses = |path: &'static str, headers: Vec<(&'static str, String)>, body: Vec<u8>| {
        let served = &served;
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
            served.request(Method::POST, path, &headers, body).await.unwrap().status
        }
    };
    served.github.ping().unwrap();
    let ping = served.github.take_webhooks().remove(0);
    for path in ["/", "/webhook", "/api/github/webhooks"] {
        assert_eq!(statuses(path, ping.headers(), ping.body.to_vec()).await, 200, "{path}");
    }
    assert_eq!(statuses("/webhook", vec![], b"{}".to_vec()).await, 400, "no signature");
    let wrong = vec![("x-hub-signature-256", format!("sha256={}", "0".repeat(64)))];
    assert_eq!(statuses("/webhook", wrong, b"{}".to_vec()).await, 401, "a wrong signature");
    let body = vec![b' '; 25 * 1024 * 1024 + 1];
    assert_eq!(statuses("/webhook", vec![], body).await, 413, "a body over GitHub's limit");
    assert_eq!(statuses("/jobs/x/1/end", vec![], vec![]).await, 404, "no job's path");
    let job = "/jobs/0123456789abcdef-01234567/1/end";
    assert_eq!(statuses(job, vec![], vec![]).await, 401, "no token");
    served.stop().await;
}

#[tokio::test]
async fn a_push_becomes_checks_and_a_second_delivery_changes_nothing() {
    let starts = tempfile::tempdir().unwrap();
    let mut served = Served::start(NewRepository::new(REPO)).await;
    let commit = NewCommit::new("Add CI").write(".checkmill/workflows/ci.yml", workflow(starts.path()));
    served.github.push(REPO, "main", commit).unwrap();
    let deliveries = served.github.take_webhooks();
    served.deliver(&deliveries).await;
    served.deliver(&deliveries).await;
    served.github.wait_for_checks(REPO, 5).await;
    let mut lines: Vec<_> =
        served.github.check_runs(REPO).unwrap().iter().map(|check| check.line()).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "CI / last: success",
            "CI / leg (1): success",
            "CI / leg (2): success",
            "CI / leg (3): failure",
            "CI / leg (4): success",
        ]
    );
    served.end().await;
    served.finish(starts.path());
}

#[tokio::test]
async fn killed_at_any_moment_it_finishes_every_job_once() {
    let starts = tempfile::tempdir().unwrap();
    let mut served = Served::start(NewRepository::new(REPO)).await;
    let commit = NewCommit::new("Add CI").write(".checkmill/workflows/ci.yml", workflow(starts.path()));
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
    served.end().await;

    assert_eq!(checks.len(), 20, "one check for each job:\n{}", served.github.checks_text(REPO).unwrap());
    for check in &checks {
        let expected = if check.name == "CI / leg (3)" { Conclusion::Failure } else { Conclusion::Success };
        assert_eq!(check.conclusion, Some(expected), "{}: {:?}", check.name, check.output);
    }
    served.finish(starts.path());
}
