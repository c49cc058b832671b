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
    insta::assert_snapshot!(page(&served.completed("CD / deploy").await), @r#"
    CD / deploy: success
    Passed in TIME

    **Passed** (`success`): 1 step succeeded

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ✅ | Run echo "version=7" &gt;&gt; "\$GITHUB\_OUTPUT" | success | TIME |

    Queued TIME · ran TIME · on `process`


    ### Summary

    Deployed to `production`: <https://example.com/7>

    ### Log

    ```text
    ##[step]1/1 Run echo "version=7" >> "$GITHUB_OUTPUT"
    ##[group]Run echo "version=7" >> "$GITHUB_OUTPUT"
    echo "version=7" >> "$GITHUB_OUTPUT"
    echo deployed >> /TMP/desk/deployed
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    ##[endstep]success TIME
    ##[job]success 1 step succeeded
    ```
    "#);
    assert_eq!(served.mark_now("deployed").as_deref(), Some("deployed"));

    let topic = NewCommit::new("Try").write("x", "x");
    served.on_github(|github| github.push(REPO, "topic", topic)).await;
    served.checks(2).await;
    // The newest.
    let refused = served.completed("CD / deploy").await;
    insta::assert_snapshot!(page(&refused), @r#"
    CD / deploy: failure
    Can't run as it is written

    **Not run** (`configuration`): .checkmill/workflows/ci.yml:8:13: the environment \`production\` is not for \`refs/heads/topic\`: only branches main

    Nothing was run: correct what is said here, and push or start the workflow again.

    ```text
    .checkmill/workflows/ci.yml:8:13: the environment `production` is not for `refs/heads/topic`: only branches main
    8 |       name: production
      |             ^^^^^^^^^^
      = help: the rule is in `environments` in `.checkmill/config.yml` of the default branch
    ```

    Queued TIME

    .checkmill/workflows/ci.yml:8:13: failure: the environment `production` is not for `refs/heads/topic`: only branches main
    the rule is in `environments` in `.checkmill/config.yml` of the default branch
    "#);
    assert_eq!(served.mark_now("deployed").as_deref(), Some("deployed"), "once");
    served.finish().await;
}
