//! The exact attributes of each kind of row: what is in a table of users is a format, and changes here are migrations.

use super::fixtures::{
    REPOSITORY, changed, claimed, event, expanded, group, handle, history, job, legs, run, schedule,
};
use super::world::START;
use crate::dynamodb::item::Item;
use crate::dynamodb::{deliveries, groups, history as histories, jobs, numbers, runs, schedules};
use aws_sdk_dynamodb::types::AttributeValue;
use checkmill_core::{CheckRunId, JobState, RunNumbers};

/// A row as lines of path, type and value, sorted.
fn show(item: &Item) -> String {
    let mut lines = Vec::new();
    for (name, value) in item {
        flatten(name, value, &mut lines);
    }
    lines.sort();
    lines.join("\n")
}

fn flatten(path: &str, value: &AttributeValue, lines: &mut Vec<String>) {
    match value {
        AttributeValue::S(text) => lines.push(format!("{path} S {text:?}")),
        AttributeValue::N(number) => lines.push(format!("{path} N {number}")),
        AttributeValue::Bool(flag) => lines.push(format!("{path} BOOL {flag}")),
        AttributeValue::L(list) if list.is_empty() => lines.push(format!("{path} L []")),
        AttributeValue::L(list) => {
            for (n, value) in list.iter().enumerate() {
                flatten(&format!("{path}[{n}]"), value, lines);
            }
        }
        AttributeValue::M(map) if map.is_empty() => lines.push(format!("{path} M {{}}")),
        AttributeValue::M(map) => {
            for (name, value) in map {
                flatten(&format!("{path}.{name}"), value, lines);
            }
        }
        other => panic!("no row holds {other:?}"),
    }
}

#[test]
fn a_delivery() {
    assert_eq!(event("d-1").repository.id, REPOSITORY);
    insta::assert_snapshot!(show(&deliveries::new_row(&event("d-1"), START).unwrap()), @r#"
    due_at N 4000000060123
    event.delivery S "d-1"
    event.installation N 7
    event.kind.after S "0123456789abcdef0123456789abcdef01234567"
    event.kind.forced BOOL false
    event.kind.git_ref.name S "main"
    event.kind.git_ref.type S "branch"
    event.kind.message S ""
    event.kind.type S "push"
    event.received_at N 4000000000123
    event.repository.clone_url S "https://github.com/octocat/hello.git"
    event.repository.default_branch S "main"
    event.repository.html_url S "https://github.com/octocat/hello"
    event.repository.id N 42
    event.repository.name S "octocat/hello"
    event.repository.private BOOL false
    event.sender S "octocat"
    expires_at N 4007776000
    open_pk S "DELIVERY#1"
    open_sk S "00000004000000060123#d-1"
    pk S "DELIVERY#d-1"
    rank N 0
    sk S "DELIVERY"
    state S "received"
    "#);
}

#[test]
fn a_run_and_its_row_at_the_commit() {
    let first = run("d-1");
    let expanded = expanded(&first, &legs(&first, 1));
    insta::assert_snapshot!(show(&runs::row(&expanded, START).unwrap()), @r#"
    expires_at N 4007776000
    pk S "RUN#514e8239934f705c"
    run.created_at N 4000000000123
    run.event.delivery S "d-1"
    run.event.installation N 7
    run.event.kind.after S "0123456789abcdef0123456789abcdef01234567"
    run.event.kind.forced BOOL false
    run.event.kind.git_ref.name S "main"
    run.event.kind.git_ref.type S "branch"
    run.event.kind.message S ""
    run.event.kind.type S "push"
    run.event.received_at N 4000000000123
    run.event.repository.clone_url S "https://github.com/octocat/hello.git"
    run.event.repository.default_branch S "main"
    run.event.repository.html_url S "https://github.com/octocat/hello"
    run.event.repository.id N 42
    run.event.repository.name S "octocat/hello"
    run.event.repository.private BOOL false
    run.event.sender S "octocat"
    run.id S "514e8239934f705c"
    run.installation N 7
    run.nodes.test.expansion.fail_fast BOOL true
    run.nodes.test.expansion.legs[0] S "514e8239934f705c-11d1747e"
    run.nodes.test.needs L []
    run.number N 1
    run.policy.actions S "all"
    run.policy.actions_workflows BOOL false
    run.policy.comment S "on-failure"
    run.policy.forks S "approval"
    run.policy.permissions.contents S "read"
    run.policy.queue_timeout N 3600000
    run.policy.retry.flaky N 1
    run.policy.retry.infrastructure N 1
    run.policy.run_timeout_max N 432000000
    run.policy.vars M {}
    run.sha S "0123456789abcdef0123456789abcdef01234567"
    run.trust.type S "own"
    run.version N 1
    run.workflow_name S "CI"
    run.workflow_path S ".checkmill/workflows/ci.yml"
    sk S "RUN"
    version N 1
    "#);
    insta::assert_snapshot!(show(&runs::commit_row(&expanded, START)), @r#"
    expires_at N 4007776000
    pk S "COMMIT#42#0123456789abcdef0123456789abcdef01234567"
    run S "514e8239934f705c"
    sk S "RUN#00000004000000000123#514e8239934f705c"
    "#);
}

#[test]
fn a_job_in_the_index_and_one_that_owes_nothing() {
    let waiting = job(&run("d-1"), r#"{"os":"linux"}"#);
    insta::assert_snapshot!(show(&jobs::row(&waiting, START).unwrap()), @r#"
    expires_at N 4007776000
    job.attempt N 1
    job.check_uncertain BOOL false
    job.continue_on_error BOOL false
    job.generation N 0
    job.id S "514e8239934f705c-49bbdd84"
    job.key S "test"
    job.leg S "{\"os\":\"linux\"}"
    job.name S "CI / test ({\"os\":\"linux\"})"
    job.queue_timeout N 3600000
    job.queued_at N 4000000000123
    job.retries.allowed.flaky N 1
    job.retries.allowed.infrastructure N 1
    job.retries.used.flaky N 0
    job.retries.used.infrastructure N 0
    job.run_timeout N 21600000
    job.runs_on[0] S "linux"
    job.state.type S "waiting"
    job.version N 0
    pk S "RUN#514e8239934f705c"
    sk S "JOB#514e8239934f705c-49bbdd84"
    version N 0
    "#);
    let running = changed(&waiting, |job| {
        job.state = JobState::Running {
            handle: handle(),
            since: START,
        };
        job.check = Some(CheckRunId(9));
        job.task_token = Some("AAAA".to_owned());
    });
    insta::assert_snapshot!(show(&jobs::row(&running, START).unwrap()), @r#"
    expires_at N 4007776000
    job.attempt N 1
    job.check N 9
    job.check_uncertain BOOL false
    job.continue_on_error BOOL false
    job.generation N 0
    job.id S "514e8239934f705c-49bbdd84"
    job.key S "test"
    job.leg S "{\"os\":\"linux\"}"
    job.name S "CI / test ({\"os\":\"linux\"})"
    job.queue_timeout N 3600000
    job.queued_at N 4000000000123
    job.retries.allowed.flaky N 1
    job.retries.allowed.infrastructure N 1
    job.retries.used.flaky N 0
    job.retries.used.infrastructure N 0
    job.run_timeout N 21600000
    job.runs_on[0] S "linux"
    job.state.handle.backend S "process"
    job.state.handle.id S "p-1"
    job.state.since N 4000000000123
    job.state.type S "running"
    job.task_token S "AAAA"
    job.version N 1
    open_pk S "JOB#1"
    open_sk S "00000004000000600123#514e8239934f705c-49bbdd84"
    pk S "RUN#514e8239934f705c"
    sk S "JOB#514e8239934f705c-49bbdd84"
    version N 1
    "#);
    let claimed = changed(&waiting, |job| job.state = claimed(START));
    assert_eq!(
        jobs::row(&claimed, START).unwrap()["open_sk"].as_s().unwrap(),
        &format!("00000004000000120123#{}", claimed.id)
    );
}

#[test]
fn a_concurrency_group() {
    insta::assert_snapshot!(show(&groups::row(&group(), START).unwrap()), @r#"
    expires_at N 4007776000
    group.holder.asked N 4000000000123
    group.holder.cancels BOOL false
    group.holder.claimant.id S "514e8239934f705c"
    group.holder.claimant.type S "run"
    group.holder.queue S "single"
    group.holder.since N 4000000000123
    group.holder.title S "CI of 0123456"
    group.id S "fa3eda175a209766da1840b5324b7989"
    group.name S "Deploy"
    group.pending[0].asked N 4000000000124
    group.pending[0].cancels BOOL true
    group.pending[0].claimant.id S "514e8239934f705c-d5d0cc8e"
    group.pending[0].claimant.type S "job"
    group.pending[0].queue S "single"
    group.pending[0].since N 4000000000124
    group.pending[0].title S "CI / test of 0123456"
    group.repository N 42
    group.version N 1
    pk S "GROUP#42#fa3eda175a209766da1840b5324b7989"
    sk S "GROUP"
    version N 1
    "#);
}

#[test]
fn the_numbers_of_a_files_runs() {
    let numbers = RunNumbers::new(REPOSITORY, "ci.yml").with(&run("d-1").id, true);
    insta::assert_snapshot!(show(&numbers::row(&numbers, START).unwrap()), @r#"
    numbers.id S "28fd2a2b445fc21a950620828dc00217"
    numbers.kept BOOL true
    numbers.last N 1
    numbers.newest[0] S "514e8239934f705c"
    numbers.path S "ci.yml"
    numbers.repository N 42
    numbers.version N 1
    pk S "NUMBER#42"
    sk S "WORKFLOW#28fd2a2b445fc21a950620828dc00217"
    version N 1
    "#);
}

#[test]
fn a_job_that_waits_in_a_concurrency_group_is_in_the_index() {
    let parked = changed(&job(&run("d-1"), ""), |job| {
        job.state = JobState::Parked { since: START }
    });
    assert_eq!(
        jobs::row(&parked, START).unwrap()["open_sk"].as_s().unwrap(),
        &format!("00000004000000600123#{}", parked.id)
    );
}

#[test]
fn what_was_learned() {
    insta::assert_snapshot!(show(&histories::row(&history(), START).unwrap()), @r#"
    expires_at N 4007776000
    history.failures[0].count N 1
    history.failures[0].first_at N 4000000000124
    history.failures[0].flaky N 0
    history.failures[0].id S "9e6cabe4bc00"
    history.failures[0].infrastructure N 0
    history.failures[0].last_at N 4000000000124
    history.failures[0].line S "error: N of N failed"
    history.failures[0].place S "refs/heads/Test"
    history.failures[0].sha S "0123456789abcdef0123456789abcdef01234567"
    history.failures[0].step S "Test"
    history.job.id S "557911ef82f8ff410fff0dea1ab14a08"
    history.job.key S "test"
    history.job.leg S ""
    history.job.name S "CI / test"
    history.job.repository N 42
    history.job.repository_name S "octocat/hello"
    history.job.workflow_path S "ci.yml"
    history.recent[0].at N 4000000000124
    history.recent[0].attempt N 1
    history.recent[0].backend S "process"
    history.recent[0].failure S "9e6cabe4bc00"
    history.recent[0].job S "514e8239934f705c-efda4033"
    history.recent[0].machine S "Test"
    history.recent[0].outcome S "failure"
    history.recent[0].place S "refs/heads/Test"
    history.recent[0].queued N 5
    history.recent[0].ran N 1234
    history.recent[0].retried S "flaky"
    history.recent[0].sha S "0123456789abcdef0123456789abcdef01234567"
    history.recent[0].trigger S "Test"
    history.steps[0].durations L []
    history.steps[0].failure N 1
    history.steps[0].last_at N 4000000000124
    history.steps[0].name S "Test"
    history.steps[0].success N 0
    history.tally.failure N 1
    history.tally.flaky N 0
    history.tally.infrastructure N 0
    history.tally.other N 0
    history.tally.success N 0
    history.tally.timeout N 0
    history.version N 1
    pk S "HISTORY#42"
    sk S "JOB#557911ef82f8ff410fff0dea1ab14a08"
    version N 1
    "#);
}

#[test]
fn schedules_with_timers_and_without() {
    let with = schedule(&["30 5 * * 1-5"]);
    insta::assert_snapshot!(show(&schedules::row(&with, START).unwrap()), @r#"
    open_pk S "SCHEDULE#0"
    open_sk S "00000004000073400000#42"
    pk S "SCHEDULE#42"
    schedule.actor S "octocat"
    schedule.installation N 7
    schedule.repository.clone_url S "https://github.com/octocat/hello.git"
    schedule.repository.default_branch S "main"
    schedule.repository.html_url S "https://github.com/octocat/hello"
    schedule.repository.id N 42
    schedule.repository.name S "octocat/hello"
    schedule.repository.private BOOL false
    schedule.rests N 0
    schedule.timers[0].next N 4000073400000
    schedule.timers[0].timing.cron S "30 5 * * 1-5"
    schedule.timers[0].timing.timezone S "Europe/Berlin"
    schedule.version N 1
    sk S "SCHEDULE"
    version N 1
    "#);
    let without = checkmill_core::Schedule {
        timers: Vec::new(),
        ..with
    };
    let followed = checkmill_core::Schedule {
        followed: ["CI".to_owned()].into(),
        ..without.clone()
    };
    let row = schedules::row(&followed, START).unwrap();
    assert!(
        !row.contains_key("expires_at") && !row.contains_key("open_pk"),
        "{row:?}"
    );
    insta::assert_snapshot!(show(&schedules::row(&without, START).unwrap()), @r#"
    expires_at N 4007776000
    pk S "SCHEDULE#42"
    schedule.actor S "octocat"
    schedule.installation N 7
    schedule.repository.clone_url S "https://github.com/octocat/hello.git"
    schedule.repository.default_branch S "main"
    schedule.repository.html_url S "https://github.com/octocat/hello"
    schedule.repository.id N 42
    schedule.repository.name S "octocat/hello"
    schedule.repository.private BOOL false
    schedule.rests N 0
    schedule.timers L []
    schedule.version N 1
    sk S "SCHEDULE"
    version N 1
    "#);
}
