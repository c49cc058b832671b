//! The numbers of workflow files' runs.

use super::fixtures::{REPOSITORY, run};
use super::world::World;
use crate::dynamodb::keys::Key;
use crate::dynamodb::schema::{EXPIRES_AT, OPEN_PK};
use checkmill_core::{RepositoryId, RunNumbers, WorkflowId};
use checkmill_phases::ports::{Numbers, StoreError};

async fn load(world: &World, repository: RepositoryId, path: &str) -> Option<RunNumbers> {
    let id = WorkflowId::derive(path);
    Numbers::load(&world.store, repository, &id).await.unwrap()
}

async fn expires(world: &World, numbers: &RunNumbers) -> bool {
    let key = Key::Numbers {
        repository: numbers.repository,
        id: &numbers.id,
    };
    let row = world.store.get(key).await.unwrap().unwrap();
    assert!(!row.contains_key(OPEN_PK), "nothing is owed to it: {row:?}");
    row.contains_key(EXPIRES_AT)
}

pub(super) async fn numbers_are_replaced_only_at_the_version_that_was_read(world: &World) {
    let first = RunNumbers::new(REPOSITORY, "ci.yml").with(&run("d-1").id, true);
    let second = first.with(&run("d-2").id, true);
    assert_eq!(load(world, REPOSITORY, "ci.yml").await, None);
    let save = async |numbers| Numbers::save(&world.store, numbers).await;
    assert_eq!(save(&second).await, Err(StoreError::Conflict), "no row");
    save(&first).await.unwrap();
    assert_eq!(save(&first).await, Err(StoreError::Conflict), "there is one");
    save(&second).await.unwrap();
    assert_eq!(save(&second).await, Err(StoreError::Conflict), "stale");
    assert_eq!(load(world, REPOSITORY, "ci.yml").await, Some(second.clone()));
    assert_eq!(load(world, RepositoryId(1), "ci.yml").await, None);
    assert_eq!(load(world, REPOSITORY, "cd.yml").await, None);
    assert!(!expires(world, &second).await, "a number must not come twice");
}

pub(super) async fn numbers_of_a_forks_file_are_forgotten(world: &World) {
    let first = RunNumbers::new(REPOSITORY, "fork.yml").with(&run("d-1").id, false);
    Numbers::save(&world.store, &first).await.unwrap();
    assert!(expires(world, &first).await);
    // Merged, it is the repository's.
    let second = first.with(&run("d-2").id, true);
    Numbers::save(&world.store, &second).await.unwrap();
    assert!(!expires(world, &second).await);
}
