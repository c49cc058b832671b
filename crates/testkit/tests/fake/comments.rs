//! Comments on pull requests.

use crate::bench::{Bench, REPO};
use checkmill_testkit::{NewCommit, NewPullRequest};
use serde_json::json;

#[tokio::test]
async fn comments_are_written_found_and_edited() {
    let bench = Bench::new().await;
    bench
        .fake
        .push(REPO, "topic", NewCommit::new("Topic").write("t", "t"))
        .unwrap();
    let number = bench
        .fake
        .open_pull_request(NewPullRequest::new(REPO, "topic").by("ann"))
        .unwrap();
    bench.fake.comment(REPO, number, "ann", "please run").unwrap();
    let token = bench.token(json!({})).await;
    let path = format!("/repos/{REPO}/issues/{number}/comments");
    let made = bench
        .request("POST", &path, &token, json!({ "body": "<!-- mark -->\nfailed" }))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["user"]["login"], "checkmill[bot]");
    assert_eq!(made.json()["user"]["type"], "Bot");
    let one = format!("/repos/{REPO}/issues/comments/{}", made.json()["id"]);
    let edited = bench
        .request("PATCH", &one, &token, json!({ "body": "<!-- mark -->\npassed" }))
        .await;
    assert_eq!(edited.status, 200);
    let listed = bench.get(&token, &path).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[1]["body"], "<!-- mark -->\npassed");
    let comments = bench.fake.comments(REPO, number).unwrap();
    assert_eq!((comments[1].edits, comments[1].app), (1, Some(1)));

    for (method, path, body, status) in [
        (
            "POST",
            format!("/repos/{REPO}/issues/99/comments"),
            json!({ "body": "x" }),
            404,
        ),
        ("POST", path.clone(), json!({ "body": "x".repeat(65_537) }), 422),
        ("POST", path.clone(), json!({ "body": " " }), 422),
        ("POST", path.clone(), json!({}), 422),
        (
            "PATCH",
            format!("/repos/{REPO}/issues/comments/1"),
            json!({ "body": "x" }),
            404,
        ),
        (
            "GET",
            format!("/repos/{REPO}/issues/99/comments"),
            json!(null),
            404,
        ),
    ] {
        let answer = bench.request(method, &path, &token, body).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    let kinds: Vec<String> = bench.fake.take_webhooks().iter().map(|d| d.kind()).collect();
    assert_eq!(kinds, ["push", "pull_request.opened", "issue_comment.created"]);
}
