//! What earlier attempts teach, through the whole system in virtual time: retries, counts that are right whatever crashes, and
//! polls that come when a job usually ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use checkmill_core::event::{EventKind, GitRef, Push, Repository};
use checkmill_core::history::Outcome;
use checkmill_core::{Event, InstallationId, Job, Millis, Reason, RepositoryId, UnixMillis};
use checkmill_tests::sim::backend::{Ending, Script};
use checkmill_tests::sim::faults::Fault;
use checkmill_tests::sim::world::{Action, Host, Trouble, World};
use proptest::prelude::*;

const PATH: &str = ".checkmill/workflows/ci.yml";
const WORKFLOW: &str = "
name: CI
on: push
jobs:
  build:
    runs-on: linux
    timeout-minutes: 60
    steps:
      - run: make
  report:
    needs: build
    if: always()
    runs-on: linux
    steps:
      - run: echo done
";

/// The push number `n`, of a commit of its own.
fn push(n: u64) -> Action {
    Action::Deliver(Box::new(Event {
        delivery: format!("push-{n}").parse().unwrap(),
        installation: InstallationId(1),
        repository: Repository {
            id: RepositoryId(1),
            name: "octocat/hello".parse().unwrap(),
            default_branch: "main".to_owned(),
            owner_id: None,
            private: false,
            internal: false,
            clone_url: "https://github.com/octocat/hello.git".to_owned(),
            html_url: "https://github.com/octocat/hello".to_owned(),
        },
        sender: "octocat".parse().unwrap(),
        sender_id: None,
        received_at: UnixMillis(1_800_000_000_000),
        kind: EventKind::Push(Push {
            git_ref: GitRef::Branch("main".to_owned()),
            before: None,
            after: Some(format!("{n:040x}").parse().unwrap()),
            forced: false,
            first: None,
            message: "Change".to_owned(),
        }),
    }))
}

fn script(minutes: u64, ending: Ending) -> Script {
    Script {
        pending: Millis::from_secs(20),
        running: Millis::from_minutes(minutes),
        ending,
    }
}

fn world(scripts: &[Script], trouble: Trouble) -> World {
    World::new(Host::Aws, false, &[(PATH, WORKFLOW)], scripts.to_vec(), trouble)
}

fn job(world: &World, name: &str) -> Job {
    let jobs = world.store().all_jobs();
    jobs.into_iter().find(|job| job.name == name).unwrap()
}

/// Attempts by outcome, over all histories, must be the attempts that had compute.
fn counted(world: &World) -> Result<(), String> {
    let histories = world.store().all_histories();
    let counted: u64 = histories.iter().map(|history| history.tally.total()).sum();
    let attempts: u64 = world
        .store()
        .all_jobs()
        .iter()
        // Only what had compute is retried; the last attempt may have found none.
        .map(|job| u64::from(job.attempt.0) - u64::from(job.handle().is_none()))
        .sum();
    if counted == attempts {
        Ok(())
    } else {
        Err(format!("{counted} counted, {attempts} attempts: {histories:#?}"))
    }
}

#[test]
fn a_lost_attempt_is_retried_once_and_what_needs_it_waits_for_the_retry() {
    let scripts = [
        script(4, Ending::Lost),
        script(4, Ending::Success),
        script(1, Ending::Success),
    ];
    let mut world = world(&scripts, Trouble::default());
    world.schedule(Millis(0), push(1));
    world.run().unwrap();
    world.verdict().unwrap();
    counted(&world).unwrap();
    let (build, report) = (job(&world, "CI / build"), job(&world, "CI / report"));
    assert_eq!((build.attempt.0, build.retries.used.infrastructure), (2, 1));
    assert_eq!(build.end().unwrap().reason, Reason::Success);
    assert_eq!(report.attempt.0, 1);
    assert!(
        report.queued_at >= build.end().unwrap().at,
        "it waited for the last attempt"
    );
    let titles: Vec<_> = world
        .forge()
        .checks()
        .values()
        .filter(|check| check.job == build.id)
        .map(|check| check.state.title.clone())
        .collect();
    assert_eq!(titles.len(), 2);
    assert_eq!(
        titles[0],
        "No verdict: the infrastructure failed; retried as attempt 2"
    );
}

#[test]
fn what_is_lost_again_is_not_retried_again() {
    let mut world = world(&[script(4, Ending::Lost)], Trouble::default());
    world.schedule(Millis(0), push(1));
    world.run().unwrap();
    world.verdict().unwrap();
    counted(&world).unwrap();
    let build = job(&world, "CI / build");
    assert_eq!(
        (build.attempt.0, &build.end().unwrap().reason),
        (2, &Reason::Infrastructure)
    );
}

#[test]
fn a_jobs_own_failure_is_not_retried() {
    let mut world = world(&[script(4, Ending::Failure)], Trouble::default());
    world.schedule(Millis(0), push(1));
    world.run().unwrap();
    world.verdict().unwrap();
    let build = job(&world, "CI / build");
    assert_eq!(
        (build.attempt.0, &build.end().unwrap().reason),
        (1, &Reason::Test)
    );
    assert!(build.retries.settled);
}

#[test]
fn a_deadline_is_not_retried() {
    let mut world = world(&[script(4, Ending::Hangs)], Trouble::default());
    world.schedule(Millis(0), push(1));
    world.run().unwrap();
    world.verdict().unwrap();
    let build = job(&world, "CI / build");
    assert_eq!(
        (build.attempt.0, &build.end().unwrap().reason),
        (1, &Reason::RunTimeout)
    );
}

/// Polls of the last push's build.
fn polls_of_last(world: &World) -> usize {
    let build = world
        .store()
        .all_jobs()
        .into_iter()
        .filter(|job| job.name == "CI / build");
    let last = build.max_by_key(|job| job.queued_at).unwrap();
    let polls = |line: &&str| line.contains(last.id.as_str()) && line.contains("poll -> {\"attempt\"");
    world.history().lines().filter(polls).count()
}

#[test]
fn once_its_duration_is_known_a_job_is_first_polled_when_it_usually_ends() {
    let mut world = world(&[script(8, Ending::Success)], Trouble::default()).with_history();
    world.schedule(Millis(0), push(1));
    world.run().unwrap();
    let before = polls_of_last(&world);
    for n in 2..8 {
        world.schedule(Millis(0), push(n));
        world.run().unwrap();
    }
    world.verdict().unwrap();
    counted(&world).unwrap();
    let after = polls_of_last(&world);
    // Until it is seen running, then one when it usually ends, at most one more where it is a moment later.
    assert!(
        before >= 15 && after <= before - 10,
        "{before} polls, then {after}"
    );
    let build = job(&world, "CI / build");
    let history = world.store().all_histories();
    let history = history
        .iter()
        .find(|history| history.job.key == build.key)
        .unwrap();
    let usual = history.usual_end().unwrap();
    assert!(
        usual >= Millis::from_minutes(8) && usual < Millis::from_minutes(9),
        "{usual:?}"
    );
    assert!(
        history
            .recent
            .iter()
            .all(|attempt| attempt.outcome == Outcome::Success)
    );
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Before),
        Just(Fault::After),
        Just(Fault::CrashBefore),
        Just(Fault::CrashAfter)
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        2 => Just(Ending::Success),
        1 => Just(Ending::Failure),
        3 => Just(Ending::Lost)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 500, ..ProptestConfig::default() })]

    /// Results run twice, stop between any two effects, race with each other: each attempt is counted once, and retried as
    /// often as the policy says.
    #[test]
    fn every_attempt_is_counted_once_whatever_happens(
        host in prop_oneof![Just(Host::Aws), Just(Host::OneMachine)],
        endings in prop::collection::vec(ending(), 1..5),
        seed in any::<u64>(),
        faults in prop::collection::vec((1..200_u64, fault()), 0..12),
    ) {
        let scripts = endings.iter().map(|ending| script(3, *ending)).collect();
        let mut world = World::new(host, false, &[(PATH, WORKFLOW)], scripts, Trouble { seed, faults, ..Trouble::default() }).with_history();
        world.schedule(Millis(0), push(1));
        world.schedule(Millis::from_minutes(30), push(2));
        let rested = world.run();
        let said = rested.and_then(|()| world.verdict()).and_then(|()| counted(&world));
        if let Err(fault) = said {
            prop_assert!(false, "{fault}\n{}", world.history());
        }
        for job in world.store().all_jobs() {
            prop_assert!(job.retries.used.infrastructure <= 1 && job.retries.used.flaky <= 1);
            prop_assert!(job.attempt.0 <= 2);
        }
    }
}
