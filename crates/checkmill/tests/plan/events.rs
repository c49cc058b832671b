//! `--event`: made here, or a kept payload of a webhook.

use crate::program::{CI, Ended, Project};
use serde_json::json;

const TEXT: &str = "\
name: CI
on:
  push: {branches: [main]}
  pull_request: {types: [opened]}
  workflow_dispatch: {inputs: {where: {type: choice, options: [a, b], required: true}}}
jobs: {a: {runs-on: linux, steps: [{run: make}]}}
";

/// What follows the line that says what is planned.
fn plan(ended: &Ended) -> String {
    let (_, rest) = ended.stdout.split_once("\n\n").unwrap_or_default();
    format!("{}: {}{}", ended.code.unwrap_or(-1), rest, ended.stderr)
}

#[tokio::test]
async fn a_dispatch() {
    let project = Project::new(&[(CI, TEXT)]);
    let dispatch = ["plan", "--event", "workflow_dispatch"];
    insta::assert_snapshot!(plan(&project.checkmill(&dispatch).await), @"2: checkmill: .checkmill/workflows/ci.yml can't be dispatched so: the input `where` is required and was not given.");
    let given = [&dispatch[..], &["--input", "where=a"]].concat();
    insta::assert_snapshot!(plan(&project.checkmill(&given).await), @"
    0: ✓ CI (.checkmill/workflows/ci.yml)
         JOB     RUNS ON  AFTER
      ✓  CI / a  linux

    1 job would start
    ");
    let unknown = [&dispatch[..], &["--workflow", "cd.yml"]].concat();
    insta::assert_snapshot!(plan(&project.checkmill(&unknown).await), @r#"2: checkmill: There is no workflow "cd.yml". There is: .checkmill/workflows/ci.yml."#);
}

#[tokio::test]
async fn options_that_go_with_another_event() {
    let project = Project::new(&[(CI, TEXT)]);
    insta::assert_snapshot!(plan(&project.checkmill(&["plan", "--input", "a=b"]).await), @"2: checkmill: --input and --workflow go with --event workflow_dispatch.");
    insta::assert_snapshot!(plan(&project.checkmill(&["plan", "--event-name", "push"]).await), @"2: checkmill: --event-name goes with --event FILE.");
}

/// As GitHub sends it, cut down to what is read.
fn payload(fields: serde_json::Value) -> String {
    let mut body = json!({
        "repository": {
            "id": 1, "name": "hello", "full_name": "octocat/hello", "owner": {"login": "octocat"}, "private": false,
            "default_branch": "main", "clone_url": "https://github.com/octocat/hello.git",
            "html_url": "https://github.com/octocat/hello"
        },
        "sender": {"login": "octocat"}
    });
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    body.to_string()
}

#[tokio::test]
async fn kept_payloads() {
    let project = Project::new(&[(CI, TEXT)]);
    let sha = "a".repeat(40);
    let push = |git_ref: &str, after: &str| {
        payload(json!({
            "ref": git_ref, "before": "b".repeat(40), "after": after, "created": false,
            "deleted": after.starts_with('0'), "forced": false, "commits": [],
            "head_commit": {"id": sha, "message": "Change it", "timestamp": "2024-01-01T00:00:00Z"}
        }))
    };
    for (name, body) in [
        ("main", push("refs/heads/main", &sha)),
        ("other", push("refs/heads/other", &sha)),
        ("deleted", push("refs/heads/main", &"0".repeat(40))),
        ("ping", payload(json!({"zen": "Keep it simple.", "hook_id": 1}))),
        (
            "issue",
            payload(json!({"action": "opened", "issue": {"number": 1}})),
        ),
        ("none", "Hello".to_owned()),
    ] {
        project.write(&format!("{name}.json"), &body);
    }
    let mut all = String::new();
    for name in ["main", "other", "deleted", "ping", "issue", "none", "nowhere"] {
        let ended = project
            .checkmill(&["plan", "--event", &format!("{name}.json")])
            .await;
        all.push_str(&format!("== {name}\n{}", plan(&ended)));
    }
    insta::assert_snapshot!(all, @r#"
    == main
    0: ✓ CI (.checkmill/workflows/ci.yml)
         JOB     RUNS ON  AFTER
      ✓  CI / a  linux

    1 job would start
    == other
    0: – .checkmill/workflows/ci.yml: the branch `other` does not match `branches` (`main`)

    0 jobs would start
    == deleted
    0: – .checkmill/workflows/ci.yml: the push deleted the branch `main`

    0 jobs would start
    == ping
    0: Nothing starts: GitHub only tries the webhook out.
    == issue
    0: – .checkmill/workflows/ci.yml: `on` does not name `issues`

    0 jobs would start
    == none
    2: checkmill: --event must be push, pull_request, workflow_dispatch, schedule, another event's name or a webhook's payload; "none.json" is no JSON: expected value at line 1 column 1
    == nowhere
    2: checkmill: --event must be push, pull_request, workflow_dispatch, schedule, another event's name or a webhook's payload; "nowhere.json" can't be read: No such file or directory (os error 2)
    "#);
    let named = ["plan", "--event", "issue.json", "--event-name", "star"];
    insta::assert_snapshot!(plan(&project.checkmill(&named).await), @"0: Nothing starts: Checkmill does not act on the event `star`.");
}

/// Each by its name alone, and with what is laid over its payload.
#[tokio::test]
async fn events_of_the_repository() {
    let text = "\
name: CI
on:
  issues: {types: [opened]}
  repository_dispatch:
  pull_request_review:
  deployment:
jobs:
  a:
    if: github.event_name != 'repository_dispatch' || github.event.client_payload.where == 'staging'
    runs-on: linux
    steps: [{run: make}]
";
    let project = Project::new(&[(CI, text)]);
    project.write("staging.json", r#"{"client_payload": {"where": "staging"}}"#);
    let mut all = String::new();
    for arguments in [
        &["issues"][..],
        &["issues", "--type", "closed"],
        &["repository_dispatch", "--type", "deploy"],
        &[
            "repository_dispatch",
            "--type",
            "deploy",
            "--payload",
            "staging.json",
        ],
        &["pull_request_review"],
        &["deployment"],
        &["fork"],
        &["fork", "--type", "made"],
    ] {
        let arguments = [&["plan", "--event"], arguments].concat();
        let ended = project.checkmill(&arguments).await;
        all.push_str(&format!("== {}\n{}", arguments[2..].join(" "), plan(&ended)));
    }
    insta::assert_snapshot!(all, @r"
    == issues
    0: ✓ CI (.checkmill/workflows/ci.yml)
         JOB     RUNS ON  AFTER
      ✓  CI / a  linux

    1 job would start
    == issues --type closed
    0: – .checkmill/workflows/ci.yml: `closed` is not among the `types` of `issues`

    0 jobs would start
    == repository_dispatch --type deploy
    0: ✓ CI (.checkmill/workflows/ci.yml)
         JOB     RUNS ON  AFTER
      –  CI / a                  skipped: its `if: github.event_name != 'repository_dispatch' || github.event.client_payload.where …` is false

    0 jobs would start, 1 skipped
    == repository_dispatch --type deploy --payload staging.json
    0: ✓ CI (.checkmill/workflows/ci.yml)
         JOB     RUNS ON  AFTER
      ✓  CI / a  linux

    1 job would start
    == pull_request_review
    0: ✓ CI (pull_request_review) (.checkmill/workflows/ci.yml)
         JOB                           RUNS ON  AFTER
      ✓  CI / a (pull_request_review)  linux

    1 job would start
    == deployment
    0: ✓ CI (.checkmill/workflows/ci.yml)
         JOB     RUNS ON  AFTER
      ✓  CI / a  linux

    1 job would start
    == fork
    0: – .checkmill/workflows/ci.yml: `on` does not name `fork`

    0 jobs would start
    == fork --type made
    2: checkmill: fork has no activity types.
    ");
}

#[tokio::test]
async fn a_schedule() {
    let text = "\
name: CI
on:
  schedule: [{cron: '0 3 * * *'}]
jobs: {a: {runs-on: linux, steps: [{run: make}]}}
";
    let project = Project::new(&[(CI, text)]);
    insta::assert_snapshot!(plan(&project.checkmill(&["plan", "--event", "schedule"]).await), @"
    0: ✓ CI (.checkmill/workflows/ci.yml)
         JOB     RUNS ON  AFTER
      ✓  CI / a  linux

    1 job would start
    ");
    let other = ["plan", "--event", "schedule", "--cron", "0 4 * * *"];
    insta::assert_snapshot!(plan(&project.checkmill(&other).await), @r#"2: checkmill: There is no schedule "0 4 * * *". There is: "0 3 * * *"."#);
    insta::assert_snapshot!(plan(&project.checkmill(&["plan", "--cron", "0 3 * * *"]).await), @"2: checkmill: --cron goes with --event schedule.");
    let project = Project::new(&[(CI, TEXT)]);
    insta::assert_snapshot!(plan(&project.checkmill(&["plan", "--event", "schedule"]).await), @"2: checkmill: No workflow has a schedule.");
}
