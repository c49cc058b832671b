//! Job rows, the index of what is due, and TTL.

use super::fixtures::{changed, claimed, event, expanded, handle, job, legs, run};
use super::world::{START, World};
use checkmill_core::{CheckRunId, Conclusion, End, Job, JobState, Millis, Reason, UnixMillis, limits};
use checkmill_phases::ports::{DeliveryState, Inbox, Jobs, Runs, StoreError};
use std::collections::BTreeMap;

pub(super) async fn a_job_is_replaced_only_at_the_version_that_was_read(world: &World) {
    let run = run("d-1");
    let first = job(&run, "");
    assert_eq!(Jobs::load(&world.store, &first.id).await.unwrap(), None);
    let second = changed(&first, |job| job.check = Some(CheckRunId(1)));
    assert_eq!(
        Jobs::update(&world.store, &second).await,
        Err(StoreError::Conflict),
        "no row"
    );
    insert(world, std::slice::from_ref(&first)).await;
    Jobs::update(&world.store, &second).await.unwrap();
    let late = changed(&first, |job| job.check = Some(CheckRunId(2)));
    assert_eq!(
        Jobs::update(&world.store, &late).await,
        Err(StoreError::Conflict),
        "stale"
    );
    assert!(
        matches!(
            Jobs::update(&world.store, &first).await,
            Err(StoreError::Corrupt(_))
        ),
        "version 0"
    );
    assert_eq!(Jobs::load(&world.store, &first.id).await.unwrap(), Some(second));
}

/// Rows of jobs come into being with their run's expansion.
async fn insert(world: &World, jobs: &[Job]) {
    let run = run("d-1");
    world.store.create(&run).await.unwrap();
    world.store.expand(&expanded(&run, jobs), jobs).await.unwrap();
}

pub(super) async fn due_jobs_come_most_overdue_first(world: &World) {
    let mut jobs = legs(&run("d-1"), 150);
    // Due at 0, 1, 2, … ms after the start plus the grace, in no order of their ids.
    for (n, job) in jobs.iter_mut().enumerate() {
        job.state = claimed(START + Millis((n as u64 * 67) % 150));
    }
    insert(world, &jobs).await;
    jobs.sort_by_key(Job::due_at);

    let grace = START + limits::SWEEP_GRACE;
    assert_eq!(world.store.due(grace - Millis(1), 1000).await.unwrap(), []);
    assert_eq!(
        world.store.due(grace, 1000).await.unwrap(),
        jobs[..1],
        "the bound is inclusive"
    );
    assert_eq!(
        world.store.due(grace + Millis(99), 1000).await.unwrap(),
        jobs[..100]
    );
    assert_eq!(world.store.due(grace + Millis(5000), 7).await.unwrap(), jobs[..7]);
    assert_eq!(world.store.due(grace + Millis(5000), 1000).await.unwrap(), jobs);
    // As a process asks that takes over from one that died.
    let all = world
        .store
        .due(UnixMillis(u64::MAX / 2), usize::MAX)
        .await
        .unwrap();
    assert_eq!(all, jobs);
}

pub(super) async fn a_job_that_owes_nothing_is_not_due(world: &World) {
    let mut job = job(&run("d-1"), "");
    job.state = JobState::Waiting;
    insert(world, std::slice::from_ref(&job)).await;
    let end = End::new(Reason::Success, "", START);
    assert_eq!(end.reason.conclusion(), Conclusion::Success);
    let far = START + limits::RUN_TIMEOUT_MAX + limits::ROW_RETENTION;
    for (state, due) in [
        (JobState::Waiting, false),
        (JobState::Queued, true),
        (claimed(START), true),
        (
            JobState::Submitted {
                handle: handle(),
                since: START,
            },
            true,
        ),
        (
            JobState::Running {
                handle: handle(),
                since: START,
            },
            true,
        ),
        (
            JobState::Ended {
                handle: None,
                end: end.clone(),
            },
            true,
        ),
        (JobState::Concluded { handle: None, end }, false),
        (JobState::Queued, true),
    ] {
        job = changed(&job, |job| job.state = state);
        Jobs::update(&world.store, &job).await.unwrap();
        let expected = if due { vec![job.clone()] } else { vec![] };
        assert_eq!(
            world.store.due(far, 10).await.unwrap(),
            expected,
            "{}",
            job.state.name()
        );
    }
}

pub(super) async fn every_row_says_when_it_is_forgotten(world: &World) {
    let event = event("d-1");
    world.store.record(&event).await.unwrap();
    let job = job(&run("d-1"), "");
    insert(world, std::slice::from_ref(&job)).await;
    let first = expiries(world, &run("d-1"), &event.delivery.to_string()).await;
    let seconds = (START + limits::ROW_RETENTION).0 / 1000;
    let kinds = ["COMMIT", "DELIVERY", "JOB", "RUN"];
    assert_eq!(first, kinds.map(|kind| (kind.to_owned(), seconds)).into());

    // A row that lives on is kept longer.
    world.pass(Millis::from_minutes(1));
    world
        .store
        .advance(&event.delivery, &DeliveryState::Planned)
        .await
        .unwrap();
    Jobs::update(&world.store, &changed(&job, |_| ())).await.unwrap();
    let mut run = expanded(&run("d-1"), &[job]);
    run.version += 1;
    Runs::update(&world.store, &run).await.unwrap();
    let second = expiries(world, &run, &event.delivery.to_string()).await;
    for kind in ["DELIVERY", "JOB", "RUN"] {
        assert_eq!(second[kind], seconds + 60, "{kind}");
    }
}

/// `expires_at` of every row in the partitions of this delivery and run, by kind of row.
async fn expiries(world: &World, run: &checkmill_core::Run, delivery: &str) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let commit = format!("COMMIT#{}#{}", run.event.repository.id, run.sha);
    for partition in [format!("DELIVERY#{delivery}"), format!("RUN#{}", run.id), commit] {
        let rows = world
            .client
            .query()
            .table_name(&world.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", aws_sdk_dynamodb::types::AttributeValue::S(partition))
            .send()
            .await
            .unwrap();
        for row in rows.items() {
            let commit = row["pk"].as_s().unwrap().starts_with("COMMIT");
            let sort = row["sk"].as_s().unwrap().split('#').next().unwrap();
            let kind = if commit { "COMMIT" } else { sort };
            found.insert(
                kind.to_owned(),
                row["expires_at"].as_n().unwrap().parse().unwrap(),
            );
        }
    }
    found
}

pub(super) async fn a_job_that_is_at_work_makes_place_for_others(world: &World) {
    let mut jobs = legs(&run("d-1"), 3);
    for (n, job) in jobs.iter_mut().enumerate() {
        job.state = claimed(START + Millis(n as u64));
    }
    insert(world, &jobs).await;
    let now = START + limits::SWEEP_GRACE + Millis(10);
    let later = now + limits::SWEEP_LOOK;
    world.store.defer(&jobs[0], later).await.unwrap();
    assert_eq!(world.store.due(later - Millis(1), 1000).await.unwrap(), jobs[1..]);
    let mut all = world.store.due(later, 1000).await.unwrap();
    all.sort_by_key(Job::due_at);
    assert_eq!(all, jobs);
    // What was written since it was read is due as its row says.
    let next = changed(&jobs[1], |job| job.generation += 1);
    Jobs::update(&world.store, &next).await.unwrap();
    world.store.defer(&jobs[1], later).await.unwrap();
    assert_eq!(world.store.due(now, 1000).await.unwrap(), [next, jobs[2].clone()]);
    // As does the next write of a row that was put off.
    let moved = changed(&jobs[0], |job| job.generation += 1);
    Jobs::update(&world.store, &moved).await.unwrap();
    assert_eq!(world.store.due(now, 1000).await.unwrap()[0], moved);
}
