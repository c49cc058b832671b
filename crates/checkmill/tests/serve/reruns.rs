//! "Re-run": of one check, and of all that failed.

use crate::conversation::REPO;
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::{Fault, NewRepository, Role, Route, SyncPoint};

const WORKFLOW: &str = r#"
name: CI
on: push
jobs:
  sure:
    runs-on: linux
    steps:
      - run: echo sure >> {desk}/ran
  flaky:
    runs-on: linux
    steps:
      - name: Try
        run: |
          echo "flaky $GITHUB_RUN_ATTEMPT" >> {desk}/ran
          test -e {desk}/repaired
  of-sure:
    needs: sure
    runs-on: linux
    steps:
      - run: echo of-sure >> {desk}/ran
  of-flaky:
    needs: flaky
    runs-on: linux
    steps:
      - run: echo of-flaky >> {desk}/ran
"#;

fn repository() -> NewRepository {
    NewRepository::new(REPO).collaborator("ann", Role::Write)
}

#[tokio::test]
async fn one_check_is_run_again_and_then_all_that_failed() {
    let served = Served::start(repository()).await;
    let sha = served.push_workflow(WORKFLOW).await;
    insta::assert_snapshot!(served.checks(4).await, @"
    CI / flaky: failure
    CI / of-flaky: skipped
    CI / of-sure: success
    CI / sure: success
    ");

    // Only this one, and as an attempt of its own.
    let flaky = served.completed("CI / flaky").await;
    let again = served.rerun(&flaky, "ann").await;
    insta::assert_snapshot!(page(&again), @r#"
    CI / flaky: failure
    Step "Try" failed with exit code 1

    **Failed** (`test`): Step "Try" failed with exit code 1

    It failed the same way 2 times since DATE.

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ❌ | Try | failure (exit code 1) | TIME |

    Attempt 2 · queued TIME · ran TIME · on `process`


    ### Log

    ```text
    ##[step]1/1 Try
    ##[group]Run echo "flaky $GITHUB_RUN_ATTEMPT" >> /TMP/desk/ran
    echo "flaky $GITHUB_RUN_ATTEMPT" >> /TMP/desk/ran
    test -e /TMP/desk/repaired
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    ##[error]Process completed with exit code 1.
    ##[endstep]failure TIME
    ##[job]failure Step "Try" failed with exit code 1
    ```
    "#);
    assert_eq!(
        served.github.check_run(flaky.id).unwrap(),
        flaky,
        "the first attempt's check stays as it was"
    );

    // All that failed, and what depends on it.
    served.allow("repaired");
    served
        .on_github(|github| github.rerequest_suite(REPO, &sha, "ann"))
        .await;
    let of_flaky = served.completed("CI / of-flaky").await;
    let of_flaky = served.after(&of_flaky).await;
    assert_eq!(of_flaky.line(), "CI / of-flaky: success");
    insta::assert_snapshot!(served.checks(7).await, @"
    CI / flaky: failure
    CI / flaky: failure
    CI / flaky: success
    CI / of-flaky: skipped
    CI / of-flaky: success
    CI / of-sure: success
    CI / sure: success
    ");
    let ran = served.mark("ran").await;
    let mut ran: Vec<_> = ran.lines().collect();
    ran.sort_unstable();
    insta::assert_snapshot!(ran.join("\n"), @"
    flaky 1
    flaky 2
    flaky 3
    of-flaky
    of-sure
    sure
    ");
    served.finish().await;
}

#[tokio::test]
async fn a_check_that_passed_can_be_run_again() {
    let served = Served::start(repository()).await;
    served.push_workflow(WORKFLOW).await;
    served.checks(4).await;
    let sure = served.completed("CI / sure").await;
    let again = served.rerun(&sure, "ann").await;
    assert_eq!(again.line(), "CI / sure: success");
    assert_eq!(again.external_id, sure.external_id, "the same job");
    let ran = served.mark("ran").await;
    assert_eq!(ran.lines().filter(|line| *line == "sure").count(), 2);
    assert_eq!(ran.lines().filter(|line| *line == "of-sure").count(), 1);
    served.finish().await;
}

/// GitHub shows a suite as queued from such a request on until something is reported in it.
#[tokio::test]
async fn a_request_that_runs_nothing_is_answered_on_a_check() {
    let repository = repository().collaborator("rea", Role::Read);
    let served = Served::start(repository).await;
    let text = "
name: CI
on: push
jobs:
  sure:
    runs-on: linux
    steps:
      - run: echo sure >> {desk}/ran
";
    let sha = served.push_workflow(text).await;
    served.checks(1).await;
    for (by, says) in [
        ("ann", "no job of this commit has failed"),
        ("rea", "running again wants write permission"),
    ] {
        served
            .on_github(|github| github.rerequest_suite(REPO, &sha, by))
            .await;
        let answered = served
            .until("the request to be answered", || {
                let checks = served.github.check_runs(REPO).unwrap();
                let summary = checks.first()?.output.summary.clone()?;
                summary.contains(says).then_some(checks)
            })
            .await;
        assert_eq!(answered.len(), 1);
        assert_eq!(answered[0].line(), "CI / sure: success");
    }
    assert_eq!(served.mark("ran").await, "sure");
    served.finish().await;
}

/// GitHub shows the end, and with it "Re-run", before everything that follows from it is done.
#[tokio::test]
async fn a_rerun_that_is_asked_for_while_the_end_is_being_reported_comes_soon() {
    let served = Served::start(repository()).await;
    let text = "
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    steps:
      - run: until test -e {desk}/go; do sleep 0.05; done
";
    served.push_workflow(text).await;
    served.running("CI / slow").await;
    let reporting = SyncPoint::new();
    served
        .github
        .fail_next(Route::UpdateCheckRun, Fault::HoldAfter(reporting.clone()));
    served.allow("go");
    reporting.reached().await;
    let first = served.completed("CI / slow").await;
    served
        .on_github(|github| github.rerequest_check(first.id, "ann"))
        .await;
    served.logged("the row was changed by somebody else").await;
    reporting.release();
    assert_eq!(served.after(&first).await.line(), "CI / slow: success");
    served.finish().await;
}
