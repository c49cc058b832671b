use super::*;
use crate::limits::{
    HISTORY_ATTEMPTS, HISTORY_FAILURES, HISTORY_LINE_BYTES, HISTORY_ROW_BYTES, HISTORY_STEPS,
};
use proptest::prelude::*;

fn subject() -> Subject {
    let key: JobKey = "test".parse().unwrap();
    Subject {
        repository: RepositoryId(1),
        repository_name: "octocat/hello".parse().unwrap(),
        id: HistoryId::derive(".checkmill/workflows/ci.yml", &key, ""),
        workflow_path: ".checkmill/workflows/ci.yml".to_owned(),
        key,
        leg: String::new(),
        name: "CI / test".to_owned(),
    }
}

fn sha(n: u64) -> CommitSha {
    format!("{n:040x}").parse().unwrap()
}

/// The attempt that ended at this minute, of the commit of this number on `main`.
fn attempt(minute: u64, commit: u64, outcome: Outcome) -> AttemptSummary {
    let failed = outcome == Outcome::Failure;
    AttemptSummary {
        job: format!("{minute:016x}-00000000").parse().unwrap(),
        attempt: AttemptNumber::FIRST,
        at: UnixMillis(minute * 60_000),
        sha: sha(commit),
        place: "main".to_owned(),
        outcome,
        ran: Some(Millis::from_secs(100)),
        queued: Millis(10),
        backend: "process".to_owned(),
        machine: "node7".to_owned(),
        trigger: "push".to_owned(),
        failure: failed.then(|| Failure {
            step: Some("Test".to_owned()),
            line: "error: 3 of 17 failed".to_owned(),
        }),
        steps: vec![StepSummary {
            name: "Test".to_owned(),
            passed: !failed,
            ran: Millis::from_secs(99),
        }],
    }
}

fn recorded(attempts: impl IntoIterator<Item = AttemptSummary>) -> JobHistory {
    let new = JobHistory::new(subject());
    attempts.into_iter().fold(new, |history, attempt| {
        history.record(&attempt, None).unwrap_or(history)
    })
}

#[test]
fn what_differs_from_run_to_run_is_replaced() {
    let table = [
        ("error: test failed, 3 of 17", "error: test failed, N of N"),
        (
            "thread 'main' (1234) panicked at src/main.rs:10:5:",
            "thread 'main' (N) panicked at <path>/main.rs:N:N:",
        ),
        (
            "/tmp/job-8f3a/src/lib.c:7: error: 'x' undeclared",
            "<path>/lib.c:N: error: 'x' undeclared",
        ),
        (
            "C:\\work\\a1\\main.c(3): error C2065",
            "<path>/main.c(N): error CN",
        ),
        ("2026-11-25T19:22:01.123Z ERROR boom", "N-N-NTN:N:NZ ERROR boom"),
        ("fatal: bad object 1c1df58a", "fatal: bad object <id>"),
        ("id 550e8400-e29b-41d4-a716-446655440000 gone", "id <id> gone"),
        ("segfault at 0xdeadbeef", "segfault at <id>"),
        ("GET https://host/a?b=1: 502", "GET <url> N"),
        (
            "\u{1b}[1;31merror\u{1b}[0m: took 1.25s (v1.2.3)",
            "error: took Ns (vN)",
        ),
        ("  many   spaces\tand tabs ", "many spaces and tabs"),
        ("", ""),
    ];
    for (line, expected) in table {
        assert_eq!(normalised(line), expected);
    }
}

#[test]
fn the_first_line_that_tells_an_error_is_taken() {
    let line = |lines: &[&str]| error_line(lines).map(str::to_owned);
    let table: [(&[&str], Option<&str>); 6] = [
        (
            &["Compiling", "error[E0425]: no", "error: aborting"],
            Some("error[E0425]: no"),
        ),
        (
            &["1 passed, 0 failed", "ModuleNotFoundError: No module"],
            Some("ModuleNotFoundError: No module"),
        ),
        (&["mirror.c built", "all good", ""], Some("all good")),
        (
            &[
                "make: *** [x] No such file",
                "##[error]Process completed with exit code 1.",
            ],
            Some("make: *** [x] No such file"),
        ),
        (&["##[error]Process completed with exit code 1."], None),
        (&[], None),
    ];
    for (lines, expected) in table {
        assert_eq!(line(lines).as_deref(), expected, "{lines:?}");
    }
}

#[test]
fn lines_that_blame_the_network_or_the_machine() {
    let blames = |line: &str| {
        let failure = Failure {
            step: None,
            line: line.to_owned(),
        };
        failure.is_infrastructure()
    };
    assert!(blames("curl: (6) Could not resolve host: crates.io"));
    assert!(blames("write error: No space left on device"));
    assert!(blames(
        "fatal: unable to access: The requested URL returned error: 503"
    ));
    assert!(!blames("error: assertion failed"));
    assert!(!blames("connect to localhost: network is unreachable"));
}

#[test]
fn an_attempt_counts_once() {
    let first = attempt(1, 1, Outcome::Success);
    let history = recorded([first.clone()]);
    assert_eq!((history.tally.success, history.version), (1, 1));
    assert_eq!(history.record(&first, None), None);
    // Also when it has left the window.
    let later = recorded((1..=HISTORY_ATTEMPTS as u64 + 1).map(|n| attempt(n, n, Outcome::Success)));
    assert_eq!(later.counted(&first.job, first.attempt), None);
    assert_eq!(later.record(&first, None), None);
    assert_eq!(later.tally.success, HISTORY_ATTEMPTS as u64 + 1);
}

#[test]
fn the_decision_to_retry_is_found_again() {
    let failed = attempt(1, 1, Outcome::Failure);
    let history = JobHistory::new(subject())
        .record(&failed, Some(RetryCause::Flaky))
        .unwrap();
    let known = history.counted(&failed.job, failed.attempt).unwrap();
    assert_eq!(known.retried, Some(RetryCause::Flaky));
}

#[test]
fn a_failure_that_passes_on_its_commit_is_flaky_until_it_stays() {
    let failure = attempt(0, 0, Outcome::Failure).failure.unwrap();
    let once = recorded([attempt(1, 1, Outcome::Failure)]);
    assert_eq!(once.doubt(&failure), None);
    // Another commit passes: that is a fix.
    let fixed = recorded([attempt(1, 1, Outcome::Failure), attempt(2, 2, Outcome::Success)]);
    assert_eq!((fixed.doubt(&failure), fixed.tally.flaky), (None, 0));
    let mut attempts = vec![attempt(1, 1, Outcome::Failure), attempt(2, 1, Outcome::Success)];
    let flaky = recorded(attempts.clone());
    assert_eq!(
        (flaky.doubt(&failure), flaky.tally.flaky),
        (Some(RetryCause::Flaky), 1)
    );
    // In whatever order the two were recorded.
    attempts.reverse();
    assert_eq!(
        recorded(attempts.clone()).doubt(&failure),
        Some(RetryCause::Flaky)
    );
    attempts.extend((3..5).map(|n| attempt(n, n, Outcome::Failure)));
    assert_eq!(
        recorded(attempts).doubt(&failure),
        None,
        "two real ones outweigh it"
    );
}

#[test]
fn what_another_event_passes_was_not_flaky() {
    let dispatched = AttemptSummary {
        trigger: "workflow_dispatch 0a1b".to_owned(),
        ..attempt(2, 1, Outcome::Success)
    };
    let failed = attempt(1, 1, Outcome::Failure);
    let history = recorded([failed.clone(), dispatched]);
    assert_eq!(history.tally.flaky, 0);
    assert_eq!(history.doubt(failed.failure.as_ref().unwrap()), None);
}

#[test]
fn a_failure_known_from_a_broken_machine_is_the_machines() {
    let mut lost = attempt(1, 1, Outcome::Infrastructure);
    lost.failure = attempt(1, 1, Outcome::Failure).failure;
    let failure = lost.failure.clone().unwrap();
    assert_eq!(recorded([lost]).doubt(&failure), Some(RetryCause::Infrastructure));
}

#[test]
fn the_first_success_of_another_commit_at_the_same_place_is_the_fix() {
    let failure = attempt(0, 0, Outcome::Failure).failure.unwrap();
    let elsewhere = AttemptSummary {
        place: "other".to_owned(),
        ..attempt(2, 2, Outcome::Success)
    };
    let mut attempts = vec![attempt(1, 1, Outcome::Failure), elsewhere];
    assert_eq!(recorded(attempts.clone()).known(&failure).unwrap().fixed, None);
    attempts.extend([attempt(4, 4, Outcome::Success), attempt(3, 3, Outcome::Success)]);
    let fix = |commit: u64, minute: u64| {
        Some(Fix {
            sha: sha(commit),
            at: UnixMillis(minute * 60_000),
        })
    };
    assert_eq!(
        recorded(attempts.clone()).known(&failure).unwrap().fixed,
        fix(3, 3)
    );
    // It comes back, and who mended it last is remembered.
    attempts.push(attempt(5, 5, Outcome::Failure));
    let back = recorded(attempts.clone());
    let known = back.known(&failure).unwrap();
    assert_eq!((known.count, known.first_at), (2, UnixMillis(60_000)));
    assert_eq!(known.fixed, fix(3, 3));
    attempts.push(attempt(6, 6, Outcome::Success));
    assert_eq!(recorded(attempts).known(&failure).unwrap().fixed, fix(6, 6));
}

#[test]
fn usual_times_need_a_few_attempts_and_leave_the_asker_out() {
    let ran = |minute: u64, secs: u64| AttemptSummary {
        ran: Some(Millis::from_secs(secs)),
        ..attempt(minute, minute, Outcome::Success)
    };
    let four = recorded((1..5).map(|n| ran(n, 100 + n)));
    assert_eq!(
        (
            four.usual_end(),
            four.usual_but(&ran(9, 0).job, AttemptNumber::FIRST)
        ),
        (None, None)
    );
    let long = ran(9, 1000);
    let history = recorded((1..6).map(|n| ran(n, 100 + n)).chain([long.clone()]));
    assert_eq!(history.usual_end(), Some(Millis::from_secs(101)));
    let usual = history.usual_but(&long.job, long.attempt).unwrap();
    assert_eq!(
        (usual.half, usual.most),
        (Millis::from_secs(103), Millis::from_secs(105))
    );
    assert!(usual.is_far_exceeded_by(Millis::from_secs(1000)));
    assert!(!usual.is_far_exceeded_by(Millis::from_secs(210)));
    // Twice of very little is little.
    let quick = Usual {
        half: Millis(100),
        most: Millis(200),
    };
    assert!(!quick.is_far_exceeded_by(Millis::from_secs(50)));
}

#[test]
fn a_slow_and_steady_setup_is_found() {
    let with = |secs: &[(&str, u64)]| {
        recorded((1..7).map(|n| {
            AttemptSummary {
                steps: secs
                    .iter()
                    .map(|(name, secs)| StepSummary {
                        name: (*name).to_owned(),
                        passed: true,
                        ran: Millis(secs * 1000 + n * 100),
                    })
                    .collect(),
                ..attempt(n, n, Outcome::Success)
            }
        }))
    };
    let found = |secs: &[(&str, u64)]| {
        let names: Vec<&str> = secs.iter().map(|(name, _)| *name).collect();
        with(secs).slow_setup(&names).map(|slow| slow.name.to_owned())
    };
    type Case<'a> = (&'a [(&'a str, u64)], Option<&'a str>);
    let table: [Case<'_>; 6] = [
        (
            &[("Checkout", 90), ("Install", 45), ("Test", 300)],
            Some("Install"),
        ),
        (&[("Build", 60), ("Test", 300)], Some("Build")),
        (&[("Test", 300)], None),
        (&[("Install", 29), ("Test", 300)], None),
        (&[("Restore cache", 40), ("Install", 45)], None),
        (&[("Test", 300), ("Install tools", 45)], Some("Install tools")),
    ];
    for (secs, expected) in table {
        assert_eq!(found(secs).as_deref(), expected, "{secs:?}");
    }
}

#[test]
fn a_slow_setup_that_varies_is_not_for_a_cache() {
    let history = recorded((1..9).map(|n| AttemptSummary {
        steps: vec![StepSummary {
            name: "Install".to_owned(),
            passed: true,
            ran: Millis::from_secs(40 + 30 * (n % 2)),
        }],
        ..attempt(n, n, Outcome::Success)
    }));
    assert_eq!(history.slow_setup(&["Install"]), None);
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Success),
        Just(Outcome::Failure),
        Just(Outcome::Infrastructure),
        Just(Outcome::Timeout),
        Just(Outcome::Other)
    ]
}

/// Long texts of many-byte characters: the bound is in bytes.
fn anything() -> impl Strategy<Value = AttemptSummary> {
    let text = || prop_oneof!["[a-zß漢🦀]{0,300}", "[x]{1,3}"];
    let steps = prop::collection::vec((text(), any::<bool>(), any::<u64>()), 0..6);
    (
        1..1000_u64,
        0..5_u64,
        outcome(),
        text(),
        text(),
        any::<u64>(),
        steps,
    )
        .prop_map(
            |(minute, commit, outcome, place, line, ran, steps)| AttemptSummary {
                place: place.clone(),
                machine: place.clone(),
                trigger: place.clone(),
                backend: place,
                ran: Some(Millis(ran)),
                failure: Some(Failure {
                    step: Some(line.clone()),
                    line,
                }),
                steps: steps
                    .into_iter()
                    .map(|(name, passed, ran)| StepSummary {
                        name,
                        passed,
                        ran: Millis(ran),
                    })
                    .collect(),
                ..attempt(minute, commit, outcome)
            },
        )
}

proptest! {
    #[test]
    fn a_fingerprint_stays_itself_and_bounded(line in "\\PC{0,300}|[a-f0-9/\\\\:<>.\\- N\u{1b}\\[\"()]{0,300}|(?s).{0,40}") {
        let once = normalised(&line);
        prop_assert!(once.len() <= HISTORY_LINE_BYTES);
        prop_assert_eq!(normalised(&once), once);
        let _ = error_line(&[line]);
    }

    #[test]
    fn a_record_is_bounded_whatever_comes(attempts in prop::collection::vec(anything(), 0..120)) {
        let history = recorded(attempts);
        prop_assert!(history.recent.len() <= HISTORY_ATTEMPTS);
        prop_assert!(history.steps.len() <= HISTORY_STEPS);
        prop_assert!(history.failures.len() <= HISTORY_FAILURES);
        // JSON writes numbers and names in full, which DynamoDB counts as less.
        prop_assert!(serde_json::to_vec(&history).unwrap().len() <= HISTORY_ROW_BYTES);
        prop_assert!(history.recent.is_sorted_by_key(|attempt| attempt.at));
        let _ = (history.usual_end(), history.failure_percent(), history.flaky_percent());
    }

    /// Results of attempts that race are recorded in any order.
    #[test]
    fn within_the_window_the_order_does_not_matter(
        outcomes in prop::collection::vec((1..4_u64, outcome()), 1..HISTORY_ATTEMPTS),
        seed in any::<prop::sample::Index>(),
    ) {
        let attempts: Vec<_> = outcomes
            .iter()
            .enumerate()
            .map(|(n, (commit, outcome))| attempt(n as u64 + 1, *commit, *outcome))
            .collect();
        let mut other = attempts.clone();
        other.rotate_left(seed.index(attempts.len()));
        let half = other.len() / 2;
        other[..half].reverse();
        let (one, two) = (recorded(attempts), recorded(other));
        prop_assert_eq!(&one.recent, &two.recent);
        prop_assert_eq!(one.tally, two.tally);
        // Whether a failure was fixed in between by a commit that is recorded later is not known in time.
        let counts = |history: &JobHistory| -> Vec<_> {
            history.failures.iter().map(|f| (f.id.clone(), f.count, f.flaky, f.first_at, f.last_at)).collect()
        };
        prop_assert_eq!(counts(&one), counts(&two));
    }
}

#[test]
fn ten_errors_are_not_none() {
    let said = |line: &str| error_line(&[line, "make: leaving"]).map(str::to_owned);
    for line in ["Found 10 errors in 3 files", "20 failed, 3 passed"] {
        assert_eq!(said(line).as_deref(), Some(line));
    }
    for line in ["0 errors, 10 warnings", "(0 failed)", "no errors"] {
        assert_eq!(said(line).as_deref(), Some("make: leaving"), "{line}");
    }
}

/// What a server answers is the network's only beside an address: tests of servers print it, too.
#[test]
fn a_server_that_is_away() {
    let is = |line: &str| {
        let failure = Failure {
            step: None,
            line: line.to_owned(),
        };
        failure.is_infrastructure()
    };
    for line in [
        "npm error 503 Service Unavailable - GET https://registry.example/x",
        "E: Failed to fetch http://deb.example/x.deb  503  Service Unavailable [IP: 192.0.2.1 80]",
        "Error response from daemon: received unexpected HTTP status: 502 Bad Gateway",
        "ERROR: HTTP error 503 while getting https://files.example/x.whl",
        "fatal: unable to access 'https://git.example/x/': The requested URL returned error: 503",
    ] {
        assert!(is(line), "{line}");
    }
    for line in [
        "AssertionError: expected 200 OK, got 503 Service Unavailable",
        "GET http://127.0.0.1:8080/x: 502 Bad Gateway",
    ] {
        assert!(!is(line), "{line}");
    }
}
