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

const HISTORY: &str = r#"
name: CI
on: push
jobs:
  show:
    runs-on: linux
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0}
      - run: |
          git rev-list --count HEAD > {desk}/count
          git describe --tags --always > {desk}/describe
          git branch --remotes --format='%(refname:lstrip=3)' > {desk}/branches
"#;

/// A project with three commits, the first of which is tagged and has a branch of its own.
fn with_history() -> Project {
    let project = Project::with_workflow(HISTORY);
    project.git(&["init", "--quiet", "--initial-branch=main"]);
    project.git(&["add", "."]);
    project.git(&["commit", "--quiet", "-m", "First"]);
    project.git(&["tag", "-a", "-m", "One", "v1"]);
    project.git(&["branch", "feature/x"]);
    project.git(&["commit", "--quiet", "--allow-empty", "-m", "Second"]);
    project.git(&["commit", "--quiet", "--allow-empty", "-m", "Third"]);
    project
}

#[tokio::test]
async fn the_whole_history_has_its_tags_and_the_other_branches() {
    let project = with_history();
    let ended = project.run(&[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(project.mark("describe").unwrap().starts_with("v1-2-g"));
    assert_eq!(project.mark("count").as_deref(), Some("3"));
    assert_eq!(project.mark("branches").as_deref(), Some("feature/x\nmain"));
}

#[tokio::test]
async fn a_shallow_clone() {
    let project = with_history();
    let url = format!("file://{}", project.path().display());
    project.git(&["clone", "--quiet", "--depth=2", &url, "../shallow"]);
    project.git(&["-C", "../shallow", "tag", "v2", "HEAD^"]);
    let ended = project.checkmill(&["run", "../shallow"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(project.mark("count").as_deref(), Some("2"), "as much as there is");

    project.git(&["clone", "--quiet", "--depth=1", &url, "../shallower"]);
    for command in ["run", "plan"] {
        let ended = project.checkmill(&[command, "../shallower"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    assert_eq!(project.mark("count").as_deref(), Some("1"));
}

/// git's own advice against repositories that come with a checkout: <https://git-scm.com/docs/git-config> (`safe.bareRepository`).
#[tokio::test]
async fn git_that_finds_no_bare_repository_by_itself() {
    let project = with_history();
    let home = project.desk().join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join(".gitconfig"), "[safe]\n\tbareRepository = explicit\n").unwrap();
    let ended = project
        .checkmill_with(&[("HOME", home.to_str().unwrap())], &["run", "."])
        .await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn a_directory_for_temporary_files_whose_name_a_url_would_change() {
    let project = with_history();
    let temporary = project.desk().join("%41 #x");
    std::fs::create_dir(&temporary).unwrap();
    let ended = project
        .checkmill_with(&[("TMPDIR", temporary.to_str().unwrap())], &["run", "."])
        .await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
