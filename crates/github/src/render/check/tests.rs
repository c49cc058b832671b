use super::super::steps::StepMark;
use super::super::tests_table::FailedTest;
use super::*;
use crate::forge::AnnotationLevel;
use checkmill_core::Conclusion;
use checkmill_core::conclusion::CancelledBy;
use proptest::prelude::*;

const LABELS: &[&str] = &["process", "linux"];

fn labels() -> Vec<String> {
    LABELS.iter().map(|label| (*label).to_owned()).collect()
}

fn attempt(labels: &[String]) -> Attempt<'_> {
    Attempt {
        number: AttemptNumber::FIRST,
        labels,
        backend: Some("process"),
        details_url: Some("https://ci.example/jobs/1"),
    }
}

fn end(reason: Reason, detail: &str) -> End {
    End::new(reason, detail, UnixMillis(1_700_000_100_000))
}

/// An end of a job that never ran.
fn held(end: &End) -> Ended<'_> {
    Ended {
        attempt: Attempt {
            number: AttemptNumber::FIRST,
            labels: &[],
            backend: None,
            details_url: None,
        },
        end,
        started_at: None,
        queued_for: Millis(300),
        ran_for: None,
        cost: None,
        steps: &[],
        tests: Tests::default(),
        notes: &[],
        run_name: None,
        translated: &[],
        diagnostics: None,
        log: None,
        step_summary: "",
        annotations: Vec::new(),
    }
}

fn step<'a>(name: &'a str, mark: StepMark, millis: u64) -> Step<'a> {
    Step {
        name,
        mark,
        duration: Millis(millis),
        exit_code: None,
        tail: &[],
    }
}

/// All that a reader sees.
fn shown(state: &CheckState) -> String {
    let CheckState {
        status,
        title,
        summary,
        text,
        details_url,
        buttons,
        annotations,
    } = state;
    let status = match status {
        CheckStatus::Queued => "queued".to_owned(),
        CheckStatus::InProgress { started_at } => format!("in progress since {}", started_at.0),
        CheckStatus::Completed {
            conclusion,
            started_at,
            completed_at,
        } => {
            format!(
                "{conclusion} ({:?} to {})",
                started_at.map(|at| at.0),
                completed_at.0
            )
        }
    };
    let text = text
        .as_deref()
        .map(|text| format!("\n--- text\n{text}"))
        .unwrap_or_default();
    format!(
        "{status} | {title}\nbuttons {buttons:?}, details {}, {} annotations\n--- summary\n{summary}{text}",
        details_url.as_deref().unwrap_or("none"),
        annotations.len(),
    )
}

#[test]
fn a_queued_check() {
    insta::assert_snapshot!(shown(&queued(&Attempt { backend: None, ..attempt(&labels()) }, &[])), @"
    queued | Queued
    buttons [Cancel], details https://ci.example/jobs/1, 0 annotations
    --- summary
    Waiting for compute with `process`, `linux`.
    ");
    let again = Attempt {
        number: AttemptNumber(3),
        labels: &[],
        backend: None,
        details_url: None,
    };
    insta::assert_snapshot!(shown(&queued(&again, &[])), @"
    queued | Queued
    buttons [Cancel], details none, 0 annotations
    --- summary
    Waiting for compute.

    Attempt 3
    ");
}

#[test]
fn a_running_check() {
    let state = in_progress(&attempt(&labels()), UnixMillis(1_700_000_000_000), Millis(2_400));
    insta::assert_snapshot!(shown(&state), @"
    in progress since 1700000000000 | Running
    buttons [Cancel], details https://ci.example/jobs/1, 0 annotations
    --- summary
    The job runs.

    Queued 2.4 s · on `process`
    ");
}

#[test]
fn a_success() {
    let end = end(Reason::Success, "All 3 steps passed.");
    let steps = [
        step("Check out", StepMark::Success, 1_200),
        step("Lint", StepMark::FailureAllowed, 800),
        step("Run cargo test", StepMark::Success, 61_000),
        step("Upload on failure", StepMark::Skipped, 0),
    ];
    let labels = labels();
    let ended = Ended {
        attempt: attempt(&labels),
        started_at: Some(UnixMillis(1_700_000_000_000)),
        ran_for: Some(Millis(63_000)),
        steps: &steps,
        log: Some("12:00:01 hello\n12:00:02 \u{1b}[32mok\u{1b}[0m\n"),
        step_summary: "## Coverage\n\n| file | % |\n|---|---|\n| a.rs | 91 |\n",
        ..held(&end)
    };
    insta::assert_snapshot!(shown(&completed(&ended)), @"
    success (Some(1700000000000) to 1700000100000) | Passed in 1 min 3 s
    buttons [], details https://ci.example/jobs/1, 0 annotations
    --- summary
    **Passed** (`success`): All 3 steps passed.

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ✅ | Check out | success | 1.2 s |
    | ⚠️ | Lint | failure, allowed | 0.8 s |
    | ✅ | Run cargo test | success | 1 min 1 s |
    | ⏭️ | Upload on failure | skipped |  |

    Queued 0.3 s · ran 1 min 3 s · on `process`

    --- text
    ### Summary

    ## Coverage

    | file | % |
    |---|---|
    | a.rs | 91 |

    ### Log

    ```text
    12:00:01 hello
    12:00:02 ok
    ```
    ");
}

#[test]
fn a_failed_step() {
    let end = end(Reason::Test, "Step \"Test | all\" failed with exit code 101.");
    let tail: Vec<String> = [
        "running 2 tests",
        "```",
        "thread 'a' panicked at @octocat",
        "\u{1b}[31mFAILED\u{1b}[0m",
    ]
    .map(str::to_owned)
    .to_vec();
    let steps = [
        step("Check out", StepMark::Success, 1_200),
        Step {
            exit_code: Some(101),
            tail: &tail,
            ..step("Test | all\n<b>", StepMark::Failure, 40_000)
        },
        step("Report", StepMark::Cancelled, 100),
    ];
    let labels = labels();
    let ended = Ended {
        attempt: Attempt {
            number: AttemptNumber(2),
            ..attempt(&labels)
        },
        started_at: Some(UnixMillis(1_700_000_000_000)),
        ran_for: Some(Millis(41_300)),
        cost: Some(MicroDollars(12_500)),
        steps: &steps,
        log: Some("one\ntwo\n"),
        ..held(&end)
    };
    insta::assert_snapshot!(shown(&completed(&ended)), @r#"
    failure (Some(1700000000000) to 1700000100000) | Step "Test | all <b>" failed with exit code 101
    buttons [], details https://ci.example/jobs/1, 0 annotations
    --- summary
    **Failed** (`test`): Step "Test &#124; all" failed with exit code 101.

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ✅ | Check out | success | 1.2 s |
    | ❌ | Test &#124; all &lt;b&gt; | failure (exit code 101) | 40 s |
    | 🚫 | Report | cancelled | 0.1 s |

    #### Last lines of Test &#124; all &lt;b&gt;

    ````text
    running 2 tests
    ```
    thread 'a' panicked at @octocat
    FAILED
    ````

    Attempt 2 · queued 0.3 s · ran 41 s · on `process` · cost $0.0125

    --- text
    ### Log

    ```text
    one
    two
    ```
    "#);
}

#[test]
fn a_workflow_that_can_not_be_run() {
    let end = end(Reason::Configuration, "unknown key `step`");
    let diagnostics = "`.checkmill/workflows/ci.yml`, line 7, column 5: unknown key `step`\n\n```text\n7 |     step:\n  |     ^ did you mean `steps`?\n```";
    insta::assert_snapshot!(shown(&completed(&Ended { diagnostics: Some(diagnostics), ..held(&end) })), @r#"
    failure (None to 1700000100000) | Can't run as it is written
    buttons [], details none, 0 annotations
    --- summary
    **Not run** (`configuration`): unknown key \`step\`

    Nothing was run: correct what is said here, and push or start the workflow again.

    `.checkmill/workflows/ci.yml`, line 7, column 5: unknown key `step`

    ```text
    7 |     step:
      |     ^ did you mean `steps`?
    ```

    Queued 0.3 s
    "#);
}

#[test]
fn an_infrastructure_failure() {
    let end = end(
        Reason::Infrastructure,
        "The process backend lost the job: the machine was restarted.",
    );
    let ended = Ended {
        ran_for: Some(Millis(5_000)),
        log: Some("started\n"),
        ..held(&end)
    };
    insta::assert_snapshot!(shown(&completed(&ended)), @"
    failure (None to 1700000100000) | No verdict: the infrastructure failed
    buttons [], details none, 0 annotations
    --- summary
    **No verdict** (`infrastructure`): The process backend lost the job: the machine was restarted.

    The fault is not in the code under test as far as Checkmill can tell. **Re-run** starts the job again.

    Queued 0.3 s · ran 5.0 s

    --- text
    ### Log

    ```text
    started
    ```
    ");
}

#[test]
fn both_timeouts() {
    let queue = end(Reason::QueueTimeout, "Waited 60 min for compute.");
    insta::assert_snapshot!(shown(&completed(&Ended { queued_for: Millis::from_minutes(60), ..held(&queue) })), @"
    timed_out (None to 1700000100000) | No compute within 1 h
    buttons [], details none, 0 annotations
    --- summary
    **Timed out** (`queue_timeout`): Waited 60 min for compute.

    No backend took the job in time: it may be full, or down, or none may have these labels. **Re-run** queues the job again; `queue-timeout-minutes` in `.checkmill/config.yml` sets the limit.

    Queued 1 h
    ");
    let run = end(Reason::RunTimeout, "Ran longer than 6 h.");
    let ended = Ended {
        ran_for: Some(Millis::from_minutes(360)),
        log: Some("…\n"),
        ..held(&run)
    };
    insta::assert_snapshot!(shown(&completed(&ended)), @"
    timed_out (None to 1700000100000) | Stopped at its time limit after 6 h
    buttons [], details none, 0 annotations
    --- summary
    **Timed out** (`run_timeout`): Ran longer than 6 h.

    The job was stopped and its log kept. `timeout-minutes` (`timeout` in `.lightning/workflows`) sets the limit.

    Queued 0.3 s · ran 6 h

    --- text
    ### Log

    ```text
    …
    ```
    ");
}

#[test]
fn a_time_limit_names_the_step_that_ran_into_it() {
    let run = end(Reason::RunTimeout, "Ran longer than 6 h.");
    let tail = ["test a ... ok".to_owned(), "test b ...".to_owned()];
    let step = |name, mark, tail| Step {
        name,
        mark,
        duration: Millis::from_minutes(355),
        exit_code: None,
        tail,
    };
    let steps = [
        step("Lint", StepMark::FailureAllowed, &tail[..1]),
        step("Test *all*", StepMark::Cancelled, &tail[..]),
        step("Stop the server", StepMark::Cancelled, &[]),
    ];
    let ended = Ended {
        ran_for: Some(Millis::from_minutes(360)),
        steps: &steps,
        ..held(&run)
    };
    insta::assert_snapshot!(shown(&completed(&ended)), @r#"
    timed_out (None to 1700000100000) | Stopped at its time limit after 6 h, in step "Test *all*"
    buttons [], details none, 0 annotations
    --- summary
    **Timed out** (`run_timeout`): Ran longer than 6 h.

    The step **Test \*all\*** had been running for 5 h 55 min.

    The job was stopped and its log kept. `timeout-minutes` (`timeout` in `.lightning/workflows`) sets the limit.

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ⚠️ | Lint | failure, allowed | 5 h 55 min |
    | 🚫 | Test \*all\* | cancelled | 5 h 55 min |
    | 🚫 | Stop the server | cancelled | 5 h 55 min |

    #### Last lines of Test \*all\*

    ```text
    test a ... ok
    test b ...
    ```

    Queued 0.3 s · ran 6 h
    "#);
}

#[test]
fn cancelled_by_whom() {
    let titles: Vec<String> = [
        CancelledBy::User("octo-cat[bot]".parse().unwrap()),
        CancelledBy::FailFast,
        CancelledBy::Uninstalled,
    ]
    .into_iter()
    .map(|by| {
        let detail = format!("Cancelled by {by}.");
        let end = end(Reason::Cancelled { by }, &detail);
        let state = completed(&held(&end));
        format!("{}\n{}", state.title, state.summary)
    })
    .collect();
    insta::assert_snapshot!(titles.join("\n"), @r#"
    Cancelled by octo-cat[bot]
    **Cancelled** (`cancelled`): Cancelled by @&#8203;octo-cat\[bot\].

    Queued 0.3 s

    Cancelled: another leg failed
    **Cancelled** (`cancelled`): Cancelled by fail-fast: another leg of the matrix failed.

    Queued 0.3 s

    Cancelled: the App lost its access
    **Cancelled** (`cancelled`): Cancelled by the App no longer has access to the repository.

    Queued 0.3 s
    "#);
}

#[test]
fn skipped_and_neutral() {
    let skipped = end(Reason::Skipped, "The head commit's message asks for no CI.");
    insta::assert_snapshot!(shown(&completed(&held(&skipped))), @"
    skipped (None to 1700000100000) | Skipped
    buttons [], details none, 0 annotations
    --- summary
    **Skipped** (`skipped`): The head commit's message asks for no CI.

    Queued 0.3 s
    ");
    let neutral = end(Reason::Neutral, "Step \"Nightly\" failed with exit code 1.");
    let steps = [Step {
        exit_code: Some(1),
        ..step("Nightly", StepMark::Failure, 1_000)
    }];
    let ended = Ended {
        ran_for: Some(Millis(1_100)),
        steps: &steps,
        ..held(&neutral)
    };
    insta::assert_snapshot!(shown(&completed(&ended)), @r#"
    neutral (None to 1700000100000) | Failed, which continue-on-error allows
    buttons [], details none, 0 annotations
    --- summary
    **Failed, allowed** (`neutral`): Step "Nightly" failed with exit code 1.

    The job has `continue-on-error`, so it does not stand in the way of a merge.

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ❌ | Nightly | failure (exit code 1) | 1.0 s |

    Queued 0.3 s · ran 1.1 s
    "#);
}

#[test]
fn an_approval_is_required() {
    let end = end(
        Reason::ApprovalRequired,
        "The pull request comes from the fork mallory/hello.",
    );
    insta::assert_snapshot!(shown(&completed(&held(&end))), @"
    action_required (None to 1700000100000) | Waits for an approval
    buttons [Approve], details none, 0 annotations
    --- summary
    **Not run yet** (`approval_required`): The pull request comes from the fork mallory/hello.

    Somebody with write permission can press **Approve and run**. It runs exactly this commit, once; a later push needs an approval of its own. Look at the changes first: they run with this repository's token.

    Queued 0.3 s
    ");
}

#[test]
fn a_fork_that_is_refused_has_no_button() {
    let end = end(Reason::ForkRefused, "The policy never runs commits of forks.");
    insta::assert_snapshot!(shown(&completed(&held(&end))), @"
    action_required (None to 1700000100000) | Commits of forks don't run here
    buttons [], details none, 0 annotations
    --- summary
    **Not run** (`fork_refused`): The policy never runs commits of forks.

    Somebody with write permission who has looked at the changes can push them to a branch of this repository: there they run.

    Queued 0.3 s
    ");
}

#[test]
fn everything_at_its_largest_keeps_githubs_limits() {
    let reason = Reason::Test;
    let end = end(reason, &"d|`@\n".repeat(1000));
    let name = "n`|<".repeat(500);
    let tail: Vec<String> = vec!["`".repeat(5000); 40];
    let steps: Vec<_> = (0..1000)
        .map(|_| Step {
            exit_code: Some(1),
            tail: &tail,
            ..step(&name, StepMark::Failure, u64::MAX / 4)
        })
        .collect();
    let log = format!("{}\n{}", "x".repeat(100_000), "``` line\n".repeat(300_000));
    let annotation = Annotation {
        path: "a".to_owned(),
        start_line: 1,
        end_line: 1,
        start_column: None,
        end_column: None,
        level: AnnotationLevel::Failure,
        title: None,
        message: "m".to_owned(),
    };
    let failure = FailedTest {
        suite: &name,
        name: &name,
        message: &name,
        path: Some(&name),
        line: Some(u32::MAX),
    };
    let failures = vec![failure; 1000];
    let tests = Tests {
        passed: u64::MAX,
        failed: u64::MAX,
        skipped: u64::MAX,
        failures: &failures,
    };
    let ended = Ended {
        ran_for: Some(Millis(u64::MAX)),
        steps: &steps,
        tests,
        run_name: None,
        diagnostics: Some(&"```\nopen".repeat(50_000)),
        log: Some(&log),
        step_summary: &"~~~ \u{1f980}\n".repeat(50_000),
        annotations: vec![annotation; 700],
        ..held(&end)
    };
    let state = completed(&ended);
    assert!(
        state.title.len() <= limits::CHECK_TITLE_CHARS,
        "{}",
        state.title.len()
    );
    assert!(
        state.summary.len() <= limits::CHECK_TEXT_CHARS,
        "{}",
        state.summary.len()
    );
    let text = state.text.unwrap();
    assert!(text.len() <= limits::CHECK_TEXT_CHARS, "{}", text.len());
    assert_eq!(state.annotations.len(), limits::ANNOTATIONS);
    assert!(
        state
            .summary
            .contains("*… and 900 more steps; the log has them all.*")
    );
    assert!(state.summary.contains(
        "*Of 700 annotations 500 are shown: those on changed lines first, then those in changed files.*"
    ));
    assert!(text.contains("### Summary") && text.contains("### Log") && text.contains("lines, "));
}

#[test]
fn failed_tests_stand_in_the_title_and_in_a_table() {
    let end = end(Reason::Test, "Step \"Test\" failed with exit code 1");
    let steps = [Step {
        exit_code: Some(1),
        ..step("Test", StepMark::Failure, 61_000)
    }];
    let failures = [
        FailedTest {
            suite: "demo",
            name: "tests::adds_badly",
            message: "assertion `left == right` failed: sums differ\n  left: 4\n right: 5",
            path: Some("src/lib.rs"),
            line: Some(22),
        },
        FailedTest {
            suite: "demo",
            name: "tests::answers",
            ..FailedTest::default()
        },
    ];
    let tests = Tests {
        passed: 338,
        failed: 2,
        skipped: 1,
        failures: &failures,
    };
    let ended = Ended {
        ran_for: Some(Millis(63_000)),
        steps: &steps,
        tests,
        ..held(&end)
    };
    insta::assert_snapshot!(shown(&completed(&ended)), @r#"
    failure (None to 1700000100000) | 2 of 340 tests failed. Step "Test" failed with exit code 1
    buttons [], details none, 0 annotations
    --- summary
    **Failed** (`test`): Step "Test" failed with exit code 1

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ❌ | Test | failure (exit code 1) | 1 min 1 s |

    #### 2 of 340 tests failed, 1 skipped

    | Suite | Test | Message | Place |
    |---|---|---|---|
    | demo | tests::adds\_badly | assertion \`left == right\` failed: sums differ | src/lib.rs:22 |
    | demo | tests::answers |  |  |

    Queued 0.3 s · ran 1 min 3 s
    "#);
}

/// Nobody would look for failed tests below a plain "Passed".
#[test]
fn failed_tests_stand_in_the_title_of_a_job_that_passed() {
    let tests = Tests {
        passed: 117,
        failed: 3,
        ..Tests::default()
    };
    let passed = end(Reason::Success, "2 steps succeeded");
    let steps = [step("Test", StepMark::FailureAllowed, 61_000)];
    let ended = Ended {
        ran_for: Some(Millis(63_000)),
        steps: &steps,
        tests,
        ..held(&passed)
    };
    insta::assert_snapshot!(shown(&completed(&ended)), @"
    success (None to 1700000100000) | Passed in 1 min 3 s, though 3 of 120 tests failed
    buttons [], details none, 0 annotations
    --- summary
    **Passed** (`success`): 2 steps succeeded

    The step that ran the tests has not failed, or has `continue-on-error`: the failed tests don't stand in the way of a merge.

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ⚠️ | Test | failure, allowed | 1 min 1 s |

    #### 3 of 120 tests failed


    Queued 0.3 s · ran 1 min 3 s
    ");
    let allowed = end(
        Reason::Neutral,
        "Allowed to fail (continue-on-error): Step \"Test\" failed with exit code 1",
    );
    let ended = Ended {
        end: &allowed,
        ..ended
    };
    insta::assert_snapshot!(completed(&ended).title, @"3 of 120 tests failed, which continue-on-error allows");
}

/// Whatever fits is shown whole; what does not leaves the log its part, and no fence open.
#[test]
fn step_summaries_are_shown_in_full_up_to_the_limit() {
    let end = end(Reason::Success, "1 step succeeded");
    let log = "a line of the log\n".repeat(100_000);
    let with = |summary: &str, log: Option<&str>| {
        let ended = Ended {
            log,
            step_summary: summary,
            ..held(&end)
        };
        completed(&ended).text.unwrap()
    };
    let large = format!(
        "```rust\n{}```\n| a |\n|---|\n| end |",
        "let x = 1;\n".repeat(5_150)
    );
    assert!(large.len() > 56_000);
    for log in [None, Some(log.as_str())] {
        let text = with(&large, log);
        assert!(text.contains(&large), "{} bytes", text.len());
        assert_eq!(text.contains("### Log\n\n```text\na line"), log.is_some());
        assert!(text.len() <= limits::CHECK_TEXT_CHARS);
    }
    let open = format!("{}\n````\nopen {}", "word ".repeat(9_000), "x\n".repeat(40_000));
    let text = with(&open, Some(&log));
    assert!(
        text.len() <= limits::CHECK_TEXT_CHARS && text.len() > 60_000,
        "{}",
        text.len()
    );
    assert!(text.contains("characters left out"));
    let parser = pulldown_cmark::Parser::new(&text);
    let headings = parser.filter(|event| {
        matches!(
            event,
            pulldown_cmark::Event::Start(pulldown_cmark::Tag::Heading { .. })
        )
    });
    assert_eq!(headings.count(), 2, "the log's heading is no code");
}

#[test]
fn every_reason_gives_its_conclusion() {
    let table = [
        (Reason::Success, Conclusion::Success),
        (Reason::Test, Conclusion::Failure),
        (Reason::Configuration, Conclusion::Failure),
        (Reason::Infrastructure, Conclusion::Failure),
        (Reason::QueueTimeout, Conclusion::TimedOut),
        (Reason::RunTimeout, Conclusion::TimedOut),
        (
            Reason::Cancelled {
                by: CancelledBy::FailFast,
            },
            Conclusion::Cancelled,
        ),
        (Reason::Skipped, Conclusion::Skipped),
        (Reason::Neutral, Conclusion::Neutral),
        (Reason::ApprovalRequired, Conclusion::ActionRequired),
        (Reason::ForkRefused, Conclusion::ActionRequired),
    ];
    for (reason, expected) in table {
        let class = reason.class();
        let end = end(reason, "x");
        let state = completed(&held(&end));
        let CheckStatus::Completed { conclusion, .. } = state.status else {
            panic!()
        };
        assert_eq!(conclusion, expected);
        assert!(
            state.summary.contains(&format!("(`{class}`)")),
            "{}",
            state.summary
        );
    }
}

proptest! {
    /// Whatever a job prints, nothing in a check calls anybody or opens a tag, and the limits hold.
    #[test]
    fn a_hostile_job_can_not_break_its_check(
        name in "[a-z|`<>@\\\\\n#*~\\[]{0,200}",
        detail in "[a-z|`<>@\\\\\n#*~\\[]{0,300}",
        line in "[a-z`~@\u{1b}\\[\r]{0,200}",
    ) {
        let end = end(Reason::Test, &detail);
        let tail = [line.clone(), line.clone()];
        let steps = [Step { tail: &tail, ..step(&name, StepMark::Failure, 1) }];
        let state = completed(&Ended { steps: &steps, log: Some(&line), ..held(&end) });
        prop_assert!(state.title.len() <= limits::CHECK_TITLE_CHARS);
        prop_assert!(!state.title.contains('\n'));
        let rows: Vec<_> = state.summary.lines().filter(|line| line.starts_with("| ❌")).collect();
        prop_assert_eq!(rows.len(), 1);
        prop_assert_eq!(rows[0].matches('|').count(), 5, "{}", rows[0]);
        let outside_fence = state.summary.split("\n```").next().unwrap_or_default();
        prop_assert!(!outside_fence.contains('<') && !outside_fence.contains("@a"), "{}", outside_fence);
    }
}

#[test]
fn an_attempt_whose_approval_has_come_says_who_gave_it() {
    let end = end(
        Reason::ApprovalRequired,
        "The commit comes from a fork and nobody approved it yet.",
    );
    let state = approved(
        &attempt(&labels()),
        &end,
        &"ann".parse().unwrap(),
        AttemptNumber(2),
    );
    assert_eq!(state.buttons, []);
    let CheckStatus::Completed { conclusion, .. } = state.status else {
        panic!("{state:?}")
    };
    assert_eq!(conclusion, Conclusion::ActionRequired);
    insta::assert_snapshot!(format!("{}\n\n{}", state.title, state.summary), @"
    Approved by ann; runs as attempt 2

    **Not run in this attempt** (`approval_required`): it waited for an approval, which ann gave.

    Attempt 2 runs the commit. It has a check of its own.

    On `process`
    ");
}
