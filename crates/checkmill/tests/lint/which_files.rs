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
    insta::assert_snapshot!(read(&project, &[]).await, @r#"[".checkmill/workflows/ci.yml"]"#);
    insta::assert_snapshot!(read(&project, &["--all"]).await, @r#"[".checkmill/workflows/ci.yml",".github/workflows/ci.yml"]"#);
    project.write(".checkmill/config.yml", "actions_workflows: true\n");
    insta::assert_snapshot!(read(&project, &[]).await, @r#"[".checkmill/config.yml",".checkmill/workflows/ci.yml",".github/workflows/ci.yml"]"#);
    assert_eq!(project.checkmill(&["lint"]).await.code, Some(1));
}

#[tokio::test]
async fn the_policy() {
    let project = Project::new(&[(CI, GOOD), (".checkmill/config.yml", "actions_workflow: true\n")]);
    let ended = project.checkmill(&["lint"]).await;
    assert_eq!(ended.code, Some(1));
    insta::assert_snapshot!(ended.stdout, @"
    .checkmill/config.yml:1:1: unknown key `actions_workflow` in the policy
    1 | actions_workflow: true
      | ^^^^^^^^^^^^^^^^
      = help: did you mean `actions_workflows`?

    1 error in 2 files
    ");
}

#[tokio::test]
async fn both_languages() {
    let project = Project::new(&[
        (CI, GOOD),
        (".lightning/workflows/gpu.yml", "trigger: push\nruns: make\n"),
    ]);
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"
    .lightning/workflows/gpu.yml:1:1: `run` is missing
    1 | trigger: push
      | ^
      = help: it is the script that the job runs, such as `run: make test`

    .lightning/workflows/gpu.yml:2:1: unknown key `runs` in a workflow
    2 | runs: make
      | ^^^^
      = help: did you mean `run`?

    2 errors in 2 files
    ");
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
    insta::assert_snapshot!(read(&project, &[]).await, @r#"[".checkmill/workflows/ci.yml",".checkmill/one/action.yml",".checkmill/two/action.yaml"]"#);
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"
    .checkmill/two/action.yaml:5:17: `${{` has no `}}`
    5 |     - run: echo ${{ inputs.who }
      |                 ^

    .checkmill/two/action.yaml:7:7: step 2 has no `shell`
    7 |     - run: echo
      |       ^^^
      = help: a `run` of a composite action needs one, such as `shell: bash`

    2 errors in 3 files
    ");
}

#[tokio::test]
async fn a_directory_with_nothing_to_look_at() {
    let project = Project::new(&[(ACTIONS, GOOD)]);
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.refusal(&project), @"2: checkmill: . has no workflow file. Looked for *.yml and *.yaml in .checkmill/workflows and .lightning/workflows. There are some in .github/workflows: add --all, or `actions_workflows: true` to .checkmill/config.yml.");
    insta::assert_snapshot!(project.checkmill(&["lint", "nowhere"]).await.refusal(&project), @"2: checkmill: nowhere is not a directory. Name the directory of a repository.");
    insta::assert_snapshot!(project.checkmill(&["lint", ".github"]).await.refusal(&project), @"2: checkmill: .github has no workflow file. Looked for *.yml and *.yaml in .checkmill/workflows and .lightning/workflows.");
}
