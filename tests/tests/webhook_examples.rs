//! Every payload example that GitHub's octokit project publishes goes through the webhook, signed, and gets the right answer:
//! an event that is kept and queued, ignored with the reason, or a pong. Never an error, and never a panic.
//!
//! The examples come from the npm package `@octokit/webhooks-examples`, which `cargo xtask test` installs under
//! `target/tools`; `CHECKMILL_WEBHOOK_EXAMPLES` names another place. Without them the test says SKIPPED and proves nothing.

use async_trait::async_trait;
use checkmill_core::event::RepositoryEventName;
use checkmill_core::limits::EVENT_PAYLOAD_BYTES;
use checkmill_core::{DeliveryId, Event, EventKind, UnixMillis};
use checkmill_github::webhook::{Parsed, WebhookSecrets, parse};
use checkmill_phases::ports::{Clock, DeliveryState, Inbox, PlanMessage, Queue, QueueError, StoreError};
use checkmill_phases::receive::{Receive, WebhookRequest};
use checkmill_testkit::sign;
use futures::executor::block_on;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What each event of the examples must give, with an installation in the payload. Events that are not listed are ignored.
fn expected(event: &str, payload: &Value) -> &'static str {
    let action = payload["action"].as_str().unwrap_or_default();
    match (event, action) {
        ("ping", _) => "ping",
        ("push", _) => "push",
        ("pull_request", _) => "pull_request",
        ("workflow_dispatch", _) => "workflow_dispatch",
        ("release", "created" | "edited" | "deleted") if payload["release"]["draft"] == true => "ignored",
        ("release", _) => "release",
        ("issue_comment", _) => "issue_comment",
        ("merge_group", "checks_requested") => "merge_group",
        // The suites' numbers are not compared here: the examples come from many Apps.
        ("check_suite", "rerequested") => "check_suite",
        // All examples' external ids are those of other Apps.
        ("check_run", "rerequested" | "requested_action") => "ignored",
        ("deployment_status", _) if payload["deployment_status"]["state"] == "inactive" => "ignored",
        ("create", _) if payload["ref_type"] == "repository" => "ignored",
        _ => match RepositoryEventName::parse(event) {
            Some(name) if name.starts_on(payload["action"].as_str()) => name.as_str(),
            _ => "ignored",
        },
    }
}

const SECRET: &str = "It's a Secret to Everybody";

/// What the webhook keeps and queues.
#[derive(Default)]
struct Kept {
    rows: Mutex<Vec<Event>>,
    queued: Mutex<Vec<DeliveryId>>,
}

#[async_trait]
impl Inbox for Kept {
    async fn record(&self, event: &Event) -> Result<DeliveryState, StoreError> {
        self.rows
            .lock()
            .expect("no test panics while it holds this")
            .push(event.clone());
        Ok(DeliveryState::Received)
    }

    async fn advance(&self, _: &DeliveryId, _: &DeliveryState) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Queue for Kept {
    async fn send(&self, message: &PlanMessage) -> Result<(), QueueError> {
        self.queued
            .lock()
            .expect("no test panics while it holds this")
            .push(message.delivery.clone());
        Ok(())
    }
}

impl Clock for Kept {
    fn now(&self) -> UnixMillis {
        UnixMillis(0)
    }
}

fn answer(event: &str, payload: &Value) -> Result<String, String> {
    let body = serde_json::to_vec(payload).expect("JSON is serialisable");
    let kept = Kept::default();
    let secrets = WebhookSecrets::new(SECRET.into(), None).expect("the secret is not empty");
    let receive = Receive {
        deliveries: &kept,
        queue: &kept,
        clock: &kept,
        secrets: &secrets,
        app_id: None,
    };
    let request = WebhookRequest {
        event: Some(event),
        delivery: Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        signature: Some(&sign(SECRET, &body)),
        body: &body,
    };
    let answer = block_on(receive.handle(&request));
    let rows = kept
        .rows
        .into_inner()
        .expect("no test panics while it holds this");
    let queued = kept
        .queued
        .into_inner()
        .expect("no test panics while it holds this");
    let known = rows.first().map(|event| event.name().to_owned());
    if let Some(EventKind::Repository(other)) = rows.first().map(|event| &event.kind) {
        let kept: Value = serde_json::from_str(&other.payload).expect("what is kept is JSON");
        assert_eq!(kept["action"], payload["action"], "{event}");
        assert!(other.payload.len() <= EVENT_PAYLOAD_BYTES, "{event}");
    }
    assert_eq!(
        rows.iter().map(|event| &event.delivery).collect::<Vec<_>>(),
        queued.iter().collect::<Vec<_>>()
    );
    match (answer.status, answer.message.as_str(), known) {
        (200, "pong", None) => Ok("ping".to_owned()),
        (202, "queued", Some(name)) => Ok(name),
        (202, message, None) if message.len() > "ignored: ".len() => Ok("ignored".to_owned()),
        (status, message, known) => Err(format!("{status} {message}, kept {known:?}")),
    }
}

#[test]
fn every_published_example_gets_the_right_answer() {
    let Some(directory) = examples() else {
        eprintln!(
            "\n==== SKIPPED: no webhook examples. Install the npm package @octokit/webhooks-examples under \
             target/tools, or name its directory in CHECKMILL_WEBHOOK_EXAMPLES. ====\n"
        );
        return;
    };
    let mut answers: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (host, event, payload) in payloads(&directory) {
        // As it is: a repository's webhook has no installation.
        let mut check = |payload: &Value, expected: &str| {
            let got = answer(&event, payload);
            if got.as_deref() != Ok(expected) {
                wrong.push(format!(
                    "{host} {event} {}: expected {expected}, got {got:?}",
                    payload["action"]
                ));
            }
        };
        let bare = payload.get("installation").is_none();
        let now = expected(&event, &payload);
        check(&payload, if bare && now != "ping" { "ignored" } else { now });
        // And as an App would get it.
        let mut of_app = payload.clone();
        of_app["installation"] = json!({"id": 1});
        check(&of_app, now);
        *answers.entry((event, now.to_owned())).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let total: usize = answers.values().sum();
    assert!(total >= 329, "only {total} examples in {}", directory.display());
    let kinds = |name: &str| {
        answers
            .iter()
            .filter(|((_, got), _)| got == name)
            .map(|(_, n)| n)
            .sum::<usize>()
    };
    for kind in [
        "ping",
        "push",
        "pull_request",
        "workflow_dispatch",
        "check_suite",
        "release",
        "issue_comment",
        "branch_protection_rule",
        "check_run",
        "create",
        "delete",
        "deployment",
        "deployment_status",
        "discussion",
        "discussion_comment",
        "fork",
        "gollum",
        "issues",
        "label",
        "milestone",
        "page_build",
        "public",
        "pull_request_review",
        "pull_request_review_comment",
        "repository_dispatch",
        "status",
        "watch",
        "ignored",
    ] {
        assert!(kinds(kind) > 0, "no example is answered as {kind}");
    }
    println!("{total} examples answered");
}

/// A check run of the examples, re-labelled as one of ours, is an event.
#[test]
fn rerequested_examples_with_our_external_id_are_events() {
    let Some(directory) = examples() else {
        eprintln!("\n==== SKIPPED: no webhook examples (see above) ====\n");
        return;
    };
    let mut seen = 0;
    for (_, event, mut payload) in payloads(&directory) {
        if event != "check_run" || payload["action"] != "rerequested" {
            continue;
        }
        payload["installation"] = json!({"id": 1});
        payload["check_run"]["external_id"] = json!("0123456789abcdef-01234567");
        let body = serde_json::to_vec(&payload).expect("JSON is serialisable");
        match parse("check_run", "d-1", &body, UnixMillis(0)) {
            Ok(Parsed::Event(event)) => assert!(matches!(event.kind, EventKind::CheckRunRerequested(_))),
            other => panic!("{other:?}"),
        }
        seen += 1;
    }
    assert!(seen > 0, "the examples hold no rerequested check run");
}

/// The package's directory, where there is one.
fn examples() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own switch, not a setting of the program"
    )]
    if let Ok(named) = std::env::var("CHECKMILL_WEBHOOK_EXAMPLES") {
        let named = PathBuf::from(named);
        assert!(
            named.is_dir(),
            "CHECKMILL_WEBHOOK_EXAMPLES names no directory: {}",
            named.display()
        );
        return Some(named);
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools");
    ["node_modules", "npm/node_modules"]
        .map(|modules| target.join(modules).join("@octokit/webhooks-examples"))
        .into_iter()
        .find(|directory| directory.is_dir())
}

/// Host flavour (github.com or an Enterprise Server version), event name, payload.
fn payloads(package: &Path) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(package).expect("the package can be listed") {
        let directory = entry.expect("an entry can be read").path();
        let index = directory.join("index.json");
        if !index.is_file() {
            continue;
        }
        let host = directory
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let bytes = std::fs::read(&index).expect("the index can be read");
        let events: Vec<Value> = serde_json::from_slice(&bytes).expect("the index is a JSON list");
        for event in events {
            let name = event["name"].as_str().expect("an event has a name").to_owned();
            for payload in event["examples"].as_array().expect("an event has examples") {
                found.push((host.clone(), name.clone(), payload.clone()));
            }
        }
    }
    found
}
