//! The store: one DynamoDB table behind [`Deliveries`], [`Runs`], [`Jobs`], [`Schedules`], [`Groups`], [`Numbers`] and [`History`]. On AWS the client speaks to DynamoDB, on one
//! machine to the engine in [`crate::embedded`]; the code here is the same.
//!
//! Every write is conditional, and a write whose answer is lost is sent again by the SDK. The second try of one that had
//! succeeded finds its condition false and reads as [`StoreError::Conflict`] (or as "was there already"). That is meant: the
//! caller loads again and sees its own change. Comparing the stored row with ours instead would let two workers that write
//! the same claim both believe that they have it.

mod deliveries;
mod fault;
mod groups;
mod history;
mod item;
mod jobs;
mod keys;
mod numbers;
mod open;
mod runs;
mod schedules;
pub mod schema;
mod size;
mod usage;

#[cfg(test)]
pub(crate) mod tests;

pub use history::Histories;
pub use keys::OPEN_SHARDS;
pub use schema::create_table;
pub use usage::Usage;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use checkmill_core::UnixMillis;
use checkmill_phases::ports::{
    Clock, Deliveries, Groups, History, Jobs, Numbers, Runs, Schedules, StoreError,
};
use fault::store_error;
use item::Item;
use keys::Key;
use std::fmt;
use std::sync::Arc;

/// The table, and a client that may use it.
#[derive(Clone)]
pub struct DynamoStore {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoStore")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

impl DynamoStore {
    /// `clock` stamps rows: when a delivery was last written, and when a row is to be forgotten.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            table: table.into(),
            clock,
        }
    }

    /// Opens the connection by asking for a row that can't be, so that the first event does not wait for TLS. Its outcome is
    /// of no interest: the next call will tell.
    pub async fn warm_up(&self) {
        let key = Item::from([
            (
                schema::PK.to_owned(),
                aws_sdk_dynamodb::types::AttributeValue::S("WARM".to_owned()),
            ),
            (
                schema::SK.to_owned(),
                aws_sdk_dynamodb::types::AttributeValue::S("WARM".to_owned()),
            ),
        ]);
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .send()
            .await;
        if let Err(error) = answer {
            tracing::warn!(error = %store_error(&error), "the store did not answer while warming up");
        }
    }

    async fn get(&self, key: Key<'_>) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.item()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| store_error(&e))?;
        Ok(answer.item)
    }

    /// Writes a row that comes into being with version 1; at any other, over the one before.
    async fn save_row(&self, row: Item, version: u64) -> Result<(), StoreError> {
        if version != 1 {
            return self.replace(row, version).await;
        }
        item::check_size(&row)?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression(ABSENT);
        put.send().await.map_err(|e| store_error(&e))?;
        Ok(())
    }

    /// Replaces the row whose version is one less than `version`.
    async fn replace(&self, item: Item, version: u64) -> Result<(), StoreError> {
        let condition = Condition::version(&item, version)?;
        item::check_size(&item)?;
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values(Some(condition.values))
            .send()
            .await
            .map_err(|e| store_error(&e))?;
        Ok(())
    }

    fn now(&self) -> UnixMillis {
        self.clock.now()
    }
}

/// A row is not there yet. A partition key is in every row, so it stands for the row.
const ABSENT: &str = "attribute_not_exists(pk)";
/// The top-level copy of a run's or job's version, which conditions look at.
const VERSION: &str = "version";

struct Condition {
    expression: String,
    names: std::collections::HashMap<String, String>,
    values: Item,
}

impl Condition {
    /// The stored version is the one before `next`.
    fn version(item: &Item, next: u64) -> Result<Self, StoreError> {
        let read = next.checked_sub(1).ok_or_else(|| {
            item::unreadable(
                item,
                "version 0 is that of a new row, an update carries the next one",
            )
        })?;
        Ok(Self {
            expression: "#version = :read".to_owned(),
            names: [("#version".to_owned(), VERSION.to_owned())].into(),
            values: [(
                ":read".to_owned(),
                aws_sdk_dynamodb::types::AttributeValue::N(read.to_string()),
            )]
            .into(),
        })
    }
}

/// Adds to a client's configuration what the store needs: the counters of `usage`.
#[must_use]
pub fn counted(config: Builder, usage: &Arc<Usage>) -> Builder {
    config.interceptor(usage::Counter(Arc::clone(usage)))
}

/// The ports, checked here rather than where they are first used.
const _: fn() = || {
    fn implements<T: Deliveries + Runs + Jobs + Schedules + Groups + Numbers + History>() {}
    implements::<DynamoStore>();
};
