//! What is wrong with the command line, said before anything runs. Exit code 2.

use crate::program::{CI, Project};

const WORKFLOW: &str = "
name: CI
on: [push, workflow_dispatch]
jobs:
  build:
    runs-on: linux
    steps:
      - run: echo ran > {desk}/ran
  test:
    needs: build
    runs-on: linux
    steps:
      - run: echo ran > {desk}/ran
";

async fn refusal(project: &Project, args: &[&str]) -> String {
    let ended = project.run(args).await;
    assert_eq!(project.mark("ran"), None, "nothing has run");
    ended.refusal(project)
}

#[tokio::test]
async fn a_directory_that_is_not_there_or_has_no_workflow() {
    let project = Project::new(&[("README.md", "Hello")]);
    insta::assert_snapshot!(refusal(&project, &[]).await, @"
    2: checkmill: . has no workflow: put one at .checkmill/workflows/ci.yml.
    ");
    insta::assert_snapshot!(project.checkmill(&["run", "nowhere"]).await.refusal(&project), @"
    2: checkmill: nowhere is not a directory. Name the directory of a repository.
    ");
    insta::assert_snapshot!(project.checkmill(&["run", "README.md"]).await.refusal(&project), @"
    2: checkmill: README.md is not a directory. Name the directory of a repository.
    ");
}

#[tokio::test]
async fn github_actions_own_files_that_the_policy_does_not_name() {
    let files = |policy| {
        Project::new(&[
            (".github/workflows/ci.yml", CI),
            (".checkmill/config.yml", policy),
        ])
    };
    insta::assert_snapshot!(refusal(&files("forks: never\n"), &[]).await, @"2: checkmill: . has no workflow: put one at .checkmill/workflows/ci.yml. There are some in .github/workflows: they run with `actions_workflows: true` in .checkmill/config.yml.");
    insta::assert_snapshot!(refusal(&files("actions_workflow: true\n"), &[]).await, @"
    2: checkmill: The policy is broken, so that only Checkmill's own workflows count, and there is none.

    .checkmill/config.yml:1:1: unknown key `actions_workflow` in the policy
    1 | actions_workflow: true
      | ^^^^^^^^^^^^^^^^
      = help: did you mean `actions_workflows`?
    ");
}

#[tokio::test]
async fn names_that_are_not_there() {
    let project = Project::with_workflow(WORKFLOW);
    insta::assert_snapshot!(refusal(&project, &["--workflow", "cd.yml"]).await, @r#"
    2: checkmill: There is no workflow "cd.yml". There is: .checkmill/workflows/ci.yml.
    "#);
    insta::assert_snapshot!(refusal(&project, &["--job", "deploy"]).await, @r#"
    2: checkmill: There is no job "deploy". There is: build, test.
    "#);
    insta::assert_snapshot!(refusal(&project, &["--job", "no job"]).await, @r#"
    2: checkmill: --job must name a job's key: "no job" is not a job key (letters, digits, '-' and '_', beginning with a letter or '_')
    "#);
    insta::assert_snapshot!(refusal(&project, &["--ref", "v1"]).await, @r#"
    2: checkmill: PROJECT is not a git repository, so it has no ref "v1". Leave --ref out to run its files as they are.
    "#);
    project.git(&["init", "--quiet", "--initial-branch=main"]);
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "-m", "First"]);
    insta::assert_snapshot!(refusal(&project, &["--ref", "v1"]).await, @r#"
    2: checkmill: PROJECT has no commit "v1": `git rev-parse --verify --end-of-options v1^{commit}` failed: fatal: Needed a single revision
    "#);
}

#[tokio::test]
async fn a_base_that_does_not_fit() {
    let project = Project::with_workflow(WORKFLOW);
    let pull_request = ["--event", "pull_request", "--base"];
    let base = |name| [&pull_request[..], &[name]].concat();
    insta::assert_snapshot!(refusal(&project, &["--base", "main"]).await, @"2: checkmill: --base goes with --event pull_request.");
    insta::assert_snapshot!(refusal(&project, &base("main")).await, @r#"2: checkmill: . is not a git repository, so it has no base "main". Leave --base out."#);
    project.git(&["init", "--quiet", "--initial-branch=main"]);
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "-m", "First"]);
    insta::assert_snapshot!(refusal(&project, &base("nowhere")).await, @r#"2: checkmill: . has no commit "nowhere": `git rev-parse --verify --end-of-options nowhere^{commit}` failed: fatal: Needed a single revision"#);
    let planned = [&["plan", "."], &base("nowhere")[..]].concat();
    insta::assert_snapshot!(project.checkmill(&planned).await.refusal(&project), @r#"2: checkmill: . has no commit "nowhere": `git rev-parse --verify --end-of-options nowhere^{commit}` failed: fatal: Needed a single revision"#);
}

#[tokio::test]
async fn a_job_that_no_file_has_where_one_is_broken() {
    let project = Project::with_workflow(WORKFLOW);
    project.write(".checkmill/workflows/broken.yml", "on: push\njobs: [\n");
    insta::assert_snapshot!(refusal(&project, &["--job", "deploy"]).await, @r#"2: checkmill: There is no job "deploy". There is: build, test. What can't be read: .checkmill/workflows/broken.yml; `checkmill lint` says why."#);
    let only = ["--workflow", "broken.yml", "--job", "deploy"];
    insta::assert_snapshot!(refusal(&project, &only).await, @r#"2: checkmill: There is no job "deploy". What can't be read: .checkmill/workflows/broken.yml; `checkmill lint` says why."#);
    assert_eq!(
        project
            .run(&["--workflow", "ci.yml", "--job", "build"])
            .await
            .code,
        Some(0)
    );
}

#[tokio::test]
async fn inputs_that_do_not_fit() {
    let project = Project::with_workflow(WORKFLOW);
    insta::assert_snapshot!(refusal(&project, &["--input", "where=here"]).await, @"2: checkmill: --input goes with --event workflow_dispatch.");
    let dispatch = ["--event", "workflow_dispatch", "--input", "where=here"];
    insta::assert_snapshot!(refusal(&project, &dispatch).await, @r#"
    2: checkmill: .checkmill/workflows/ci.yml has no input "where". It has none.
    "#);
    insta::assert_snapshot!(refusal(&project, &["--input", "where"]).await, @"
    2: error: invalid value 'where' for '--input <K=V>': expected KEY=VALUE

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(refusal(&project, &["--event", "frobbed"]).await, @"
    2: error: invalid value 'frobbed' for '--event <EVENT>'
      [possible values: push, pull_request, workflow_dispatch, schedule, branch_protection_rule, check_run, check_suite, create, delete, deployment, deployment_status, discussion, discussion_comment, fork, gollum, issues, label, milestone, page_build, public, pull_request_review, pull_request_review_comment, registry_package, repository_dispatch, status, watch]

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(refusal(&project, &["--type", "opened"]).await, @"2: checkmill: --type and --payload go with the event of a repository, such as --event issues.");
    let issues = ["--event", "issues", "--type", "open"];
    insta::assert_snapshot!(refusal(&project, &issues).await, @r#"2: checkmill: issues has no type "open". There is: opened, edited, deleted, transferred, pinned, unpinned, closed, reopened, assigned, unassigned, labeled, unlabeled, locked, unlocked, milestoned, demilestoned, field_added, field_removed, typed, untyped."#);
    insta::assert_snapshot!(refusal(&project, &["--event", "repository_dispatch"]).await, @"2: checkmill: Name the type of repository_dispatch with --type.");
    insta::assert_snapshot!(refusal(&project, &["--event", "pull_request_review"]).await, @"2: checkmill: pull_request_review is of a pull request that is there: `checkmill plan` says what it would start.");
    insta::assert_snapshot!(refusal(&project, &["--event", "status"]).await, @"2: checkmill: status counts from a push to the default branch on: `checkmill plan` says what it would start.");
    project.write(".checkmill/workflows/cd.yml", "on: workflow_dispatch\njobs: {}\n");
    insta::assert_snapshot!(refusal(&project, &["--event", "workflow_dispatch"]).await, @"
    2: checkmill: Name the workflow to dispatch with --workflow: .checkmill/workflows/cd.yml, .checkmill/workflows/ci.yml.
    ");
}

#[tokio::test]
async fn values_that_the_workflow_does_not_take() {
    let text = WORKFLOW.replace(
        "on: [push, workflow_dispatch]",
        "on: {workflow_dispatch: {inputs: {r: {required: true}, n: {type: number}, b: {type: boolean}}}}",
    );
    let project = Project::with_workflow(&text);
    let dispatch = ["--event", "workflow_dispatch"];
    insta::assert_snapshot!(refusal(&project, &dispatch).await, @"2: checkmill: .checkmill/workflows/ci.yml can't be dispatched so: the input `r` is required and was not given.");
    let wrong = [
        &dispatch[..],
        &["--input", "r=x", "--input", "n=abc", "--input", "B=maybe"],
    ]
    .concat();
    insta::assert_snapshot!(refusal(&project, &wrong).await, @"2: checkmill: .checkmill/workflows/ci.yml can't be dispatched so: the input `n` must be a number, not `abc`; the input `b` must be `true` or `false`, not `maybe`.");
    let planned = [&["plan", "."], &wrong[..]].concat();
    insta::assert_snapshot!(project.checkmill(&planned).await.refusal(&project), @"2: checkmill: .checkmill/workflows/ci.yml can't be dispatched so: the input `n` must be a number, not `abc`; the input `b` must be `true` or `false`, not `maybe`.");
    let right = [
        &dispatch[..],
        &["--input", "r=x", "--input", "n=1e3", "--input", "B=true"],
    ]
    .concat();
    assert_eq!(project.run(&right).await.code, Some(0));
}

#[tokio::test]
async fn a_data_directory_that_another_one_uses() {
    let project = Project::with_workflow(WORKFLOW);
    let data = project.desk().join("data");
    std::fs::create_dir(&data).unwrap();
    let lock = std::fs::File::create(data.join("lock")).unwrap();
    lock.try_lock().unwrap();
    let refusal = refusal(&project, &["--data", data.to_str().unwrap()]).await;
    insta::assert_snapshot!(refusal.replace(&data.display().to_string(), "DATA"), @"
    2: checkmill: Another Checkmill is at work in DATA. Stop it first, or name another directory with --data.
    ");
    assert!(project.path().join(CI).exists());
}

#[tokio::test]
async fn a_job_that_several_files_have_is_named_once() {
    let text =
        "on: push\njobs: {a: {runs-on: linux, steps: [run: x]}, b: {runs-on: linux, steps: [run: x]}}\n";
    let project = Project::new(&[(CI, text), (".checkmill/workflows/other.yml", text)]);
    insta::assert_snapshot!(refusal(&project, &["--job", "c"]).await, @r#"2: checkmill: There is no job "c". There is: a, b."#);
}
