//! One way through: a push, its webhook, a token, the workflow file, a check run.

use crate::bench::{Bench, REPO};
use checkmill_testkit::{NewCommit, sign};
use serde_json::json;

#[tokio::test]
async fn from_a_push_to_a_completed_check() {
    let bench = Bench::new().await;
    let commit = NewCommit::new("Add CI")
        .by("ann")
        .write(".checkmill/workflows/ci.yml", "on: push\n");
    let sha = bench.fake.push(REPO, "main", commit).unwrap();

    let webhooks = bench.fake.take_webhooks();
    assert_eq!(webhooks.len(), 1);
    let push = webhooks[0].json();
    assert_eq!(webhooks[0].kind(), "push");
    assert_eq!(
        webhooks[0].signature,
        sign(bench.fake.webhook_secret(), &webhooks[0].body)
    );
    assert_eq!(push["after"], sha.as_str());
    assert_eq!(
        push["head_commit"]["added"],
        json!([".checkmill/workflows/ci.yml"])
    );
    assert_eq!(push["installation"]["id"], bench.installation);

    let token = bench.token(json!({})).await;
    let query = "query($owner: String!, $name: String!, $at: String!) {
        repository(owner: $owner, name: $name) {
            files: object(expression: $at) { ... on Tree { entries { name type object { ... on Blob { text byteSize isBinary isTruncated } } } } }
            commit: object(expression: \"main\") { ... on Commit { message } }
        }
    }";
    let variables =
        json!({ "owner": "acme", "name": "widgets", "at": format!("{sha}:.checkmill/workflows") });
    let answer = bench
        .request(
            "POST",
            "/graphql",
            &token,
            json!({ "query": query, "variables": variables }),
        )
        .await;
    let expected = json!({ "data": { "repository": {
        "files": { "entries": [{ "name": "ci.yml", "type": "blob", "object": { "text": "on: push\n", "byteSize": 9, "isBinary": false, "isTruncated": false } }] },
        "commit": { "message": "Add CI" },
    }}});
    assert_eq!(answer.json(), expected, "{}", answer.text());

    let new = json!({ "name": "ci / test", "head_sha": sha.as_str(), "external_id": "job-1", "status": "in_progress" });
    let made = bench
        .request("POST", "/repos/acme/widgets/check-runs", &token, new)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/repos/acme/widgets/check-runs/{}", made.json()["id"]);
    let done = json!({ "conclusion": "success", "output": { "title": "Fine", "summary": "All is well" } });
    let done = bench.request("PATCH", &path, &token, done).await;
    assert_eq!(done.json()["status"], "completed", "{}", done.text());
    assert_eq!(bench.fake.checks_text(REPO).unwrap(), "ci / test: success");
    bench.fake.finish();
}
