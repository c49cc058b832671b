//! The table's schema, once. `infra/` declares the same in Terraform; [`create_table`] makes it for one machine and tests.
//!
//! | what                | name         | type | content                                                        |
//! |---------------------|--------------|------|----------------------------------------------------------------|
//! | partition key       | `pk`         | S    | `DELIVERY#…`, `RUN#…`, `COMMIT#…`, … (see [`super::keys`])      |
//! | sort key            | `sk`         | S    |                                                                |
//! | index `open`        | keys only    |      | rows that somebody still owes something                        |
//! | its partition key   | `open_pk`    | S    | `DELIVERY#shard`, `JOB#shard`                                  |
//! | its sort key        | `open_sk`    | S    | milliseconds, zero-padded, then `#` and the id: oldest first    |
//! | TTL                 | `expires_at` | N    | seconds since 1970                                             |
//! | billing             |              |      | on demand                                                      |
//!
//! The index projects keys only: rows change often, most changes would rewrite a projection, and a sweep reads the rows
//! themselves anyway, because an index is only eventually consistent.

use super::fault::store_error;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use checkmill_phases::ports::StoreError;

pub const PK: &str = "pk";
pub const SK: &str = "sk";
pub const OPEN_INDEX: &str = "open";
pub const OPEN_PK: &str = "open_pk";
pub const OPEN_SK: &str = "open_sk";
/// The TTL attribute: seconds since 1970.
pub const EXPIRES_AT: &str = "expires_at";

/// Creates the table and switches TTL on, unless they are there. It waits for nothing: the embedded engine and DynamoDB
/// Local answer when the table is active, and on AWS Terraform makes it.
///
/// # Errors
/// [`StoreError`] as of any call; [`StoreError::Transient`] where the table is not active yet.
pub async fn create_table(client: &Client, table: &str) -> Result<(), StoreError> {
    let status = match status(client, table).await? {
        Some(status) => status,
        None => {
            create(client, table).await?;
            status(client, table).await?.unwrap_or(TableStatus::Creating)
        }
    };
    if status != TableStatus::Active {
        return Err(StoreError::Transient(format!("table {table} is not active yet")));
    }
    enable_ttl(client, table).await
}

/// The table's status; none where there is no such table.
async fn status(client: &Client, table: &str) -> Result<Option<TableStatus>, StoreError> {
    match client.describe_table().table_name(table).send().await {
        Ok(known) => Ok(known.table.and_then(|table| table.table_status)),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|e| e.is_resource_not_found_exception()) =>
        {
            Ok(None)
        }
        Err(error) => Err(store_error(&error)),
    }
}

async fn create(client: &Client, table: &str) -> Result<(), StoreError> {
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(PK, SK)?))
        .global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name(OPEN_INDEX)
                .set_key_schema(Some(key_schema(OPEN_PK, OPEN_SK)?))
                .projection(
                    Projection::builder()
                        .projection_type(ProjectionType::KeysOnly)
                        .build(),
                )
                .build()
                .map_err(unusable)?,
        );
    for name in [PK, SK, OPEN_PK, OPEN_SK] {
        request = request.attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .map_err(unusable)?,
        );
    }
    request.send().await.map_err(|e| store_error(&e))?;
    Ok(())
}

fn key_schema(partition: &str, sort: &str) -> Result<Vec<KeySchemaElement>, StoreError> {
    [(partition, KeyType::Hash), (sort, KeyType::Range)]
        .into_iter()
        .map(|(name, kind)| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
                .map_err(unusable)
        })
        .collect()
}

async fn enable_ttl(client: &Client, table: &str) -> Result<(), StoreError> {
    let known = client
        .describe_time_to_live()
        .table_name(table)
        .send()
        .await
        .map_err(|e| store_error(&e))?;
    let status = known
        .time_to_live_description
        .and_then(|ttl| ttl.time_to_live_status);
    if matches!(
        status,
        Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
    ) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder()
        .attribute_name(EXPIRES_AT)
        .enabled(true)
        .build()
        .map_err(unusable)?;
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl)
        .send()
        .await
        .map_err(|e| store_error(&e))?;
    Ok(())
}

/// A request that misses a part; the parts above are constants.
pub(super) fn unusable(error: aws_sdk_dynamodb::error::BuildError) -> StoreError {
    StoreError::Corrupt(format!("a request to DynamoDB could not be built: {error}"))
}
