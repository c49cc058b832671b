//! The real program, as Lambda runs it.

#[expect(dead_code, reason = "the bench reads when it asked")]
mod fake_lambda;

use fake_lambda::{FakeLambda, News};
use serde_json::{Value, json};
use std::process::Command;

/// A call as a function URL hands it over.
fn event(method: &str, path: &str, headers: Value, body: &str, is_base64: bool) -> String {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "1", "apiId": "a", "domainName": "x.lambda-url.aws", "domainPrefix": "x",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "u" },
            "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "t", "timeEpoch": 1
        },
        "body": body, "isBase64Encoded": is_base64
    })
    .to_string()
}

/// Runs the function for one event: its answer's status and message, and the services' operations since it asked for work.
fn run(event: String) -> (u64, String, Vec<String>) {
    let lambda = FakeLambda::new();
    lambda.push(event);
    let mut process = lambda.start();
    let mut calls = Vec::new();
    let answer = loop {
        match lambda.next() {
            // What it called before was to get ready.
            News::AskedForWork(_) => calls.clear(),
            News::Called(operation) => calls.push(operation),
            News::Answered(answer) => break answer,
        }
    };
    process.kill().expect("a child of ours can be killed");
    process.wait().expect("a child of ours can be waited for");
    let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
    let body: Value = serde_json::from_str(answer["body"].as_str().expect("a body")).expect("a body is JSON");
    let message = body["message"].as_str().expect("a message").to_owned();
    (answer["statusCode"].as_u64().expect("a status"), message, calls)
}

/// The ping that GitHub sends for a new webhook, and a push; signed with `secret`.
const PUSH: &str = r#"{"ref":"refs/heads/main","before":"0000000000000000000000000000000000000000","after":"0123456789abcdef0123456789abcdef01234567","created":true,"deleted":false,"forced":false,"head_commit":{"id":"0123456789abcdef0123456789abcdef01234567","message":"Grüße"},"repository":{"id":42,"name":"hello","full_name":"octocat/hello","owner":{"login":"octocat"},"default_branch":"main","private":false,"clone_url":"https://github.com/octocat/hello.git","html_url":"https://github.com/octocat/hello"},"sender":{"login":"octocat"},"installation":{"id":7}}"#;

fn headers(event: &str, signature: Option<&str>) -> Value {
    let mut headers =
        json!({ "host": "x.lambda-url.aws", "x-github-event": event, "x-github-delivery": "d-1" });
    if let Some(signature) = signature {
        headers["x-hub-signature-256"] = json!(signature);
    }
    headers
}

fn signed(body: &str) -> String {
    checkmill_github::webhook::sign(&"secret".into(), body.as_bytes())
}

#[test]
fn a_signed_push_is_kept_queued_and_marked_in_this_order() {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(PUSH);
    for (body, is_base64) in [(PUSH, false), (encoded.as_str(), true)] {
        let headers = headers("push", Some(&signed(PUSH)));
        let (status, message, calls) = run(event("POST", "/webhook", headers, body, is_base64));
        assert_eq!((status, message.as_str()), (202, "queued"));
        assert_eq!(calls, ["PutItem", "SendMessage", "UpdateItem"]);
    }
}

#[test]
fn what_is_not_believed_touches_nothing() {
    for (signature, expected) in [
        (None, 400),
        (Some(signed("other")), 401),
        (Some("sha256=00".to_owned()), 401),
    ] {
        let headers = headers("push", signature.as_deref());
        let (status, _, calls) = run(event("POST", "/", headers, PUSH, false));
        assert_eq!((status, calls.len()), (expected, 0), "{signature:?}");
    }
}

#[test]
fn what_is_larger_than_github_sends_is_refused_unread() {
    // GitHub docs: "Payloads are capped at 25 MB".
    let body = "x".repeat(25 * 1024 * 1024 + 1);
    let headers = headers("push", Some(&signed(&body)));
    let (status, message, calls) = run(event("POST", "/", headers, &body, false));
    assert_eq!((status, calls.len()), (413, 0));
    assert_eq!(
        message,
        "the body has 26214401 bytes; GitHub sends at most 26214400"
    );
}

#[test]
fn other_paths_and_methods_are_told_where_to_go() {
    for (method, path, expected) in [
        ("GET", "/healthz", 200),
        ("GET", "/", 405),
        ("POST", "/elsewhere", 404),
        ("GET", "/favicon.ico", 404),
    ] {
        let (status, _, calls) = run(event(method, path, headers("push", None), "", false));
        assert_eq!((status, calls.len()), (expected, 0), "{method} {path}");
    }
}

#[test]
fn a_function_without_settings_says_all_that_is_missing_and_ends() {
    let output = Command::new(env!("CARGO_BIN_EXE_checkmill-webhook"))
        .env_clear()
        .output()
        .expect("it starts");
    assert!(!output.status.success());
    let log: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    assert_eq!(log["level"], "ERROR");
    let error = log["error"].as_str().expect("an error");
    for name in [
        "AWS_REGION",
        "CHECKMILL_TABLE",
        "CHECKMILL_QUEUE_URL",
        "GH_APP_ID",
    ] {
        assert!(error.contains(name), "{name} is missing in: {error}");
    }
}
