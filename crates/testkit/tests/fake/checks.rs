//! Check runs: their life, their limits, and how they are found.

use crate::bench::{Bench, REPO};
use checkmill_core::Millis;
use checkmill_testkit::{NewApp, NewRepository, Status};
use serde_json::{Value, json};

const RUNS: &str = "/repos/acme/widgets/check-runs";

async fn create(bench: &Bench, token: &str, body: Value) -> Value {
    let answer = bench.request("POST", RUNS, token, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_check_run_goes_from_queued_to_completed_and_stays() {
    let bench = Bench::new().await;
    let clock = bench.fake.clock().unwrap();
    let token = bench.token(json!({})).await;
    let made = create(
        &bench,
        &token,
        json!({ "name": "ci", "head_sha": bench.sha, "external_id": "job-7" }),
    )
    .await;
    assert_eq!(made["status"], "queued");
    assert_eq!(made["started_at"], Value::Null);
    assert_eq!(made["external_id"], "job-7");
    assert_eq!(made["app"]["slug"], "checkmill");

    let path = format!("{RUNS}/{}", made["id"]);
    clock.advance(Millis::from_secs(5));
    let running = bench
        .request("PATCH", &path, &token, json!({ "status": "in_progress" }))
        .await
        .json();
    assert_eq!(running["started_at"], "2026-01-01T00:00:05Z");
    let noted = json!({ "path": "a.rs", "start_line": 3, "end_line": 3, "annotation_level": "failure", "message": "no" });
    let output = json!({ "title": "Failed", "summary": "One test", "text": "log", "annotations": [noted] });
    let done = json!({ "status": "completed", "conclusion": "failure", "completed_at": "2026-01-01T00:01:00Z", "output": output });
    let done = bench.request("PATCH", &path, &token, done).await.json();
    assert_eq!(done["completed_at"], "2026-01-01T00:01:00Z");
    assert_eq!(done["output"]["annotations_count"], 1);
    assert_eq!(done["external_id"], "job-7");

    // Texts and annotations may still come; annotations add up.
    let more = json!({ "output": { "title": "Failed", "summary": "Two tests", "annotations": [noted] } });
    let more = bench.request("PATCH", &path, &token, more).await.json();
    assert_eq!(more["output"]["annotations_count"], 2);
    assert_eq!(more["output"]["summary"], "Two tests");
    assert_eq!(more["output"]["text"], "log");
    let again = json!({ "status": "completed", "conclusion": "failure" });
    assert_eq!(bench.request("PATCH", &path, &token, again).await.status, 200);

    for change in [
        json!({ "status": "queued" }),
        json!({ "status": "in_progress" }),
        json!({ "conclusion": "success" }),
    ] {
        let answer = bench.request("PATCH", &path, &token, change.clone()).await;
        assert_eq!(answer.status, 422, "{change}");
        assert!(
            answer.json()["errors"][0]["message"]
                .as_str()
                .unwrap()
                .contains("completed")
        );
    }
    let listed = bench.get(&token, &format!("{path}/annotations")).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let run = &bench.fake.check_runs(REPO).unwrap()[0];
    let statuses: Vec<Status> = run.statuses.iter().map(|(_, status)| *status).collect();
    assert_eq!(
        statuses[..3],
        [Status::Queued, Status::InProgress, Status::Completed]
    );
    assert_eq!(run.updates, 4);
}

#[tokio::test]
async fn bodies_that_github_refuses() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    let sha = &bench.sha;
    let with = |extra: Value| {
        let mut body = json!({ "name": "x", "head_sha": sha });
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let output = |extra: Value| {
        let mut output = json!({ "title": "t", "summary": "s" });
        for (key, value) in extra.as_object().unwrap() {
            output[key] = value.clone();
        }
        with(json!({ "output": output }))
    };
    let annotated = |extra: Value| {
        let mut note = json!({ "path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m" });
        for (key, value) in extra.as_object().unwrap() {
            if value.is_null() {
                note.as_object_mut().unwrap().remove(key);
            } else {
                note[key] = value.clone();
            }
        }
        output(json!({ "annotations": [note] }))
    };
    let note =
        json!({ "path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m" });
    let action = json!({ "label": "l", "description": "d", "identifier": "i" });
    let table = [
        (json!({ "head_sha": sha }), "\"name\" wasn't supplied"),
        (json!({ "name": "x" }), "\"head_sha\" wasn't supplied"),
        (
            json!({ "name": "x", "head_sha": "f".repeat(40) }),
            "No commit found for SHA",
        ),
        (
            json!({ "name": "x", "head_sha": "main" }),
            "No commit found for SHA",
        ),
        (json!({ "name": 5, "head_sha": sha }), "is not a string"),
        (
            with(json!({ "colour": "red" })),
            "\"colour\" is not a permitted key",
        ),
        (with(json!({ "status": "waiting" })), "not a possible value"),
        (with(json!({ "conclusion": "stale" })), "not a possible value"),
        (
            with(json!({ "status": "completed" })),
            "\"conclusion\" wasn't supplied",
        ),
        (
            with(json!({ "completed_at": "2026-01-01T00:00:00Z" })),
            "\"conclusion\" wasn't supplied",
        ),
        (with(json!({ "started_at": "now" })), "not a valid date-time"),
        (with(json!({ "details_url": "ftp://x" })), "http or https"),
        (with(json!({ "conclusion": null })), "not a possible value"),
        (
            with(json!({ "output": { "title": "t" } })),
            "\"output/summary\" wasn't supplied",
        ),
        (
            with(json!({ "output": { "summary": "s" } })),
            "\"output/title\" wasn't supplied",
        ),
        (
            output(json!({ "title": "t".repeat(256) })),
            "only 255 characters are allowed; 256",
        ),
        (
            output(json!({ "summary": "ü".repeat(65_536) })),
            "only 65535 characters are allowed; 65536",
        ),
        (
            output(json!({ "text": "x".repeat(65_536) })),
            "only 65535 characters are allowed",
        ),
        (
            output(json!({ "annotations": vec![note; 51] })),
            "no more than 50 items are allowed; 51",
        ),
        (annotated(json!({ "path": null })), "path\" wasn't supplied"),
        (annotated(json!({ "path": "" })), "Validation Failed"),
        (annotated(json!({ "start_line": 0 })), "at least 1"),
        (
            annotated(json!({ "start_line": 3, "end_line": 2 })),
            "Validation Failed",
        ),
        (
            annotated(json!({ "end_line": 2, "start_column": 1 })),
            "Validation Failed",
        ),
        (
            annotated(json!({ "start_column": 5, "end_column": 4 })),
            "Validation Failed",
        ),
        (
            annotated(json!({ "annotation_level": "error" })),
            "not a possible value",
        ),
        (
            annotated(json!({ "message": "m".repeat(64 * 1024 + 1) })),
            "only 65536 bytes are allowed",
        ),
        (
            with(json!({ "actions": vec![action; 4] })),
            "no more than 3 items",
        ),
        (
            with(json!({ "actions": [{ "label": "l".repeat(21), "description": "d", "identifier": "i" }] })),
            "only 20 characters",
        ),
        (
            with(json!({ "actions": [{ "label": "l", "description": "d".repeat(41), "identifier": "i" }] })),
            "only 40 characters",
        ),
        (
            with(json!({ "actions": [{ "label": "l", "description": "d", "identifier": "i".repeat(21) }] })),
            "only 20 characters",
        ),
        (
            with(json!({ "actions": [{ "label": "l", "description": "d" }] })),
            "identifier\" wasn't supplied",
        ),
    ];
    for (body, message) in table {
        let answer = bench.request("POST", RUNS, &token, body.clone()).await;
        let shown: String = body.to_string().chars().take(200).collect();
        assert_eq!(answer.status, 422, "{shown}: {}", answer.text());
        let text = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(text.contains(message), "{shown}: {text}");
    }
    assert!(
        bench.fake.check_runs(REPO).unwrap().is_empty(),
        "nothing was made"
    );
    let fits = output(json!({ "title": "t".repeat(255), "summary": "ü".repeat(65_535) }));
    assert_eq!(bench.request("POST", RUNS, &token, fits).await.status, 201);
    let url = format!("{}{RUNS}", bench.fake.url());
    let authorization = format!("Bearer {token}");
    let headers = [("user-agent", "x"), ("authorization", authorization.as_str())];
    let broken = checkmill_testkit::client::send(http::Method::POST, &url, &headers, "{").await;
    assert_eq!(broken.unwrap().status, 400);
}

#[tokio::test]
async fn a_conclusion_completes_the_run() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    for conclusion in [
        "action_required",
        "cancelled",
        "failure",
        "neutral",
        "success",
        "skipped",
        "timed_out",
    ] {
        let body = json!({ "name": conclusion, "head_sha": bench.sha, "conclusion": conclusion });
        let made = create(&bench, &token, body).await;
        assert_eq!(made["status"], "completed");
        assert_eq!(made["conclusion"], conclusion);
        assert_eq!(made["completed_at"], "2026-01-01T00:00:00Z");
    }
    bench.fake.finish();
}

#[tokio::test]
async fn runs_are_found_by_commit_name_and_age() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    for name in ["a", "b", "a"] {
        create(
            &bench,
            &token,
            json!({ "name": name, "head_sha": bench.sha, "external_id": name }),
        )
        .await;
    }
    create(
        &bench,
        &token,
        json!({ "name": "c", "head_sha": bench.sha, "conclusion": "success" }),
    )
    .await;
    let base = format!("/repos/{REPO}/commits/{}/check-runs", bench.sha);
    let table = [
        ("", "5004 5003 5002"),
        ("?filter=all", "5004 5003 5002 5001"),
        ("?check_name=a", "5003"),
        ("?check_name=a&filter=all", "5003 5001"),
        ("?status=completed", "5004"),
        ("?app_id=1&check_name=b", "5002"),
        ("?app_id=2", ""),
        ("?per_page=2", "5004 5003"),
        ("?per_page=2&page=2", "5002"),
        ("?check_name=none", ""),
    ];
    for (query, expected) in table {
        let answer = bench.get(&token, &format!("{base}{query}")).await.json();
        let ids: Vec<String> = answer["check_runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["id"].to_string())
            .collect();
        assert_eq!(ids.join(" "), expected, "{query}");
    }
    assert_eq!(
        bench.get(&token, &format!("{base}?filter=oldest")).await.status,
        422
    );
    let by_branch = bench
        .get(&token, &format!("/repos/{REPO}/commits/main/check-runs"))
        .await
        .json();
    assert_eq!(by_branch["total_count"], 3);
    let suites = bench
        .get(
            &token,
            &format!("/repos/{REPO}/commits/{}/check-suites", bench.sha),
        )
        .await
        .json();
    assert_eq!(suites["total_count"], 1);
    assert_eq!(suites["check_suites"][0]["status"], "in_progress");
    assert_eq!(suites["check_suites"][0]["head_branch"], "main");
    let suite = suites["check_suites"][0]["id"].to_string();
    let of_suite = bench
        .get(
            &token,
            &format!("/repos/{REPO}/check-suites/{suite}/check-runs?filter=all"),
        )
        .await;
    assert_eq!(of_suite.json()["total_count"], 4);
    let nowhere = format!("/repos/{REPO}/commits/{}/check-runs", "f".repeat(40));
    assert_eq!(bench.get(&token, &nowhere).await.status, 422);
}

#[tokio::test]
async fn pages_have_at_most_a_hundred_and_say_where_to_go_on() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    for number in 0..101 {
        let body = json!({ "name": format!("n{number}"), "head_sha": bench.sha, "conclusion": "neutral" });
        create(&bench, &token, body).await;
    }
    let path = format!("/repos/{REPO}/commits/{}/check-runs", bench.sha);
    let first = bench
        .get(&token, &format!("{path}?per_page=1000&filter=all"))
        .await;
    assert_eq!(first.json()["check_runs"].as_array().unwrap().len(), 100);
    assert_eq!(first.json()["total_count"], 101);
    let url = format!("{}{path}?per_page=1000&filter=all", bench.fake.url());
    assert_eq!(
        first.header("link").unwrap(),
        format!("<{url}&page=2>; rel=\"next\", <{url}&page=2>; rel=\"last\"")
    );
    let second = bench
        .get(&token, &format!("{path}?per_page=1000&filter=all&page=2"))
        .await;
    assert_eq!(second.json()["check_runs"].as_array().unwrap().len(), 1);
    assert!(second.header("link").unwrap().contains("rel=\"prev\""));
    let default = bench.get(&token, &path).await;
    assert_eq!(default.json()["check_runs"].as_array().unwrap().len(), 30);
}

#[tokio::test]
async fn an_app_changes_only_its_own_runs() {
    let bench = Bench::new().await;
    let repo = bench
        .fake
        .read(|s| s.repository(&REPO.parse().unwrap()).unwrap().id);
    let second = bench
        .fake
        .add_app(NewApp {
            slug: "other".to_owned(),
            ..NewApp::default()
        })
        .unwrap();
    let theirs = bench.fake.installation(second, "acme").unwrap();
    bench.fake.grant(theirs, repo).unwrap();
    let now = bench.now_secs();
    let claims = json!({ "iat": now, "exp": now + 60, "iss": second.to_string() });
    let jwt = checkmill_testkit::key::sign_jwt(checkmill_testkit::FakeGitHub::app_private_key_pem(), &claims)
        .unwrap();
    let minted = bench
        .request(
            "POST",
            &format!("/app/installations/{theirs}/access_tokens"),
            &jwt,
            json!({}),
        )
        .await;
    let their_token = minted.json()["token"].as_str().unwrap().to_owned();

    let token = bench.token(json!({})).await;
    let mine = create(&bench, &token, json!({ "name": "x", "head_sha": bench.sha })).await;
    let path = format!("{RUNS}/{}", mine["id"]);
    let answer = bench
        .request("PATCH", &path, &their_token, json!({ "conclusion": "success" }))
        .await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        bench.get(&their_token, &path).await.status,
        200,
        "but may read it"
    );

    // Of another repository it is not there.
    bench
        .fake
        .add_repository(NewRepository::new("acme/other").file("a", "b"))
        .unwrap();
    let elsewhere = format!("/repos/acme/other/check-runs/{}", mine["id"]);
    assert_eq!(bench.get(&token, &elsewhere).await.status, 404);
    assert_eq!(bench.get(&token, &format!("{RUNS}/999")).await.status, 404);
    assert_eq!(bench.get(&token, &format!("{RUNS}/abc")).await.status, 404);
}

#[tokio::test]
async fn a_suite_shows_its_newest_runs_and_a_rerun_resets_it() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    let state = async || {
        let path = format!("/repos/{REPO}/commits/{}/check-suites", bench.sha);
        let suites = bench.get(&token, &path).await.json();
        let suite = &suites["check_suites"][0];
        format!("{} {}", suite["status"].as_str().unwrap(), suite["conclusion"])
    };
    create(
        &bench,
        &token,
        json!({ "name": "a", "head_sha": bench.sha, "conclusion": "failure" }),
    )
    .await;
    create(
        &bench,
        &token,
        json!({ "name": "b", "head_sha": bench.sha, "conclusion": "success" }),
    )
    .await;
    assert_eq!(state().await, "completed \"failure\"");
    let failed = bench.fake.check_runs(REPO).unwrap()[0].id;
    bench.fake.rerequest_check(failed, "ann").unwrap();
    assert_eq!(state().await, "queued null");
    create(
        &bench,
        &token,
        json!({ "name": "a", "head_sha": bench.sha, "conclusion": "success" }),
    )
    .await;
    assert_eq!(state().await, "completed \"success\"");
}
