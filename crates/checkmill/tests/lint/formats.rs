//! `--format`, and the exit codes.

use crate::program::{CI, Project};
use serde_json::Value;

const WARNED: &str = "\
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - run: echo ${{ steps.nope.outputs.x }}
";
const BROKEN: &str = "\
on: push
jobs:
  a:
    runs-on: linux
    stesp: [{run: make}]
";

const FORMATS: [&str; 4] = ["text", "json", "sarif", "github"];

#[tokio::test]
async fn only_errors_fail() {
    for (text, code) in [(WARNED, 0), (BROKEN, 1)] {
        let project = Project::new(&[(CI, text)]);
        for format in FORMATS {
            let ended = project.checkmill(&["lint", ".", "--format", format]).await;
            assert_eq!(ended.code, Some(code), "{format} of {text}");
            assert_eq!(ended.stderr, "", "{format} of {text}");
            assert!(
                ended.stdout.contains(CI),
                "{format} names the file: {}",
                ended.stdout
            );
        }
    }
}

#[tokio::test]
async fn a_format_that_is_none_is_wrong_input() {
    let project = Project::new(&[(CI, WARNED)]);
    let ended = project.checkmill(&["lint", "--format", "xml"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(
        ended.stderr.contains("text, json, sarif, github"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn text() {
    let project = Project::new(&[(CI, WARNED)]);
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"
    .checkmill/workflows/ci.yml:6:23: warning: the job `a` has no step with the id `nope`
    6 |       - run: echo ${{ steps.nope.outputs.x }}
      |                       ^^^^^^^^^^^^^^^^^^^^

    1 warning in 1 file
    ");
    project.write(
        CI,
        "on: push\njobs: {a: {runs-on: linux, steps: [{run: make}]}}\n",
    );
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"1 file, no mistakes");
}

#[tokio::test]
async fn json_is_one_object_on_one_line() {
    let project = Project::new(&[(CI, BROKEN)]);
    let ended = project.checkmill(&["lint", "--format", "json"]).await;
    assert_eq!(ended.stdout.lines().count(), 1);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap(), @r#"
    {
      "diagnostics": [
        {
          "column": 3,
          "end_column": 4,
          "hint": "a job needs at least one step, such as `- run: make test`",
          "line": 3,
          "message": "the job `a` has no `steps`",
          "path": ".checkmill/workflows/ci.yml",
          "rule": "invalid",
          "severity": "error",
          "snippet": "3 |   a:\n  |   ^"
        },
        {
          "column": 5,
          "end_column": 10,
          "hint": "did you mean `steps`?",
          "line": 5,
          "message": "unknown key `stesp` in the job `a`",
          "path": ".checkmill/workflows/ci.yml",
          "rule": "unknown-key",
          "severity": "error",
          "snippet": "5 |     stesp: [{run: make}]\n  |     ^^^^^"
        }
      ],
      "errors": 2,
      "files": [
        ".checkmill/workflows/ci.yml"
      ],
      "left_out": 0,
      "notes": 0,
      "warnings": 0
    }
    "#);
}

#[tokio::test]
async fn workflow_commands_of_github() {
    let project = Project::new(&[(CI, BROKEN), (".checkmill/workflows/a,b.yml", WARNED)]);
    let ended = project.checkmill(&["lint", "--format", "github"]).await;
    insta::assert_snapshot!(ended.stdout, @"
    ::warning file=.checkmill/workflows/a%2Cb.yml,line=6,col=23,endColumn=43,title=unknown-step::the job `a` has no step with the id `nope`
    ::error file=.checkmill/workflows/ci.yml,line=3,col=3,endColumn=4,title=invalid::the job `a` has no `steps`%0Aa job needs at least one step, such as `- run: make test`
    ::error file=.checkmill/workflows/ci.yml,line=5,col=5,endColumn=10,title=unknown-key::unknown key `stesp` in the job `a`%0Adid you mean `steps`?
    ");
}
