//! Which rule stopped what, and how it is said.

use crate::program::{CI, Project};
use serde_json::Value;

const RULES: &str = "\
name: CI
on:
  push:
    branches: [main]
    paths: [src/**]
jobs:
  build:
    runs-on: linux
    strategy: {matrix: {v: [1, 2]}}
    outputs: {list: \"${{ steps.list.outputs.list }}\"}
    steps: [{id: list, run: make}]
  each:
    needs: build
    runs-on: linux
    strategy: {matrix: {x: \"${{ fromJSON(needs.build.outputs.list) }}\"}}
    steps: [{run: make}]
  never:
    if: github.event_name == 'schedule'
    runs-on: linux
    steps: [{run: make}]
  after:
    needs: never
    runs-on: linux
    steps: [{run: make}]
  always:
    needs: never
    if: always()
    runs-on: linux
    steps: [{run: make}]
  cleanup:
    needs: build
    if: failure()
    runs-on: linux
    steps: [{run: make}]
";
const JOB: &str = "jobs: {a: {runs-on: linux, steps: [{run: make}]}}\n";

#[tokio::test]
async fn every_job_has_its_reason() {
    let tags = format!("on: {{push: {{tags: [v*]}}}}\n{JOB}");
    let pull_requests = format!("on: pull_request\n{JOB}");
    let project = Project::new(&[
        (CI, RULES),
        (".checkmill/workflows/tags.yml", &tags),
        (".checkmill/workflows/pr.yml", &pull_requests),
        (
            ".checkmill/workflows/broken.yml",
            "on: push\njobs: {a: {runs-on: linux}}\n",
        ),
    ]);
    let ended = project.checkmill(&["plan", "--changed", "src/a.rs"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"");
    assert_eq!(ended.code, Some(1), "a file is broken");
}

#[tokio::test]
async fn a_path_filter() {
    let project = Project::new(&[(CI, RULES)]);
    let ended = project.checkmill(&["plan", "--changed", "README.md"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"");
    assert_eq!(ended.code, Some(0), "nothing is wrong");
}

#[tokio::test]
async fn a_job_that_can_not_be_planned() {
    let text = "\
on: push
jobs:
  a:
    runs-on: linux
    strategy: {matrix: {x: \"${{ fromJSON('[]') }}\"}}
    steps: [{run: make}]
";
    let project = Project::new(&[(CI, text)]);
    let ended = project.checkmill(&["plan"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"");
    assert_eq!(ended.code, Some(1));
}

#[tokio::test]
async fn json_is_one_object_on_one_line() {
    let text = "\
on: push
jobs:
  a:
    runs-on: [linux, big]
    strategy: {matrix: {v: [1]}}
    timeout-minutes: 5
    steps: [{run: make}]
  b:
    needs: a
    if: failure()
    runs-on: linux
    steps: [{run: make}]
  c:
    if: false
    runs-on: linux
    steps: [{run: make}]
";
    let other = format!("on: pull_request\n{JOB}");
    let project = Project::new(&[(CI, text), (".checkmill/workflows/pr.yml", &other)]);
    let ended = project.checkmill(&["plan", "--json", "--changed", "a"]).await;
    assert_eq!(ended.stdout.lines().count(), 1);
    let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(plan["sha"].as_str().unwrap().len(), 40);
    assert_eq!(
        (&plan["event"], &plan["changed"]),
        (&"push".into(), &vec!["a"].into())
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan["workflows"]).unwrap(), @"");
}

#[tokio::test]
async fn nothing_to_plan() {
    let project = Project::new(&[(".github/workflows/ci.yml", &format!("on: push\n{JOB}"))]);
    insta::assert_snapshot!(project.checkmill(&["plan"]).await.refusal(&project), @"");
    project.write(".checkmill/config.yml", "actions_workflows: true\n");
    let ended = project.checkmill(&["plan"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"");
}

fn shown(project: &Project, text: &str) -> String {
    let place = project.path().canonicalize().unwrap();
    text.replace(&place.display().to_string(), "PROJECT")
}
