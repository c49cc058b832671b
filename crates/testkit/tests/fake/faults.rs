//! Injected faults, waits, and what a finished test must not leave.

use crate::bench::{Bench, REPO};
use checkmill_core::Millis;
use checkmill_testkit::client;
use checkmill_testkit::{Fault, NewCommit, Options, Route, Selector, SyncPoint};
use http::Method;
use serde_json::json;
use std::time::Duration;

const RUNS: &str = "/repos/acme/widgets/check-runs";

/// A request whose answer may be lost.
async fn try_create(bench: &Bench, token: &str) -> Result<u16, String> {
    let authorization = format!("Bearer {token}");
    let headers = [("user-agent", "bench"), ("authorization", authorization.as_str())];
    let body = json!({ "name": "x", "head_sha": bench.sha, "conclusion": "success" }).to_string();
    let url = format!("{}{RUNS}", bench.fake.url());
    let answer = client::send(Method::POST, &url, &headers, body).await;
    answer
        .map(|answer| answer.status)
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn each_fault_does_what_it_says() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    let made = || bench.fake.check_runs(REPO).unwrap().len();

    bench.fake.fail_next(Route::CreateCheckRun, Fault::Status(502));
    assert_eq!(try_create(&bench, &token).await, Ok(502));
    bench
        .fake
        .fail_next(Route::CreateCheckRun, Fault::DropBeforeEffect);
    assert!(try_create(&bench, &token).await.is_err());
    assert_eq!(made(), 0);
    bench
        .fake
        .fail_next(Route::CreateCheckRun, Fault::DropAnswerAfterEffect);
    assert!(try_create(&bench, &token).await.is_err());
    assert_eq!(made(), 1, "the effect is there although the answer is not");
    bench
        .fake
        .fail_next(Selector::Any, Fault::GarbledAnswerAfterEffect);
    assert_eq!(try_create(&bench, &token).await, Ok(200));
    assert_eq!(made(), 2);

    let limited = Fault::SecondaryRateLimit {
        status: 429,
        retry_after_secs: Some(7),
    };
    bench.fake.fail_next(Route::GetRepository, limited);
    bench.fake.fail_next(
        Route::GetRepository,
        Fault::PrimaryRateLimit { resets_in_secs: 90 },
    );
    let path = format!("/repos/{REPO}");
    assert_eq!(
        bench.get(&token, "/rate_limit").await.status,
        200,
        "other routes go on"
    );
    let secondary = bench.get(&token, &path).await;
    assert_eq!(
        (secondary.status, secondary.header("retry-after")),
        (429, Some("7"))
    );
    assert!(
        secondary.json()["message"]
            .as_str()
            .unwrap()
            .contains("secondary rate limit")
    );
    let primary = bench.get(&token, &path).await;
    assert_eq!(
        (primary.status, primary.header("x-ratelimit-remaining")),
        (403, Some("0"))
    );
    assert_eq!(
        primary.header("x-ratelimit-reset"),
        Some((bench.now_secs() + 90).to_string().as_str())
    );
    assert_eq!(bench.get(&token, &path).await.status, 200);
    assert_eq!(bench.fake.requests(Route::GetRepository), 3);
    assert_eq!(bench.fake.take_refused(), [], "injected answers are no refusals");
    bench.fake.finish();
}

#[tokio::test]
async fn a_request_is_held_until_it_is_released() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    for (point, after) in [(SyncPoint::new(), false), (SyncPoint::new(), true)] {
        let before = bench.fake.check_runs(REPO).unwrap().len();
        let fault = if after {
            Fault::HoldAfter(point.clone())
        } else {
            Fault::HoldBefore(point.clone())
        };
        bench.fake.fail_next(Route::CreateCheckRun, fault);
        let request = try_create(&bench, &token);
        let watch = async {
            point.reached().await;
            let made = bench.fake.check_runs(REPO).unwrap().len();
            point.release();
            made - before
        };
        let (answer, made_while_held) = tokio::join!(request, watch);
        assert_eq!(answer, Ok(201));
        assert_eq!(made_while_held, usize::from(after));
    }
}

#[tokio::test]
async fn the_primary_limit_is_counted_by_the_hour() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    bench.fake.set_rate_limit(2);
    let path = format!("/repos/{REPO}");
    let first = bench.get(&token, &path).await;
    assert_eq!(first.header("x-ratelimit-remaining"), Some("1"));
    assert_eq!(bench.get(&token, &path).await.status, 200);
    let over = bench.get(&token, &path).await;
    assert_eq!(
        (over.status, over.header("x-ratelimit-remaining")),
        (403, Some("0"))
    );
    bench.fake.clock().unwrap().advance(Millis::from_minutes(60));
    let renewed = bench.token(json!({})).await;
    assert_eq!(bench.get(&renewed, &path).await.status, 200);
}

#[tokio::test]
async fn an_expired_wait_tells_the_history() {
    let options = Options {
        wait_limit: Duration::from_millis(20),
        ..Options::default()
    };
    let bench = Bench::with(options).await;
    bench
        .fake
        .push(REPO, "main", NewCommit::new("x").by("ann").write("x", "y"))
        .unwrap();
    let token = bench.token(json!({})).await;
    bench.get(&token, "/repos/acme/nothing").await;
    let expired = bench
        .fake
        .try_wait_for("a miracle", |_| None::<()>)
        .await
        .unwrap_err();
    let sha = bench.fake.read(|s| {
        s.repository(&REPO.parse().unwrap())
            .unwrap()
            .branch("main")
            .unwrap()
            .to_string()
    });
    let text = expired.to_string().replace(&sha[..7], "SHA");
    insta::assert_snapshot!(text, @r#"
    waited 0 s in vain for a miracle. What happened until then:
    2026-01-01T00:00:00Z ann pushed acme/widgets refs/heads/main -> SHA
    2026-01-01T00:00:00Z webhook push 00000001-fa4e-4000-8000-000000000001: made
    2026-01-01T00:00:00Z POST /app/installations/3001/access_tokens by app 1 -> 201
    2026-01-01T00:00:00Z GET /repos/acme/nothing by installation 3001 -> 404 "Not Found"
    "#);
}

#[tokio::test]
async fn a_wait_ends_with_the_change_it_waits_for() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    let (runs, _) = tokio::join!(bench.fake.wait_for_checks(REPO, 1), try_create(&bench, &token));
    assert_eq!(runs[0].line(), "x: success");
}

#[tokio::test]
async fn leftovers_are_named() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    let open = json!({ "name": "open", "head_sha": bench.sha });
    bench.request("POST", RUNS, &token, open).await;
    bench
        .request("POST", RUNS, &token, json!({ "name": "bad" }))
        .await;
    bench
        .fake
        .push(REPO, "main", NewCommit::new("x").write("x", "y"))
        .unwrap();
    bench.fake.fail_next(Route::GetApp, Fault::Status(500));
    insta::assert_snapshot!(bench.fake.leftovers().join("\n"), @r#"
    check run 5001 is still open: open: queued
    webhook push 00000001-fa4e-4000-8000-000000000001 was not consumed
    refused: POST /repos/acme/widgets/check-runs by installation 3001 -> 422 "Invalid request.\n\n\"head_sha\" wasn't supplied."
    never met: Status(500) for Route(GetApp)
    "#);
}
