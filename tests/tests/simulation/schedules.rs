//! What runs by the clock: once for each time that comes, however the sweeps are cut off.

use crate::events::push;
use crate::stories::script;
use crate::{PATH, SHA};
use checkmill_core::limits::SCHEDULE_INTERVAL;
use checkmill_core::{DeliveryId, EventKind, Millis, UnixMillis};
use checkmill_tests::sim::backend::Ending;
use checkmill_tests::sim::faults::{Fault, Outage, Peer, Trouble as Wrong};
use checkmill_tests::sim::world::{Action, Host, START, Trouble, World};
use proptest::prelude::*;
use std::collections::BTreeSet;

const WORKFLOW: &str = "
name: Nightly
on:
  push:
  schedule:
    - cron: '*/5 * * * *'
    - cron: '7 * * * *'
      timezone: Europe/Berlin
jobs:
  clean:
    runs-on: linux
    steps:
      - if: github.event.schedule != '7 * * * *'
        run: make clean
";

fn world(host: Host, trouble: Trouble) -> World {
    let mut world = World::new(
        host,
        false,
        &[(PATH, WORKFLOW)],
        vec![script(Ending::Success)],
        trouble,
    );
    world.forge().set_head(&SHA.parse().unwrap());
    world.schedule(Millis(0), Action::Deliver(push()));
    world
}

/// The times that were run, by the minutes since the world began, with their schedules.
fn runs(world: &World) -> Vec<(u64, String)> {
    let time = |run: checkmill_core::Run| match run.event.kind {
        EventKind::Schedule(scheduled) => Some((scheduled.at.since(START).0 / 60_000, scheduled.timing.cron)),
        _ => None,
    };
    let mut times: Vec<_> = world.store().all_runs().into_iter().filter_map(time).collect();
    times.sort();
    times
}

#[test]
fn each_time_that_comes_is_run_and_what_was_missed_once() {
    let mut world = world(Host::Aws, Trouble::default());
    // The world begins at 8:00. Sweeps keep it awake; from 8:11 on there is none until 8:58.
    for minute in [3, 6, 11, 58] {
        world.schedule(Millis::from_minutes(minute), Action::Sweep);
    }
    world.run().unwrap();
    world.verdict().unwrap();
    let times = runs(&world);
    let all: BTreeSet<_> = times.iter().cloned().collect();
    assert_eq!(all.len(), times.len(), "{times:?}");
    assert!(
        times.contains(&(5, "*/5 * * * *".to_owned())) && times.contains(&(7, "7 * * * *".to_owned())),
        "{times:?}"
    );
    let names: BTreeSet<String> = world
        .store()
        .all_jobs()
        .iter()
        .map(|job| job.name.clone())
        .collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["Nightly / clean"]);
    // The next times are those after the last sweep.
    let schedules = world.store().all_schedules();
    assert!(schedules[0].due_at().unwrap() > START + Millis::from_minutes(58));
}

/// Whoever is suspended, archived or gone is asked for more and more seldom, and no delivery is left behind.
#[test]
fn a_repository_out_of_reach_does_not_fill_the_queue() {
    let mut trouble = Trouble::default();
    trouble.outages.push(Outage {
        peer: Peer::Forge,
        from: START + Millis::from_minutes(12),
        lasts: Millis::from_minutes(5 * 60),
        trouble: Wrong::Refused(3),
    });
    let mut world = world(Host::Aws, trouble);
    for quarter in 0..4 * 8 {
        world.schedule(Millis::from_minutes(quarter * 15), Action::Sweep);
    }
    // What GitHub was told of before it forgot us is another story.
    world.run().unwrap();
    let during = |(minute, _): &&(u64, String)| (12..12 + 5 * 60).contains(minute);
    assert_eq!(runs(&world).iter().filter(during).count(), 0);
    // An hour's rest, then two: what was due in them was not even tried.
    let schedules = world.store().all_schedules();
    assert_eq!(schedules[0].rests, 0, "it is back");
    assert!(
        runs(&world).iter().any(|(minute, _)| *minute > 12 + 5 * 60),
        "{:?}",
        runs(&world)
    );
    let tried = world
        .store()
        .delivery_ids()
        .iter()
        .filter(|id| id.as_str().starts_with("schedule-"))
        .count();
    assert!(
        tried < runs(&world).len() + 8,
        "{tried} tries for {:?}",
        runs(&world)
    );
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Before),
        Just(Fault::After),
        Just(Fault::CrashBefore),
        Just(Fault::CrashAfter),
    ]
}

#[derive(Debug, Clone)]
struct Case {
    one_machine: bool,
    trouble: Trouble,
    sweeps: Vec<u64>,
}

fn case() -> impl Strategy<Value = Case> {
    let trouble = (
        any::<u64>().no_shrink(),
        prop_oneof![Just(0), Just(30), Just(120)],
        prop::collection::vec((1..300u64, fault()), 0..12),
    );
    let sweeps = prop::collection::vec(0..90u64, 1..40);
    (any::<bool>(), trouble, sweeps).prop_map(|(one_machine, (seed, slow_per_mille, faults), sweeps)| Case {
        one_machine,
        trouble: Trouble {
            seed,
            slow_per_mille,
            faults,
            ..Trouble::default()
        },
        sweeps,
    })
}

fn at(minute: u64) -> UnixMillis {
    START + Millis::from_minutes(minute)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Sweeps may be cut off anywhere, overlap, and lose their writes: no time of a schedule is run twice or forgotten, and no
    /// two are closer than five minutes. (The store itself watches that no row moves on from a time that nobody took in.)
    #[test]
    fn each_time_is_run_once(case in case()) {
        let host = if case.one_machine { Host::OneMachine } else { Host::Aws };
        let mut world = world(host, case.trouble.clone());
        for minute in &case.sweeps {
            world.schedule(Millis::from_minutes(*minute), Action::Sweep);
        }
        // Past every fault.
        world.schedule(Millis::from_minutes(200), Action::Sweep);
        world.run().map_err(TestCaseError::fail)?;
        world.verdict().map_err(TestCaseError::fail)?;
        let times = runs(&world);
        for cron in ["*/5 * * * *", "7 * * * *"] {
            let of_cron: Vec<u64> = times.iter().filter(|(_, of)| of == cron).map(|(minute, _)| *minute).collect();
            for pair in of_cron.windows(2) {
                prop_assert!(at(pair[1]).since(at(pair[0])) >= SCHEDULE_INTERVAL, "{cron}: {of_cron:?}");
            }
            prop_assert!(!of_cron.is_empty(), "{times:?}");
        }
        let due: Vec<DeliveryId> = world.store().delivery_ids();
        let scheduled = due.iter().filter(|id| id.as_str().starts_with("schedule-")).count();
        prop_assert_eq!(scheduled, times.len(), "every delivery is a run");
        let schedules = world.store().all_schedules();
        prop_assert!(schedules[0].due_at().unwrap() > at(200));
    }
}
