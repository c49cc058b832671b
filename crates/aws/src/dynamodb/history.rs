//! Rows of what was learned of jobs.

use super::fault::store_error;
use super::item::{self, Item};
use super::keys::{HISTORY_PARTITION, Key};
use super::schema::PK;
use super::{DynamoStore, VERSION};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use checkmill_core::history::JobHistory;
use checkmill_core::{HistoryId, RepositoryId, UnixMillis};
use checkmill_phases::ports::{History, StoreError};

const HISTORY: &str = "history";

/// The row: forgotten when the job has not run for [`checkmill_core::limits::ROW_RETENTION`].
pub(super) fn row(history: &JobHistory, now: UnixMillis) -> Result<Item, StoreError> {
    let key = Key::History {
        repository: history.job.repository,
        id: &history.job.id,
    };
    let mut item = key.item();
    item.insert(HISTORY.to_owned(), item::encode(history)?);
    item.insert(VERSION.to_owned(), AttributeValue::N(history.version.to_string()));
    item.extend([item::expiry(now)]);
    Ok(item)
}

#[async_trait]
impl History for DynamoStore {
    async fn load(&self, repository: RepositoryId, id: &HistoryId) -> Result<Option<JobHistory>, StoreError> {
        let row = self.get(Key::History { repository, id }).await?;
        row.map(|mut row| item::decode(&mut row, HISTORY)).transpose()
    }

    async fn save(&self, history: &JobHistory) -> Result<(), StoreError> {
        self.save_row(row(history, self.now())?, history.version).await
    }
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histories {
    pub histories: Vec<JobHistory>,
    /// Rows that were looked at.
    pub scanned: usize,
    /// The table has rows that were not looked at.
    pub cut: bool,
}

impl DynamoStore {
    /// Every job's history, from a scan of at most about `limit` rows of the table. For people who ask now and then: a scan
    /// reads, and pays for, the rows of other kinds too.
    ///
    /// # Errors
    /// As of any call.
    pub async fn histories(&self, limit: usize) -> Result<Histories, StoreError> {
        let mut found = Histories {
            histories: Vec::new(),
            scanned: 0,
            cut: false,
        };
        let mut start = None;
        loop {
            let page = self
                .client
                .scan()
                .table_name(&self.table)
                .filter_expression("begins_with(#pk, :history)")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_values(":history", AttributeValue::S(HISTORY_PARTITION.to_owned()))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|e| store_error(&e))?;
            found.scanned += usize::try_from(page.scanned_count()).unwrap_or_default();
            for mut row in page.items.unwrap_or_default() {
                found.histories.push(item::decode(&mut row, HISTORY)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() || found.scanned >= limit {
                found.cut = start.is_some();
                return Ok(found);
            }
        }
    }
}
