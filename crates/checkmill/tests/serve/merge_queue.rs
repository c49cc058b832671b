//! A merge queue, which wants the required checks on a branch of its own.

use crate::conversation::{CI, REPO};
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository};

const WORKFLOW: &str = r#"
name: CI
on:
  merge_group:
jobs:
  test:
    runs-on: linux
    steps:
      - run: |
          echo "$GITHUB_EVENT_NAME $GITHUB_REF $GITHUB_SHA" > {desk}/ran
          echo "${{ github.event.merge_group.base_ref }} $BASE" >> {desk}/ran
        env:
          BASE: ${{ github.event.merge_group.head_commit.message }}
"#;

#[tokio::test]
async fn the_queues_branch_gets_its_checks() {
    let served = Served::start(NewRepository::new(REPO).file("README.md", "x")).await;
    let branch = "gh-readonly-queue/main/pr-1-0123";
    let commit = NewCommit::new("Merge pull request #1").write(CI, served.workflow(WORKFLOW));
    let github = &served.github;
    let head = github.push(REPO, branch, commit).unwrap();
    served
        .on_github(|github| github.request_merge_group(REPO, branch, "main"))
        .await;
    insta::assert_snapshot!(served.checks(1).await, @"CI / test: success");
    let checks = served.github.check_runs(REPO).unwrap();
    assert_eq!(checks[0].head_sha, head);
    let ran = served.mark("ran").await.replace(head.as_str(), "SHA");
    insta::assert_snapshot!(ran, @"
    merge_group refs/heads/gh-readonly-queue/main/pr-1-0123 SHA
    refs/heads/main Merge pull request #1
    ");
    served.finish().await;
}
