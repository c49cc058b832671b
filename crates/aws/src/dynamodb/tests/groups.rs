//! Concurrency groups of repositories.

use super::fixtures::{REPOSITORY, group};
use super::world::World;
use crate::dynamodb::keys::Key;
use crate::dynamodb::schema::{EXPIRES_AT, OPEN_PK};
use checkmill_core::{GroupId, RepositoryId};
use checkmill_phases::ports::{Groups, StoreError};

pub(super) async fn a_group_is_replaced_only_at_the_version_that_was_read(world: &World) {
    let first = group();
    let load = async |repository, name| {
        Groups::load(&world.store, repository, &GroupId::derive(name))
            .await
            .unwrap()
    };
    assert_eq!(load(REPOSITORY, "deploy").await, None);
    let holder = first.holder.clone().unwrap();
    let second = first.leave(&holder.claimant, holder.asked).unwrap();
    assert_eq!(
        Groups::save(&world.store, &second).await,
        Err(StoreError::Conflict),
        "no row"
    );
    Groups::save(&world.store, &first).await.unwrap();
    for stale in [&first, &{
        let mut other = first.clone();
        other.pending.clear();
        other
    }] {
        assert_eq!(
            Groups::save(&world.store, stale).await,
            Err(StoreError::Conflict),
            "there is one"
        );
    }
    Groups::save(&world.store, &second).await.unwrap();
    assert_eq!(
        Groups::save(&world.store, &second).await,
        Err(StoreError::Conflict),
        "stale"
    );
    // Its name's case is of no account, its repository is.
    assert_eq!(load(REPOSITORY, "DEPLOY").await, Some(second.clone()));
    assert_eq!(load(RepositoryId(1), "deploy").await, None);
    let key = Key::Group {
        repository: REPOSITORY,
        id: &second.id,
    };
    let row = world.store.get(key).await.unwrap().unwrap();
    assert!(
        row.contains_key(EXPIRES_AT) && !row.contains_key(OPEN_PK),
        "{row:?}"
    );
}
