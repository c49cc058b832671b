//! Single stories, told from their beginning to their end.

use crate::events::{approve, cancel, job_of, pull_request_from_a_fork, push, rerun_failed, rerun_job};
use crate::verdict::{call, submission};
use crate::{PATH, WORKFLOW};
use checkmill_backends::port::{Backend as _, BackendEnd, BackendState, SubmitKey};
use checkmill_core::limits::{ATTEMPTS, REDELIVERIES, SWEEP_ROWS};
use checkmill_core::{DeploymentId, JobId, JobState, Millis, Reason, RepositoryId, RunId};
use checkmill_tests::sim::backend::{Ending, Script};
use checkmill_tests::sim::faults::{Fault, Outage, Peer, Trouble as Wrong};
use checkmill_tests::sim::world::{self, Action, Host, START, Trouble, World};
use std::collections::BTreeMap;

pub(crate) fn script(ending: Ending) -> Script {
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
    let attempts: BTreeMap<_, _> = world
        .store()
        .all_jobs()
        .into_iter()
        .map(|job| (job.name, job.attempt.0))
        .collect();
    // The map keeps one leg of the matrix; each of them is at the same attempt.
    let expected = ["CI / build", "CI / report", "CI / test"].map(|name| (name.to_owned(), 2));
    assert_eq!(attempts, BTreeMap::from(expected));
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

/// Its own failed jobs run again once it has been reported. Those of the other run run once more, and not each time that the
/// queue brings the request back, though they fail again.
#[test]
fn a_run_that_is_being_reported_holds_up_no_other_run_of_its_commit() {
    const OTHER: &str = ".checkmill/workflows/other.yml";
    let text = "on: push\njobs:\n  build:\n    runs-on: linux\n    steps:\n      - run: exit 1\n";
    let job = |path| {
        let run = RunId::derive(&"push-1".parse().unwrap(), path);
        JobId::derive(&run, &"build".parse().unwrap(), "")
    };
    for (reported, free) in [(PATH, OTHER), (OTHER, PATH)] {
        let files = [(PATH, text), (OTHER, text)];
        let passes = vec![script(Ending::Success)];
        let mut world = World::new(Host::Aws, false, &files, passes, Trouble::default());
        for path in [PATH, OTHER] {
            for attempt in 1..=9 {
                world.backend().plan(world::attempt(job(path), attempt), BRIEF);
            }
        }
        world.schedule(Millis(0), Action::Deliver(push()));
        world.run().unwrap();
        world.store().falsify(&job(reported), |job| {
            let JobState::Concluded { handle, end } = job.state.clone() else {
                panic!("{job:?}")
            };
            job.state = JobState::Ended { handle, end };
        });
        let asked_at = world.now();
        world.schedule(Millis(0), Action::Deliver(rerun_failed("rerun-1")));
        world.run().unwrap();
        let queued_after = |path| {
            let jobs = world.store().all_jobs();
            let found = jobs.into_iter().find(|one| one.id == job(path)).unwrap();
            assert_eq!(found.attempt.0, 2, "{path}");
            found.queued_at.since(asked_at)
        };
        assert!(queued_after(free) < Millis::from_minutes(1), "{free} waits");
        assert!(queued_after(reported) > queued_after(free), "{reported} is first");
    }
}

/// Here it has the id of another one, which is not there.
#[test]
fn a_recovery_passes_over_a_row_that_it_can_not_take_up() {
    let story = |faults| {
        let trouble = Trouble {
            faults,
            ..Trouble::default()
        };
        let passes = vec![script(Ending::Success)];
        let mut world = World::new(Host::OneMachine, true, &[(PATH, WORKFLOW)], passes, trouble);
        world = world.with_history();
        world.schedule(Millis(0), Action::Deliver(push()));
        world.run().unwrap();
        world
    };
    let calls = story(Vec::new()).faults().calls();
    let mut world = story(vec![(calls + 1, Fault::CrashAfter)]);
    for key in ["build", "report"] {
        world.store().falsify(&job_of("push-1", key), |job| {
            let JobState::Concluded { handle, end } = job.state.clone() else {
                panic!("{job:?}")
            };
            job.state = JobState::Ended { handle, end };
        });
    }
    let bad = job_of("push-1", "build");
    world
        .store()
        .falsify(&bad, |job| job.id = job_of("push-1", "nowhere"));
    world.schedule(
        Millis(0),
        Action::Deliver(cancel("c", "octocat", job_of("push-1", "none"))),
    );
    // The bad row never moves.
    assert!(world.run().is_err());
    let history = world.history();
    let recovered = history.lines().find(|line| line.contains("recovered")).unwrap();
    assert!(recovered.contains("executions_restarted: 1"), "{recovered}");
    let jobs = world.store().all_jobs();
    let report = jobs.iter().find(|job| job.name == "CI / report").unwrap();
    assert!(matches!(report.state, JobState::Concluded { .. }), "{report:?}");
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

/// A message that waits as long as GitHub asked is not lost: no second one comes meanwhile.
#[test]
fn a_delivery_that_waits_for_github_is_queued_once() {
    let limited = Outage {
        peer: Peer::Forge,
        from: START,
        lasts: Millis::from_minutes(1),
        trouble: Wrong::Refused(5),
    };
    let trouble = Trouble {
        outages: vec![limited],
        ..Trouble::default()
    };
    let scripts = vec![script(Ending::Success)];
    let mut world = World::new(Host::Aws, false, &[(PATH, WORKFLOW)], scripts, trouble).with_history();
    world.schedule(Millis(0), Action::Deliver(push()));
    world.run().unwrap();
    world.verdict().unwrap();
    let history = world.history();
    let plans: Vec<_> = history
        .lines()
        .filter(|line| line.ends_with("begins: plan push-1"))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(
        plans,
        ["0", "3000000"],
        "one that is told to wait, one after 50 minutes"
    );
}

/// An App that is suspended and then is not: SQS brings the message again by itself, one machine's sweep queues another.
#[test]
fn a_delivery_that_is_refused_comes_again_once_and_soon() {
    for (host, expected) in [(Host::Aws, [0, 12]), (Host::OneMachine, [0, 15])] {
        let suspended = Outage {
            peer: Peer::Forge,
            from: START,
            lasts: Millis::from_minutes(10),
            trouble: Wrong::Refused(3),
        };
        let trouble = Trouble {
            outages: vec![suspended],
            ..Trouble::default()
        };
        let scripts = vec![script(Ending::Success)];
        let mut world = World::new(host, false, &[(PATH, WORKFLOW)], scripts, trouble).with_history();
        world.schedule(Millis(0), Action::Deliver(push()));
        world.run().unwrap();
        world.verdict().unwrap();
        let history = world.history();
        let minutes: Vec<u64> = history
            .lines()
            .filter(|line| line.ends_with("begins: plan push-1"))
            .map(|line| line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 60_000)
            .collect();
        assert_eq!(minutes, expected, "{host:?}");
    }
}

/// More deliveries were lost than one look asks for, and all of them before the time that a common look goes back.
#[test]
fn many_lost_deliveries_are_asked_for_look_by_look() {
    let away = Outage {
        peer: Peer::Store,
        from: START,
        lasts: Millis::from_minutes(44),
        trouble: Wrong::Away,
    };
    let trouble = Trouble {
        outages: vec![away],
        ..Trouble::default()
    };
    let nothing = "on: workflow_dispatch\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: y\n";
    let mut world = World::new(Host::Aws, false, &[(PATH, nothing)], vec![BRIEF], trouble).with_history();
    let lost = REDELIVERIES + 10;
    for n in 0..lost {
        let mut event = push();
        event.delivery = format!("push-{n}").parse().unwrap();
        world.schedule(Millis(n as u64), Action::Deliver(event));
    }
    world.run().unwrap();
    let history = world.history();
    let planned: Vec<u64> = history
        .lines()
        .filter(|line| line.contains("begins: plan"))
        .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(planned.len(), lost);
    let minute = 60_000;
    // One look at 45 minutes, the next one at 50.
    assert!(planned.iter().all(|at| *at < 55 * minute), "{planned:?}");
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

/// What GitHub refuses for a day is given up: no execution and no sweep goes on about it.
#[test]
fn a_check_that_github_refuses_for_a_day_is_given_up() {
    for how in [0, 1] {
        let refused = Outage {
            peer: Peer::Forge,
            from: START + Millis::from_minutes(2),
            lasts: Millis(u64::MAX / 4),
            trouble: Wrong::Refused(how),
        };
        let trouble = Trouble {
            outages: vec![refused],
            ..Trouble::default()
        };
        let scripts = vec![script(Ending::Success)];
        let text = "name: CI\non: push\njobs:\n  build:\n    runs-on: x\n    steps:\n      - run: y\n";
        let mut world = World::new(Host::Aws, false, &[(PATH, text)], scripts, trouble);
        world.schedule(Millis(0), Action::Deliver(push()));
        // At rest: nothing is owed any more.
        world.run().unwrap();
        let jobs = world.store().all_jobs();
        let build = jobs.iter().find(|job| job.name == "CI / build").unwrap();
        assert!(matches!(build.state, JobState::Concluded { .. }), "{build:#?}");
        let gave_up = world.now().since(build.end().unwrap().at);
        assert!(gave_up >= Millis::from_minutes(24 * 60), "{gave_up:?}");
        assert_eq!(world.backend().live(), []);
    }
}

/// Matrices that become ready together are within the limit together: what goes past it is refused with a check, and the
/// run's other jobs, and the other files, run.
#[test]
fn matrices_that_are_ready_together_are_within_the_limit_together() {
    let legs = (1..=256).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let job = |name: &str| {
        format!(
            "  {name}:\n    runs-on: x\n    strategy: {{matrix: {{n: [{legs}]}}}}\n    steps: [{{run: y}}]\n"
        )
    };
    let large = format!(
        "name: Large\non: push\njobs:\n{}",
        ["a", "b", "c", "d", "e"].map(job).concat()
    );
    let files = [
        (".checkmill/workflows/large.yml", large.as_str()),
        (PATH, WORKFLOW),
    ];
    let quick = Script {
        running: Millis::from_secs(10),
        ..script(Ending::Success)
    };
    let mut world = World::new(Host::Aws, true, &files, vec![quick], Trouble::default());
    world.schedule(Millis(0), Action::Deliver(push()));
    world.run().unwrap();
    world.verdict().unwrap();
    let reasons = reasons(&world);
    let refused: Vec<_> = reasons
        .iter()
        .filter(|(_, reason)| *reason == Reason::Configuration)
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(refused, ["Large / d", "Large / e"]);
    assert_eq!(reasons.len(), 3 * 256 + 2 + 5);
}

/// A run that has begun and can't take up what follows: a check says so in its place, and the rest goes on.
#[test]
fn what_is_too_large_to_be_kept_has_a_check_that_says_so() {
    let mut world = world(Host::Aws, false, &[script(Ending::Success)]);
    world.store().hold_at_most(2);
    world.schedule(Millis(0), Action::Deliver(push()));
    world.run().unwrap();
    world.verdict().unwrap();
    let short: Vec<_> = reasons(&world)
        .iter()
        .map(|(name, reason)| format!("{name}: {}", reason.class()))
        .collect();
    assert_eq!(
        short,
        [
            "CI / build: success",
            "CI / report: success",
            "CI / test: configuration"
        ]
    );
}

/// GitHub's servers don't all know at once what one of them has told us.
#[test]
fn a_commit_that_github_does_not_know_yet_is_asked_for_again() {
    let unknown = Outage {
        peer: Peer::Forge,
        from: START,
        lasts: Millis::from_secs(20),
        trouble: Wrong::Refused(2),
    };
    let trouble = Trouble {
        outages: vec![unknown],
        ..Trouble::default()
    };
    for host in [Host::Aws, Host::OneMachine] {
        let scripts = vec![script(Ending::Success)];
        let mut world = World::new(host, false, &[(PATH, WORKFLOW)], scripts, trouble.clone()).with_history();
        world.schedule(Millis(0), Action::Deliver(push()));
        world.run().unwrap();
        world.verdict().unwrap();
        let history = world.history();
        let mut planned = history
            .lines()
            .filter(|line| line.ends_with("begins: plan push-1"));
        let last = planned
            .next_back()
            .and_then(|line| line.split_whitespace().next())
            .unwrap();
        assert_eq!(last, "31000", "after 1, 2, 4, 8 and 16 seconds");
    }
}

/// More jobs are at work than a sweep looks at, and all of their executions are gone.
#[test]
fn every_row_comes_to_its_turn_with_the_sweep() {
    let matrix = (1..=SWEEP_ROWS + 50)
        .map(|n| n.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let text = format!(
        "on: push\njobs:\n  a:\n    runs-on: x\n    strategy:\n      matrix:\n        n: [{matrix}]\n    steps:\n      - run: y\n"
    );
    let long = Script {
        running: Millis::from_minutes(60),
        ..script(Ending::Success)
    };
    let mut world = World::new(Host::Aws, false, &[(PATH, &text)], vec![long], Trouble::default());
    world.schedule(Millis(0), Action::Deliver(push()));
    let stopped = Millis::from_minutes(3);
    world.schedule(stopped, Action::StopExecutions);
    world.run().unwrap();
    world.verdict().unwrap();
    let jobs = world.store().all_jobs();
    assert_eq!(jobs.len(), SWEEP_ROWS + 50);
    let last = jobs.iter().map(|job| job.revived_at.unwrap()).max().unwrap();
    let missed = last.since(START + stopped);
    assert!(missed <= Millis::from_minutes(25), "{missed:?}");
}

/// Two deployments on one backend: each removes what its own lost runs have left there, and nothing else.
#[test]
fn a_sweep_leaves_the_jobs_of_others_alone() {
    let mut world = world(Host::Aws, false, &[script(Ending::Success)]);
    let left = world::attempt(job_of("lost", "build"), 1);
    let foreign = SubmitKey {
        deployment: DeploymentId::derive("another"),
        ..left.clone()
    };
    for key in [&left, &foreign] {
        let long = Script {
            running: Millis::from_minutes(60),
            ..script(Ending::Success)
        };
        world.backend().plan(key.clone(), long);
        call(world.backend().submit(&submission(key.clone()))).unwrap();
    }
    world.schedule(Millis(0), Action::Deliver(push()));
    world.run().unwrap();
    world.verdict().unwrap();
    let ids = [left.to_string(), foreign.to_string()];
    assert_eq!(
        call(world.backend().poll(&ids)).unwrap(),
        [
            BackendState::Unknown,
            BackendState::Ended(BackendEnd::Exited { code: 0 })
        ],
        "ours is cancelled, and forgotten with its files"
    );
}

/// Long enough for a job to reach its deadline while its backend is away, and for GitHub to have been told.
const AWAY: Millis = Millis::from_minutes(40 * 60);

#[test]
fn a_backend_that_stays_away_keeps_no_check_open() {
    for callback in [false, true] {
        for how in [Wrong::Away, Wrong::Refused(0)] {
            let away = Outage {
                peer: Peer::Backend,
                from: START + Millis::from_minutes(1),
                lasts: AWAY,
                trouble: how,
            };
            let trouble = Trouble {
                outages: vec![away],
                ..Trouble::default()
            };
            let scripts = vec![script(Ending::Success)];
            let mut world = World::new(Host::Aws, callback, &[(PATH, WORKFLOW)], scripts, trouble);
            world.schedule(Millis(0), Action::Deliver(push()));
            world.run().unwrap();
            let checks = world.forge().checks();
            assert!(!checks.is_empty());
            assert!(
                checks.values().all(|check| !check.conclusions.is_empty()),
                "{checks:#?}"
            );
            let last = world
                .store()
                .all_jobs()
                .iter()
                .map(|job| job.end().unwrap().at)
                .max();
            assert!(
                last < Some(START + AWAY),
                "nobody waited for the backend to come back"
            );
            assert_eq!(world.backend().live(), []);
        }
    }
}

#[test]
fn an_execution_that_was_stopped_under_a_long_job_is_missed_within_minutes() {
    let long = Script {
        running: Millis::from_minutes(28),
        ..script(Ending::Success)
    };
    let mut world = world(Host::Aws, false, &[long]);
    world.schedule(Millis(0), Action::Deliver(push()));
    let stopped = Millis::from_minutes(3);
    world.schedule(stopped, Action::StopExecutions);
    world.run().unwrap();
    world.verdict().unwrap();
    let jobs = world.store().all_jobs();
    let build = jobs.iter().find(|job| job.name == "CI / build").unwrap();
    assert_eq!(build.generation, 1);
    let missed = build.revived_at.unwrap().since(START + stopped);
    assert!(missed <= Millis::from_minutes(17), "{missed:?}");
}

/// A start that is slow may have read the run before it was approved.
#[test]
fn an_approval_that_comes_while_a_job_starts_is_not_lost() {
    for seed in 0..300 {
        let trouble = Trouble {
            seed,
            slow_per_mille: 300,
            ..Trouble::default()
        };
        let scripts = vec![script(Ending::Success)];
        let mut world = World::new(Host::OneMachine, true, &[(PATH, WORKFLOW)], scripts, trouble);
        world.schedule(Millis(0), Action::Deliver(pull_request_from_a_fork()));
        world.schedule(Millis(seed * 100), Action::Deliver(approve("approve", "octocat")));
        world.run().unwrap();
        world.verdict().unwrap();
        for job in world.store().all_jobs() {
            // One that came before there was anything to approve.
            let early = world.store().all_runs().iter().all(|run| !run.trust.may_run());
            let reason = &job.end().unwrap().reason;
            assert!(
                early || *reason != Reason::ApprovalRequired,
                "seed {seed}: {}",
                job.name
            );
        }
    }
}
