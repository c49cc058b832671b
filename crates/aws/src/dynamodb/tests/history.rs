//! What was learned of jobs.

use super::fixtures::{REPOSITORY, event, full_history, history, run};
use super::world::World;
use crate::dynamodb::item;
use checkmill_core::history::JobHistory;
use checkmill_core::{HistoryId, RepositoryId, limits};
use checkmill_phases::ports::{History, Inbox, Runs, StoreError};

fn next(history: &JobHistory) -> JobHistory {
    JobHistory {
        version: history.version + 1,
        ..history.clone()
    }
}

pub(super) async fn a_history_is_replaced_only_at_the_version_that_was_read(world: &World) {
    let first = history();
    let id = &first.job.id;
    assert_eq!(History::load(&world.store, REPOSITORY, id).await.unwrap(), None);
    assert_eq!(
        world.store.save(&next(&first)).await,
        Err(StoreError::Conflict),
        "no row"
    );
    world.store.save(&first).await.unwrap();
    assert_eq!(
        world.store.save(&first).await,
        Err(StoreError::Conflict),
        "there is one"
    );
    let second = next(&first);
    world.store.save(&second).await.unwrap();
    assert_eq!(
        world.store.save(&second).await,
        Err(StoreError::Conflict),
        "stale"
    );
    assert_eq!(
        History::load(&world.store, REPOSITORY, id).await.unwrap(),
        Some(second)
    );
    // Another repository's job of the same name is another one.
    let other = History::load(&world.store, RepositoryId(1), id).await;
    assert_eq!(other.unwrap(), None);
}

pub(super) async fn all_histories_are_found_among_other_rows(world: &World) {
    world.store.record(&event("d-1")).await.unwrap();
    world.store.create(&run("d-1")).await.unwrap();
    // Far more than a page of 1 MB holds.
    let mut all = Vec::new();
    for n in 0..100 {
        let mut history = full_history();
        history.version = 1;
        history.job.id = HistoryId::derive("ci.yml", &history.job.key, &n.to_string());
        world.store.save(&history).await.unwrap();
        all.push(history);
    }
    let mut found = world.store.histories(10_000).await.unwrap();
    found.histories.sort_by(|a, b| a.job.id.cmp(&b.job.id));
    all.sort_by(|a, b| a.job.id.cmp(&b.job.id));
    assert_eq!(found.histories, all);
    assert!(!found.cut);
    // With the run, its row at the commit and the delivery; an engine may count the row at which it cut a page twice.
    assert!((103..110).contains(&found.scanned), "{}", found.scanned);
    let some = world.store.histories(1).await.unwrap();
    assert!(some.cut && some.histories.len() < 100, "{}", some.scanned);
}

#[test]
fn a_full_history_is_far_below_what_a_row_may_have() {
    let row = super::super::history::row(&full_history(), super::world::START).unwrap();
    let bytes = item::check_size(&row).unwrap();
    assert!((16_000..=limits::HISTORY_ROW_BYTES).contains(&bytes), "{bytes}");
}
