//! Thousands of cases, each in a world of its own.

use crate::calls::CALLING;
use crate::concurrency::{self, GROUPS};
use crate::events::{approve, cancel, job_of, pull_request_from_a_fork, push, rerun_failed, rerun_job};
use crate::{PATH, WORKFLOW};
use checkmill_core::conclusion::CancelledBy;
use checkmill_core::{Millis, Reason};
use checkmill_tests::sim::backend::{Ending, Script};
use checkmill_tests::sim::faults::{Fault, Outage, Peer, Trouble as Wrong};
use checkmill_tests::sim::tally::{Happening, Tally};
use checkmill_tests::sim::world::{Action, Host, START, Trouble, World};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestError, TestRunner};
use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

#[derive(Debug, Clone)]
struct Case {
    callback: bool,
    scripts: Vec<Script>,
    trouble: Trouble,
    actions: Vec<(u64, u8)>,
    fork: bool,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::Before),
        2 => Just(Fault::After),
        1 => Just(Fault::CrashBefore),
        1 => Just(Fault::CrashAfter),
        2 => prop_oneof![0..3u8, Just(4)].prop_map(Fault::Refused),
        1 => (1..40u8).prop_map(Fault::Storm),
    ]
}

fn outage() -> impl Strategy<Value = Outage> {
    let peer = prop_oneof![
        2 => Just(Peer::Forge),
        1 => Just(Peer::Backend),
        1 => Just(Peer::Store),
        1 => Just(Peer::Engine),
        1 => Just(Peer::Queue),
    ];
    (peer, 0..1_800_000u64, 1..3_600_000u64, 0..6u8).prop_map(|(peer, from, lasts, how)| Outage {
        peer,
        from: START + Millis(from),
        // GitHub that knows nothing of us for longer means that we are no longer wanted there.
        lasts: Millis(if (peer, how) == (Peer::Forge, 2) {
            lasts % 15_000
        } else {
            lasts
        }),
        trouble: match (peer, how) {
            (Peer::Forge, 0..=2 | 4) | (Peer::Backend, 0) => Wrong::Refused(how),
            _ => Wrong::Away,
        },
    })
}

fn trouble() -> impl Strategy<Value = Trouble> {
    (
        any::<u64>().no_shrink(),
        prop_oneof![Just(0), Just(5), Just(30), Just(120)],
        prop::collection::vec((1..400u64, fault()), 0..12),
        prop::option::weighted(0.2, outage()),
        prop::collection::vec((1..40u64, (0..50_000u64).prop_map(Millis)), 0..4),
    )
        .prop_map(|(seed, slow_per_mille, faults, outage, deserted)| Trouble {
            seed,
            slow_per_mille,
            faults,
            outages: outage.into_iter().collect(),
            deserted,
        })
}

fn scripts() -> impl Strategy<Value = Script> {
    let ending = prop_oneof![
        5 => Just(Ending::Success),
        2 => Just(Ending::Failure),
        1 => Just(Ending::Lost),
        1 => Just(Ending::Hangs)
    ];
    (0..300_000u64, 0..900_000u64, ending).prop_map(|(pending, running, ending)| Script {
        pending: Millis(pending),
        running: Millis(running),
        ending,
    })
}

fn case() -> impl Strategy<Value = Case> {
    (
        any::<bool>(),
        prop::collection::vec(scripts(), 1..6),
        trouble(),
        prop::collection::vec((0..2_400_000u64, 0..11u8), 0..10),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(callback, scripts, trouble, actions, fork)| Case {
            callback,
            scripts,
            trouble,
            actions,
            fork,
        })
}

fn action(index: usize, kind: u8, fork: bool) -> Action {
    let first = if fork { pull_request_from_a_fork() } else { push() };
    let delivery = first.delivery.to_string();
    let id = format!("action-{index}");
    match kind {
        0 => Action::Deliver(first),
        1 => Action::RepeatMessage(first.delivery.clone()),
        2 => Action::Deliver(cancel(&id, "octocat", job_of(&delivery, "build"))),
        3 => Action::Deliver(cancel(&id, "stranger", job_of(&delivery, "report"))),
        4 => Action::Deliver(rerun_failed(&id)),
        5 => Action::Deliver(rerun_job(&id, "build")),
        6 => Action::Deliver(approve(&id, "octocat")),
        7 => Action::Sweep,
        10 => Action::StopExecutions,
        _ => Action::AgentsCall,
    }
}

/// What a case's number `index` does; kind 9 is the one before it, delivered once more.
fn action_of(case: &Case, index: usize) -> Action {
    match (case.actions[index].1, index) {
        (9, 0) => action(0, 0, case.fork),
        (9, _) => action_of(case, index - 1),
        (kind, _) => action(index, kind, case.fork),
    }
}

/// What the same case means for several worlds.
#[derive(Clone, Copy)]
struct Play {
    host: Host,
    /// The workflow files.
    files: &'static [(&'static str, &'static str)],
    /// What delivers the first push again in other worlds is another push here.
    crowd: bool,
}

impl Play {
    const fn of(host: Host, files: &'static [(&'static str, &'static str)]) -> Self {
        Self {
            host,
            files,
            crowd: false,
        }
    }

    fn action(self, case: &Case, index: usize) -> Action {
        match case.actions[index].1 {
            0 | 8 | 9 if self.crowd => Action::Deliver(concurrency::push(&format!("push-{}", index + 2))),
            _ => action_of(case, index),
        }
    }
}

/// The world of a case, as far as it gets, and what is wrong with it then.
fn play(play: Play, case: &Case, history: bool) -> (World, Result<(), String>) {
    let Play { host, files, .. } = play;
    let mut trouble = case.trouble.clone();
    if host == Host::OneMachine {
        // Its state machine calls the phases in its own process: no answer is lost on the way.
        trouble.deserted.clear();
    }
    let mut world = World::new(host, case.callback, files, case.scripts.clone(), trouble);
    if history {
        world = world.with_history();
    }
    let first = if case.fork {
        pull_request_from_a_fork()
    } else {
        push()
    };
    world.schedule(Millis(0), Action::Deliver(first));
    for (index, (after, _)) in case.actions.iter().enumerate() {
        let action = play.action(case, index);
        // On one machine executions are nothing without their process.
        if host == Host::Aws || !matches!(action, Action::StopExecutions) {
            world.schedule(Millis(*after), action);
        }
    }
    let result = world.run().and_then(|()| world.verdict());
    (world, result)
}

/// So many cases on one host. All such tests go through theirs at once, a thousand in less than a minute.
///
/// `PROPTEST_RNG_SEED` gives the seed of the cases; without it each run has its own.
fn every_job_ends_once(of: Play, cases: u32, test: &'static str) -> Tally {
    let mut config = ProptestConfig {
        cases,
        max_shrink_iters: 3000,
        max_shrink_time: 20_000,
        source_file: Some(file!()),
        test_name: Some(test),
        ..ProptestConfig::default()
    };
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one(test),
    };
    config.rng_seed = RngSeed::Fixed(seed);
    let (tally, played, failed) = (Tally::default(), Cell::new(0_u32), Cell::new(false));
    let result = TestRunner::new(config).run(&case(), |case| {
        let (world, result) = play(of, &case, false);
        // What comes after the first failure looks for a smaller one.
        if !failed.get() {
            played.set(played.get() + 1);
            failed.set(result.is_err());
        }
        count(&world, &tally);
        result.map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => tally,
        Err(TestError::Fail(fault, case)) => {
            // The smallest case again, for its history: a case is nothing but its values.
            let (world, _) = play(of, &case, true);
            panic!(
                "{fault}\nin case {} of seed {seed}; to see it again:\n  \
                 PROPTEST_RNG_SEED={seed} cargo nextest run -p checkmill-tests {test}\n\
                 The smallest case that was found is {case:#?}\nand this is what happens in it:\n{}",
                played.get(),
                world.history()
            );
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

fn count(world: &World, tally: &Tally) {
    for job in world.store().all_jobs() {
        if job.attempt.0 > 1 {
            tally.note(Happening::RunAgain);
        }
        if job.placed_at.is_some() {
            tally.note(Happening::Placed);
        }
        let by = CancelledBy::Concurrency;
        if job
            .end()
            .is_some_and(|end| end.reason == Reason::Cancelled { by })
        {
            tally.note(Happening::Displaced);
        }
        if job.stop.is_some() {
            tally.note(Happening::Stopped);
        }
    }
    tally.add(world.faults().tally());
}

/// Cases that are all alike would prove nothing.
fn everything_happened(host: Host, tally: &Tally) {
    for happening in Happening::ALL {
        let times = tally.of(happening);
        // In one process no answer is lost on the way, and nobody but the process stops an execution.
        // No group is in these files.
        let of_groups = [Happening::Placed, Happening::Displaced];
        let of_aws = [Happening::Deserted, Happening::ExecutionsStopped];
        let possible = (host == Host::Aws || !of_aws.contains(&happening)) && !of_groups.contains(&happening);
        assert_eq!(
            times > 0,
            possible,
            "{happening:?} came up {times} times in all cases"
        );
    }
}

#[test]
fn every_job_ends_once_whatever_happens_to_functions() {
    let tally = every_job_ends_once(
        Play::of(Host::Aws, &[(PATH, WORKFLOW)]),
        1000,
        "every_job_ends_once_whatever_happens_to_functions",
    );
    everything_happened(Host::Aws, &tally);
}

#[test]
fn every_job_ends_once_whatever_happens_to_the_one_process() {
    let tally = every_job_ends_once(
        Play::of(Host::OneMachine, &[(PATH, WORKFLOW)]),
        1000,
        "every_job_ends_once_whatever_happens_to_the_one_process",
    );
    everything_happened(Host::OneMachine, &tally);
}

#[test]
fn jobs_of_called_workflows_end_once_whatever_happens_to_functions() {
    every_job_ends_once(
        Play::of(Host::Aws, &CALLING),
        300,
        "jobs_of_called_workflows_end_once_whatever_happens_to_functions",
    );
}

#[test]
fn jobs_of_called_workflows_end_once_whatever_happens_to_the_one_process() {
    every_job_ends_once(
        Play::of(Host::OneMachine, &CALLING),
        300,
        "jobs_of_called_workflows_end_once_whatever_happens_to_the_one_process",
    );
}

fn places_are_kept(host: Host, test: &'static str) {
    let of = Play {
        crowd: true,
        ..Play::of(host, &GROUPS)
    };
    let tally = every_job_ends_once(of, 300, test);
    for happening in [Happening::Placed, Happening::Displaced] {
        assert!(tally.of(happening) > 0, "{happening:?} never came up");
    }
}

#[test]
fn nobody_runs_without_its_place_whatever_happens_to_functions() {
    places_are_kept(
        Host::Aws,
        "nobody_runs_without_its_place_whatever_happens_to_functions",
    );
}

#[test]
fn nobody_runs_without_its_place_whatever_happens_to_the_one_process() {
    places_are_kept(
        Host::OneMachine,
        "nobody_runs_without_its_place_whatever_happens_to_the_one_process",
    );
}
