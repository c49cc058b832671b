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
    .github:1: warning: of no file
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

/// What tools print and write: messages at their lines, failed tests in a table.
#[tokio::test]
async fn failed_tests_and_compiler_messages_stand_at_their_lines() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = r#"
name: CI
on: push
jobs:
  test:
    runs-on: linux
    steps:
      - run: |
          mkdir src tests && touch src/lib.rs tests/test_sums.py
          printf '{"problemMatcher": [{"owner": "mine", "severity": "warning", "pattern": [{"regexp": "^(.+) at (\\\\d+): (.+)$", "file": 1, "line": 2, "message": 3}]}]}' > matcher.json
          echo "::add-matcher::matcher.json"
          {
            echo '<testsuite name="tests"><testcase classname="tests.test_sums" name="test_adds"/>'
            echo '<testcase classname="tests.test_sums" name="test_adds_badly" file="tests/test_sums.py" line="14">'
            echo '<failure message="assert 2 == 3"/></testcase>'
            echo '<testcase classname="tests.test_sums" name="test_left_out"><skipped/></testcase></testsuite>'
          } > junit.xml
      - name: Test
        run: |
          echo "src/lib.rs at 1: by a matcher"
          printf 'error[E0308]: mismatched types\n --> src/lib.rs:1:4\n'
          exit 3
"#;
    served.push_workflow(text).await;
    let check = served.completed("CI / test").await;
    let summary = check.output.summary.clone().unwrap_or_default();
    let title = check.output.title.as_deref().unwrap_or_default();
    assert_eq!(
        title,
        "1 of 2 tests failed. Step \"Test\" failed with exit code 3"
    );
    assert!(
        summary.contains("#### 1 of 2 tests failed, 1 skipped"),
        "{summary}"
    );
    let row = r"| tests.test\_sums | test\_adds\_badly | assert 2 == 3 | tests/test\_sums.py:14 |";
    assert!(summary.contains(row), "{summary}");
    let lines: Vec<_> = check.annotations.iter().map(line).collect();
    let expected = [
        "src/lib.rs:1: warning: by a matcher",
        "src/lib.rs:1:4: failure: E0308: mismatched types",
        "tests/test_sums.py:14: failure: test_adds_badly failed: assert 2 == 3",
    ];
    assert_eq!(lines, expected);
    served.finish().await;
}

/// GitHub shows 500 of them: those that concern the change.
#[tokio::test]
async fn of_too_many_messages_those_on_changed_lines_come_first() {
    let numbered =
        |range: std::ops::RangeInclusive<u32>| range.map(|n| format!("line {n}\n")).collect::<String>();
    let repository = NewRepository::new(REPO)
        .file("a.c", numbered(1..=900))
        .file("z.c", numbered(1..=20));
    let served = Served::start(repository).await;
    let text = r#"
name: CI
on: push
jobs:
  lint:
    runs-on: linux
    steps:
      - run: |
          touch a.c z.c
          for n in $(seq 1 900); do echo "a.c:$n:1: warning: old $n"; done
          for n in $(seq 1 20); do echo "z.c:$n:1: warning: new $n"; done
"#;
    let changed = numbered(1..=20).replace("line 17\n", "line seventeen\n");
    served.push(served.first_commit(text).write("z.c", changed)).await;
    let check = served.completed("CI / lint").await;
    let shown = |state: &checkmill_testkit::State| {
        let shown = state.check_runs.get(&check.id)?;
        (shown.annotations.len() >= 500).then(|| shown.clone())
    };
    let check = served.github.wait_for("500 annotations", shown).await;
    let lines: Vec<_> = check.annotations.iter().map(line).collect();
    assert_eq!(lines.len(), 500);
    let first = ["z.c:17:1: warning: new 17", "z.c:1:1: warning: new 1"];
    assert_eq!(lines[..2], first);
    assert_eq!(lines[20], "a.c:1:1: warning: old 1");
    let summary = check.output.summary.unwrap_or_default();
    assert!(
        summary.contains("*Of 920 annotations 500 are shown:"),
        "{summary}"
    );
    served.finish().await;
}
