//! What is found, and how people read it.

use crate::program::{CI, Project};

async fn lint(files: &[(&str, &str)]) -> String {
    let project = Project::new(files);
    let ended = project.checkmill(&["lint"]).await;
    assert_eq!(ended.stderr, "");
    format!("{}: {}", ended.code.unwrap_or(-1), ended.stdout)
}

#[tokio::test]
async fn keys_that_are_written_wrong() {
    let text = "\
on:
  push:
    branchs: [main]
jobs:
  build:
    runs-on: linux
    stesp:
      - run: make
";
    insta::assert_snapshot!(lint(&[(CI, text)]).await, @"");
}

#[tokio::test]
async fn needs_of_nothing_and_in_a_circle() {
    let text = "\
on: push
jobs:
  build:
    needs: [test, biuld]
    runs-on: linux
    steps: [{run: make}]
  test:
    needs: build
    runs-on: linux
    stesp: [{run: make test}]
";
    insta::assert_snapshot!(lint(&[(CI, text)]).await, @"");
}

#[tokio::test]
async fn expressions_and_matrices() {
    let text = "\
on: push
jobs:
  build:
    runs-on: linux
    strategy:
      matrix:
        os: []
    steps:
      - run: echo ${{ matrix.oss }} ${{ github.event.head_commit.message }}
      - run: echo ${{ steps.nope.outputs.x }} ${{ format( }}
      - if: nope() && always()
        run: echo
";
    insta::assert_snapshot!(lint(&[(CI, text)]).await, @"");
}

#[tokio::test]
async fn files_that_are_no_yaml() {
    let files = [
        (".checkmill/workflows/empty.yml", ""),
        (".checkmill/workflows/open.yml", "on: push\njobs: [\n"),
    ];
    insta::assert_snapshot!(lint(&files).await, @"");
}

#[tokio::test]
async fn a_file_that_is_no_text() {
    let project = Project::new(&[(CI, "")]);
    std::fs::write(project.path().join(CI), [0xff, 0xfe, 0]).unwrap();
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"");
}

#[tokio::test]
async fn more_mistakes_than_anybody_reads_are_counted() {
    let steps = "      - rum: x\n".repeat(60);
    let text = format!("on: push\njobs:\n  a:\n    runs-on: linux\n    steps:\n{steps}");
    let shown = lint(&[(CI, &text)]).await;
    let end: Vec<&str> = shown.lines().rev().take(3).collect();
    insta::assert_snapshot!(end.join("\n"), @"");
}
