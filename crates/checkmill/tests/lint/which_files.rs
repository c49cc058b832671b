//! Which files are looked at.

use crate::program::{CI, Project};

const GOOD: &str = "on: push\njobs: {a: {runs-on: linux, steps: [{run: make}]}}\n";
const BAD: &str = "on: push\njobs: {a: {runs-on: linux}}\n";
const ACTIONS: &str = ".github/workflows/ci.yml";

/// The paths that were read.
async fn read(project: &Project, args: &[&str]) -> String {
    let ended = project
        .checkmill(&[&["lint", "--format", "json"], args].concat())
        .await;
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    report["files"].to_string()
}

#[tokio::test]
async fn files_of_actions_where_the_policy_or_the_caller_wants_them() {
    let project = Project::new(&[(CI, GOOD), (ACTIONS, BAD)]);
    insta::assert_snapshot!(read(&project, &[]).await, @"");
    insta::assert_snapshot!(read(&project, &["--all"]).await, @"");
    project.write(".checkmill/config.yml", "actions_workflows: true\n");
    insta::assert_snapshot!(read(&project, &[]).await, @"");
    assert_eq!(project.checkmill(&["lint"]).await.code, Some(1));
}

#[tokio::test]
async fn the_policy() {
    let project = Project::new(&[(CI, GOOD), (".checkmill/config.yml", "actions_workflow: true\n")]);
    let ended = project.checkmill(&["lint"]).await;
    assert_eq!(ended.code, Some(1));
    insta::assert_snapshot!(ended.stdout, @"");
}

#[tokio::test]
async fn both_languages() {
    let project = Project::new(&[
        (CI, GOOD),
        (".lightning/workflows/gpu.yml", "trigger: push\nruns: make\n"),
    ]);
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"");
}

#[tokio::test]
async fn actions_of_the_repository_that_steps_use() {
    let uses =
        "on: push\njobs: {a: {runs-on: linux, steps: [{uses: ./.checkmill/one}, {uses: ./made-later}]}}\n";
    let one = "runs: {using: composite, steps: [{uses: ./.checkmill/two}, {uses: ./.checkmill/one}]}\n";
    let two = "\
name: Greet
runs:
  using: composite
  steps:
    - run: echo ${{ inputs.who }
      shell: bash
    - run: echo
";
    let project = Project::new(&[
        (CI, uses),
        (".checkmill/one/action.yml", one),
        (".checkmill/two/action.yaml", two),
        (".checkmill/unused/action.yml", "runs: 3\n"),
    ]);
    insta::assert_snapshot!(read(&project, &[]).await, @"");
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"");
}

#[tokio::test]
async fn a_directory_with_nothing_to_look_at() {
    let project = Project::new(&[(ACTIONS, GOOD)]);
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.refusal(&project), @"");
    insta::assert_snapshot!(project.checkmill(&["lint", "nowhere"]).await.refusal(&project), @"");
    insta::assert_snapshot!(project.checkmill(&["lint", ".github"]).await.refusal(&project), @"");
}
