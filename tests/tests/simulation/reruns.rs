//! A re-run whose request dies at any of its steps.

use crate::PATH;
use crate::events::{approve, job_of, pull_request_from_a_fork, push, rerun_failed};
use crate::stories::script;
use checkmill_core::{AttemptNumber, Conclusion, Millis, Reason};
use checkmill_tests::sim::backend::{Ending, Script};
use checkmill_tests::sim::faults::Fault;
use checkmill_tests::sim::forge::SimCheck;
use checkmill_tests::sim::world::{Action, Host, Trouble, World, attempt};

/// `slow` ends while the failed jobs are taken up again.
const WORKFLOW: &str = "
name: CI
on: push
jobs:
  build:
    runs-on: linux
    steps:
      - run: make
  slow:
    runs-on: linux
    steps:
      - run: sleep 1
  deploy:
    needs: build
    runs-on: linux
    steps:
      - run: make deploy
";

/// Whatever call the request dies at, and however it is interleaved with the end of another job: what needs the failed job runs
/// when that passes.
#[test]
fn what_needs_a_failed_job_runs_after_its_re_run_wherever_the_request_dies() {
    for host in [Host::Aws, Host::OneMachine] {
        let mut run_again = 0;
        for seed in 0..2 {
            let quiet = play(story(host, seed, None)).0;
            for call in 1..quiet.faults().calls() {
                let fault = Some((call, Fault::CrashAfter));
                match play(story(host, seed, fault)).1 {
                    Ok(again) => run_again += u32::from(again),
                    Err(problem) => {
                        let (world, _) = play(story(host, seed, fault).with_history());
                        panic!(
                            "{host:?}, seed {seed}, dies at call {call}: {problem}\n{}",
                            world.history()
                        )
                    }
                }
            }
        }
        // Some deaths put the failure off until after the request.
        assert!(run_again > 100, "only {run_again} stories have a re-run");
    }
}

fn story(host: Host, seed: u64, fault: Option<(u64, Fault)>) -> World {
    let trouble = Trouble {
        seed,
        faults: fault.into_iter().collect(),
        ..Trouble::default()
    };
    let passes = script(Ending::Success);
    let mut world = World::new(host, true, &[(PATH, WORKFLOW)], vec![passes], trouble);
    let first = |key: &str| attempt(job_of("push-1", key), 1);
    // It ends after 4:20; its re-run is asked for at 5:00, when the other one ends.
    world.backend().plan(first("build"), script(Ending::Failure));
    let slow = Script {
        pending: Millis(0),
        running: Millis::from_minutes(5),
        ..passes
    };
    world.backend().plan(first("slow"), slow);
    world.schedule(Millis(0), Action::Deliver(push()));
    world.schedule(Millis::from_minutes(5), Action::Deliver(rerun_failed("rerun-1")));
    world
}

/// The world at its end, and whether the failed job was run again: then it has passed, and so has what needs it.
fn play(mut world: World) -> (World, Result<bool, String>) {
    let result = world
        .run()
        .and_then(|()| world.verdict())
        .and_then(|()| passed_again(&world));
    (world, result)
}

fn passed_again(world: &World) -> Result<bool, String> {
    let jobs = world.store().all_jobs();
    let of = |name: &str| jobs.iter().find(|job| job.name == name).unwrap();
    let (build, deploy) = (of("CI / build"), of("CI / deploy"));
    if build.attempt == AttemptNumber::FIRST {
        return Ok(false);
    }
    for job in [build, deploy] {
        let end = job.end().unwrap();
        if end.reason != Reason::Success {
            return Err(format!("{} ended with {:?}", job.name, end.reason));
        }
        // It was skipped before, as something of which nothing was known.
        if job.runs_on != ["linux"] {
            return Err(format!("{} runs on {:?}", job.name, job.runs_on));
        }
    }
    Ok(true)
}

/// Whatever call the approval dies at, the checks that waited say who gave it, and have no button any more.
#[test]
fn the_checks_that_waited_say_who_approved_wherever_the_approval_dies() {
    for host in [Host::Aws, Host::OneMachine] {
        let mut told = 0;
        let mut waiting = of_a_fork(host, None);
        waiting.run().unwrap();
        let mut quiet = approval(host, None);
        quiet.run().unwrap();
        for call in waiting.faults().calls()..quiet.faults().calls() {
            let mut world = approval(host, Some((call, Fault::CrashAfter)));
            let result = world.run().and_then(|()| world.verdict());
            match result.and_then(|()| told_on(&world)) {
                Ok(checks) => told += checks,
                Err(problem) => panic!("{host:?}, dies at call {call}: {problem}"),
            }
        }
        assert!(told > 100, "only {told} checks waited");
    }
}

fn of_a_fork(host: Host, fault: Option<(u64, Fault)>) -> World {
    let trouble = Trouble {
        faults: fault.into_iter().collect(),
        ..Trouble::default()
    };
    let passes = vec![script(Ending::Success)];
    let mut world = World::new(host, true, &[(PATH, crate::WORKFLOW)], passes, trouble);
    world.schedule(Millis(0), Action::Deliver(pull_request_from_a_fork()));
    world
}

fn approval(host: Host, fault: Option<(u64, Fault)>) -> World {
    let mut world = of_a_fork(host, fault);
    world.schedule(
        Millis::from_minutes(5),
        Action::Deliver(approve("approve", "octocat")),
    );
    world
}

/// How many checks of an approved run waited.
fn told_on(world: &World) -> Result<usize, String> {
    if world.store().all_runs().iter().any(|run| !run.trust.may_run()) {
        // The death put the run off until after the approval, which then finds nothing.
        return Ok(0);
    }
    let checks = world.forge().checks();
    let waited = |check: &&SimCheck| check.conclusions.first() == Some(&Conclusion::ActionRequired);
    let mut count = 0;
    for check in checks.values().filter(waited) {
        if check.state.title != "Approved by octocat; runs as attempt 2" || !check.state.buttons.is_empty() {
            return Err(format!("{}: {:?}", check.name, check.state));
        }
        count += 1;
    }
    Ok(count)
}
