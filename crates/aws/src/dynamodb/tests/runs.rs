//! Run rows and the rows of a commit.

use super::fixtures::{REPOSITORY, expanded, key, legs, run, sha};
use super::world::{START, World};
use crate::dynamodb::runs::commit_row;
use aws_sdk_dynamodb::types::AttributeValue;
use checkmill_core::graph::Node;
use checkmill_core::{Millis, RepositoryId, Run, RunId};
use checkmill_phases::ports::{Runs, StoreError};

pub(super) async fn a_run_is_created_once(world: &World) {
    let first = run("d-1");
    assert_eq!(Runs::load(&world.store, &first.id).await.unwrap(), None);
    assert_eq!(world.store.load_with_jobs(&first.id).await.unwrap(), None);
    assert!(world.store.create(&first).await.unwrap());

    let mut again = first.clone();
    again.workflow_name = "Other".to_owned();
    assert!(!world.store.create(&again).await.unwrap());
    assert_eq!(
        Runs::load(&world.store, &first.id).await.unwrap(),
        Some(first.clone())
    );
    assert_eq!(
        world.store.load_with_jobs(&first.id).await.unwrap(),
        Some((first, vec![]))
    );
}

pub(super) async fn a_run_is_replaced_only_at_the_version_that_was_read(world: &World) {
    let first = run("d-1");
    let second = Run {
        comment: Some(1),
        version: 1,
        ..first.clone()
    };
    assert_eq!(
        Runs::update(&world.store, &second).await,
        Err(StoreError::Conflict),
        "no row"
    );
    world.store.create(&first).await.unwrap();
    Runs::update(&world.store, &second).await.unwrap();
    let late = Run {
        comment: Some(2),
        ..second.clone()
    };
    assert_eq!(
        Runs::update(&world.store, &late).await,
        Err(StoreError::Conflict),
        "stale"
    );
    let early = Run {
        version: 3,
        ..second.clone()
    };
    assert_eq!(
        Runs::update(&world.store, &early).await,
        Err(StoreError::Conflict),
        "one too far"
    );
    assert!(
        matches!(
            Runs::update(&world.store, &first).await,
            Err(StoreError::Corrupt(_))
        ),
        "version 0"
    );
    assert_eq!(Runs::load(&world.store, &first.id).await.unwrap(), Some(second));
}

pub(super) async fn a_run_too_large_is_refused(world: &World) {
    let mut large = run("d-1");
    for n in 0..5000 {
        let needs = vec![key(&format!("a{}", "x".repeat(80)))];
        large.nodes.insert(
            key(&format!("job-{n}")),
            Node {
                needs,
                expansion: None,
            },
        );
    }
    let error = world.store.create(&large).await.unwrap_err();
    let StoreError::TooLarge(text) = &error else {
        panic!("{error}");
    };
    assert!(
        text.contains(&format!("row RUN#{} / RUN has ", large.id)),
        "{text}"
    );
    assert!(text.ends_with("bytes, and DynamoDB takes 409600"), "{text}");
    assert_eq!(Runs::load(&world.store, &large.id).await.unwrap(), None);
}

pub(super) async fn a_commit_lists_its_runs_oldest_first(world: &World) {
    let mut expected = Vec::new();
    for n in 0..5 {
        let run = Run {
            created_at: START + Millis(n),
            ..run(&format!("d-{n}"))
        };
        expected.push(run.id.clone());
        assert!(world.store.create(&run).await.unwrap());
        assert!(!world.store.create(&run).await.unwrap());
    }
    assert_eq!(world.store.of_commit(REPOSITORY, &sha()).await.unwrap(), expected);
    assert_eq!(world.store.of_commit(RepositoryId(43), &sha()).await.unwrap(), []);
    let other = "f".repeat(40).parse().unwrap();
    assert_eq!(world.store.of_commit(REPOSITORY, &other).await.unwrap(), []);
}

/// More than the megabyte that a page of a query holds; the rows are blown up, to need fewer of them.
pub(super) async fn a_long_list_of_runs_is_read_to_its_end(world: &World) {
    let mut expected: Vec<RunId> = Vec::new();
    for n in 0..40 {
        let run = Run {
            created_at: START + Millis(n),
            ..run(&format!("d-{n}"))
        };
        let mut row = commit_row(&run, world.now());
        row.insert("filler".to_owned(), AttributeValue::S("x".repeat(100_000)));
        let put = world
            .client
            .put_item()
            .table_name(&world.table)
            .set_item(Some(row));
        put.send().await.unwrap();
        expected.push(run.id);
    }
    let before = world.usage.reads();
    assert_eq!(world.store.of_commit(REPOSITORY, &sha()).await.unwrap(), expected);
    assert!(
        world.usage.reads() - before >= 4,
        "fewer pages than the data has megabytes"
    );
}

pub(super) async fn a_run_that_names_an_unseen_job_is_not_given_out(world: &World) {
    let first = run("d-1");
    let torn = expanded(&first, &legs(&first, 2));
    world.store.create(&torn).await.unwrap();
    let error = world.store.load_with_jobs(&first.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
    assert_eq!(Runs::load(&world.store, &first.id).await.unwrap(), Some(torn));
}
