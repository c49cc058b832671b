//! Which events start what: filters, tags, deleted branches, `[skip ci]`.

use crate::conversation::{CI, REPO};
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewPullRequest, NewRepository, Onto};

#[tokio::test]
async fn a_commit_that_asks_for_no_ci_gets_skipped_checks() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = "
name: CI
on: push
jobs:
  build:
    runs-on: linux
    steps:
      - run: echo ran > {desk}/ran
  test:
    name: Unit tests
    needs: build
    runs-on: linux
    strategy:
      matrix:
        n: [1, 2]
    steps:
      - run: echo ran > {desk}/ran
";
    served
        .push(NewCommit::new("Reword the README [skip ci]").write(CI, served.workflow(text)))
        .await;
    insta::assert_snapshot!(served.checks(2).await, @"
        CI / Unit tests: skipped
        CI / build: skipped
        ");
    insta::assert_snapshot!(page(&served.completed("CI / build").await), @"
    CI / build: skipped
    Skipped

    **Skipped** (`skipped`): The head commit's message asks for no CI.

    Queued TIME
    ");
    assert_eq!(served.mark_now("ran"), None);
    served.finish().await;
}

#[tokio::test]
async fn path_filters_look_at_the_changed_files() {
    let served = Served::start(
        NewRepository::new(REPO)
            .file("src/a.rs", "a")
            .file("README.md", "x"),
    )
    .await;
    let text = "
name: CI
on:
  push:
    paths: ['src/**', '!src/generated/**']
  pull_request:
    paths-ignore: ['**.md']
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo \"$GITHUB_EVENT_NAME\" >> {desk}/ran
";
    served.push_workflow(text).await;
    served.logged("no changed file matches `paths`").await;
    served
        .push(NewCommit::new("Generate").write("src/generated/b.rs", "b"))
        .await;
    served
        .push(
            NewCommit::new("Change")
                .write("src/c.rs", "c")
                .write("README.md", "y"),
        )
        .await;
    served.completed("CI / test").await;

    served
        .pull_request("docs", NewCommit::new("Docs").write("README.md", "z"))
        .await;
    served.logged("all changed files match `paths-ignore`").await;
    served
        .on_github(|github| github.push(REPO, "docs", NewCommit::new("Code").write("a.txt", "a")))
        .await;
    insta::assert_snapshot!(served.checks(2).await, @"
    CI / test: success
    CI / test: success
    ");
    insta::assert_snapshot!(served.mark("ran").await, @"
    push
    pull_request
    ");
    served.finish().await;
}

#[tokio::test]
async fn path_filters_see_what_a_forced_push_took_away_and_all_of_a_new_branch() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = "
name: CI
on:
  push:
    paths: ['src/**']
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo \"$GITHUB_REF_NAME\" >> {desk}/ran
";
    let start = served.push_workflow(text).await;
    served.push(NewCommit::new("Code").write("src/a.rs", "a")).await;
    insta::assert_snapshot!(served.checks(1).await, @"CI / test: success");
    // Back to before the code: the new commit has none, and yet it changes.
    let docs = vec![NewCommit::new("Docs").write("README.md", "x")];
    served
        .on_github(|github| github.push_commits(REPO, "main", Onto::Commit(start.clone()), docs))
        .await;
    served.checks(2).await;
    // The first of three commits has the code.
    let commits = ["src/b.rs", "b.md", "c.md"].map(|path| NewCommit::new(path).write(path, path));
    served
        .on_github(|github| github.push_commits(REPO, "topic", Onto::Head, commits.to_vec()))
        .await;
    served.checks(3).await;
    insta::assert_snapshot!(served.mark("ran").await, @"
    main
    main
    topic
    ");
    served.finish().await;
}

#[tokio::test]
async fn a_path_filter_that_saw_only_some_of_the_files_says_so() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = "
name: CI
on:
  push:
    paths: ['src/**']
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo ran
";
    let many = (0..301).fold(served.first_commit(text), |commit, n| {
        commit.write(&format!("docs/{n:03}.md"), "x")
    });
    served.push(many).await;
    served
        .logged("and 295 more (the first 300 were looked at, there are more)")
        .await;
    served.finish().await;
}

#[tokio::test]
async fn branches_and_tags_are_told_apart_and_a_deleted_one_starts_nothing() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = "
name: CI
on:
  push:
    branches: ['release/**']
    tags: ['v[0-9]+']
  pull_request:
    branches: [main]
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo \"$GITHUB_REF $GITHUB_REF_TYPE $GITHUB_REF_NAME\" >> {desk}/$GITHUB_EVENT_NAME
";
    let sha = served.push_workflow(text).await;
    served
        .on_github(|github| github.update_ref(REPO, "refs/tags/v1", Some(sha.clone()), "ann"))
        .await;
    served.completed("CI / test").await;
    insta::assert_snapshot!(served.mark("push").await, @"refs/tags/v1 tag v1");

    served
        .on_github(|github| github.update_ref(REPO, "refs/tags/v1.1", Some(sha.clone()), "ann"))
        .await;
    served
        .on_github(|github| github.update_ref(REPO, "refs/tags/v1", None, "ann"))
        .await;
    served
        .on_github(|github| github.push(REPO, "release/1", NewCommit::new("Release").write("x", "x")))
        .await;
    served
        .on_github(|github| github.update_ref(REPO, "refs/heads/release/1", None, "ann"))
        .await;
    served.checks(2).await;

    // The base branch counts, not the branch with the changes.
    served
        .on_github(|github| github.push(REPO, "release/2", NewCommit::new("More").write("x", "y")))
        .await;
    served.checks(3).await;
    served
        .on_github(|github| github.open_pull_request(NewPullRequest::new(REPO, "release/2")))
        .await;
    insta::assert_snapshot!(served.checks(4).await, @"
    CI / test: success
    CI / test: success
    CI / test: success
    CI / test: success
    ");
    insta::assert_snapshot!(served.mark("push").await, @"
    refs/tags/v1 tag v1
    refs/heads/release/1 branch release/1
    refs/heads/release/2 branch release/2
    ");
    insta::assert_snapshot!(served.mark("pull_request").await, @"refs/pull/1/head branch 1/head");
    served.finish().await;
}
