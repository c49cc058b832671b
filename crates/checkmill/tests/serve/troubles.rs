//! GitHub misbehaves.

use crate::conversation::REPO;
use crate::served::Served;
use checkmill_testkit::history::What;
use checkmill_testkit::{Fault, NewRepository, Route};

const WORKFLOW: &str = "
name: CI
on: push
jobs:
  test:
    runs-on: linux
    steps:
      - run: |
          echo started >> {desk}/started
          until [ -e {desk}/go ]; do sleep 0.05; done
";

/// When each request of a route came, in milliseconds.
fn times(served: &Served, route: Route) -> Vec<u64> {
    served.github.read(|state| {
        let entries = state.history.entries();
        let of_route =
            entries.filter(|entry| matches!(&entry.what, What::Request(r) if r.route == Some(route)));
        of_route.map(|entry| entry.at.0).collect()
    })
}

#[tokio::test]
async fn a_check_whose_creation_was_not_answered_is_not_created_twice() {
    let served = Served::start(NewRepository::new(REPO)).await;
    served.allow("go");
    served
        .github
        .fail_next(Route::CreateCheckRun, Fault::DropAnswerAfterEffect);
    served.push_workflow(WORKFLOW).await;
    insta::assert_snapshot!(served.checks(1).await, @"CI / test: success");
    assert_eq!(served.github.requests(Route::CreateCheckRun), 1);
    assert_eq!(served.mark_now("started").as_deref(), Some("started"), "once");
    served.finish().await;
}

#[tokio::test]
async fn a_check_that_is_born_completed_is_not_created_twice_either() {
    let served = Served::start(NewRepository::new(REPO)).await;
    served
        .github
        .fail_next(Route::CreateCheckRun, Fault::DropAnswerAfterEffect);
    served.push_workflow(&WORKFLOW.replace("runs-on", "run-on")).await;
    served.concluded(1).await;
    insta::assert_snapshot!(served.checks(1).await, @".checkmill/workflows/ci.yml: failure");
    assert_eq!(served.github.requests(Route::CreateCheckRun), 1);
    served.finish().await;
}

#[tokio::test]
async fn it_waits_as_long_as_github_asks() {
    let served = Served::start(NewRepository::new(REPO)).await;
    served.allow("go");
    let slow_down = Fault::SecondaryRateLimit {
        status: 403,
        retry_after_secs: Some(2),
    };
    served.github.fail_next(Route::CreateCheckRun, slow_down);
    served.push_workflow(WORKFLOW).await;
    insta::assert_snapshot!(served.checks(1).await, @"CI / test: success");
    let times = times(&served, Route::CreateCheckRun);
    let [first, second] = times.as_slice() else {
        panic!("{times:?}")
    };
    assert!(
        second - first >= 2000,
        "it came again after {} ms",
        second - first
    );
    served.finish().await;
}

#[tokio::test]
async fn a_token_that_is_revoked_meanwhile_is_renewed() {
    let served = Served::start(NewRepository::new(REPO)).await;
    served.push_workflow(WORKFLOW).await;
    served.running("CI / test").await;
    for token in served
        .github
        .read(|state| state.tokens.keys().cloned().collect::<Vec<_>>())
    {
        served.github.revoke_token(&token);
    }
    served.allow("go");
    insta::assert_snapshot!(served.checks(1).await, @"CI / test: success");
    let refused = served.github.take_refused();
    assert!(
        !refused.is_empty() && refused.iter().all(|request| request.status == 401),
        "{refused:#?}"
    );
    served.finish().await;
}

#[tokio::test]
async fn github_is_down_when_a_job_ends() {
    let served = Served::start(NewRepository::new(REPO)).await;
    served.push_workflow(WORKFLOW).await;
    served.running("CI / test").await;
    // More than the tries of one request.
    for fault in [
        Fault::Status(503),
        Fault::DropBeforeEffect,
        Fault::Status(502),
        Fault::DropAnswerAfterEffect,
    ] {
        served.github.fail_next(Route::UpdateCheckRun, fault);
    }
    served.allow("go");
    insta::assert_snapshot!(served.checks(1).await, @"CI / test: success");
    assert_eq!(served.mark_now("started").as_deref(), Some("started"), "once");
    served.finish().await;
}

#[tokio::test]
async fn github_is_down_when_an_event_is_planned() {
    let served = Served::start(NewRepository::new(REPO)).await;
    served.allow("go");
    for _ in 0..4 {
        served.github.fail_next(Route::GraphQl, Fault::Status(502));
    }
    served.push_workflow(WORKFLOW).await;
    insta::assert_snapshot!(served.checks(1).await, @"CI / test: success");
    served.finish().await;
}

#[tokio::test]
async fn the_app_is_uninstalled_while_a_job_runs() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    served.push_workflow(WORKFLOW).await;
    served.running("CI / test").await;
    let installation = served
        .github
        .installation(served.github.app_id(), "octocat")
        .unwrap();
    served.on_github(|github| github.uninstall(installation)).await;
    served.allow("go");
    // Nobody can be told, so there is nothing to try again for ever.
    served.logged("nobody can be told how a job ended").await;
    served.concluded(1).await;
    served.no_job_runs().await;
    served.end().await;
    assert_eq!(served.checks_now(), "CI / test: in_progress");
}
