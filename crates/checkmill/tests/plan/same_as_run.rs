//! A plan agrees with what `checkmill run` then does.

use crate::program::{CI, Project};
use serde_json::Value;
use std::collections::BTreeMap;

/// Jobs of every kind; what is decided later comes out as the plan supposes: every job succeeds.
const TEXT: &str = "\
name: CI
on: [push, pull_request, workflow_dispatch]
jobs:
  build:
    runs-on: linux
    strategy:
      matrix: {v: [1, 2, 3], exclude: [{v: 2}], include: [{v: 1, more: yes}, {v: 4}]}
    steps: [{run: 'true'}]
  named:
    name: On ${{ github.event_name }}
    runs-on: linux
    steps: [{run: 'true'}]
  pushed:
    if: github.event_name == 'push'
    runs-on: linux
    steps: [{run: 'true'}]
  after-pushed:
    needs: [build, pushed]
    runs-on: linux
    steps: [{run: 'true'}]
  anyway:
    needs: pushed
    if: '!cancelled()'
    runs-on: linux
    steps: [{run: 'true'}]
  never:
    if: ${{ false }}
    runs-on: linux
    strategy: {matrix: {v: [1, 2]}}
    steps: [{run: 'true'}]
";
const OTHER: &str = "\
on: {push: {branches: [release]}, pull_request: {paths: ['docs/**']}}
jobs: {a: {runs-on: linux, steps: [{run: 'true'}]}}
";
const ACTIONS: &str = "\
name: Actions
on: push
jobs: {a: {runs-on: linux, steps: [{run: 'true'}]}}
";

#[tokio::test]
async fn the_same_jobs_start_and_the_same_are_skipped() {
    let project = Project::new(&[
        (CI, TEXT),
        (".checkmill/workflows/other.yml", OTHER),
        (".github/workflows/ci.yml", ACTIONS),
    ]);
    let events: [&[&str]; 3] = [
        &["--event", "push"],
        &["--event", "pull_request"],
        &["--event", "workflow_dispatch", "--workflow", CI],
    ];
    for policy in ["", "actions_workflows: true\n"] {
        project.write(".checkmill/config.yml", policy);
        for event in events {
            let planned = planned(&json(&project, "plan", event).await);
            let ran = ran(&json(&project, "run", event).await);
            assert_eq!(planned, ran, "{event:?} with the policy {policy:?}");
            assert!(planned.len() >= 7, "{planned:?}");
            assert_eq!(
                planned.contains_key("Actions / a"),
                !policy.is_empty() && event.contains(&"push"),
                "{event:?} with the policy {policy:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_pull_request_for_another_branch_is_the_same() {
    let other = OTHER.replace("pull_request: {", "pull_request: {branches: [release], ");
    let project = Project::new(&[(CI, TEXT), (".checkmill/workflows/other.yml", &other)]);
    project.git(&["init", "--quiet", "--initial-branch=main"]);
    for (file, branch) in [("src/a.rs", "release"), ("docs/a.md", "documented")] {
        project.write(file, "text\n");
        project.git(&["add", "."]);
        project.git(&["commit", "--quiet", "-m", file]);
        project.git(&["branch", branch]);
    }
    for (base, matches) in [("release", true), ("HEAD~1", false), ("documented", false)] {
        let event = ["--event", "pull_request", "--base", base];
        let planned = planned(&json(&project, "plan", &event).await);
        assert_eq!(planned, ran(&json(&project, "run", &event).await), "{base}");
        let other = planned.keys().any(|name| name.contains("other.yml"));
        assert_eq!(other, matches, "{base}: {planned:?}");
    }
}

/// The default branch's file, and not what the branch makes of it.
#[tokio::test]
async fn the_target_of_a_pull_request_is_the_same() {
    let text = "\
name: CI
on: [pull_request, pull_request_target]
jobs:
  old: {runs-on: linux, steps: [{run: 'test $GITHUB_REF = refs/heads/main || test $GITHUB_EVENT_NAME = pull_request'}]}
";
    let upstream = Project::new(&[(CI, text)]);
    upstream.git(&["init", "--quiet", "--initial-branch=main"]);
    upstream.git(&["add", "."]);
    upstream.git(&["commit", "--quiet", "-m", "First"]);
    let project = Project::new(&[]);
    let url = upstream.path().display().to_string();
    project.git(&["clone", "--quiet", &url, "."]);
    project.git(&["switch", "--quiet", "--create", "feature"]);
    project.write(CI, &text.replace("old:", "new:"));
    project.git(&["commit", "--quiet", "-am", "Another job"]);
    let event = ["--event", "pull_request"];
    let planned = planned(&json(&project, "plan", &event).await);
    assert_eq!(planned, ran(&json(&project, "run", &event).await));
    let names: Vec<&str> = planned.keys().map(String::as_str).collect();
    assert_eq!(names, ["CI / new", "CI / old (pull_request_target)"]);
    let plan = project
        .checkmill(&["plan", "--event", "pull_request"])
        .await
        .stdout;
    let (_, below) = plan.split_once('\n').unwrap();
    insta::assert_snapshot!(below, @"
    ✓ CI (.checkmill/workflows/ci.yml)
         JOB       RUNS ON  AFTER
      ✓  CI / new  linux

    ✓ CI (pull_request_target) (.checkmill/workflows/ci.yml)
         JOB                             RUNS ON  AFTER
      ✓  CI / old (pull_request_target)  linux

    2 jobs would start
    ");
}

async fn json(project: &Project, command: &str, args: &[&str]) -> Value {
    let ended = project
        .checkmill(&[&[command, ".", "--json"], args].concat())
        .await;
    assert_eq!(ended.code, Some(0), "{command} {args:?}: {ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

/// By the names of checks, whether the job starts.
fn planned(plan: &Value) -> BTreeMap<String, bool> {
    let mut jobs = BTreeMap::new();
    for workflow in plan["workflows"].as_array().unwrap() {
        for job in workflow["jobs"].as_array().unwrap() {
            for leg in job["legs"].as_array().unwrap() {
                jobs.insert(text(&leg["name"]), true);
            }
            if job["state"] == "skipped" {
                jobs.insert(
                    format!("{} / {}", text(&workflow["name"]), text(&job["key"])),
                    false,
                );
            }
        }
    }
    jobs
}

fn ran(report: &Value) -> BTreeMap<String, bool> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .map(|check| (text(&check["name"]), check["reason"] != "skipped"))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
