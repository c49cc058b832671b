//! Comments as events: the default branch's file runs, whoever comments, and a comment of our own starts nothing.

use crate::conversation::{CI, REPO};
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository};

const WORKFLOW: &str = r#"
name: Chat
on:
  issue_comment:
    types: [created]
jobs:
  deploy:
    if: github.event.issue.pull_request && startsWith(github.event.comment.body, '/deploy')
    runs-on: linux
    steps:
      - run: |
          echo "$GITHUB_REF $GITHUB_SHA #${{ github.event.issue.number }}" > {desk}/ran
          echo "${{ github.event.comment.body }}" >> {desk}/ran
"#;

#[tokio::test]
async fn a_comment_runs_the_default_branchs_file() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let main = served.push_workflow(WORKFLOW).await;
    let hostile = NewCommit::new("Change the file").write(CI, WORKFLOW.replace("startsWith", "contains"));
    let number = served.pull_request("feature", hostile).await;
    served
        .on_github(|github| github.comment(REPO, number, "stranger", "/deploy $(id)"))
        .await;
    insta::assert_snapshot!(served.checks(1).await, @"Chat / deploy: success");
    let ran = served.mark("ran").await.replace(main.as_str(), "MAIN");
    insta::assert_snapshot!(ran, @"
    refs/heads/main MAIN #1
    /deploy $(id)
    ");
    served
        .on_github(|github| github.comment(REPO, number, "ann", "please /deploy"))
        .await;
    insta::assert_snapshot!(served.checks(2).await, @"
    Chat / deploy: skipped
    Chat / deploy: success
    ");
    served.finish().await;
}
