use super::*;
use checkmill_core::conclusion::CancelledBy;

fn run() -> RunId {
    "0123456789abcdef".parse().unwrap()
}

fn sha() -> CommitSha {
    "6113728f27ae82c7b1a177c8d03f9e96e0adf246".parse().unwrap()
}

fn row<'a>(name: &'a str, state: JobRowState<'a>) -> JobRow<'a> {
    JobRow {
        name,
        state,
        url: Some(format!("https://github.com/o/r/runs/{}", name.len())),
    }
}

const fn ended<'a>(reason: &'a Reason, detail: &'a str, millis: u64) -> JobRowState<'a> {
    JobRowState::Ended {
        reason,
        detail,
        ran_for: Some(Millis(millis)),
    }
}

fn written(jobs: Vec<JobRow<'_>>) -> String {
    comment(&RunComment {
        title: None,
        run: &run(),
        workflow: "CI",
        sha: &sha(),
        jobs,
    })
}

#[test]
fn a_run_with_failures() {
    let cancelled = Reason::Cancelled {
        by: CancelledBy::FailFast,
    };
    let jobs = vec![
        row("CI / build", ended(&Reason::Success, "All steps passed.", 62_000)),
        row(
            "CI / test (a|b, <x>)",
            ended(&Reason::Test, "Step \"T|est\" failed with exit code 3.", 1_234),
        ),
        row(
            "CI / slow",
            ended(&Reason::RunTimeout, "Ran longer than 6 h.", 21_600_000),
        ),
        row(
            "CI / other",
            ended(&cancelled, "Another leg failed. @octocat", 10),
        ),
        row("CI / maybe", ended(&Reason::Neutral, "Failed, allowed.", 10)),
        JobRow {
            url: None,
            ..row(
                "CI / deploy",
                JobRowState::Ended {
                    reason: &Reason::Skipped,
                    detail: "Needs CI / test.",
                    ran_for: None,
                },
            )
        },
    ];
    insta::assert_snapshot!(written(jobs), @r#"
    <!-- checkmill:run:0123456789abcdef -->
    ### ❌ CI: 3 of 6 jobs did not pass

    | | Job | Result | Duration |
    |---|---|---|---:|
    | ✅ | [CI / build](<https://github.com/o/r/runs/10>) | success | 1 min 2 s |
    | ❌ | [CI / test (a&#124;b, &lt;x&gt;)](<https://github.com/o/r/runs/20>) | **test**: Step "T&#124;est" failed with exit code 3. | 1.2 s |
    | ❌ | [CI / slow](<https://github.com/o/r/runs/9>) | **run timeout**: Ran longer than 6 h. | 6 h |
    | 🚫 | [CI / other](<https://github.com/o/r/runs/10>) | **cancelled**: Another leg failed. @&#8203;octocat | 0.0 s |
    | ⚠️ | [CI / maybe](<https://github.com/o/r/runs/10>) | **neutral**: Failed, allowed. | 0.0 s |
    | ⏭️ | CI / deploy | **skipped**: Needs CI / test. |  |

    Commit 6113728f27ae82c7b1a177c8d03f9e96e0adf246
    "#);
}

#[test]
fn a_run_under_way() {
    let jobs = vec![
        row("CI / build", ended(&Reason::Success, "", 62_000)),
        row("CI / test", JobRowState::Running),
        row("CI / deploy", JobRowState::Queued),
    ];
    insta::assert_snapshot!(written(jobs), @"
    <!-- checkmill:run:0123456789abcdef -->
    ### ⏳ CI: 2 of 3 jobs under way

    | | Job | Result | Duration |
    |---|---|---|---:|
    | ✅ | [CI / build](<https://github.com/o/r/runs/10>) | success | 1 min 2 s |
    | ⏳ | [CI / test](<https://github.com/o/r/runs/9>) | running |  |
    | ⏳ | [CI / deploy](<https://github.com/o/r/runs/11>) | queued |  |

    Commit 6113728f27ae82c7b1a177c8d03f9e96e0adf246
    ");
}

#[test]
fn headlines() {
    let table = [
        (vec![], "✅ CI: 0 jobs passed"),
        (
            vec![row("a", ended(&Reason::Success, "", 1))],
            "✅ CI: 1 job passed",
        ),
        (
            vec![row("a", ended(&Reason::Skipped, "", 1))],
            "⏭️ CI: 1 job passed",
        ),
        (
            vec![row("a", ended(&Reason::Test, "", 1))],
            "❌ CI: 1 of 1 job did not pass",
        ),
        (
            vec![row("a", ended(&Reason::ApprovalRequired, "", 1))],
            "✋ CI: 1 of 1 job did not pass",
        ),
        (
            vec![
                row("a", ended(&Reason::Test, "", 1)),
                row("b", JobRowState::Queued),
            ],
            "❌ CI: 1 of 2 jobs did not pass, 1 under way",
        ),
    ];
    for (jobs, expected) in table {
        let written = written(jobs);
        assert_eq!(written.lines().nth(1), Some(format!("### {expected}").as_str()));
    }
}

#[test]
fn the_marker_is_the_first_line_and_differs_between_runs() {
    assert!(written(vec![]).starts_with(&comment_marker(&run())));
    assert_ne!(
        comment_marker(&run()),
        comment_marker(&"0123456789abcdee".parse().unwrap())
    );
}

#[test]
fn of_very_many_jobs_those_that_failed_are_shown() {
    let names: Vec<String> = (0..1000)
        .map(|n| format!("CI / test ({n}, {})", "x".repeat(300)))
        .collect();
    let detail = "|".repeat(500);
    let jobs = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let reason = if at % 100 == 99 {
                &Reason::Test
            } else {
                &Reason::Success
            };
            row(name, ended(reason, &detail, 1))
        })
        .collect();
    let written = written(jobs);
    assert!(written.len() <= COMMENT_BYTES);
    assert_eq!(written.matches("| ❌ |").count(), 10);
    assert_eq!(written.matches("| ✅ |").count(), 90);
    assert!(written.contains("*… and 900 more jobs; the checks have them all.*"));
    assert!(written.contains("10 of 1,000 jobs did not pass"));
}
