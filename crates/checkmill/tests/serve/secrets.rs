//! Secrets: a job may use them, and nothing that is kept or shown has them.

use crate::conversation::REPO;
use crate::page::page;
use crate::served::Served;
use checkmill_core::Conclusion;
use checkmill_testkit::{NewCommit, NewPullRequest, NewRepository, Role};
use std::process::Command;

#[tokio::test]
async fn masked_values_and_the_jobs_token_are_seen_by_nobody() {
    let served = Served::start(NewRepository::new(REPO)).await;
    // The value is made in the job, so that the file does not hold it.
    let text = r#"
name: CI
on: push
jobs:
  leak:
    runs-on: linux
    outputs:
      leaked: ${{ steps.leak.outputs.leaked }}
    steps:
      - id: leak
        name: Leak
        env:
          TOKEN: ${{ github.token }}
        run: |
          value="open$(printf 'sesame')"
          echo "::add-mask::$value"
          echo "the value is $value"
          echo "the token is $TOKEN"
          echo "pasted: ${{ github.token }}"
          echo "::error file=a.rs,line=1::$value and $TOKEN"
          echo "$value" >> "$GITHUB_STEP_SUMMARY"
          echo "leaked=$value" >> "$GITHUB_OUTPUT"
          test "${#TOKEN}" -gt 20
          exit 1
  look:
    needs: leak
    if: always()
    runs-on: linux
    steps:
      - run: echo "got '${{ needs.leak.outputs.leaked }}'" > {desk}/output
      - run: env | grep -c -e ghs_ -e cm1 > {desk}/environment || true
"#;
    served.push_workflow(text).await;
    served.checks(2).await;
    let check = served.completed("CI / leak").await;
    insta::assert_snapshot!(page(&check), @r#"
    CI / leak: failure
    Step "Leak" failed with exit code 1

    **Failed** (`test`): Step "Leak" failed with exit code 1

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ❌ | Leak | failure (exit code 1) | TIME |

    #### Last lines of Leak

    ```text
    the value is ***
    the token is ***
    pasted: ***
    *** and ***
    ```

    Queued TIME · ran TIME · on `process`


    ### Summary

    ***

    ### Log

    ```text
    ##[step]1/1 Leak
    ##[group]Run value="open$(printf 'sesame')"
    value="open$(printf 'sesame')"
    echo "::add-mask::$value"
    echo "the value is $value"
    echo "the token is $TOKEN"
    echo "pasted: ${CHECKMILL_EXPR_1}"
    echo "::error file=a.rs,line=1::$value and $TOKEN"
    echo "$value" >> "$GITHUB_STEP_SUMMARY"
    echo "leaked=$value" >> "$GITHUB_OUTPUT"
    test "${#TOKEN}" -gt 20
    exit 1
    shell: /usr/bin/bash -e {0}
    env:
      TOKEN: ***
      CHECKMILL_EXPR_1: ***  # github.token
    ##[endgroup]
    ::add-mask::***
    the value is ***
    the token is ***
    pasted: ***
    ##[error]*** and ***
    ##[error]Process completed with exit code 1.
    ##[endstep]failure TIME
    ##[warning]The output leaked is left out: it may contain a secret.
    ##[job]failure Step "Leak" failed with exit code 1
    ```
    a.rs:1: failure: *** and ***
    "#);
    assert_eq!(served.mark_now("output").as_deref(), Some("got ''"));
    assert_eq!(
        served.mark_now("environment").as_deref(),
        Some("0"),
        "steps don't see our tokens"
    );
    let found = Command::new("grep")
        .args(["-rla", "opensesame"])
        .arg(served.data())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&found.stdout),
        "",
        "the masked value is in the data directory"
    );
    assert!(!served.log().contains("opensesame"));
    // The tokens are looked for at the end of every conversation.
    served.finish().await;
}

const KEPT: &str = r#"
name: CD
on: [push, pull_request]
jobs:
  test:
    runs-on: linux
    steps:
      - env:
          KEY: ${{ secrets.deploy_key }}
          SHARED: ${{ secrets.SHARED }}
          ONLY: ${{ secrets.ONLY }}
        run: |
          echo "the key is $KEY"
          printf '%s|%s|%s' "$KEY" "$SHARED" "$ONLY" | tr a-z b-za > "{desk}/$GITHUB_JOB-$GITHUB_EVENT_NAME"
  deploy:
    runs-on: linux
    if: github.event_name == 'push'
    environment: production
    steps:
      - env:
          ONLY: ${{ secrets.ONLY }}
        run: printf '%s' "$ONLY" | tr a-z b-za > "{desk}/$GITHUB_JOB"
"#;

/// What is kept for a repository reaches its own jobs, masked, and no fork's.
#[tokio::test]
async fn kept_secrets_reach_the_repositorys_own_jobs() {
    let secrets = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = secrets.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("octocat.json", r#"{"SHARED": "common", "DEPLOY_KEY": "theirs"}"#);
    write(
        "octocat/hello.json",
        r#"{"DEPLOY_KEY": "opensesame", "environments": {"production": {"ONLY": "there"}}}"#,
    );
    let variable = (
        "CHECKMILL_SECRETS".to_owned(),
        secrets.path().display().to_string(),
    );
    let repository = NewRepository::new(REPO).collaborator("ann", Role::Maintain);
    let served = Served::start_with(repository, vec![variable]).await;
    let commit = served.first_commit(KEPT).write(
        ".checkmill/config.yml",
        "environments: {production: {branches: [main]}}\n",
    );
    served.push(commit).await;
    served.completed("CD / deploy").await;
    let check = served.completed("CD / test").await;
    assert!(page(&check).contains("the key is ***"), "{}", page(&check));
    // Turned by a letter, so that nothing here is masked.
    assert_eq!(
        served.mark_now("test-push").as_deref(),
        Some("pqfotftbnf|dpnnpo|")
    );
    assert_eq!(served.mark_now("deploy").as_deref(), Some("uifsf"));

    served.github.fork(REPO, "mallory").unwrap();
    let change = NewCommit::new("Improve").by("mallory").write("x", "x");
    served
        .on_github(|github| github.push("mallory/hello", "better", change))
        .await;
    let pull = NewPullRequest::from_fork(REPO, "mallory/hello", "better").by("mallory");
    served.on_github(|github| github.open_pull_request(pull)).await;
    let waiting = served
        .check_that("CD / test", "waits", |check| {
            check.conclusion == Some(Conclusion::ActionRequired)
        })
        .await;
    served.click(&waiting, "approve", "ann").await;
    served.after(&waiting).await;
    assert_eq!(
        served.mark_now("test-pull_request").as_deref(),
        Some("||"),
        "approved, and yet a stranger's"
    );

    write("octocat/hello.json", "DEPLOY_KEY=opensesame");
    served.push(NewCommit::new("Again").write("x", "y")).await;
    let refused = served
        .check_that("CD / test", "refused", |check| {
            check.conclusion == Some(Conclusion::Failure)
        })
        .await;
    insta::assert_snapshot!(page(&refused), @r#"
    CD / test: failure
    Can't run as it is written

    **Not run** (`configuration`): The secrets of octocat/hello can't be used: line 1, column 1: expected {"NAME": "value", …}.

    Nothing was run: correct what is said here, and push or start the workflow again.

    Queued TIME
    "#);
    assert!(!served.log().contains("opensesame"));
    served.finish().await;
}
