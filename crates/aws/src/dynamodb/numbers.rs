//! Rows of workflow files' run numbers.

use super::item::{self, Item};
use super::keys::Key;
use super::{DynamoStore, VERSION};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use checkmill_core::{RepositoryId, RunNumbers, UnixMillis, WorkflowId};
use checkmill_phases::ports::{Numbers, StoreError};

const NUMBERS: &str = "numbers";

/// The row: never forgotten, for a number must not come twice; that of a file which only forks have, when none has run for
/// [`checkmill_core::limits::ROW_RETENTION`].
pub(super) fn row(numbers: &RunNumbers, now: UnixMillis) -> Result<Item, StoreError> {
    let key = Key::Numbers {
        repository: numbers.repository,
        id: &numbers.id,
    };
    let mut item = key.item();
    item.insert(NUMBERS.to_owned(), item::encode(numbers)?);
    item.insert(VERSION.to_owned(), AttributeValue::N(numbers.version.to_string()));
    if !numbers.kept {
        item.extend([item::expiry(now)]);
    }
    Ok(item)
}

#[async_trait]
impl Numbers for DynamoStore {
    async fn load(
        &self,
        repository: RepositoryId,
        id: &WorkflowId,
    ) -> Result<Option<RunNumbers>, StoreError> {
        let row = self.get(Key::Numbers { repository, id }).await?;
        row.map(|mut row| item::decode(&mut row, NUMBERS)).transpose()
    }

    async fn save(&self, numbers: &RunNumbers) -> Result<(), StoreError> {
        self.save_row(row(numbers, self.now())?, numbers.version).await
    }
}
