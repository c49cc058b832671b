//! The index of open work: rows that carry `open_pk` and `open_sk`, spread over shards, oldest first in each.

use super::DynamoStore;
use super::fault::store_error;
use super::item::{Item, unreadable};
use super::keys::{Open, sortable};
use super::schema::{OPEN_INDEX, OPEN_PK, OPEN_SK, PK, SK};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use checkmill_core::UnixMillis;
use checkmill_phases::ports::StoreError;
use futures::future::try_join_all;

/// Keys in one BatchGetItem. DynamoDB docs: 100.
const BATCH_KEYS: usize = 100;

impl DynamoStore {
    /// The rows of this kind that the index has before `bound`, oldest first, at most `limit`, read consistently from the
    /// table. The index lags behind, so a caller looks at each row again.
    pub(super) async fn open_rows(
        &self,
        kind: Open,
        bound: UnixMillis,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let shards = (0..kind.shards()).map(|shard| self.open_keys(kind.partition(shard), bound, limit));
        let mut keys: Vec<Item> = try_join_all(shards).await?.into_iter().flatten().collect();
        keys.sort_by(|a, b| sort_key(a).cmp(sort_key(b)));
        keys.truncate(limit);
        let mut rows = Vec::with_capacity(keys.len());
        for batch in keys.chunks(BATCH_KEYS) {
            rows.extend(self.read_batch(batch).await?);
        }
        Ok(rows)
    }

    /// At most `limit` entries of one shard.
    async fn open_keys(
        &self,
        partition: String,
        bound: UnixMillis,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let mut keys = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(OPEN_INDEX)
                .key_condition_expression("#open_pk = :partition AND #open_sk < :bound")
                .expression_attribute_names("#open_pk", OPEN_PK)
                .expression_attribute_names("#open_sk", OPEN_SK)
                .expression_attribute_values(":partition", AttributeValue::S(partition.clone()))
                .expression_attribute_values(":bound", AttributeValue::S(sortable(bound)))
                .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|e| store_error(&e))?;
            keys.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() || keys.len() >= limit {
                keys.truncate(limit);
                return Ok(keys);
            }
        }
    }

    /// The rows of these index entries; those that are gone are left out, the order is DynamoDB's.
    async fn read_batch(&self, entries: &[Item]) -> Result<Vec<Item>, StoreError> {
        let mut rows = Vec::with_capacity(entries.len());
        let mut wanted = Some(request(entries)?);
        while let Some(keys) = wanted.take() {
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.table, keys)
                .send()
                .await
                .map_err(|e| store_error(&e))?;
            let got = answer
                .responses
                .and_then(|mut t| t.remove(&self.table))
                .unwrap_or_default();
            // An answer stops at 16 MB and leaves the rest to be asked for; one with nothing in it was throttled.
            wanted = answer.unprocessed_keys.and_then(|mut t| t.remove(&self.table));
            if wanted.is_some() && got.is_empty() {
                return Err(StoreError::Transient(
                    "DynamoDB answered a batch with no row: it is throttling".to_owned(),
                ));
            }
            rows.extend(got);
        }
        Ok(rows)
    }
}

fn request(entries: &[Item]) -> Result<KeysAndAttributes, StoreError> {
    let mut request = KeysAndAttributes::builder().consistent_read(true);
    for entry in entries {
        let mut key = Item::new();
        for name in [PK, SK] {
            let value = entry
                .get(name)
                .ok_or_else(|| unreadable(entry, "an index entry without keys"))?;
            key.insert(name.to_owned(), value.clone());
        }
        request = request.keys(key);
    }
    request.build().map_err(super::schema::unusable)
}

fn sort_key(entry: &Item) -> &str {
    entry
        .get(OPEN_SK)
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str)
}
