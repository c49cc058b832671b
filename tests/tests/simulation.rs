//! Any sequence of events with duplicates, drops, reorders and crashes between any two effects, in any interleaving of phases,
//! ends each job in exactly one terminal state, with exactly one final conclusion on exactly one check for each attempt, and
//! nothing left running.
//!
//! The phases, the transition table, the graph and the state machine are the real ones; the ports are in memory, and time is
//! virtual: thousands of cases with hours of waiting take seconds. A case that fails is printed whole, with what happened in it,
//! and is kept in `simulation.proptest-regressions`, from where every later run tries it first.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use checkmill_core::event::{
    ButtonAction, CheckRef, EventKind, GitRef, PullRequest, PullRequestHead, Push, Repository,
};
use checkmill_core::limits::ATTEMPTS;
use checkmill_core::{
    CheckRunId, DeliveryId, Event, InstallationId, JobId, Millis, Reason, RepositoryId, RunId, UnixMillis,
};
use checkmill_tests::sim::backend::{Ending, Script};
use checkmill_tests::sim::faults::{Fault, Outage, Peer, Trouble as Wrong};
use checkmill_tests::sim::world::{Action, Host, START, Trouble, World};
use proptest::prelude::*;

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
const PATH: &str = ".checkmill/workflows/ci.yml";

const WORKFLOW: &str = r#"
name: CI
on: [push, pull_request]
jobs:
  build:
    runs-on: linux
    timeout-minutes: 30
    outputs:
      version: ${{ steps.v.outputs.version }}
    steps:
      - id: v
        run: echo "version=1" >> "$GITHUB_OUTPUT"
  test:
    needs: build
    runs-on: linux
    timeout-minutes: 20
    strategy:
      max-parallel: 2
      matrix:
        n: [1, 2, 3]
    steps:
      - run: exit ${{ matrix.n }}
  report:
    needs: [build, test]
    if: always()
    runs-on: linux
    steps:
      - run: echo done
"#;

fn event(delivery: &str, kind: EventKind, sender: &str) -> Box<Event> {
    Box::new(Event {
        delivery: delivery.parse().unwrap(),
        installation: InstallationId(1),
        repository: Repository {
            id: RepositoryId(1),
            name: "octocat/hello".parse().unwrap(),
            default_branch: "main".to_owned(),
            private: false,
            clone_url: "https://github.com/octocat/hello.git".to_owned(),
            html_url: "https://github.com/octocat/hello".to_owned(),
        },
        sender: sender.parse().unwrap(),
        received_at: UnixMillis(1_800_000_000_000),
        kind,
    })
}

fn push() -> Box<Event> {
    let push = Push {
        git_ref: GitRef::Branch("main".to_owned()),
        before: None,
        after: Some(SHA.parse().unwrap()),
        forced: false,
        first: None,
        message: "Change".to_owned(),
    };
    event("push-1", EventKind::Push(push), "octocat")
}

fn pull_request_from_a_fork() -> Box<Event> {
    let pull_request = PullRequest {
        action: "opened".to_owned(),
        number: 7,
        title: "Change".to_owned(),
        author: "stranger".parse().unwrap(),
        draft: false,
        labels: vec![],
        head: PullRequestHead {
            git_ref: "change".to_owned(),
            sha: SHA.parse().unwrap(),
            repository: Some("stranger/hello".parse().unwrap()),
        },
        base_ref: "main".to_owned(),
        base_sha: "1123456789abcdef0123456789abcdef01234567".parse().unwrap(),
    };
    event("pull-1", EventKind::PullRequest(pull_request), "stranger")
}

fn job_of(delivery: &str, key: &str) -> JobId {
    let delivery: DeliveryId = delivery.parse().unwrap();
    JobId::derive(&RunId::derive(&delivery, PATH), &key.parse().unwrap(), "")
}

fn check(job: JobId) -> CheckRef {
    CheckRef {
        id: CheckRunId(1),
        head_sha: SHA.parse().unwrap(),
        job: Some(job),
    }
}

fn cancel(id: &str, by: &str, job: JobId) -> Box<Event> {
    event(
        id,
        EventKind::RequestedAction {
            action: ButtonAction::Cancel,
            check: check(job),
        },
        by,
    )
}

fn approve(id: &str, by: &str) -> Box<Event> {
    let check = check(job_of("pull-1", "build"));
    event(
        id,
        EventKind::RequestedAction {
            action: ButtonAction::Approve,
            check,
        },
        by,
    )
}

fn rerun_failed(id: &str) -> Box<Event> {
    event(
        id,
        EventKind::CheckSuiteRerequested {
            head_sha: SHA.parse().unwrap(),
        },
        "octocat",
    )
}

fn rerun_job(id: &str, key: &str) -> Box<Event> {
    event(
        id,
        EventKind::CheckRunRerequested(check(job_of("push-1", key))),
        "octocat",
    )
}

fn script(ending: Ending) -> Script {
    Script {
        pending: Millis::from_secs(20),
        running: Millis::from_minutes(4),
        ending,
    }
}

fn world(host: Host, callback: bool, scripts: &[Script]) -> World {
    let trouble = Trouble::default();
    World::new(host, callback, &[(PATH, WORKFLOW)], scripts.to_vec(), trouble)
}

fn reasons(world: &World) -> Vec<(String, Reason)> {
    let mut reasons: Vec<_> = world
        .store()
        .all_jobs()
        .iter()
        .map(|job| (job.name.clone(), job.end().unwrap().reason.clone()))
        .collect();
    reasons.sort_by(|a, b| a.0.cmp(&b.0));
    reasons
}

#[test]
fn a_push_ends_in_five_checks() {
    for callback in [false, true] {
        let mut world = world(Host::Aws, callback, &[script(Ending::Success)]);
        world.schedule(Millis(0), Action::Deliver(push()));
        world.run().unwrap();
        world.verdict().unwrap();
        let names: Vec<_> = reasons(&world).into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "CI / build",
                "CI / report",
                "CI / test (1)",
                "CI / test (2)",
                "CI / test (3)"
            ]
        );
        assert!(
            reasons(&world)
                .iter()
                .all(|(_, reason)| *reason == Reason::Success),
            "{:?}",
            reasons(&world)
        );
    }
}

#[test]
fn a_failed_need_skips_what_needs_it_but_not_what_runs_always() {
    let mut world = world(Host::Aws, false, &[script(Ending::Failure)]);
    world.schedule(Millis(0), Action::Deliver(push()));
    world.run().unwrap();
    world.verdict().unwrap();
    let short: Vec<_> = reasons(&world)
        .iter()
        .map(|(name, reason)| format!("{name}: {}", reason.class()))
        .collect();
    assert_eq!(
        short,
        ["CI / build: test", "CI / report: test", "CI / test: skipped"]
    );
}

#[test]
fn a_hanging_job_is_stopped_at_its_time_limit() {
    for callback in [false, true] {
        let mut world = world(Host::Aws, callback, &[script(Ending::Hangs)]);
        world.schedule(Millis(0), Action::Deliver(push()));
        world.run().unwrap();
        world.verdict().unwrap();
        let job = world
            .store()
            .all_jobs()
            .into_iter()
            .find(|job| job.name == "CI / build")
            .unwrap();
        let end = job.end().unwrap();
        assert_eq!(end.reason, Reason::RunTimeout);
        let ran = end.at.since(job.running_at.unwrap());
        assert!(
            ran >= Millis::from_minutes(30) && ran < Millis::from_minutes(32),
            "{ran:?}"
        );
    }
}

#[test]
fn a_job_that_gets_no_compute_is_told_so() {
    let never = Script {
        pending: Millis::from_minutes(1_000_000),
        ..script(Ending::Success)
    };
    let mut world = world(Host::Aws, false, &[never]);
    world.schedule(Millis(0), Action::Deliver(push()));
    world.run().unwrap();
    world.verdict().unwrap();
    assert_eq!(
        reasons(&world)[0],
        ("CI / build".to_owned(), Reason::QueueTimeout)
    );
}

#[test]
fn a_forks_commit_runs_after_an_approval_by_somebody_who_may() {
    let mut world = world(Host::Aws, false, &[script(Ending::Success)]);
    world.schedule(Millis(0), Action::Deliver(pull_request_from_a_fork()));
    world.run().unwrap();
    world.verdict().unwrap();
    assert_eq!(
        reasons(&world)[0],
        ("CI / build".to_owned(), Reason::ApprovalRequired)
    );
    let submitted = |world: &World| {
        world
            .store()
            .all_jobs()
            .iter()
            .filter(|job| job.handle().is_some())
            .count()
    };
    assert_eq!(submitted(&world), 0, "nothing of the fork may have run");

    world.schedule(Millis(0), Action::Deliver(approve("approve-1", "stranger")));
    world.run().unwrap();
    world.verdict().unwrap();
    assert_eq!(submitted(&world), 0, "a stranger's approval counts for nothing");

    world.schedule(Millis(0), Action::Deliver(approve("approve-2", "octocat")));
    world.run().unwrap();
    world.verdict().unwrap();
    assert_eq!(submitted(&world), 5);
    assert!(
        reasons(&world)
            .iter()
            .all(|(_, reason)| *reason == Reason::Success),
        "{:?}",
        reasons(&world)
    );
}

#[test]
fn rerunning_the_failed_jobs_runs_what_depends_on_them_again() {
    let scripts = [script(Ending::Failure), script(Ending::Success)];
    let mut world = world(Host::Aws, false, &scripts);
    world.schedule(Millis(0), Action::Deliver(push()));
    world.run().unwrap();
    // Build failed, the tests were skipped, the report ran. The next submits succeed in turn.
    world.schedule(Millis(0), Action::Deliver(rerun_failed("rerun-1")));
    world.run().unwrap();
    world.verdict().unwrap();
    let again = world
        .store()
        .all_jobs()
        .into_iter()
        .filter(|job| job.attempt.0 == 2)
        .count();
    assert!(
        again >= 2,
        "build and report at the least are at their second attempt"
    );
}

/// A job of a millisecond, which nobody waits for.
const BRIEF: Script = Script {
    pending: Millis(0),
    running: Millis(1),
    ending: Ending::Failure,
};

#[test]
fn a_job_that_has_had_all_its_attempts_says_so_on_its_check() {
    let alone = "on: push\nname: CI\njobs:\n  build:\n    runs-on: linux\n    steps:\n      - run: exit 1\n";
    let mut world = World::new(
        Host::Aws,
        false,
        &[(PATH, alone)],
        vec![BRIEF],
        Trouble::default(),
    );
    world.schedule(Millis(0), Action::Deliver(push()));
    world.run().unwrap();
    for attempt in 2..=ATTEMPTS {
        let rerun = rerun_job(&format!("rerun-{attempt}"), "build");
        world.schedule(Millis(0), Action::Deliver(rerun));
        world.run().unwrap();
    }
    let job = |world: &World| world.store().all_jobs().remove(0);
    assert_eq!(job(&world).attempt.0, ATTEMPTS);
    let before = world.forge().checks();

    let texts = |world: &World| {
        let check = world.forge().checks().remove(&job(world).check.unwrap()).unwrap();
        let first = check.state.summary.lines().next().unwrap().to_owned();
        (check.state.title, first)
    };
    for request in [rerun_job("one-too-many", "build"), rerun_failed("and-another")] {
        let delivery = request.delivery.to_string();
        world.schedule(Millis(0), Action::Deliver(request));
        world.run().unwrap();
        // Also that the check still says what it concluded.
        world.verdict().unwrap();
        assert_eq!(job(&world).attempt.0, ATTEMPTS);
        assert_eq!(world.forge().checks().len(), before.len());
        let (title, first) = texts(&world);
        assert_eq!(title, "Not run again: all 100 attempts are used up");
        assert_eq!(
            first,
            format!(
                "**octocat asked for another attempt (delivery `{delivery}`), and this job has had all 100 that it may have. \
                 Push again to run it; an empty commit will do.** What follows is its last attempt."
            )
        );
    }
}

#[test]
fn a_job_obeys_only_its_own_repository() {
    let mut world = world(Host::Aws, false, &[script(Ending::Success)]);
    world.schedule(Millis(0), Action::Deliver(push()));
    // Another repository's check with our job's external_id, and somebody who may do everything there.
    for (n, kind) in [
        cancel("c", "octocat", job_of("push-1", "build")),
        rerun_job("r", "build"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut foreign = kind;
        foreign.repository.id = RepositoryId(2);
        foreign.repository.name = "mallory/fork".parse().unwrap();
        world.schedule(Millis(100_000 + n as u64 * 3_000_000), Action::Deliver(foreign));
    }
    world.run().unwrap();
    world.verdict().unwrap();
    assert!(
        reasons(&world)
            .iter()
            .all(|(_, reason)| *reason == Reason::Success),
        "{:?}",
        reasons(&world)
    );
    assert!(world.store().all_jobs().iter().all(|job| job.attempt.0 == 1));
}

#[test]
fn an_app_that_is_uninstalled_leaves_nothing_behind() {
    let uninstalled = Outage {
        peer: Peer::Forge,
        from: START + Millis::from_minutes(6),
        lasts: Millis(u64::MAX / 4),
        trouble: Wrong::Refused(3),
    };
    let trouble = Trouble {
        outages: vec![uninstalled],
        ..Trouble::default()
    };
    for callback in [false, true] {
        let scripts = vec![script(Ending::Hangs)];
        let mut world = World::new(Host::Aws, callback, &[(PATH, WORKFLOW)], scripts, trouble.clone());
        world.schedule(Millis(0), Action::Deliver(push()));
        // At rest: every job is concluded, and nothing runs on.
        world.run().unwrap();
        assert_eq!(
            world.forge().checks().len(),
            1,
            "nobody could be told of the others"
        );
    }
}

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
        prop::collection::vec((0..2_400_000u64, 0..9u8), 0..10),
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
        _ => Action::AgentsCall,
    }
}

/// The world of a case, as far as it gets, and what is wrong with it then.
fn play(host: Host, case: &Case, history: bool) -> (World, Result<(), String>) {
    let mut trouble = case.trouble.clone();
    if host == Host::OneMachine {
        // Its state machine calls the phases in its own process: no answer is lost on the way.
        trouble.deserted.clear();
    }
    let mut world = World::new(
        host,
        case.callback,
        &[(PATH, WORKFLOW)],
        case.scripts.clone(),
        trouble,
    );
    if history {
        world = world.with_history();
    }
    let first = if case.fork {
        pull_request_from_a_fork()
    } else {
        push()
    };
    world.schedule(Millis(0), Action::Deliver(first));
    for (index, (after, kind)) in case.actions.iter().enumerate() {
        world.schedule(Millis(*after), action(index, *kind, case.fork));
    }
    let result = world.run().and_then(|()| world.verdict());
    (world, result)
}

fn holds(host: Host, case: &Case) -> Result<(), TestCaseError> {
    let (_, result) = play(host, case, false);
    if result.is_ok() {
        return Ok(());
    }
    // The same again, for its history: a case is nothing but its values.
    let (world, result) = play(host, case, true);
    let fault = result
        .err()
        .unwrap_or_else(|| "the case does not repeat".to_owned());
    Err(TestCaseError::fail(format!("{fault}\n{}", world.history())))
}

/// What both hosts go through, in two threads, so that all of it takes less than a minute.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1000,
        max_shrink_iters: 3000,
        max_shrink_time: 20_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_job_ends_once_whatever_happens_to_functions(case in case()) {
        holds(Host::Aws, &case)?;
    }

    #[test]
    fn every_job_ends_once_whatever_happens_to_the_one_process(case in case()) {
        holds(Host::OneMachine, &case)?;
    }
}
