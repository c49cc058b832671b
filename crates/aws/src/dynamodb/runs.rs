//! Run rows, the rows of a commit's runs, and the expansion of a run into jobs.

use super::fault::{Cancelled, cancelled, store_error};
use super::item::{self, Item};
use super::keys::{COMMIT_RUN, Key, commit_partition, run_partition};
use super::schema::{PK, SK};
use super::{ABSENT, Condition, DynamoStore, VERSION, jobs};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use checkmill_core::{CommitSha, Job, JobId, RepositoryId, Run, RunId, UnixMillis};
use checkmill_phases::ports::{Runs, StoreError};
use std::collections::BTreeSet;

const RUN: &str = "run";

/// Rows in one transaction. DynamoDB docs: 100.
const TRANSACTION_ROWS: usize = 100;
/// Bytes in one transaction. DynamoDB docs: 4 MB; the difference is for what a request adds to its rows.
const TRANSACTION_BYTES: usize = 3_500_000;
/// Reads of a run whose jobs were just being written, before the caller is told to come again.
const TORN_READS: u32 = 3;

pub(super) fn row(run: &Run, now: UnixMillis) -> Result<Item, StoreError> {
    let mut item = Key::Run(&run.id).item();
    item.insert(RUN.to_owned(), item::encode(run)?);
    item.insert(VERSION.to_owned(), AttributeValue::N(run.version.to_string()));
    item.extend([item::expiry(now)]);
    Ok(item)
}

/// The row by which a commit's runs are found. It never changes, so it is written again with no condition.
pub(super) fn commit_row(run: &Run, now: UnixMillis) -> Item {
    let key = Key::CommitRun {
        repository: run.event.repository.id,
        sha: run.check_sha(),
        created_at: run.created_at,
        run: &run.id,
    };
    let mut item = key.item();
    item.insert(RUN.to_owned(), AttributeValue::S(run.id.to_string()));
    item.extend([item::expiry(now)]);
    item
}

#[async_trait]
impl Runs for DynamoStore {
    async fn create(&self, run: &Run) -> Result<bool, StoreError> {
        let now = self.now();
        let row = row(run, now)?;
        item::check_size(&row)?;
        let puts = vec![self.put_absent(row)?, self.put(commit_row(run, now))?];
        match self.transact(puts).await {
            Ok(()) => Ok(true),
            Err(Cancelled::Conditions(_)) => Ok(false),
            Err(Cancelled::Other(error)) => Err(error),
        }
    }

    async fn load(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let row = self.get(Key::Run(id)).await?;
        row.map(|mut row| item::decode(&mut row, RUN)).transpose()
    }

    async fn load_with_jobs(&self, id: &RunId) -> Result<Option<(Run, Vec<Job>)>, StoreError> {
        for _ in 0..TORN_READS {
            let (run, jobs) = self.read_partition(id).await?;
            let Some(run) = run else { return Ok(None) };
            if missing(&run, &jobs).is_none() {
                return Ok(Some((run, jobs)));
            }
        }
        Err(StoreError::Transient(format!(
            "run {id} names a job whose row can't be seen yet"
        )))
    }

    async fn update(&self, run: &Run) -> Result<(), StoreError> {
        self.replace(row(run, self.now())?, run.version).await
    }

    async fn expand(&self, run: &Run, jobs: &[Job]) -> Result<(), StoreError> {
        let now = self.now();
        let run_row = row(run, now)?;
        let run_bytes = item::check_size(&run_row)?;
        let mut rows = Vec::with_capacity(jobs.len());
        for job in jobs {
            let row = jobs::row(job, now)?;
            rows.push((item::check_size(&row)?, row));
        }
        let bytes: usize = rows.iter().map(|(bytes, _)| bytes).sum();
        if rows.len() < TRANSACTION_ROWS && bytes + run_bytes <= TRANSACTION_BYTES {
            let rows = rows.into_iter().map(|(_, row)| row).collect();
            return self.expand_at_once(run, run_row, rows).await;
        }
        for chunk in chunks(rows) {
            self.put_absent_rows(chunk).await?;
        }
        self.replace(run_row, run.version).await
    }

    async fn of_commit(&self, repository: RepositoryId, sha: &CommitSha) -> Result<Vec<RunId>, StoreError> {
        let mut runs = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :sk)")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":pk", AttributeValue::S(commit_partition(repository, sha)))
                .expression_attribute_values(":sk", AttributeValue::S(COMMIT_RUN.to_owned()))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|e| store_error(&e))?;
            for mut row in page.items.unwrap_or_default() {
                runs.push(item::decode(&mut row, RUN)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(runs);
            }
        }
    }
}

/// A job that the run names and that was not read.
///
/// A query sees each row as it is at that moment, a transaction's rows one by one (DynamoDB docs: read-committed), so it can
/// catch an expansion half-way.
fn missing<'a>(run: &'a Run, jobs: &[Job]) -> Option<&'a JobId> {
    let known: BTreeSet<&JobId> = jobs.iter().map(|job| &job.id).collect();
    run.nodes
        .values()
        .filter_map(|node| node.expansion.as_ref())
        .flat_map(|expansion| &expansion.legs)
        .find(|leg| !known.contains(leg))
}

/// Rows in as few transactions as they fit, in order.
fn chunks(rows: Vec<(usize, Item)>) -> Vec<Vec<Item>> {
    let mut chunks: Vec<Vec<Item>> = Vec::new();
    let mut room = 0;
    for (bytes, row) in rows {
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < TRANSACTION_ROWS && bytes <= room => {
                room -= bytes;
                chunk.push(row);
            }
            _ => {
                room = TRANSACTION_BYTES.saturating_sub(bytes);
                chunks.push(vec![row]);
            }
        }
    }
    chunks
}

impl DynamoStore {
    /// The run and its jobs, page by page. The sort key descends, so that the run comes first and the jobs it names later:
    /// a job that is written while we read is seen, and never the other way round.
    async fn read_partition(&self, id: &RunId) -> Result<(Option<Run>, Vec<Job>), StoreError> {
        let (mut run, mut jobs) = (None, Vec::new());
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .scan_index_forward(false)
                .key_condition_expression("#pk = :pk")
                .expression_attribute_names("#pk", PK)
                .expression_attribute_values(":pk", AttributeValue::S(run_partition(id)))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|e| store_error(&e))?;
            for mut row in page.items.unwrap_or_default() {
                match item::text(&row, SK)? {
                    "RUN" => run = Some(item::decode(&mut row, RUN)?),
                    _ => jobs.push(jobs::read(row)?),
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                jobs.reverse();
                return Ok((run, jobs));
            }
        }
    }

    /// Jobs and run in one transaction. Jobs that have a row are left out and the rest is tried again; each round leaves
    /// out at least one, so it ends.
    async fn expand_at_once(&self, run: &Run, run_row: Item, mut jobs: Vec<Item>) -> Result<(), StoreError> {
        loop {
            let mut puts = vec![self.put_version(run_row.clone(), run.version)?];
            for job in &jobs {
                puts.push(self.put_absent(job.clone())?);
            }
            match self.transact(puts).await {
                Ok(()) => return Ok(()),
                Err(Cancelled::Conditions(failed)) if failed.contains(&0) => {
                    return Err(StoreError::Conflict);
                }
                Err(Cancelled::Conditions(failed)) => without(&mut jobs, &failed, 1)?,
                Err(Cancelled::Other(error)) => return Err(error),
            }
        }
    }

    /// Those of the rows that are not there yet, in one transaction; see [`Self::expand_at_once`].
    async fn put_absent_rows(&self, mut rows: Vec<Item>) -> Result<(), StoreError> {
        while !rows.is_empty() {
            let puts = rows
                .iter()
                .map(|row| self.put_absent(row.clone()))
                .collect::<Result<_, _>>()?;
            match self.transact(puts).await {
                Ok(()) => return Ok(()),
                Err(Cancelled::Conditions(failed)) => without(&mut rows, &failed, 0)?,
                Err(Cancelled::Other(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// The SDK gives each call a token of its own, so a lost answer does not make a second transaction.
    async fn transact(&self, puts: Vec<TransactWriteItem>) -> Result<(), Cancelled> {
        self.client
            .transact_write_items()
            .set_transact_items(Some(puts))
            .send()
            .await
            .map(drop)
            .map_err(|e| cancelled(&e))
    }

    fn put(&self, row: Item) -> Result<TransactWriteItem, StoreError> {
        transact_put(Put::builder().table_name(&self.table).set_item(Some(row)))
    }

    fn put_absent(&self, row: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(row));
        transact_put(put.condition_expression(ABSENT))
    }

    fn put_version(&self, row: Item, version: u64) -> Result<TransactWriteItem, StoreError> {
        let condition = Condition::version(&row, version)?;
        let put = Put::builder().table_name(&self.table).set_item(Some(row));
        transact_put(
            put.condition_expression(condition.expression)
                .set_expression_attribute_names(Some(condition.names))
                .set_expression_attribute_values(Some(condition.values)),
        )
    }
}

fn transact_put(put: aws_sdk_dynamodb::types::builders::PutBuilder) -> Result<TransactWriteItem, StoreError> {
    let put = put.build().map_err(super::schema::unusable)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Leaves out the rows at these places of the transaction, of which the first `before` are none of the rows.
fn without(rows: &mut Vec<Item>, failed: &[usize], before: usize) -> Result<(), StoreError> {
    let all = rows.len();
    let mut place = before;
    rows.retain(|_| {
        place += 1;
        !failed.contains(&(place - 1))
    });
    if rows.len() == all {
        return Err(StoreError::Corrupt(format!(
            "DynamoDB cancelled a transaction of {all} rows because of others: {failed:?}"
        )));
    }
    Ok(())
}
