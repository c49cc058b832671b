//! A run is expanded into jobs.

use super::fixtures::{changed, claimed, expanded, legs, run};
use super::world::{START, World};
use checkmill_core::{Job, JobState, Run};
use checkmill_phases::ports::{Jobs, Runs, StoreError};

async fn created(world: &World) -> Run {
    let run = run("d-1");
    world.store.create(&run).await.unwrap();
    run
}

async fn stored(world: &World, run: &Run) -> (Run, Vec<Job>) {
    world.store.load_with_jobs(&run.id).await.unwrap().unwrap()
}

pub(super) async fn jobs_and_run_are_written_together(world: &World) {
    let run = created(world).await;
    let jobs = legs(&run, 99);
    let next = expanded(&run, &jobs);
    let writes = world.usage.writes();
    world.store.expand(&next, &jobs).await.unwrap();
    assert_eq!(world.usage.writes() - writes, 100, "one transaction of all rows");
    assert_eq!(stored(world, &run).await, (next, jobs));
}

pub(super) async fn an_expansion_at_a_stale_version_writes_nothing(world: &World) {
    let run = created(world).await;
    for count in [3, 120] {
        let jobs = legs(&run, count);
        let stale = Run {
            version: 7,
            ..expanded(&run, &jobs)
        };
        assert_eq!(
            world.store.expand(&stale, &jobs).await,
            Err(StoreError::Conflict),
            "{count} jobs"
        );
        assert_eq!(
            Runs::load(&world.store, &run.id).await.unwrap(),
            Some(run.clone()),
            "{count} jobs"
        );
        if count == 3 {
            assert_eq!(stored(world, &run).await, (run.clone(), vec![]));
        }
    }
}

/// A worker died between two transactions, or another one was faster: the rows that are there may have moved on.
pub(super) async fn jobs_that_have_a_row_keep_it(world: &World) {
    let run = created(world).await;
    let jobs = legs(&run, 3);
    let first = expanded(&run, &jobs);
    world.store.expand(&first, &jobs).await.unwrap();
    let moved = changed(&jobs[1], |job| job.state = JobState::Queued);
    Jobs::update(&world.store, &moved).await.unwrap();
    assert_eq!(
        world.store.expand(&first, &jobs).await,
        Err(StoreError::Conflict),
        "the same again"
    );

    for count in [5, 150] {
        let before = stored(world, &run).await;
        let mut jobs = legs(&run, count);
        jobs.iter_mut().for_each(|job| job.state = claimed(START));
        let next = Run {
            version: before.0.version + 1,
            ..expanded(&run, &jobs)
        };
        world.store.expand(&next, &jobs).await.unwrap();
        let (run, after) = stored(world, &run).await;
        assert_eq!((run, after.len()), (next, count));
        for job in after {
            let known = before.1.iter().find(|known| known.id == job.id);
            let new = jobs.iter().find(|new| new.id == job.id);
            assert_eq!(Some(&job), known.or(new));
        }
    }
    assert_eq!(Jobs::load(&world.store, &moved.id).await.unwrap(), Some(moved));
}

pub(super) async fn the_largest_matrix_is_written_jobs_first(world: &World) {
    let run = created(world).await;
    let jobs = legs(&run, 256);
    let next = expanded(&run, &jobs);
    world.store.expand(&next, &jobs).await.unwrap();
    assert_eq!(stored(world, &run).await, (next.clone(), jobs.clone()));
    assert_eq!(world.store.expand(&next, &jobs).await, Err(StoreError::Conflict));
    assert_eq!(stored(world, &run).await, (next, jobs));
}

/// 8 MB: more than a transaction takes, more than a page of a query gives.
pub(super) async fn jobs_of_many_bytes_are_written_in_several_transactions(world: &World) {
    let run = created(world).await;
    let mut jobs = legs(&run, 80);
    jobs.iter_mut().for_each(|job| job.leg = "x".repeat(100_000));
    let next = expanded(&run, &jobs);
    world.store.expand(&next, &jobs).await.unwrap();
    let reads = world.usage.reads();
    assert_eq!(stored(world, &run).await, (next, jobs));
    assert!(
        world.usage.reads() - reads >= 8,
        "fewer pages than the data has megabytes"
    );
}
