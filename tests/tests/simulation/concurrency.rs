//! Runs and jobs that want the same places.

use crate::events::{approve, event, pull_request_from_a_fork, rerun_failed, rerun_job};
use crate::stories::script;
use crate::{PATH, SHA};
use checkmill_core::conclusion::CancelledBy;
use checkmill_core::event::{EventKind, GitRef, Push};
use checkmill_core::{Event, Job, JobId, JobKey, Millis, Reason, RunId};
use checkmill_tests::sim::backend::{Ending, Script};
use checkmill_tests::sim::faults::Fault;
use checkmill_tests::sim::world::{Action, Host, START, Trouble, World};

/// A push of its own.
pub(crate) fn push(delivery: &str) -> Box<Event> {
    let push = Push {
        git_ref: GitRef::Branch("main".to_owned()),
        before: None,
        after: Some(SHA.parse().unwrap()),
        forced: false,
        first: None,
        message: "Change".to_owned(),
    };
    event(delivery, EventKind::Push(push), "octocat")
}

/// `build` and `report` are what the cases of the property test act on. The workflow is in a group, `deploy` in one of its own
/// that other files share, and the legs of a matrix in two.
const MAIN: &str = "
name: CI
on: [push, pull_request]
concurrency: ci-${{ github.event_name }}
jobs:
  build:
    runs-on: linux
    timeout-minutes: 20
    steps: [run: make]
  test:
    needs: build
    runs-on: linux
    timeout-minutes: 20
    concurrency:
      group: machine-${{ matrix.machine }}
      queue: max
    strategy: {matrix: {machine: [a, b], n: [1, 2]}}
    steps: [run: make]
  deploy:
    needs: build
    runs-on: linux
    timeout-minutes: 20
    concurrency: {group: Deploy, cancel-in-progress: true}
    steps: [run: make]
  report:
    needs: [build, test, deploy]
    if: always()
    runs-on: linux
    timeout-minutes: 20
    steps: [run: make]
";
const OTHER: &str = "
name: Other
on: push
jobs:
  deploy:
    runs-on: linux
    timeout-minutes: 20
    concurrency: deploy
    steps: [run: make]
  call:
    strategy: {matrix: {n: [1, 2]}}
    concurrency: call-${{ matrix.n }}
    uses: ./.github/workflows/called.yml
";
const CALLED: &str = "
on: workflow_call
concurrency: {group: called, queue: max}
jobs:
  one:
    runs-on: linux
    timeout-minutes: 20
    steps: [run: make]
  two:
    needs: one
    runs-on: linux
    timeout-minutes: 20
    steps: [run: make]
";
pub(crate) const GROUPS: [(&str, &str); 3] = [
    (PATH, MAIN),
    (".checkmill/workflows/other.yml", OTHER),
    (".github/workflows/called.yml", CALLED),
];

fn world(files: &[(&str, &str)]) -> World {
    World::new(
        Host::Aws,
        true,
        files,
        vec![script(Ending::Success)],
        Trouble::default(),
    )
}

fn alone(concurrency: &str) -> String {
    format!(
        "name: CI\non: [push, pull_request]\njobs:\n  deploy:\n    runs-on: linux\n    concurrency: {concurrency}\n    steps: [run: make]\n"
    )
}

fn job_of(delivery: &str, key: &str) -> JobId {
    let key: JobKey = key.parse().unwrap();
    JobId::derive(&RunId::derive(&delivery.parse().unwrap(), PATH), &key, "")
}

fn job(world: &World, delivery: &str, key: &str) -> Job {
    let id = job_of(delivery, key);
    let mut jobs = world.store().all_jobs();
    jobs.retain(|job| job.id == id);
    jobs.remove(0)
}

/// How the jobs of pushes ended, and what was said of those that were cancelled.
fn ends(world: &mut World, deliveries: &[&str], key: &str) -> String {
    world.run().unwrap();
    world.verdict().unwrap();
    for group in world.store().all_groups() {
        assert!(
            group.holder.is_none() && group.pending.is_empty() && group.lost.is_empty(),
            "{group:?} is left"
        );
    }
    let line = |delivery: &&str| {
        let job = job(world, delivery, key);
        let end = job.end().unwrap();
        let minutes = end.at.since(START).0 / 60_000;
        match &end.reason {
            Reason::Success => format!("{delivery}: success after {minutes} min"),
            reason => format!(
                "{delivery}: {} after {minutes} min. {}",
                reason.class(),
                end.detail
            ),
        }
    };
    deliveries.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn push_each_minute(world: &mut World, deliveries: &[&str]) {
    for (minute, delivery) in (0..).zip(deliveries) {
        world.schedule(Millis::from_minutes(minute), Action::Deliver(push(delivery)));
    }
}

#[test]
fn one_runs_one_waits_and_the_newest_takes_the_place_of_who_waits() {
    let mut world = world(&[(PATH, &alone("deploy"))]);
    push_each_minute(&mut world, &["a", "b", "c"]);
    insta::assert_snapshot!(ends(&mut world, &["a", "b", "c"], "deploy"), @"
    a: success after 4 min
    b: cancelled after 2 min. CI / deploy of 0123456 took its place in the concurrency group deploy.
    c: success after 8 min
    ");
}

#[test]
fn who_cancels_what_is_in_progress_begins_when_that_has_stopped() {
    let mut world = world(&[(PATH, &alone("{group: deploy, cancel-in-progress: true}"))]);
    push_each_minute(&mut world, &["a", "b", "c"]);
    insta::assert_snapshot!(ends(&mut world, &["a", "b", "c"], "deploy"), @"
    a: cancelled after 1 min. CI / deploy of 0123456 took its place in the concurrency group deploy.
    b: cancelled after 2 min. CI / deploy of 0123456 took its place in the concurrency group deploy.
    c: success after 6 min
    ");
}

#[test]
fn a_queue_lets_all_of_them_run_in_order() {
    let mut world = world(&[(PATH, &alone("{group: deploy, queue: max}"))]);
    push_each_minute(&mut world, &["a", "b", "c", "d"]);
    insta::assert_snapshot!(ends(&mut world, &["a", "b", "c", "d"], "deploy"), @"
    a: success after 5 min
    b: success after 9 min
    c: success after 15 min
    d: success after 19 min
    ");
}

const RUN: &str = "
name: CI
on: push
concurrency: {group: ci, cancel-in-progress: true}
jobs:
  build:
    runs-on: linux
    steps: [run: make]
  side:
    runs-on: linux
    steps: [run: make]
  test:
    needs: build
    runs-on: linux
    steps: [run: make]
  clean:
    needs: build
    if: always()
    runs-on: linux
    steps: [run: make]
";

#[test]
fn a_run_is_cancelled_as_a_whole_but_for_what_cleans_up_after_it() {
    let mut world = world(&[(PATH, RUN)]);
    push_each_minute(&mut world, &["a", "b"]);
    insta::assert_snapshot!(ends(&mut world, &["a", "b"], "build"), @"
    a: cancelled after 1 min. CI of 0123456 took its place in the concurrency group ci.
    b: success after 9 min
    ");
    let of = |delivery: &str| {
        ["side", "test", "clean"].map(|key| {
            let end = job(&world, delivery, key).end().cloned().unwrap();
            format!("{key}: {}", end.reason.class())
        })
    };
    assert_eq!(of("a"), ["side: cancelled", "test: skipped", "clean: success"]);
    assert_eq!(of("b"), ["side: success", "test: success", "clean: success"]);
    // The newer run began when the older one had come to its end.
    let clean = job(&world, "a", "clean").end().unwrap().at;
    assert!(job(&world, "b", "build").placed_at.unwrap() >= clean);
}

#[test]
fn a_run_that_never_began_runs_nothing_not_even_what_cleans_up() {
    let waits = RUN.replace("{group: ci, cancel-in-progress: true}", "ci");
    let mut world = world(&[(PATH, &waits)]);
    push_each_minute(&mut world, &["a", "b", "c"]);
    insta::assert_snapshot!(ends(&mut world, &["a", "b", "c"], "build"), @"
    a: success after 5 min
    b: cancelled after 2 min. CI of 0123456 took its place in the concurrency group ci.
    c: success after 15 min
    ");
    for key in ["build", "side", "test", "clean"] {
        let job = job(&world, "b", key);
        assert_eq!(job.end().unwrap().reason.class(), "cancelled", "{key}");
        assert_eq!(job.handle(), None);
    }
    // Asked for again, it takes its place as another one would.
    world.schedule(Millis(0), Action::Deliver(rerun_failed("rerun-1")));
    world.run().unwrap();
    world.verdict().unwrap();
    for key in ["build", "side", "test", "clean"] {
        let job = job(&world, "b", key);
        assert_eq!(
            (job.end().unwrap().reason.class(), job.attempt.0),
            ("success", 2),
            "{key}"
        );
    }
}

/// Of what was cancelled before it began only its end is known: asked for again, it is evaluated.
#[test]
fn a_single_job_of_a_run_that_never_began_can_be_run_again() {
    let waits = RUN.replace("{group: ci, cancel-in-progress: true}", "ci");
    let mut world = world(&[(PATH, &waits)]);
    push_each_minute(&mut world, &["a", "push-1", "c"]);
    world.run().unwrap();
    for (rerun, key, ends) in [
        ("rerun-1", "test", "skipped"),
        ("rerun-2", "build", "success"),
        ("rerun-3", "test", "success"),
    ] {
        world.schedule(Millis(0), Action::Deliver(rerun_job(rerun, key)));
        world.run().unwrap();
        world.verdict().unwrap();
        let job = job(&world, "push-1", key);
        assert_eq!(job.end().unwrap().reason.class(), ends, "{rerun}");
    }
    assert_eq!(job(&world, "push-1", "test").runs_on, ["linux"]);
}

#[test]
fn a_job_that_waits_for_a_day_has_its_time_limits_before_it() {
    let first = Script {
        running: Millis::from_minutes(5 * 60),
        ..script(Ending::Success)
    };
    let files = [(PATH, alone("deploy"))];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let mut world = World::new(
        Host::Aws,
        true,
        &files,
        vec![first, script(Ending::Success)],
        Trouble::default(),
    );
    push_each_minute(&mut world, &["a", "b"]);
    insta::assert_snapshot!(ends(&mut world, &["a", "b"], "deploy"), @"
    a: success after 300 min
    b: success after 305 min
    ");
    let waited = job(&world, "b", "deploy");
    // More than the hour that it may wait for compute; two executions, and none meanwhile.
    assert_eq!(waited.generation, 1);
    assert!(world.transitions() < 600, "{}", world.transitions());
}

#[test]
fn a_forks_pull_request_takes_no_place_before_it_is_approved() {
    let mut world = world(&[(PATH, &alone("{group: deploy, cancel-in-progress: true}"))]);
    world.schedule(Millis(0), Action::Deliver(push("a")));
    world.schedule(
        Millis::from_minutes(1),
        Action::Deliver(pull_request_from_a_fork()),
    );
    insta::assert_snapshot!(ends(&mut world, &["a", "pull-1"], "deploy"), @"
    a: success after 5 min
    pull-1: approval_required after 1 min. The commit 0123456 comes from the fork stranger/hello and nobody approved it yet.
    ");
    // What somebody approved does what its file says.
    world.schedule(Millis(0), Action::Deliver(push("b")));
    world.schedule(
        Millis::from_minutes(1),
        Action::Deliver(approve("approve-1", "octocat")),
    );
    insta::assert_snapshot!(ends(&mut world, &["b", "pull-1"], "deploy"), @"
    b: cancelled after 6 min. CI / deploy of 0123456 took its place in the concurrency group deploy.
    pull-1: success after 10 min
    ");
}

#[test]
fn a_group_that_is_its_own_runs_is_a_mistake_and_not_a_deadlock() {
    let nested = format!("concurrency: Deploy\n{}", alone("deploy"));
    let mut world = world(&[(PATH, &nested)]);
    world.schedule(Millis(0), Action::Deliver(push("a")));
    insta::assert_snapshot!(ends(&mut world, &["a"], "deploy"), @"a: configuration after 0 min. It would wait for ever: its run, or the job that calls its workflow, is in the concurrency group deploy itself and ends only after it. Give the two different groups.");
}

#[test]
fn calls_matrices_and_files_share_groups() {
    let mut world = world(&GROUPS);
    push_each_minute(&mut world, &["a", "b"]);
    world.run().unwrap();
    world.verdict().unwrap();
    let mut lines: Vec<String> = world
        .store()
        .all_jobs()
        .iter()
        .map(|job| {
            let end = job.end().unwrap();
            let end_at = end.at.since(START).0 / 60_000;
            format!("{}: {} after {end_at} min", job.name, end.reason.class())
        })
        .collect();
    lines.sort();
    insta::assert_snapshot!(lines.join("\n"), @"
    CI / build: success after 22 min
    CI / build: success after 4 min
    CI / deploy: success after 27 min
    CI / deploy: success after 8 min
    CI / report: success after 18 min
    CI / report: success after 37 min
    CI / test (a, 1): success after 14 min
    CI / test (a, 1): success after 27 min
    CI / test (a, 2): success after 31 min
    CI / test (a, 2): success after 8 min
    CI / test (b, 1): success after 28 min
    CI / test (b, 1): success after 8 min
    CI / test (b, 2): success after 13 min
    CI / test (b, 2): success after 33 min
    Other / call (1) / one: success after 23 min
    Other / call (1) / one: success after 4 min
    Other / call (1) / two: success after 29 min
    Other / call (1) / two: success after 8 min
    Other / call (2) / one: success after 14 min
    Other / call (2) / one: success after 33 min
    Other / call (2) / two: success after 19 min
    Other / call (2) / two: success after 37 min
    Other / deploy: cancelled after 4 min
    Other / deploy: success after 4 min
    ");
}

/// Whatever call a phase dies at, who is to be woken is woken: the one that was planned last runs, and with a queue all do.
#[test]
fn nobody_waits_for_ever_wherever_a_phase_dies() {
    for host in [Host::Aws, Host::OneMachine] {
        for (concurrency, all) in [
            ("deploy", false),
            ("{group: deploy, cancel-in-progress: true}", false),
            ("{group: deploy, queue: max}", true),
        ] {
            let file = alone(concurrency);
            let story = |fault: Option<(u64, Fault)>| {
                let trouble = Trouble {
                    faults: fault.into_iter().collect(),
                    ..Trouble::default()
                };
                let mut world = World::new(
                    host,
                    true,
                    &[(PATH, &file)],
                    vec![script(Ending::Success)],
                    trouble,
                );
                push_each_minute(&mut world, &["a", "b", "c"]);
                let result = world.run().and_then(|()| world.verdict());
                (world, result)
            };
            let (quiet, _) = story(None);
            for call in 1..quiet.faults().calls() {
                let (world, result) = story(Some((call, Fault::CrashAfter)));
                assert_eq!(result, Ok(()), "{host:?}, {concurrency}, dies at call {call}");
                let jobs = ["a", "b", "c"].map(|delivery| job(&world, delivery, "deploy"));
                // A delivery that was lost for a while is planned later than the others.
                let newest = jobs.iter().map(|job| job.queued_at).max();
                for job in &jobs {
                    let reason = &job.end().unwrap().reason;
                    let by = CancelledBy::Concurrency;
                    let may_lose =
                        !all && Some(job.queued_at) != newest && *reason == Reason::Cancelled { by };
                    assert!(
                        *reason == Reason::Success || may_lose,
                        "{host:?}, {concurrency}, dies at call {call}: {jobs:?}"
                    );
                }
            }
        }
    }
}
