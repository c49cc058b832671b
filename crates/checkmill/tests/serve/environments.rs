//! Where jobs deploy to: the policy says from which branches, and the check says where it is.

use crate::conversation::REPO;
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository};

const WORKFLOW: &str = r#"
name: CD
on: push
jobs:
  deploy:
    runs-on: linux
    environment:
      name: production
      url: https://example.com/${{ steps.put.outputs.version }}
    steps:
      - id: put
        run: |
          echo "version=7" >> "$GITHUB_OUTPUT"
          echo deployed >> {desk}/deployed
"#;

#[tokio::test]
async fn a_job_deploys_from_the_branches_that_the_policy_names() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let policy = "environments:\n  production:\n    branches: [main]\n";
    let commit = served
        .first_commit(WORKFLOW)
        .write(".checkmill/config.yml", policy);
    served.push(commit).await;
    insta::assert_snapshot!(page(&served.completed("CD / deploy").await), @"");
    assert_eq!(served.mark_now("deployed").as_deref(), Some("deployed"));

    let topic = NewCommit::new("Try").write("x", "x");
    served.on_github(|github| github.push(REPO, "topic", topic)).await;
    served.checks(2).await;
    // The newest.
    let refused = served.completed("CD / deploy").await;
    insta::assert_snapshot!(page(&refused), @"");
    assert_eq!(served.mark_now("deployed").as_deref(), Some("deployed"), "once");
    served.finish().await;
}
