//! Runs whose workflow calls others.

use crate::PATH;
use crate::events::{cancel, job_of, push, rerun_failed};
use crate::stories::script;
use checkmill_core::{CallKey, DeliveryId, JobId, JobKey, Millis, Reason, RunId};
use checkmill_tests::sim::backend::Ending;
use checkmill_tests::sim::world::{Action, Host, Trouble, World, attempt};

/// `build` and `report` are what the cases of the property test act on.
const CALLER: &str = "
name: CI
on: [push, pull_request]
jobs:
  build:
    runs-on: linux
    timeout-minutes: 30
    steps: [run: make]
  call:
    needs: build
    strategy:
      max-parallel: 1
      matrix: {n: [1, 2]}
    uses: ./.github/workflows/called.yml
    with: {n: '${{ matrix.n }}'}
  report:
    needs: [build, call]
    if: always()
    runs-on: linux
    steps: [run: make]
";
const CALLED: &str = "
on: {workflow_call: {inputs: {n: {type: number}}}}
jobs:
  one:
    runs-on: linux
    timeout-minutes: 20
    steps: [run: make]
  inner:
    needs: one
    uses: ./.github/workflows/inner.yml
  two:
    needs: inner
    runs-on: linux
    steps: [run: make]
";
const INNER: &str = "
on: workflow_call
jobs:
  leaf:
    runs-on: linux
    strategy: {matrix: {x: [a, b]}}
    steps: [run: make]
";
pub(crate) const CALLING: [(&str, &str); 3] = [
    (PATH, CALLER),
    (".github/workflows/called.yml", CALLED),
    (".github/workflows/inner.yml", INNER),
];

fn world() -> World {
    let trouble = Trouble::default();
    let mut world = World::new(Host::Aws, true, &CALLING, vec![script(Ending::Success)], trouble);
    world.schedule(Millis(0), Action::Deliver(push()));
    world
}

/// Runs to the end; how each job ended, in the order of their names.
fn ended(world: &mut World) -> String {
    world.run().unwrap();
    world.verdict().unwrap();
    let mut lines: Vec<String> = world
        .store()
        .all_jobs()
        .iter()
        .map(|job| {
            format!(
                "{}: {} ({})",
                job.name,
                job.end().unwrap().reason.class(),
                job.attempt
            )
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn all_levels_run_one_call_after_the_other() {
    let mut world = world();
    insta::assert_snapshot!(ended(&mut world), @"
    CI / build: success (1)
    CI / call (1) / inner / leaf (a): success (1)
    CI / call (1) / inner / leaf (b): success (1)
    CI / call (1) / one: success (1)
    CI / call (1) / two: success (1)
    CI / call (2) / inner / leaf (a): success (1)
    CI / call (2) / inner / leaf (b): success (1)
    CI / call (2) / one: success (1)
    CI / call (2) / two: success (1)
    CI / report: success (1)
    ");
    let jobs = world.store().all_jobs();
    let end = |name: &str| {
        jobs.iter()
            .filter(|job| job.name.starts_with(name))
            .map(|job| job.end().unwrap().at)
            .max()
    };
    let start = |name: &str| {
        jobs.iter()
            .filter(|job| job.name.starts_with(name))
            .map(|job| job.queued_at)
            .min()
    };
    assert!(end("CI / call (1)") <= start("CI / call (2)"));
}

/// The id of a job of the first call.
fn of_first_call(own: &str) -> JobId {
    let delivery: DeliveryId = "push-1".parse().unwrap();
    let caller: JobKey = "call".parse().unwrap();
    let call = CallKey::derive(&caller, r#"{"n":1}"#);
    let key = call.job(&own.parse().unwrap()).unwrap();
    JobId::derive(&RunId::derive(&delivery, PATH), &key, "")
}

#[test]
fn a_failure_ends_the_other_call_before_it_begins_and_a_re_run_brings_it_back() {
    let mut world = world();
    let first = attempt(of_first_call("one"), 1);
    world.backend().plan(first, script(Ending::Failure));
    insta::assert_snapshot!(ended(&mut world), @"
    CI / build: success (1)
    CI / call (1) / inner: skipped (1)
    CI / call (1) / one: test (1)
    CI / call (1) / two: skipped (1)
    CI / call (2) / inner: skipped (1)
    CI / call (2) / one: cancelled (1)
    CI / call (2) / two: skipped (1)
    CI / report: success (1)
    ");
    world.schedule(Millis::from_minutes(60), Action::Deliver(rerun_failed("again-1")));
    insta::assert_snapshot!(ended(&mut world), @"
    CI / build: success (1)
    CI / call (1) / inner / leaf (a): success (1)
    CI / call (1) / inner / leaf (b): success (1)
    CI / call (1) / inner: skipped (1)
    CI / call (1) / one: success (2)
    CI / call (1) / two: success (2)
    CI / call (2) / inner / leaf (a): success (1)
    CI / call (2) / inner / leaf (b): success (1)
    CI / call (2) / inner: skipped (1)
    CI / call (2) / one: success (2)
    CI / call (2) / two: success (2)
    CI / report: success (2)
    ");
}

#[test]
fn a_re_run_of_what_the_call_needs_runs_all_of_it_again() {
    let mut world = world();
    let first = attempt(job_of("push-1", "build"), 1);
    world.backend().plan(first, script(Ending::Failure));
    insta::assert_snapshot!(ended(&mut world), @"
    CI / build: test (1)
    CI / call: skipped (1)
    CI / report: success (1)
    ");
    world.schedule(Millis::from_minutes(60), Action::Deliver(rerun_failed("again-1")));
    insta::assert_snapshot!(ended(&mut world), @"
    CI / build: success (2)
    CI / call (1) / inner / leaf (a): success (1)
    CI / call (1) / inner / leaf (b): success (1)
    CI / call (1) / one: success (1)
    CI / call (1) / two: success (1)
    CI / call (2) / inner / leaf (a): success (1)
    CI / call (2) / inner / leaf (b): success (1)
    CI / call (2) / one: success (1)
    CI / call (2) / two: success (1)
    CI / call: skipped (1)
    CI / report: success (2)
    ");
}

#[test]
fn a_cancelled_job_of_a_call_is_what_the_call_ends_with() {
    let mut world = world();
    let one = of_first_call("one");
    world.schedule(
        Millis::from_minutes(6),
        Action::Deliver(cancel("cancel-1", "octocat", one.clone())),
    );
    insta::assert_snapshot!(ended(&mut world), @"
    CI / build: success (1)
    CI / call (1) / inner: skipped (1)
    CI / call (1) / one: cancelled (1)
    CI / call (1) / two: skipped (1)
    CI / call (2) / inner / leaf (a): success (1)
    CI / call (2) / inner / leaf (b): success (1)
    CI / call (2) / one: success (1)
    CI / call (2) / two: success (1)
    CI / report: success (1)
    ");
    let job = world
        .store()
        .all_jobs()
        .into_iter()
        .find(|job| job.id == one)
        .unwrap();
    assert!(matches!(job.end().unwrap().reason, Reason::Cancelled { .. }));
}
