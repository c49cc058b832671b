//! Secrets: a job may use them, and nothing that is kept or shown has them.

use crate::conversation::REPO;
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::NewRepository;
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
