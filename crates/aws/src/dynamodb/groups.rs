//! Rows of concurrency groups.

use super::item::{self, Item};
use super::keys::Key;
use super::{DynamoStore, VERSION};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use checkmill_core::{Group, GroupId, RepositoryId, UnixMillis};
use checkmill_phases::ports::{Groups, StoreError};

const GROUP: &str = "group";

/// The row: forgotten when nobody has asked for [`checkmill_core::limits::ROW_RETENTION`]. It is not in the index: who waits in
/// a group is a job, and looked after as one.
pub(super) fn row(group: &Group, now: UnixMillis) -> Result<Item, StoreError> {
    let key = Key::Group {
        repository: group.repository,
        id: &group.id,
    };
    let mut item = key.item();
    item.insert(GROUP.to_owned(), item::encode(group)?);
    item.insert(VERSION.to_owned(), AttributeValue::N(group.version.to_string()));
    item.extend([item::expiry(now)]);
    Ok(item)
}

#[async_trait]
impl Groups for DynamoStore {
    async fn load(&self, repository: RepositoryId, id: &GroupId) -> Result<Option<Group>, StoreError> {
        let row = self.get(Key::Group { repository, id }).await?;
        row.map(|mut row| item::decode(&mut row, GROUP)).transpose()
    }

    async fn save(&self, group: &Group) -> Result<(), StoreError> {
        self.save_row(row(group, self.now())?, group.version).await
    }
}
