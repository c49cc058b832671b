//! What is run: a directory, a repository's working tree, a commit of it.

use crate::program::Project;

const WORKFLOW: &str = r#"
name: CI
on: push
jobs:
  show:
    runs-on: linux
    steps:
      - uses: actions/checkout@v4
      - run: |
          echo "$(cat version) $GITHUB_REF" > {desk}/seen
          ls -A > {desk}/files
          git rev-parse HEAD > {desk}/head
          echo "$GITHUB_SHA" > {desk}/sha
"#;

#[tokio::test]
async fn a_directory_that_is_no_repository() {
    let project = Project::with_workflow(WORKFLOW);
    project.write("version", "1\n");
    assert_eq!(project.run(&[]).await.code, Some(0));
    assert_eq!(project.mark("seen").as_deref(), Some("1 refs/heads/main"));
    assert_eq!(project.mark("head"), project.mark("sha"));
    assert!(!project.path().join(".git").exists(), "nothing was made of it");
}

#[tokio::test]
async fn a_working_tree_with_changes_and_the_commit_below_it() {
    let project = Project::with_workflow(WORKFLOW);
    project.write("version", "1\n");
    project.write(".gitignore", "secrets\n");
    project.git(&["init", "--quiet", "--initial-branch=trunk"]);
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "-m", "First"]);
    project.git(&["tag", "-a", "-m", "One", "v1"]);
    project.write("version", "2\n");
    project.write("new", "untracked\n");
    project.write("secrets", "ignored\n");

    assert_eq!(project.run(&[]).await.code, Some(0));
    assert_eq!(project.mark("seen").as_deref(), Some("2 refs/heads/trunk"));
    insta::assert_snapshot!(project.mark("files").unwrap(), @"
    .checkmill
    .git
    .gitignore
    new
    version
    ");

    assert_eq!(project.run(&["--ref", "trunk"]).await.code, Some(0));
    assert_eq!(project.mark("seen").as_deref(), Some("1 refs/heads/trunk"));
    assert_eq!(project.run(&["--ref", "v1"]).await.code, Some(0));
    assert_eq!(project.mark("seen").as_deref(), Some("1 refs/tags/v1"));
    assert_eq!(project.mark("head"), project.mark("sha"));
    project.git(&["diff", "--cached", "--quiet"]);
}
