//! Many workers at one row: exactly one of them wins.

use super::fixtures::{changed, event, expanded, job, legs, run};
use super::world::World;
use checkmill_core::CheckRunId;
use checkmill_phases::ports::{Deliveries, DeliveryState, Inbox, Jobs, Runs, StoreError};
use futures::future::join_all;

const WORKERS: u64 = 24;
const ROUNDS: u64 = 10;

pub(super) async fn each_version_has_one_writer(world: &World) {
    let run = run("d-1");
    let mut current = job(&run, "");
    world.store.create(&run).await.unwrap();
    let jobs = std::slice::from_ref(&current);
    world.store.expand(&expanded(&run, jobs), jobs).await.unwrap();
    for round in 0..ROUNDS {
        let tries: Vec<_> = (0..WORKERS)
            .map(|n| changed(&current, |job| job.check = Some(CheckRunId(n))))
            .collect();
        let tasks = tries.iter().cloned().map(|next| {
            let store = world.store.clone();
            tokio::spawn(async move { Jobs::update(&store, &next).await })
        });
        let results: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<usize> = (0..results.len()).filter(|n| results[*n].is_ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        assert!(
            results
                .iter()
                .all(|r| matches!(r, Ok(()) | Err(StoreError::Conflict))),
            "{results:?}"
        );
        current = Jobs::load(&world.store, &current.id).await.unwrap().unwrap();
        assert_eq!(current, tries[winners[0]], "round {round}");
    }
}

pub(super) async fn a_run_has_one_creator(world: &World) {
    let tasks = (0..WORKERS).map(|n| {
        let (store, mut run) = (world.store.clone(), run("d-1"));
        run.comment = Some(n);
        tokio::spawn(async move { store.create(&run).await })
    });
    let results: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    // DynamoDB may turn a transaction away because another one is at the row; such a worker comes again.
    let created: Vec<usize> = (0..results.len()).filter(|n| results[*n] == Ok(true)).collect();
    assert_eq!(created.len(), 1, "{results:?}");
    assert!(
        results
            .iter()
            .all(|r| matches!(r, Ok(_) | Err(StoreError::Transient(_)))),
        "{results:?}"
    );
    let stored = Runs::load(&world.store, &run("d-1").id).await.unwrap().unwrap();
    assert_eq!(stored.comment, Some(created[0] as u64));
}

pub(super) async fn an_expansion_has_one_winner(world: &World) {
    let run = run("d-1");
    world.store.create(&run).await.unwrap();
    let jobs = legs(&run, 10);
    let tasks = (0..WORKERS).map(|n| {
        let (store, jobs, mut next) = (world.store.clone(), jobs.clone(), expanded(&run, &jobs));
        next.comment = Some(n);
        tokio::spawn(async move { store.expand(&next, &jobs).await })
    });
    let results: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let winners: Vec<usize> = (0..results.len()).filter(|n| results[*n].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    assert!(
        !results.iter().any(|r| matches!(r, Err(StoreError::Corrupt(_)))),
        "{results:?}"
    );
    let (stored, rows) = world.store.load_with_jobs(&run.id).await.unwrap().unwrap();
    assert_eq!(stored.comment, Some(winners[0] as u64));
    assert_eq!(rows, jobs);
}

pub(super) async fn a_delivery_has_one_row(world: &World) {
    let tasks = (0..WORKERS).map(|n| {
        let (store, mut event) = (world.store.clone(), event("d-1"));
        event.received_at.0 = n;
        tokio::spawn(async move {
            let state = store.record(&event).await.unwrap();
            store
                .advance(&event.delivery, &DeliveryState::Enqueued)
                .await
                .unwrap();
            state
        })
    });
    let states: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert!(states.contains(&DeliveryState::Received), "{states:?}");
    let (stored, state) = Deliveries::load(&world.store, &event("d-1").delivery)
        .await
        .unwrap()
        .unwrap();
    assert!(stored.received_at.0 < WORKERS);
    assert_eq!(state, DeliveryState::Enqueued);
}
