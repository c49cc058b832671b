//! The live table, on a terminal.

use crate::program::{Project, without_times};
use crate::terminal::Terminal;
use std::collections::BTreeSet;

const WORKFLOW: &str = "
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    steps:
      - run: |
          echo started > {desk}/started
          until [ -e {desk}/go ]; do sleep 0.05; done
  after-the-slow-one-with-a-name-of-many-words:
    needs: slow
    runs-on: linux
    steps:
      - run: echo done
";

/// The lines of the check that runs, each as often as it was seen to change.
async fn frames(project: &Project, terminal: &Terminal<'_>, count: usize) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    project
        .until("the table to move", || {
            let lines = terminal.screen().into_iter();
            seen.extend(lines.filter(|line| line.contains("CI / slow  in progress")));
            seen.len() >= count
        })
        .await;
    seen
}

fn go(project: &Project) {
    std::fs::write(project.desk().join("go"), "").unwrap();
}

/// Without the first line, which names the directory.
fn shown(terminal: &Terminal<'_>) -> String {
    without_times(&terminal.screen().split_off(1).join("\n"))
}

#[tokio::test]
async fn the_table_moves_while_a_job_runs_and_ends_with_all_checks() {
    let project = Project::with_workflow(WORKFLOW);
    let mut terminal = Terminal::run(&project, 100, &[]);
    let seen = frames(&project, &terminal, 4).await;
    let first_word = |line: &String| line.split(' ').next().map(str::to_owned);
    let spinners: BTreeSet<_> = seen.iter().map(first_word).collect();
    assert!(spinners.len() > 1, "the spinner stands still: {seen:?}");
    let time = |line: &String| line.split("in progress").nth(1).map(str::to_owned);
    let times: BTreeSet<_> = seen.iter().map(time).collect();
    assert!(times.len() > 1, "the time stands still: {seen:?}");
    go(&project);
    assert_eq!(terminal.end().await, Some(0));
    insta::assert_snapshot!(shown(&terminal), @"
    ✓ CI / slow  success
    ✓ CI / after-the-slow-one-with-a-name-of-many-words  success
        CHECK                                              CONCLUSION  REASON
     ✓  CI / slow                                          success     success
     ✓  CI / after-the-slow-one-with-a-name-of-many-words  success     success

    2 passed, 0 failed
    ");
}

#[tokio::test]
async fn a_narrow_terminal_shows_each_check_once() {
    let project = Project::with_workflow(WORKFLOW);
    let mut terminal = Terminal::run(&project, 40, &[]);
    frames(&project, &terminal, 4).await;
    let screen = terminal.screen();
    let slow = screen.iter().filter(|line| line.contains("CI / slow")).count();
    assert_eq!(slow, 1, "{screen:#?}");
    go(&project);
    assert_eq!(terminal.end().await, Some(0));
    // The table of the end is no live one: a terminal wraps it.
    let shown = terminal.screen().join("\n");
    let (live, _) = shown.split_once("    CHECK").unwrap();
    let live: Vec<_> = live.lines().skip_while(|line| !line.contains("CI / ")).collect();
    insta::assert_snapshot!(without_times(&live.join("\n")), @"
    ✓ CI / slow  success
    ✓ CI / after-the-slow-one-with-a-name-of
    -many-words  success
    ");
}

#[tokio::test]
async fn ctrl_c_at_the_terminal_cancels() {
    let project = Project::with_workflow(WORKFLOW);
    let mut terminal = Terminal::run(&project, 100, &[]);
    frames(&project, &terminal, 1).await;
    terminal.press(b"\x03").await;
    assert_eq!(terminal.end().await, Some(1));
    let shown = shown(&terminal);
    let (_, since) = shown.split_at(shown.find("Cancelling").unwrap());
    insta::assert_snapshot!(since, @"
    Cancelling; press Ctrl-C again to end at once.
    ✗ CI / slow  cancelled
    ✓ CI / after-the-slow-one-with-a-name-of-many-words  skipped
        CHECK                                              CONCLUSION  REASON
     ✗  CI / slow                                          cancelled   cancelled
     ✓  CI / after-the-slow-one-with-a-name-of-many-words  skipped     skipped

    CI / slow: Cancelled at the terminal.

    0 passed, 0 failed, 1 skipped, 1 cancelled
    ");
}

#[tokio::test]
async fn colours_unless_they_are_not_wanted() {
    for (variables, coloured) in [(&[][..], true), (&[("NO_COLOR", "1")][..], false)] {
        let project = Project::with_workflow(WORKFLOW);
        let mut terminal = Terminal::run(&project, 100, variables);
        frames(&project, &terminal, 1).await;
        go(&project);
        assert_eq!(terminal.end().await, Some(0));
        let raw = terminal.raw();
        assert_eq!(raw.contains("\u{1b}[36m"), coloured, "{variables:?}: {raw:?}");
    }
}
