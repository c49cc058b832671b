//! Rows of repositories' schedules. One with timers is in the index, by when the first is due; one that
//! somebody waits for is never forgotten.

use super::item::{self, Item};
use super::keys::{Key, Open};
use super::{DynamoStore, VERSION};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use checkmill_core::schedule::Schedule;
use checkmill_core::{Millis, RepositoryId, UnixMillis};
use checkmill_phases::ports::{Schedules, StoreError};

const SCHEDULE: &str = "schedule";

pub(super) fn row(schedule: &Schedule, now: UnixMillis) -> Result<Item, StoreError> {
    let repository = schedule.id();
    let mut item = Key::Schedule(repository).item();
    item.insert(SCHEDULE.to_owned(), item::encode(schedule)?);
    item.insert(
        VERSION.to_owned(),
        AttributeValue::N(schedule.version.to_string()),
    );
    match schedule.due_at() {
        Some(at) => item.extend(Open::Schedule.attributes(&repository.to_string(), at)),
        None if !(schedule.followed.is_empty() && schedule.events.is_empty()) => {}
        None => item.extend([item::expiry(now)]),
    }
    Ok(item)
}

#[async_trait]
impl Schedules for DynamoStore {
    async fn load(&self, repository: RepositoryId) -> Result<Option<Schedule>, StoreError> {
        let row = self.get(Key::Schedule(repository)).await?;
        row.map(|mut row| item::decode(&mut row, SCHEDULE)).transpose()
    }

    async fn save(&self, schedule: &Schedule) -> Result<(), StoreError> {
        self.save_row(row(schedule, self.now())?, schedule.version).await
    }

    async fn due(&self, at: UnixMillis, limit: usize) -> Result<Vec<Schedule>, StoreError> {
        // The index's bound is exclusive.
        let rows = self.open_rows(Open::Schedule, at + Millis(1), limit).await?;
        let mut due: Vec<Schedule> = Vec::with_capacity(rows.len());
        for mut row in rows {
            match item::decode::<Schedule>(&mut row, SCHEDULE) {
                Ok(found) => {
                    due.extend(Some(found).filter(|found| found.due_at().is_some_and(|due| due <= at)))
                }
                Err(error) => tracing::error!(%error, "a schedule's row can't be read and is passed over"),
            }
        }
        due.sort_by_key(|schedule| (schedule.due_at(), schedule.id()));
        Ok(due)
    }
}
