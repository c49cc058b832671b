//! What jobs say about lines of files, and about themselves.

use crate::conversation::REPO;
use crate::page::{line, page};
use crate::served::Served;
use checkmill_testkit::{NewRepository, Route};

#[tokio::test]
async fn messages_stand_at_their_lines() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = r#"
name: CI
on: push
jobs:
  lint:
    runs-on: linux
    steps:
      - name: Lint
        run: |
          echo "::error file=src/a.rs,line=3,col=5,endColumn=9,title=Unused::the name is unused%0Areally"
          echo "::warning file=src/b.rs,line=7,endLine=9::too long"
          echo "::notice file=src/c.rs::hello"
          echo "::warning::of no file"
          echo "| crate | lines |" >> "$GITHUB_STEP_SUMMARY"
          exit 1
"#;
    served.push_workflow(text).await;
    insta::assert_snapshot!(page(&served.completed("CI / lint").await), @r#"
    CI / lint: failure
    Step "Lint" failed with exit code 1

    **Failed** (`test`): Step "Lint" failed with exit code 1

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ❌ | Lint | failure (exit code 1) | TIME |

    #### Last lines of Lint

    ```text
    the name is unused
    really
    too long
    hello
    of no file
    ```

    Queued TIME · ran TIME · on `process`


    ### Summary

    | crate | lines |

    ### Log

    ```text
    ##[step]1/1 Lint
    ##[group]Run echo "::error file=src/a.rs,line=3,col=5,endColumn=9,title=Unused::the name is unused%0Areally"
    echo "::error file=src/a.rs,line=3,col=5,endColumn=9,title=Unused::the name is unused%0Areally"
    echo "::warning file=src/b.rs,line=7,endLine=9::too long"
    echo "::notice file=src/c.rs::hello"
    echo "::warning::of no file"
    echo "| crate | lines |" >> "$GITHUB_STEP_SUMMARY"
    exit 1
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    ##[error]the name is unused
    really
    ##[warning]too long
    ##[notice]hello
    ##[warning]of no file
    ##[error]Process completed with exit code 1.
    ##[endstep]failure TIME
    ##[job]failure Step "Lint" failed with exit code 1
    ```
    src/a.rs:3:5: failure: Unused: the name is unused
    really
    src/b.rs:7: warning: too long
    src/c.rs:1: notice: hello
    "#);
    served.finish().await;
}

#[tokio::test]
async fn more_messages_than_a_request_holds_all_arrive_once() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = r#"
name: CI
on: push
jobs:
  lint:
    runs-on: linux
    steps:
      - run: |
          for n in $(seq 1 120); do
            echo "::error file=src/a.rs,line=$n::message $n"
          done
"#;
    served.push_workflow(text).await;
    let check = served.completed("CI / lint").await;
    // GitHub shows a check as completed from the first page on.
    let shown = |state: &checkmill_testkit::State| {
        let shown = state.check_runs.get(&check.id)?;
        (shown.annotations.len() >= 120).then(|| shown.clone())
    };
    let check = served.github.wait_for("120 annotations", shown).await;
    let lines: Vec<_> = check.annotations.iter().map(line).collect();
    let expected: Vec<_> = (1..=120)
        .map(|n| format!("src/a.rs:{n}: failure: message {n}"))
        .collect();
    assert_eq!(lines, expected);
    // In progress, and three pages.
    assert!(served.github.requests(Route::UpdateCheckRun) <= 4);
    served.finish().await;
}
