//! The payloads' shape against GitHub's own examples (npm `@octokit/webhooks-examples`): every field that the fake sends
//! exists there, with a type that occurs there, and what every example of the event has is not missing.
//!
//! The examples are looked for in `CHECKMILL_WEBHOOK_EXAMPLES` (the package's directory), then in `target/tools`.

use crate::bench::{Bench, REPO};
use checkmill_core::InstallationId;
use checkmill_core::event::RepositoryEventName;
use checkmill_testkit::{NewCommit, NewPullRequest, Options, PullEdit};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Fields that GitHub documents or sends today, which are younger than the examples or occur in none of them.
const YOUNGER: &[&str] = &[
    // GitHub docs, "issue_comment": the issue of a pull request names it.
    "issue_comment /issue/pull_request",
    // GitHub docs, "ping": of an App's webhook, not a repository's.
    "ping /hook/app_id",
    "ping /hook/deliveries_url",
    // The examples are of repository webhooks; GitHub docs: every App's webhook has its installation.
    "workflow_dispatch /installation",
    // In the examples of `installation`, and in both events of today.
    "installation_repositories /installation/app_slug",
    "installation_repositories /installation/has_multiple_single_files",
    "installation_repositories /installation/single_file_paths",
];

/// Objects whose keys are data.
const MAPS: &[&str] = &["/inputs", "/permissions"];

#[expect(clippy::disallowed_methods, reason = "the test's own settings")]
#[expect(
    clippy::print_stderr,
    reason = "a skipped test must not pass for one that ran"
)]
fn examples() -> Option<Vec<Value>> {
    let set = std::env::var("CHECKMILL_WEBHOOK_EXAMPLES")
        .ok()
        .map(PathBuf::from);
    let demanded = set.is_some();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
    let installed = ["npm/node_modules", "node_modules"]
        .map(|modules| tools.join(modules).join("@octokit/webhooks-examples"))
        .into_iter()
        .find(|package| package.is_dir());
    let package = set.or(installed).unwrap_or(tools);
    let file = package.join("api.github.com/index.json");
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            assert!(
                !demanded,
                "CHECKMILL_WEBHOOK_EXAMPLES: {}: {error}",
                file.display()
            );
            eprintln!("SKIPPED: no webhook examples at {}: {error}", file.display());
            None
        }
    }
}

/// All that examples of one event have, by path (`[]` for list items): the JSON types seen there.
#[derive(Default)]
struct Shape {
    types: BTreeMap<String, BTreeSet<&'static str>>,
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Shape {
    fn add(&mut self, path: &str, value: &Value) {
        self.types
            .entry(path.to_owned())
            .or_default()
            .insert(type_of(value));
        match value {
            Value::Object(map) => map
                .iter()
                .for_each(|(key, value)| self.add(&format!("{path}/{key}"), value)),
            Value::Array(items) => items
                .iter()
                .for_each(|item| self.add(&format!("{path}/[]"), item)),
            _ => {}
        }
    }

    fn strange(&self, event: &str, path: &str, value: &Value, found: &mut Vec<String>) {
        if MAPS.iter().any(|map| path.ends_with(map)) || YOUNGER.contains(&format!("{event} {path}").as_str())
        {
            return;
        }
        match self.types.get(path) {
            None => found.push(format!("{event} {path} is in no example")),
            Some(types) if !types.contains(type_of(value)) && !value.is_null() && !types.contains("null") => {
                found.push(format!("{event} {path} is {}, not {types:?}", type_of(value)));
            }
            Some(_) => {}
        }
        // Where all examples have null or an empty list there is nothing to compare with.
        let known_inside = self
            .types
            .keys()
            .any(|known| known.starts_with(&format!("{path}/")));
        if !known_inside {
            return;
        }
        match value {
            Value::Object(map) => map
                .iter()
                .for_each(|(key, value)| self.strange(event, &format!("{path}/{key}"), value, found)),
            Value::Array(items) => {
                items
                    .iter()
                    .for_each(|item| self.strange(event, &format!("{path}/[]"), item, found));
            }
            _ => {}
        }
    }
}

/// One of each webhook that the fake can make.
async fn all_webhooks() -> Vec<(String, Value)> {
    let bench = Bench::with(Options {
        echoes: true,
        ..Options::default()
    })
    .await;
    let fake = &bench.fake;
    fake.subscribe(RepositoryEventName::Create).unwrap();
    fake.subscribe(RepositoryEventName::Delete).unwrap();
    fake.make_organization("acme").unwrap();
    let sha = fake
        .push(
            REPO,
            "topic",
            NewCommit::new("x").write("x", "y").delete("README.md"),
        )
        .unwrap();
    let number = fake
        .open_pull_request(NewPullRequest::new(REPO, "topic"))
        .unwrap();
    fake.push(REPO, "topic", NewCommit::new("z").write("x", "z"))
        .unwrap();
    fake.edit_pull_request(REPO, number, PullEdit::Label("bug".to_owned()), "ann")
        .unwrap();
    let token = bench.token(json!({})).await;
    let head = fake.read(|s| {
        s.repository(&REPO.parse().unwrap())
            .unwrap()
            .branch("topic")
            .unwrap()
            .to_string()
    });
    let action = json!({ "label": "Go", "description": "d", "identifier": "go" });
    let output = json!({ "title": "t", "summary": "s", "text": "x" });
    let body = json!({ "name": "ci", "head_sha": head, "conclusion": "success", "actions": [action], "output": output });
    bench
        .request("POST", &format!("/repos/{REPO}/check-runs"), &token, body)
        .await;
    let check = fake.check_runs(REPO).unwrap()[0].id;
    fake.click_button(check, "go", "ann").unwrap();
    fake.rerequest_check(check, "ann").unwrap();
    fake.rerequest_suite(REPO, &head.parse().unwrap(), "ann").unwrap();
    fake.comment(REPO, number, "ann", "hi").unwrap();
    bench
        .request(
            "POST",
            &format!("/repos/{REPO}/issues/{number}/comments"),
            &token,
            json!({ "body": "x" }),
        )
        .await;
    fake.dispatch_workflow(REPO, "x.yml", "main", &[], "ann").unwrap();
    fake.update_ref(REPO, "refs/tags/v1", Some(sha), "ann").unwrap();
    fake.merge_pull_request(REPO, number, "acme").unwrap();
    fake.update_ref(REPO, "refs/heads/topic", None, "ann").unwrap();
    fake.ping().unwrap();
    let installation = InstallationId(bench.installation);
    fake.announce_installation(installation).unwrap();
    fake.set_access(installation, REPO, false).unwrap();
    fake.set_access(installation, REPO, true).unwrap();
    fake.set_suspended(installation, true).unwrap();
    fake.uninstall(installation).unwrap();
    fake.take_webhooks()
        .into_iter()
        .map(|d| (d.event.clone(), d.json()))
        .collect()
}

#[tokio::test]
async fn payloads_have_the_shape_of_githubs_examples() {
    let Some(examples) = examples() else { return };
    let mut shapes: BTreeMap<String, Shape> = BTreeMap::new();
    let mut always: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in &examples {
        let name = event["name"].as_str().unwrap();
        for example in event["examples"].as_array().unwrap() {
            shapes.entry(name.to_owned()).or_default().add("", example);
            let keys: BTreeSet<String> = example.as_object().unwrap().keys().cloned().collect();
            always
                .entry(name.to_owned())
                .and_modify(|common| common.retain(|key| keys.contains(key)))
                .or_insert(keys);
        }
    }
    let webhooks = all_webhooks().await;
    let events: BTreeSet<&str> = webhooks.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(events.len(), 11, "{events:?}");
    let mut strange = Vec::new();
    for (event, payload) in &webhooks {
        shapes[event].strange(event, "", payload, &mut strange);
        for key in &always[event] {
            // The examples' webhooks are mostly those of repositories; an App's ping has no repository.
            if payload.get(key).is_none()
                && !(event == "ping" && ["repository", "sender"].contains(&key.as_str()))
            {
                strange.push(format!("{event} /{key} is missing"));
            }
        }
    }
    strange.sort();
    strange.dedup();
    assert!(strange.is_empty(), "{}", strange.join("\n"));
}
