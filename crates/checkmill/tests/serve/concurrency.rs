//! Concurrency groups: what a check says while its job waits, and when another one takes its place.

use crate::conversation::REPO;
use crate::page::page;
use crate::served::Served;
use checkmill_core::CommitSha;
use checkmill_testkit::{CheckRun, NewCommit, NewRepository, Status};

const DEPLOY: &str = r#"
name: Deploy
on: push
jobs:
  deploy:
    runs-on: linux
    concurrency: {CONCURRENCY}
    steps:
      - run: |
          echo started > {desk}/started-$GITHUB_SHA
          until [ -e {desk}/go ]; do sleep 0.05; done
"#;

async fn pushed(served: &Served, name: &str) -> CommitSha {
    served.push(NewCommit::new(name).write("x", name)).await
}

/// The check of a commit once it is as wanted.
async fn check_of(served: &Served, sha: &CommitSha, what: &str, is: impl Fn(&CheckRun) -> bool) -> CheckRun {
    served
        .check_that("Deploy / deploy", what, |check| {
            check.head_sha == *sha && is(check)
        })
        .await
}

async fn completed(served: &Served, sha: &CommitSha) -> CheckRun {
    check_of(served, sha, "completed", |check| {
        check.status == Status::Completed
    })
    .await
}

/// The page of a check with the commits' ids replaced by their names.
fn page_of(check: &CheckRun, commits: &[(&CommitSha, &str)]) -> String {
    let named = |text: String, (sha, name): &(&CommitSha, &str)| text.replace(sha.short(), name);
    commits.iter().fold(page(check), named)
}

#[tokio::test]
async fn who_waits_is_told_for_whom_and_who_lost_to_whom() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let first = served
        .push_workflow(&DEPLOY.replace("{CONCURRENCY}", "production"))
        .await;
    served.mark(&format!("started-{first}")).await;
    let second = pushed(&served, "second").await;
    let waits = |check: &CheckRun| {
        check
            .output
            .title
            .as_deref()
            .is_some_and(|title| title.starts_with("Waiting"))
    };
    let commits = [(&first, "FIRST"), (&second, "SECOND")];
    let parked = check_of(&served, &second, "waiting", waits).await;
    insta::assert_snapshot!(page_of(&parked, &commits), @"
    Deploy / deploy: queued
    Waiting for the concurrency group production: Deploy / deploy of FIRST has its place.

    Waiting for the concurrency group production: Deploy / deploy of FIRST has its place.

    No compute is used meanwhile, and no time limit runs.

    [Cancel]: Stop this job
    ");

    let third = pushed(&served, "third").await;
    let commits = [(&first, "FIRST"), (&second, "SECOND"), (&third, "THIRD")];
    insta::assert_snapshot!(page_of(&completed(&served, &second).await, &commits), @"
    Deploy / deploy: cancelled
    Cancelled in its concurrency group

    **Cancelled** (`cancelled`): Deploy / deploy of THIRD took its place in the concurrency group production.

    Queued TIME
    ");
    check_of(&served, &third, "waiting", waits).await;
    assert_eq!(served.mark_now(&format!("started-{third}")), None);

    served.allow("go");
    for sha in [&first, &third] {
        assert_eq!(completed(&served, sha).await.line(), "Deploy / deploy: success");
    }
    served.finish().await;
}

#[tokio::test]
async fn what_runs_is_stopped_for_what_is_newer() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let cancels = "{group: production, cancel-in-progress: true}";
    let first = served
        .push_workflow(&DEPLOY.replace("{CONCURRENCY}", cancels))
        .await;
    served.mark(&format!("started-{first}")).await;
    let second = pushed(&served, "second").await;
    let stopped = completed(&served, &first).await;
    let short = second.short();
    assert_eq!(stopped.line(), "Deploy / deploy: cancelled");
    let summary = stopped.output.summary.unwrap();
    let expected = format!("Deploy / deploy of {short} took its place in the concurrency group production.");
    assert!(summary.contains(&expected), "{summary}");
    served.mark(&format!("started-{second}")).await;
    served.allow("go");
    assert_eq!(
        completed(&served, &second).await.line(),
        "Deploy / deploy: success"
    );
    served.finish().await;
}

#[tokio::test]
async fn a_server_that_was_killed_knows_who_waits() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    let first = served
        .push_workflow(&DEPLOY.replace("{CONCURRENCY}", "production"))
        .await;
    served.mark(&format!("started-{first}")).await;
    let second = pushed(&served, "second").await;
    let waits = |check: &CheckRun| {
        check
            .output
            .title
            .as_deref()
            .is_some_and(|title| title.starts_with("Waiting"))
    };
    check_of(&served, &second, "waiting", waits).await;
    served.kill_and_restart().await;
    served.allow("go");
    for sha in [&first, &second] {
        assert_eq!(completed(&served, sha).await.line(), "Deploy / deploy: success");
    }
    served.finish().await;
}
