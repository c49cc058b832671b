//! Job rows.

use super::fault::store_error;
use super::item::{self, Item};
use super::keys::{Key, Open};
use super::schema::{OPEN_PK, OPEN_SK};
use super::{DynamoStore, VERSION};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use checkmill_core::{Job, JobId, Millis, UnixMillis};
use checkmill_phases::ports::{Jobs, StoreError};

const JOB: &str = "job";

/// The row of a job: in the index of open work as long as it is due some time.
pub(super) fn row(job: &Job, now: UnixMillis) -> Result<Item, StoreError> {
    let mut item = Key::Job(&job.id).item();
    item.insert(JOB.to_owned(), item::encode(job)?);
    item.insert(VERSION.to_owned(), AttributeValue::N(job.version.to_string()));
    item.extend([item::expiry(now)]);
    if let Some(at) = job.due_at() {
        item.extend(Open::Job.attributes(job.id.as_str(), at));
    }
    Ok(item)
}

pub(super) fn read(mut row: Item) -> Result<Job, StoreError> {
    item::decode(&mut row, JOB)
}

#[async_trait]
impl Jobs for DynamoStore {
    async fn load(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.get(Key::Job(id)).await?.map(read).transpose()
    }

    async fn update(&self, job: &Job) -> Result<(), StoreError> {
        self.replace(row(job, self.now())?, job.version).await
    }

    async fn due(&self, at: UnixMillis, limit: usize) -> Result<Vec<Job>, StoreError> {
        // The index's bound is exclusive.
        let rows = self.open_rows(Open::Job, at + Millis(1), limit).await?;
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            match read(row) {
                Ok(job) => due.extend(
                    job.due_at()
                        .filter(|since| *since <= at)
                        .map(|since| (since, job)),
                ),
                Err(error) => tracing::error!(%error, "a job's row can't be read and is passed over"),
            }
        }
        due.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
        Ok(due.into_iter().map(|(_, job)| job).collect())
    }

    async fn defer(&self, job: &Job, until: UnixMillis) -> Result<(), StoreError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::Job(&job.id).item()));
        for (name, value) in Open::Job.attributes(job.id.as_str(), until) {
            update = update
                .expression_attribute_names(format!("#{name}"), &name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        let updated = update
            .update_expression(format!("SET #{OPEN_PK} = :{OPEN_PK}, #{OPEN_SK} = :{OPEN_SK}"))
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":version", AttributeValue::N(job.version.to_string()))
            .send()
            .await;
        match updated.map_err(|error| store_error(&error)) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
