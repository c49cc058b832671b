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
    insta::assert_snapshot!(lint(&[(CI, text)]).await, @"
    1: .checkmill/workflows/ci.yml:3:5: unknown key `branchs` in `push`
    3 |     branchs: [main]
      |     ^^^^^^^
      = help: did you mean `branches`?

    .checkmill/workflows/ci.yml:5:3: the job `build` has no `steps`
    5 |   build:
      |   ^^^^^
      = help: a job needs at least one step, such as `- run: make test`

    .checkmill/workflows/ci.yml:7:5: unknown key `stesp` in the job `build`
    7 |     stesp:
      |     ^^^^^
      = help: did you mean `steps`?

    3 errors in 1 file
    ");
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
    insta::assert_snapshot!(lint(&[(CI, text)]).await, @"
    1: .checkmill/workflows/ci.yml:4:19: the job `build` needs `biuld`, which is not a job of this workflow
    4 |     needs: [test, biuld]
      |                   ^^^^^
      = help: did you mean `build`?

    .checkmill/workflows/ci.yml:7:3: the job `test` has no `steps`
    7 |   test:
      |   ^^^^
      = help: a job needs at least one step, such as `- run: make test`

    .checkmill/workflows/ci.yml:8:12: the jobs need each other in a circle: `build` → `test` → `build`
    8 |     needs: build
      |            ^^^^^
      = help: remove one of the `needs`

    .checkmill/workflows/ci.yml:10:5: unknown key `stesp` in the job `test`
    10 |     stesp: [{run: make test}]
       |     ^^^^^
      = help: did you mean `steps`?

    4 errors in 1 file
    ");
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
    insta::assert_snapshot!(lint(&[(CI, text)]).await, @"
    1: .checkmill/workflows/ci.yml:7:9: `os` of the matrix has no values
    7 |         os: []
      |         ^^
      = help: where a list may be empty, skip the job with `if`

    .checkmill/workflows/ci.yml:9:23: warning: the matrix of `build` has no `oss`
    9 |       - run: echo ${{ matrix.oss }} ${{ github.event.head_commit.message }}
      |                       ^^^^^^^^^^
      = help: did you mean `os`?

    .checkmill/workflows/ci.yml:9:37: note: `github.event.head_commit.message` can be text that an outsider chooses, and stands in a script
    9 |       - run: echo ${{ matrix.oss }} ${{ github.event.head_commit.message }}
      |                                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: set an `env` variable to it and use that; Checkmill does so, GitHub Actions runs what it holds

    .checkmill/workflows/ci.yml:10:23: warning: the job `build` has no step with the id `nope`
    10 |       - run: echo ${{ steps.nope.outputs.x }} ${{ format( }}
       |                       ^^^^^^^^^^^^^^^^^^^^

    .checkmill/workflows/ci.yml:10:58: unexpected end of expression
    10 |       - run: echo ${{ steps.nope.outputs.x }} ${{ format( }}
       |                                                          ^

    .checkmill/workflows/ci.yml:11:13: unknown function `nope`
    11 |       - if: nope() && always()
       |             ^^^^
      = help: the functions are contains, startsWith, endsWith, format, join, toJSON, fromJSON, hashFiles, case, success, failure, always, cancelled

    3 errors, 2 warnings, 1 note in 1 file
    ");
}

#[tokio::test]
async fn files_that_are_no_yaml() {
    let files = [
        (".checkmill/workflows/empty.yml", ""),
        (".checkmill/workflows/open.yml", "on: push\njobs: [\n"),
    ];
    insta::assert_snapshot!(lint(&files).await, @"
    1: .checkmill/workflows/empty.yml:1:1: the file is empty
    1 | 
      | ^
      = help: a workflow needs at least `on` and `jobs`

    .checkmill/workflows/open.yml:2:7: not valid YAML: unclosed bracket '['
    2 | jobs: [
      |       ^

    2 errors in 2 files
    ");
}

#[tokio::test]
async fn a_file_that_is_no_text() {
    let project = Project::new(&[(CI, "")]);
    std::fs::write(project.path().join(CI), [0xff, 0xfe, 0]).unwrap();
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"
    .checkmill/workflows/ci.yml:1:1: the file is not UTF-8 text: it has the byte 0xFF here
    1 | ���
      | ^
      = help: save it as UTF-8; it may be in Latin-1 (ISO 8859-1) or Windows-1252 now

    1 error in 1 file
    ");
}

#[tokio::test]
async fn a_file_in_another_encoding_is_shown_where_it_shows() {
    let project = Project::new(&[(CI, "")]);
    std::fs::write(project.path().join(CI), b"on: push\nname: caf\xe9\n").unwrap();
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"
    .checkmill/workflows/ci.yml:2:10: the file is not UTF-8 text: it has the byte 0xE9 here
    2 | name: caf�
      |          ^
      = help: save it as UTF-8; it may be in Latin-1 (ISO 8859-1) or Windows-1252 now

    1 error in 1 file
    ");
}

#[tokio::test]
async fn a_symbolic_link() {
    let ci = "on: push\njobs: {a: {runs-on: linux, steps: [run: 'true']}}\n";
    let project = Project::new(&[(CI, ci)]);
    std::os::unix::fs::symlink("ci.yml", project.path().join(".checkmill/workflows/link.yml")).unwrap();
    insta::assert_snapshot!(project.checkmill(&["lint"]).await.stdout, @"
    .checkmill/workflows/link.yml:1:1: the file is a symbolic link to `ci.yml`, it seems: that name is all it holds
    1 | ci.yml
      | ^^^^^^
      = help: GitHub does not follow links; put the file itself here, or call it: `uses: ./.checkmill/workflows/FILE.yml`

    1 error in 2 files
    ");
}

#[tokio::test]
async fn more_mistakes_than_anybody_reads_are_counted() {
    let steps = "      - rum: x\n".repeat(60);
    let text = format!("on: push\njobs:\n  a:\n    runs-on: linux\n    steps:\n{steps}");
    let shown = lint(&[(CI, &text)]).await;
    let end: Vec<&str> = shown.lines().rev().take(3).collect();
    insta::assert_snapshot!(end.join("\n"), @"
    50 errors in 1 file

    … and 70 more
    ");
}

/// Each is right by itself.
#[tokio::test]
async fn workflows_that_call_each_other_in_a_circle() {
    let calls = |name: &str| {
        format!("on: [push, workflow_call]\njobs:\n  a:\n    uses: ./.checkmill/workflows/{name}.yml\n")
    };
    let (one, two) = (calls("two"), calls("one"));
    let files = [
        (".checkmill/workflows/one.yml", one.as_str()),
        (".checkmill/workflows/two.yml", &two),
    ];
    insta::assert_snapshot!(lint(&files).await, @"
    1: .checkmill/workflows/one.yml:4:11: the workflows call each other in a circle: `.checkmill/workflows/two.yml` → `.checkmill/workflows/one.yml` → `.checkmill/workflows/two.yml`
    4 |     uses: ./.checkmill/workflows/two.yml
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: remove one of the `uses`

    .checkmill/workflows/two.yml:4:11: the workflows call each other in a circle: `.checkmill/workflows/one.yml` → `.checkmill/workflows/two.yml` → `.checkmill/workflows/one.yml`
    4 |     uses: ./.checkmill/workflows/one.yml
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: remove one of the `uses`

    2 errors in 2 files
    ");
}
