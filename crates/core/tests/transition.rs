//! The transition table, cell by cell, and what holds for every order of events.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use checkmill_core::conclusion::CancelledBy;
use checkmill_core::concurrency::Queueing;
use checkmill_core::job::{BackendHandle, Stop};
use checkmill_core::policy::{ModelPolicy, TranslatePolicy};
use checkmill_core::retry::{Retries, RetryCause, RetryCounts};
use checkmill_core::transition::{Effect, JobEvent, Outcome, apply};
use checkmill_core::{
    AttemptNumber, CheckRunId, Concurrency, End, Job, JobState, Millis, Reason, UnixMillis,
};
use proptest::prelude::*;
use std::fmt::Write as _;

const NOW: UnixMillis = UnixMillis(1_000_000);

fn job() -> Job {
    Job {
        id: "0123456789abcdef-01234567".parse().unwrap(),
        key: "test".parse().unwrap(),
        leg: String::new(),
        name: "CI / test".to_owned(),
        runs_on: vec!["linux".to_owned()],
        continue_on_error: false,
        queue_timeout: Millis::from_minutes(60),
        run_timeout: Millis::from_minutes(360),
        retries: Retries::allowed(RetryCounts::POLICY_DEFAULT),
        concurrency: None,
        attempt: AttemptNumber::FIRST,
        generation: 0,
        state: JobState::Queued,
        queued_at: UnixMillis(0),
        placed_at: None,
        running_at: None,
        stop: None,
        early_report: None,
        check: None,
        check_uncertain: false,
        check_busy_until: None,
        previous_check: None,
        revived_at: None,
        task_token: None,
        version: 1,
    }
}

fn handle() -> BackendHandle {
    BackendHandle {
        backend: "process".to_owned(),
        id: "1".to_owned(),
    }
}

fn end(reason: Reason) -> End {
    End::new(reason, "because", NOW)
}

/// One of each; those that have ended had compute or not.
fn states(compute: bool) -> Vec<JobState> {
    let ended_on = compute.then(handle);
    vec![
        JobState::Waiting,
        JobState::Parked { since: NOW },
        JobState::Queued,
        JobState::Claimed {
            until: NOW + Millis(1),
        },
        JobState::Submitted {
            handle: handle(),
            since: NOW,
        },
        JobState::Running {
            handle: handle(),
            since: NOW,
        },
        JobState::Ended {
            handle: ended_on.clone(),
            end: end(Reason::Test),
        },
        JobState::Concluded {
            handle: ended_on,
            end: end(Reason::Test),
        },
    ]
}

fn events() -> Vec<JobEvent> {
    vec![
        JobEvent::Release,
        JobEvent::Claim,
        JobEvent::ClaimLost,
        JobEvent::Parked { check: CheckRunId(7) },
        JobEvent::Placed,
        JobEvent::Submitted {
            check: CheckRunId(7),
            handle: handle(),
        },
        JobEvent::Refused {
            check: None,
            end: end(Reason::Configuration),
        },
        JobEvent::Abandoned {
            end: end(Reason::Infrastructure),
        },
        JobEvent::SeenRunning,
        JobEvent::Reported {
            end: end(Reason::Success),
        },
        JobEvent::SeenEnded {
            end: end(Reason::Success),
        },
        JobEvent::StopRequested {
            reason: Reason::Cancelled {
                by: CancelledBy::FailFast,
            },
            detail: "stop".to_owned(),
        },
        JobEvent::Awaiting {
            token: "token".to_owned(),
        },
        JobEvent::NewGeneration,
        JobEvent::CheckReleased,
        JobEvent::ReportClaim,
        JobEvent::Settled,
        JobEvent::Retry {
            cause: RetryCause::Flaky,
            check: Some(CheckRunId(7)),
        },
        JobEvent::Closed {
            check: Some(CheckRunId(7)),
        },
        JobEvent::Rerun,
        JobEvent::RerunAs {
            planned: Box::new(job()),
        },
    ]
}

fn cell(outcome: &Outcome) -> String {
    let effects = |effects: &[Effect]| effects.iter().map(|e| format!(" +{e:?}")).collect::<String>();
    match outcome {
        Outcome::Moved { job, effects: owed } => format!("{}{}", job.state.name(), effects(owed)),
        Outcome::Unchanged { effects: owed } => format!("-{}", effects(owed)),
        Outcome::Illegal(_) => "illegal".to_owned(),
    }
}

#[test]
fn the_whole_table() {
    let mut table = String::new();
    for event in events() {
        writeln!(table, "{}", event.name()).unwrap();
        // Only what had compute is retried, and only what is known to have had it needs no stop.
        let compute = matches!(event, JobEvent::Settled | JobEvent::Retry { .. });
        for state in states(compute) {
            let from = state.name();
            let outcome = apply(&Job { state, ..job() }, &event, NOW);
            writeln!(table, "  {from}: {}", cell(&outcome)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_a_job_waits_for_its_group_is_no_time_that_it_waits_for_compute() {
    let claimed = Job {
        state: JobState::Claimed {
            until: NOW + Millis(1),
        },
        ..job()
    };
    let check = CheckRunId(7);
    let Outcome::Moved { job: parked, .. } = apply(&claimed, &JobEvent::Parked { check }, NOW) else {
        panic!("it has the claim")
    };
    assert_eq!(
        (parked.check, parked.deadline(), parked.owed_at()),
        (Some(check), None, None)
    );
    let late = NOW + Millis::from_minutes(24 * 60);
    let Outcome::Moved { job: placed, effects } = apply(&parked, &JobEvent::Placed, late) else {
        panic!("it was parked")
    };
    assert_eq!(effects, [Effect::StartExecution]);
    // The name of the execution that parked it is taken.
    assert_eq!((&placed.state, placed.generation), (&JobState::Queued, 1));
    assert_eq!(placed.deadline().unwrap().0, late + placed.queue_timeout);
    assert_eq!(placed.queued_at, claimed.queued_at);
    // A wish to stop that came meanwhile ends it there.
    let stop = Some(Stop {
        reason: Reason::Skipped,
        detail: "no".to_owned(),
        at: NOW,
    });
    let Outcome::Moved { job: over, .. } = apply(&Job { stop, ..claimed }, &JobEvent::Parked { check }, NOW)
    else {
        panic!("it has the claim")
    };
    assert_eq!(over.end().unwrap().reason, Reason::Skipped);
    // Stopped while it waits, somebody has to report it.
    let stop = JobEvent::StopRequested {
        reason: Reason::Skipped,
        detail: "no".to_owned(),
    };
    let Outcome::Moved { job: over, effects } = apply(&parked, &stop, NOW) else {
        panic!("it can be stopped")
    };
    assert_eq!((effects, over.generation), (vec![Effect::StartExecution], 1));
}

#[test]
fn a_claim_that_has_run_out_may_be_taken_again_and_makes_the_check_uncertain() {
    let state = JobState::Claimed { until: NOW };
    let Outcome::Moved { job, .. } = apply(&Job { state, ..job() }, &JobEvent::Claim, NOW) else {
        panic!("the claim must be taken")
    };
    assert!(job.check_uncertain);
}

#[test]
fn a_report_that_comes_before_the_submit_is_recorded_ends_the_attempt_with_it() {
    let claimed = Job {
        state: JobState::Claimed {
            until: NOW + Millis(1),
        },
        ..job()
    };
    let reported = JobEvent::Reported {
        end: end(Reason::Success),
    };
    let Outcome::Moved { job: kept, effects } = apply(&claimed, &reported, NOW) else {
        panic!()
    };
    assert_eq!(effects, []);
    let submitted = JobEvent::Submitted {
        check: CheckRunId(7),
        handle: handle(),
    };
    let Outcome::Moved { job: ended, effects } = apply(&kept, &submitted, NOW) else {
        panic!()
    };
    assert_eq!(effects, []);
    assert_eq!(
        ended.state,
        JobState::Ended {
            handle: Some(handle()),
            end: end(Reason::Success)
        }
    );
    assert_eq!(ended.check, Some(CheckRunId(7)));
}

#[test]
fn a_stop_wish_during_the_submit_cancels_what_was_submitted() {
    let stop = Some(Stop {
        reason: Reason::QueueTimeout,
        detail: "late".to_owned(),
        at: NOW,
    });
    let claimed = Job {
        state: JobState::Claimed {
            until: NOW + Millis(1),
        },
        stop,
        ..job()
    };
    let submitted = JobEvent::Submitted {
        check: CheckRunId(7),
        handle: handle(),
    };
    let Outcome::Moved { job: next, effects } = apply(&claimed, &submitted, NOW) else {
        panic!()
    };
    assert_eq!(effects, [Effect::CancelOnBackend]);
    // The job's last words do not change why it ended.
    let Outcome::Moved { job: ended, .. } = apply(
        &next,
        &JobEvent::SeenEnded {
            end: end(Reason::Test),
        },
        NOW,
    ) else {
        panic!()
    };
    assert_eq!(ended.end().unwrap().reason, Reason::QueueTimeout);
    assert_eq!(ended.end().unwrap().detail, "late");
}

#[test]
fn a_submit_recorded_after_the_end_is_cancelled() {
    let over = Job {
        state: JobState::Ended {
            handle: None,
            end: end(Reason::QueueTimeout),
        },
        ..job()
    };
    let submitted = JobEvent::Submitted {
        check: CheckRunId(7),
        handle: handle(),
    };
    let Outcome::Moved { job: next, effects } = apply(&over, &submitted, NOW) else {
        panic!()
    };
    assert_eq!(effects, [Effect::CancelOnBackend]);
    assert_eq!(next.handle(), Some(&handle()));
}

#[test]
fn an_attempt_is_not_given_up_while_a_start_holds_the_claim() {
    let claimed = |until| Job {
        state: JobState::Claimed { until },
        stop: Some(Stop {
            reason: Reason::QueueTimeout,
            detail: "late".to_owned(),
            at: NOW,
        }),
        ..job()
    };
    let abandoned = JobEvent::Abandoned {
        end: end(Reason::Infrastructure),
    };
    let held = apply(&claimed(NOW + Millis(1)), &abandoned, NOW);
    assert_eq!(held, Outcome::Unchanged { effects: vec![] });
    let Outcome::Moved { job: over, .. } = apply(&claimed(NOW), &abandoned, NOW) else {
        panic!("the claim has run out")
    };
    // Somebody wanted it stopped: that is why it ended.
    assert_eq!(over.end().unwrap().reason, Reason::QueueTimeout);
}

#[test]
fn a_check_that_is_being_marked_is_completed_afterwards() {
    let submitted = Job {
        state: JobState::Submitted {
            handle: handle(),
            since: NOW,
        },
        check: Some(CheckRunId(7)),
        ..job()
    };
    let Outcome::Moved {
        job: running,
        effects,
    } = apply(&submitted, &JobEvent::SeenRunning, NOW)
    else {
        panic!()
    };
    assert_eq!(effects, [Effect::MarkInProgress]);
    let seen_ended = JobEvent::SeenEnded {
        end: end(Reason::Success),
    };
    let Outcome::Moved { job: over, .. } = apply(&running, &seen_ended, NOW) else {
        panic!()
    };
    // Annotations of two phases would add up: one claims the check for itself.
    let report = |job: &Job, now| match apply(job, &JobEvent::ReportClaim, now) {
        Outcome::Unchanged { effects } => effects,
        Outcome::Moved { job, effects } => {
            assert_eq!(job.check_busy_until, Some(now + checkmill_core::limits::CLAIM));
            effects
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(report(&over, NOW), [], "somebody is about to mark it");
    let Outcome::Moved { job: marked, .. } = apply(&over, &JobEvent::CheckReleased, NOW) else {
        panic!()
    };
    assert_eq!(report(&marked, NOW), [Effect::Report]);
    let dead = NOW + checkmill_core::limits::CLAIM;
    assert_eq!(
        report(&over, dead),
        [Effect::Report],
        "whoever was to mark it is dead"
    );
}

#[test]
fn one_phase_at_a_time_creates_the_check_of_an_end() {
    let over = Job {
        state: JobState::Ended {
            handle: None,
            end: end(Reason::Configuration),
        },
        ..job()
    };
    let claim = JobEvent::ReportClaim;
    let Outcome::Moved {
        job: claimed,
        effects,
    } = apply(&over, &claim, NOW)
    else {
        panic!()
    };
    assert_eq!(effects, [Effect::Report]);
    assert_eq!(
        apply(&claimed, &claim, NOW),
        Outcome::Unchanged { effects: vec![] }
    );
    let Outcome::Moved { effects, .. } = apply(&claimed, &claim, NOW + checkmill_core::limits::CLAIM) else {
        panic!("the claim has run out")
    };
    assert_eq!(effects, [Effect::Report]);
    let closed = JobEvent::Closed {
        check: Some(CheckRunId(7)),
    };
    let Outcome::Moved { job: done, .. } = apply(&claimed, &closed, NOW) else {
        panic!()
    };
    assert_eq!(done.check_busy_until, None);
}

#[test]
fn a_rerun_is_the_next_attempt_and_remembers_the_check_before() {
    let over = Job {
        state: JobState::Concluded {
            handle: None,
            end: end(Reason::Test),
        },
        check: Some(CheckRunId(7)),
        generation: 3,
        ..job()
    };
    let Outcome::Moved { job: next, effects } = apply(&over, &JobEvent::Rerun, NOW) else {
        panic!()
    };
    assert_eq!((effects, &next.state), (vec![], &JobState::Waiting));
    assert_eq!((next.attempt, next.generation), (AttemptNumber(2), 0));
    assert_eq!((next.check, next.previous_check), (None, Some(CheckRunId(7))));
    let last = Job {
        attempt: AttemptNumber(checkmill_core::limits::ATTEMPTS),
        ..over
    };
    assert_eq!(
        apply(&last, &JobEvent::Rerun, NOW),
        Outcome::Unchanged { effects: vec![] }
    );
}

#[test]
fn a_job_that_was_skipped_runs_as_it_is_planned_now() {
    let skipped = Job {
        state: JobState::Concluded {
            handle: None,
            end: end(Reason::Skipped),
        },
        runs_on: Vec::new(),
        run_timeout: Millis::from_minutes(7200),
        ..job()
    };
    let concurrency = Some(Concurrency {
        group: "deploy".to_owned(),
        cancel_in_progress: false,
        queue: Queueing::Single,
    });
    let planned = Box::new(Job {
        name: "CI / test (1)".to_owned(),
        concurrency,
        ..job()
    });
    let event = JobEvent::RerunAs {
        planned: planned.clone(),
    };
    let Outcome::Moved { job: next, .. } = apply(&skipped, &event, NOW) else {
        panic!()
    };
    let expected = Job {
        state: JobState::Waiting,
        attempt: AttemptNumber(2),
        queued_at: NOW,
        version: 2,
        ..*planned
    };
    assert_eq!(*next, expected);
}

/// An attempt that has ended on a backend.
fn ended(reason: Reason) -> Job {
    let state = JobState::Ended {
        handle: Some(handle()),
        end: end(reason),
    };
    Job {
        state,
        check: Some(CheckRunId(7)),
        ..job()
    }
}

fn retry(cause: RetryCause) -> JobEvent {
    JobEvent::Retry {
        cause,
        check: Some(CheckRunId(7)),
    }
}

#[test]
fn a_retry_is_the_next_attempt_at_once_and_uses_up_one_of_its_cause() {
    let Outcome::Moved { job: next, effects } = apply(&ended(Reason::Test), &retry(RetryCause::Flaky), NOW)
    else {
        panic!("the policy allows it")
    };
    assert_eq!(
        (effects, &next.state),
        (vec![Effect::StartExecution], &JobState::Queued)
    );
    assert_eq!(
        (next.attempt, next.check, next.previous_check),
        (AttemptNumber(2), None, Some(CheckRunId(7)))
    );
    assert_eq!(
        (next.retries.used.flaky, next.retries.used.infrastructure),
        (1, 0)
    );
    // The same failure again: the other cause's retry is not for it.
    let again = Job {
        retries: next.retries,
        ..ended(Reason::Test)
    };
    assert_eq!(
        apply(&again, &retry(RetryCause::Flaky), NOW),
        Outcome::Unchanged { effects: vec![] }
    );
    // A person's re-run begins anew.
    let over = Job {
        state: JobState::Concluded {
            handle: None,
            end: end(Reason::Test),
        },
        retries: next.retries,
        ..job()
    };
    let Outcome::Moved { job: rerun, .. } = apply(&over, &JobEvent::Rerun, NOW) else {
        panic!()
    };
    assert_eq!(rerun.retries, Retries::allowed(RetryCounts::POLICY_DEFAULT));
}

#[test]
fn a_step_that_was_translated_is_worth_another_attempt_where_the_policy_says_so() {
    let counts = |translated| RetryCounts {
        translated,
        ..RetryCounts::POLICY_DEFAULT
    };
    let ended = |translated| Job {
        retries: Retries::allowed(counts(translated)),
        ..ended(Reason::Configuration)
    };
    assert_eq!(
        apply(&ended(0), &retry(RetryCause::Translated), NOW),
        Outcome::Unchanged { effects: vec![] }
    );
    let Outcome::Moved { job: next, .. } = apply(&ended(1), &retry(RetryCause::Translated), NOW) else {
        panic!("the policy allows it")
    };
    assert_eq!(
        (next.attempt, next.retries.used),
        (
            AttemptNumber(2),
            RetryCounts {
                translated: 1,
                ..RetryCounts::NONE
            }
        )
    );
    // The other causes' retries are not for it.
    for cause in [RetryCause::Infrastructure, RetryCause::Flaky] {
        let Outcome::Moved { job: next, .. } = apply(&ended(1), &retry(cause), NOW) else {
            continue;
        };
        panic!("{next:?}");
    }
    let policy = |translate| {
        ModelPolicy {
            translate,
            containers: false,
            run_steps: false,
        }
        .retries(RetryCounts::POLICY_DEFAULT)
    };
    assert_eq!(policy(TranslatePolicy::Never), RetryCounts::POLICY_DEFAULT);
    assert_eq!(policy(TranslatePolicy::Review), RetryCounts::POLICY_DEFAULT);
    assert_eq!(
        policy(TranslatePolicy::Always),
        counts(checkmill_core::limits::TRANSLATION_RETRIES)
    );
}

#[test]
fn what_is_never_retried() {
    let stopped = Job {
        stop: Some(Stop {
            reason: Reason::RunTimeout,
            detail: "late".to_owned(),
            at: NOW,
        }),
        ..ended(Reason::Infrastructure)
    };
    let no_compute = Job {
        state: JobState::Ended {
            handle: None,
            end: end(Reason::Infrastructure),
        },
        ..job()
    };
    let forbidden = Job {
        retries: Retries::none(),
        ..ended(Reason::Infrastructure)
    };
    let settled = Job {
        retries: Retries {
            settled: true,
            ..Retries::allowed(RetryCounts::POLICY_DEFAULT)
        },
        ..ended(Reason::Test)
    };
    let last = Job {
        attempt: AttemptNumber(checkmill_core::limits::ATTEMPTS),
        ..ended(Reason::Test)
    };
    let user = CancelledBy::User("ann".parse().unwrap());
    let others = [
        Reason::Success,
        Reason::Neutral,
        Reason::RunTimeout,
        Reason::QueueTimeout,
        Reason::Cancelled { by: user },
        Reason::Configuration,
    ];
    for job in [stopped, no_compute, forbidden, settled, last]
        .into_iter()
        .chain(others.map(ended))
    {
        for cause in [RetryCause::Infrastructure, RetryCause::Flaky] {
            assert_eq!(
                apply(&job, &retry(cause), NOW),
                Outcome::Unchanged { effects: vec![] },
                "{job:?}"
            );
        }
        assert_eq!(
            apply(&job, &JobEvent::Settled, NOW),
            Outcome::Unchanged { effects: vec![] }
        );
    }
    let Outcome::Moved { job: decided, .. } = apply(&ended(Reason::Test), &JobEvent::Settled, NOW) else {
        panic!("it could have been retried")
    };
    assert!(decided.retries.settled && !decided.may_be_retried());
}

proptest! {
    /// Any order of events: versions count the writes, an end is never taken back or changed, an attempt ends once.
    #[test]
    fn any_order_of_events_ends_an_attempt_at_most_once(picks in prop::collection::vec(0..events().len(), 0..60)) {
        let mut current = job();
        let mut verdict: Option<(AttemptNumber, End)> = None;
        let mut now = NOW;
        for pick in picks {
            now = now + Millis(30_000);
            let event = &events()[pick];
            if let Outcome::Moved { job: next, .. } = apply(&current, event, now) {
                prop_assert_eq!(next.version, current.version + 1);
                prop_assert!(next.attempt >= current.attempt);
                if let (Some((attempt, said)), Some(says)) = (&verdict, next.end()) {
                    prop_assert!(*attempt < next.attempt || said == says, "an end was changed by {}", event.name());
                }
                if let Some(says) = next.end() {
                    verdict = Some((next.attempt, says.clone()));
                } else if let Some((attempt, _)) = &verdict {
                    prop_assert!(*attempt < next.attempt, "an end was taken back by {}", event.name());
                }
                // Whatever is owed to a job that is not concluded, the sweep will come for it, but for one held back by
                // its siblings.
                let owed = !matches!(next.state, JobState::Waiting | JobState::Concluded { .. });
                prop_assert_eq!(next.due_at().is_some(), owed);
                current = *next;
            }
        }
    }
}
