//! `--json`, `--keep-logs`, `--data`.

use crate::program::Project;
use serde_json::Value;

const WORKFLOW: &str = "
name: CI
on: push
jobs:
  good:
    runs-on: linux
    steps:
      - run: echo 'all is well'
  bad:
    runs-on: linux
    steps:
      - run: echo 'it is not' && exit 7
";

fn keys(value: &Value) -> String {
    let keys = value.as_object().unwrap().keys().map(String::as_str);
    keys.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn json_is_all_that_is_on_standard_output() {
    let project = Project::with_workflow(WORKFLOW);
    let ended = project.run(&["--json"]).await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stdout.lines().count(), 1, "one line: {}", ended.stdout);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    insta::assert_snapshot!(keys(&report), @"checks run runs usage");
    insta::assert_snapshot!(keys(&report["checks"][0]), @"annotations attempt conclusion log message name queued_ms reason run_ms summary text title");
    insta::assert_snapshot!(keys(&report["usage"]), @"
    backend_requests forge_requests lambda_invocations queue_messages state_transitions store_reads store_writes
    ");
    let told = |check: &Value| {
        format!(
            "{} {} {} {}",
            check["name"], check["conclusion"], check["reason"], check["attempt"]
        )
    };
    let checks = report["checks"].as_array().unwrap();
    let mut lines: Vec<_> = checks.iter().map(told).collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "CI / bad" "failure" "test" 1
    "CI / good" "success" "success" 1
    "#);
    for check in checks {
        let said = if check["name"] == "CI / bad" {
            "it is not"
        } else {
            "all is well"
        };
        assert!(check["log"].as_str().unwrap().contains(said), "{check}");
        assert!(check["run_ms"].is_u64() && check["queued_ms"].is_u64(), "{check}");
    }
    for (name, count) in report["usage"].as_object().unwrap() {
        assert!(count.as_u64().unwrap() > 0, "{name} is counted");
    }
    assert!(ended.stderr.contains("✗ CI / bad  failure"), "{}", ended.stderr);
}

#[tokio::test]
async fn whole_logs_are_kept_in_a_directory() {
    let project = Project::with_workflow(WORKFLOW);
    let logs = project.desk().join("deep/logs");
    project.run(&["--keep-logs", logs.to_str().unwrap()]).await;
    let mut names: Vec<String> = std::fs::read_dir(&logs)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    let [bad, page, good, _] = names.as_slice() else {
        panic!("{names:?}")
    };
    assert!(
        bad.starts_with("CI___bad-") && good.starts_with("CI___good-"),
        "{names:?}"
    );
    let page = std::fs::read_to_string(logs.join(page)).unwrap();
    assert!(
        page.starts_with("# CI / bad\n")
            && page.contains("**Failed** (`test`)")
            && page.contains("it is not"),
        "{page}"
    );
    assert!(
        std::fs::read_to_string(logs.join(bad))
            .unwrap()
            .contains("it is not")
    );
}

/// A file and line, a test without a place, a summary: in the terminal and in the JSON what a check has on GitHub.
#[tokio::test]
async fn what_a_check_shows_is_shown() {
    let project = Project::with_workflow(
        r#"
name: CI
on: push
jobs:
  bad:
    runs-on: linux
    steps:
      - shell: bash
        run: |
          echo "::error file=src/a.rs,line=3::it is wrong"
          echo "::warning file=src/b.rs,line=4::it is odd"
          echo '<testsuite><testcase classname="C" name="t"><failure message="1 is not 2"/></testcase></testsuite>' > junit.xml
          echo "**9** of 10" >> "$GITHUB_STEP_SUMMARY"
          exit 1
"#,
    );
    let ended = project.run(&[]).await;
    let below = ended.stdout.split_once("\n\n").unwrap().1;
    insta::assert_snapshot!(below.split_once("exit code 1\n").unwrap().1, @"
      │ it is wrong
      │ it is odd
      src/a.rs:3: it is wrong
      C: t: 1 is not 2

    0 passed, 1 failed
    ");
    let report: Value = serde_json::from_str(&project.run(&["--json"]).await.stdout).unwrap();
    let check = &report["checks"][0];
    insta::assert_snapshot!(check["annotations"], @r#"[{"end_line":3,"level":"failure","message":"it is wrong","path":"src/a.rs","start_line":3,"title":null},{"end_line":4,"level":"warning","message":"it is odd","path":"src/b.rs","start_line":4,"title":null}]"#);
    assert!(
        check["summary"]
            .as_str()
            .unwrap()
            .contains("| C | t | 1 is not 2 |"),
        "{check}"
    );
    assert!(check["text"].as_str().unwrap().contains("**9** of 10"), "{check}");
    assert!(
        check["title"].as_str().unwrap().starts_with("1 test failed"),
        "{check}"
    );
}

#[tokio::test]
async fn state_is_kept_where_it_is_asked_for() {
    let project = Project::with_workflow(WORKFLOW);
    let data = project.desk().join("data");
    for _ in 0..2 {
        assert_eq!(
            project.run(&["--data", data.to_str().unwrap()]).await.code,
            Some(1)
        );
    }
    assert!(data.join("store.db").exists());
    assert_eq!(
        std::fs::read_dir(data.join("blobs/runs")).unwrap().count(),
        2,
        "two runs, each with its blobs"
    );
}

#[tokio::test]
async fn the_json_has_the_runs_names() {
    let project = Project::with_workflow(
        "name: CI\nrun-name: Built by ${{ github.actor }}\non: push\njobs:\n  a:\n    runs-on: linux\n    steps:\n      - run: echo\n",
    );
    let report: Value = serde_json::from_str(&project.run(&["--json"]).await.stdout).unwrap();
    assert_eq!(report["runs"][0]["id"], report["run"][0]);
    assert_eq!(
        (&report["runs"][0]["workflow"], &report["runs"][0]["name"]),
        (&"CI".into(), &"Built by local".into())
    );
    let plan: Value = serde_json::from_str(&project.checkmill(&["plan", "--json"]).await.stdout).unwrap();
    assert_eq!(plan["workflows"][0]["run_name"], "Built by local");
}

/// The first attempt fails by its network; `retry` is once where no policy says otherwise.
const RETRIED: &str = r#"
name: CI
on: push
jobs:
  once:
    runs-on: linux
    steps:
      - name: Fetch
        run: |
          if [ "$GITHUB_RUN_ATTEMPT" = 2 ]; then echo fetched; exit 0; fi
          echo 'curl: (6) Could not resolve host: example.com'
          exit 6
"#;

#[tokio::test]
async fn every_attempt_is_shown_and_the_last_one_counts() {
    let project = Project::with_workflow(RETRIED);
    let ended = project.run(&["--json"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let told = |check: &Value| {
        format!(
            "{} {} {} {}: {}",
            check["name"], check["attempt"], check["conclusion"], check["reason"], check["log"]
        )
    };
    let checks: Vec<_> = report["checks"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(checks.len(), 2, "{checks:?}");
    assert!(
        checks[0].starts_with(r#""CI / once" 1 "failure" "test": "#),
        "{checks:?}"
    );
    assert!(checks[0].contains("Could not resolve host"), "{checks:?}");
    assert!(
        checks[1].starts_with(r#""CI / once" 2 "success" "success": "#),
        "{checks:?}"
    );
    assert!(checks[1].contains("fetched"), "{checks:?}");
    let said = |line: &str| ended.stderr.lines().any(|one| one.starts_with(line));
    assert!(
        said("✗ CI / once  ") && said("✓ CI / once (attempt 2)  success"),
        "{}",
        ended.stderr
    );

    insta::assert_snapshot!(project.run(&[]).await.table(), @r#"
    exit code 0
        CHECK                  CONCLUSION  REASON
     ✗  CI / once              failure     test
     ✓  CI / once (attempt 2)  success     success

    CI / once: Step "Fetch" failed with exit code 6; retried as attempt 2
      │ curl: (6) Could not resolve host: example.com

    1 passed, 0 failed
    "#);
    let fails = project.path().join(crate::program::CI);
    let text = std::fs::read_to_string(&fails).unwrap().replace("= 2", "= 9");
    std::fs::write(&fails, text).unwrap();
    insta::assert_snapshot!(project.run(&[]).await.table(), @r#"
    exit code 1
        CHECK                  CONCLUSION  REASON
     ✗  CI / once              failure     test
     ✗  CI / once (attempt 2)  failure     test

    CI / once: Step "Fetch" failed with exit code 6; retried as attempt 2
      │ curl: (6) Could not resolve host: example.com

    CI / once (attempt 2): Step "Fetch" failed with exit code 6
      │ curl: (6) Could not resolve host: example.com

    0 passed, 1 failed
    "#);
}

/// Runs in one data directory are counted; in a fresh one the first is 1.
#[tokio::test]
async fn runs_are_counted_where_state_is_kept() {
    let text = "on: push\nrun-name: Build ${{ github.run_number }}\njobs: {a: {runs-on: linux, steps: [run: \"echo $GITHUB_RUN_NUMBER >> {desk}/numbers\"]}}\n";
    let project = Project::with_workflow(text);
    let data = project.desk().join("data");
    let data = data.to_str().unwrap();
    for (arguments, title) in [
        (&["--data", data][..], "Build 1"),
        (&["--data", data], "Build 2"),
        (&[], "Build 1"),
    ] {
        let ended = project.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(report["runs"][0]["name"], title, "{report}");
    }
    let numbers = std::fs::read_to_string(project.desk().join("numbers")).unwrap();
    assert_eq!(numbers, "1\n2\n1\n");
}
