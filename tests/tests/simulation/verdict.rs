//! The judge is judged: in a world where all went well, each single fault is found, and called by its name.

use crate::events::{job_of, push};
use crate::stories::script;
use crate::{PATH, SHA, WORKFLOW};
use checkmill_backends::port::{Backend as _, Submission, SubmitKey};
use checkmill_core::group::{Claimant, Place};
use checkmill_core::job::BackendHandle;
use checkmill_core::{
    AttemptNumber, CheckRunId, Conclusion, End, InstallationId, Job, JobState, Millis, Reason, RepositoryId,
    Run,
};
use checkmill_github::forge::{CheckState, CheckStatus, Forge as _, NewCheck, RepoRef};
use checkmill_phases::keys;
use checkmill_phases::ports::{Blobs as _, Groups, Jobs, Runs};
use checkmill_tests::sim::backend::Ending;
use checkmill_tests::sim::world::{Action, Host, START, Trouble, World, attempt};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// A call of a port, with nobody else about.
pub(crate) fn call<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer;
        }
    }
}

fn good_world() -> World {
    let scripts = vec![script(Ending::Success)];
    let mut world = World::new(Host::Aws, false, &[(PATH, WORKFLOW)], scripts, Trouble::default());
    world.schedule(Millis(0), Action::Deliver(push()));
    world.run().unwrap();
    world.verdict().unwrap();
    world
}

fn build(world: &World) -> Job {
    let id = job_of("push-1", "build");
    let mut jobs = world.store().all_jobs();
    jobs.retain(|job| job.id == id);
    jobs.remove(0)
}

fn repo() -> RepoRef {
    RepoRef {
        installation: InstallationId(1),
        id: RepositoryId(1),
        name: "octocat/hello".parse().unwrap(),
    }
}

/// What the check of `build` would say with this status.
fn state(world: &World, status: CheckStatus) -> CheckState {
    let check = world
        .forge()
        .checks()
        .remove(&build(world).check.unwrap())
        .unwrap();
    CheckState {
        status,
        ..check.state
    }
}

const fn completed(conclusion: Conclusion) -> CheckStatus {
    CheckStatus::Completed {
        conclusion,
        started_at: None,
        completed_at: START,
    }
}

fn say(world: &World, status: CheckStatus) {
    let check: CheckRunId = build(world).check.unwrap();
    call(world.forge().update_check(&repo(), check, &state(world, status))).unwrap();
}

fn another_check(world: &World, status: CheckStatus) {
    let build = build(world);
    let check = NewCheck {
        name: build.name.clone(),
        sha: SHA.parse().unwrap(),
        job: build.id,
        state: state(world, status),
    };
    call(world.forge().create_check(&repo(), &check)).unwrap();
}

fn write(world: &World, change: impl FnOnce(&mut Job)) {
    let mut job = build(world);
    change(&mut job);
    job.version += 1;
    call(Jobs::update(world.store(), &job)).unwrap();
}

fn falsify(world: &World, change: impl FnOnce(&mut Job)) {
    world.store().falsify(&job_of("push-1", "build"), change);
}

fn write_run(world: &World, change: impl FnOnce(&mut Run)) {
    let mut run = world.store().all_runs().remove(0);
    change(&mut run);
    run.version += 1;
    call(Runs::update(world.store(), &run)).unwrap();
}

pub(crate) fn submission(key: SubmitKey) -> Submission {
    Submission {
        key,
        name: String::new(),
        description: Vec::new(),
        secrets: Vec::new(),
        labels: Vec::new(),
        queue_timeout: Millis(0),
        run_timeout: Millis(0),
    }
}

fn submit(world: &World, number: u32) {
    let key = attempt(job_of("push-1", "build"), number);
    call(world.backend().submit(&submission(key))).unwrap();
}

type Damage = fn(&World);

/// Each fault with what the verdict calls it; `JOB` is the job's id.
const FAULTS: [(Damage, &str); 16] = [
    (
        |world| another_check(world, completed(Conclusion::Success)),
        "JOB has 2 checks for 1 attempts",
    ),
    (
        |world| another_check(world, CheckStatus::Queued),
        "JOB has 2 checks for 1 attempts",
    ),
    (
        |world| write_run(world, |run| run.number = Some(2)),
        "the runs of .checkmill/workflows/ci.yml have the numbers [2]",
    ),
    (
        |world| say(world, completed(Conclusion::Failure)),
        "a check of JOB said [Success, Failure]",
    ),
    (
        |world| say(world, CheckStatus::InProgress { started_at: START }),
        "a check of JOB was opened again",
    ),
    (
        |world| world.forge().forget_conclusions(build(world).check.unwrap()),
        "a check of JOB was left open",
    ),
    (
        // The row alone: its check has said otherwise.
        |world| falsify(world, |job| set_reason(job, Reason::RunTimeout)),
        "JOB ended RunTimeout, its check says Some(Success)",
    ),
    (
        |world| write(world, |job| set_reason(job, Reason::RunTimeout)),
        "attempt 1 of JOB ended",
    ),
    (
        |world| write(world, |job| job.state = JobState::Waiting),
        "attempt 1 of JOB ended",
    ),
    (
        |world| falsify(world, |job| job.state = JobState::Queued),
        "JOB is queued",
    ),
    (
        |world| {
            let log = keys::log(&build(world).id, AttemptNumber(1));
            call(world.store().delete(&log)).unwrap();
        },
        "the log of JOB was never kept",
    ),
    (
        |world| {
            let log = keys::log(&build(world).id, AttemptNumber(1));
            call(world.store().put(&log, Vec::new())).unwrap();
        },
        "the log of JOB is lost",
    ),
    (
        |world| {
            let build = build(world).id;
            write_run(world, |run| {
                run.asked.insert(build, AttemptNumber(2));
            });
        },
        "JOB was asked for again and did not run",
    ),
    (
        |world| {
            write_run(world, |run| {
                run.nodes.values_mut().for_each(|node| node.expansion = None)
            })
        },
        "was not expanded to its end",
    ),
    (|world| submit(world, 1), "JOB-1 was started twice"),
    (|world| submit(world, 2), "JOB-2 still runs on the backend"),
];

fn set_reason(job: &mut Job, reason: Reason) {
    if let JobState::Concluded { end, .. } = &mut job.state {
        *end = End::new(reason, "", end.at);
    }
}

#[test]
fn every_fault_is_found_and_called_by_its_name() {
    for (damage, expected) in FAULTS {
        let world = good_world();
        damage(&world);
        let fault = world.verdict().unwrap_err();
        let expected = expected.replace("JOB", &job_of("push-1", "build").to_string());
        assert!(fault.contains(&expected), "{fault:?} is not {expected:?}");
    }
}

/// A world in which `build` has had the place of a concurrency group.
fn world_with_a_group() -> World {
    let text = "on: push\njobs: {build: {runs-on: linux, concurrency: deploy, steps: [run: make]}}\n";
    let scripts = vec![script(Ending::Success)];
    let mut world = World::new(Host::Aws, false, &[(PATH, text)], scripts, Trouble::default());
    world.schedule(Millis(0), Action::Deliver(push()));
    world.run().unwrap();
    world.verdict().unwrap();
    world
}

fn runs() -> JobState {
    JobState::Running {
        handle: BackendHandle {
            backend: "sim".to_owned(),
            id: "1".to_owned(),
        },
        since: START,
    }
}

#[test]
fn what_runs_without_its_place_is_found() {
    let world = world_with_a_group();
    falsify(&world, |job| job.state = JobState::Queued);
    write(&world, |job| job.state = runs());
    let fault = world.verdict().unwrap_err();
    assert!(fault.contains("is running without the place of Job"), "{fault}");
}

#[test]
fn a_place_that_is_taken_from_what_runs_is_found() {
    let world = world_with_a_group();
    let group = world.store().all_groups().remove(0);
    let build = build(&world);
    let claimant = Claimant::Job { id: build.id.clone() };
    let place = Place::new(
        claimant.clone(),
        "build",
        build.concurrency.as_ref().unwrap(),
        build.queued_at,
    );
    let held = group.ask(&place, true).0.unwrap();
    call(Groups::save(world.store(), &held)).unwrap();
    falsify(&world, |job| job.state = runs());
    let left = held.leave(&claimant, build.queued_at).unwrap();
    call(Groups::save(world.store(), &left)).unwrap();
    let fault = world.verdict().unwrap_err();
    assert!(
        fault.contains(&format!("in deploy was taken while {} runs", build.id)),
        "{fault}"
    );
}

#[test]
fn a_second_comment_of_a_run_is_found() {
    let world = good_world();
    for marker in ["one", "two"] {
        call(world.forge().write_comment(&repo(), 7, None, marker, marker)).unwrap();
    }
    assert_eq!(world.verdict().unwrap_err(), "a run has two comments");
}

#[test]
fn a_world_without_jobs_is_none() {
    let world = World::new(
        Host::Aws,
        false,
        &[],
        vec![script(Ending::Success)],
        Trouble::default(),
    );
    assert_eq!(world.verdict().unwrap_err(), "no job came into being");
}
