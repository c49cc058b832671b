//! Schedules of repositories.

use super::fixtures::{REPOSITORY, schedule};
use super::world::World;
use crate::dynamodb::keys::Key;
use crate::dynamodb::schema::EXPIRES_AT;
use checkmill_core::{Millis, RepositoryId, Schedule};
use checkmill_phases::ports::{Schedules, StoreError};

fn of(repository: u64, cron: &str) -> Schedule {
    let mut schedule = schedule(&[cron]);
    schedule.repository.id = RepositoryId(repository);
    schedule
}

pub(super) async fn a_schedule_is_replaced_only_at_the_version_that_was_read(world: &World) {
    let first = schedule(&["0 3 * * *"]);
    assert_eq!(Schedules::load(&world.store, REPOSITORY).await.unwrap(), None);
    let second = first.moved_on(first.due_at().unwrap());
    assert_eq!(
        Schedules::save(&world.store, &second).await,
        Err(StoreError::Conflict),
        "no row"
    );
    Schedules::save(&world.store, &first).await.unwrap();
    assert_eq!(
        Schedules::save(&world.store, &first).await,
        Err(StoreError::Conflict),
        "there is one"
    );
    Schedules::save(&world.store, &second).await.unwrap();
    assert_eq!(
        Schedules::save(&world.store, &second).await,
        Err(StoreError::Conflict),
        "stale"
    );
    assert_eq!(
        Schedules::load(&world.store, REPOSITORY).await.unwrap(),
        Some(second)
    );
    assert_eq!(
        Schedules::load(&world.store, RepositoryId(1)).await.unwrap(),
        None
    );
}

pub(super) async fn due_schedules_come_oldest_first_and_are_never_forgotten(world: &World) {
    let (late, early) = (of(1, "30 4 * * *"), of(2, "30 3 * * *"));
    for schedule in [&late, &early] {
        Schedules::save(&world.store, schedule).await.unwrap();
    }
    let due = |schedule: &Schedule| schedule.due_at().unwrap();
    let ids = async |at| -> Vec<u64> {
        let found = Schedules::due(&world.store, at, 10).await.unwrap();
        found.iter().map(|schedule| schedule.id().0).collect()
    };
    assert!(due(&early) < due(&late));
    assert_eq!(ids(due(&early) - Millis(1)).await, [] as [u64; 0]);
    assert_eq!(ids(due(&early)).await, [2]);
    assert_eq!(ids(due(&late)).await, [2, 1]);
    assert_eq!(
        Schedules::due(&world.store, due(&late), 1).await.unwrap(),
        std::slice::from_ref(&early)
    );
    let row = world.store.get(Key::Schedule(early.id())).await.unwrap().unwrap();
    assert!(!row.contains_key(EXPIRES_AT), "{row:?}");
    // Without timers it is not in the index, and is forgotten some day.
    let none = Schedule {
        timers: Vec::new(),
        version: 2,
        ..early
    };
    Schedules::save(&world.store, &none).await.unwrap();
    assert_eq!(ids(due(&late)).await, [1]);
    let row = world.store.get(Key::Schedule(none.id())).await.unwrap().unwrap();
    assert!(row.contains_key(EXPIRES_AT), "{row:?}");
}
