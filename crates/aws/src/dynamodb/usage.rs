//! Counts what the store is asked for, on AWS and on the embedded engine alike: an interceptor of the SDK's client.

use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemInput;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::operation::scan::ScanInput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsInput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, Input,
};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows asked for and rows to be written since the client was made, failed conditions included, the SDK's own retries not.
/// A query or a page of a scan counts as one read however many rows a page has; a transaction counts each of its rows. The schema's own calls
/// do not count.
#[derive(Debug, Default)]
pub struct Usage {
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Usage {
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    fn count(&self, input: &Input) {
        let (reads, writes) = cost(input);
        self.reads.fetch_add(reads, Ordering::Relaxed);
        self.writes.fetch_add(writes, Ordering::Relaxed);
    }
}

/// Reads and writes of one operation.
fn cost(input: &Input) -> (u64, u64) {
    if input.downcast_ref::<GetItemInput>().is_some()
        || input.downcast_ref::<QueryInput>().is_some()
        || input.downcast_ref::<ScanInput>().is_some()
    {
        (1, 0)
    } else if let Some(batch) = input.downcast_ref::<BatchGetItemInput>() {
        let tables = batch.request_items.iter().flat_map(|tables| tables.values());
        (tables.map(|keys| keys.keys().len() as u64).sum(), 0)
    } else if input.downcast_ref::<PutItemInput>().is_some()
        || input.downcast_ref::<UpdateItemInput>().is_some()
        || input.downcast_ref::<DeleteItemInput>().is_some()
    {
        (0, 1)
    } else if let Some(transaction) = input.downcast_ref::<TransactWriteItemsInput>() {
        (0, transaction.transact_items().len() as u64)
    } else {
        (0, 0)
    }
}

/// The interceptor: give it to the client's configuration.
#[derive(Debug, Clone)]
pub(crate) struct Counter(pub(crate) Arc<Usage>);

#[dyn_dispatch_hint]
impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "StoreUsage"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.count(context.input());
        Ok(())
    }
}
