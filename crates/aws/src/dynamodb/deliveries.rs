//! Delivery rows. A state has a rank, and a write's condition is that the rank does not fall.

use super::fault::store_error;
use super::item::{self, Item};
use super::keys::{Key, Open};
use super::schema::{OPEN_PK, OPEN_SK};
use super::{ABSENT, DynamoStore};
use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use checkmill_core::{DeliveryId, Event, Millis, UnixMillis, limits};
use checkmill_phases::ports::{Deliveries, DeliveryState, Inbox, StoreError};

const EVENT: &str = "event";
/// The fields of [`DeliveryState`] as serde writes them.
const STATE_FIELDS: [&str; 2] = ["state", "reason"];
const RANK: &str = "rank";
const DUE_AT: &str = "due_at";

/// How far a delivery is. One that was given up may still be planned, when GitHub delivers it again; a planned one stays so.
const fn rank(state: &DeliveryState) -> u8 {
    match state {
        DeliveryState::Received => 0,
        DeliveryState::Enqueued => 1,
        DeliveryState::Failed { .. } => 2,
        DeliveryState::Planned => 3,
    }
}

const fn is_open(state: &DeliveryState) -> bool {
    state.redriven_after().is_some()
}

/// The attributes that put an open row in the index.
fn due(id: &DeliveryId, at: UnixMillis) -> Item {
    let mut item = Item::from(Open::Delivery.attributes(id.as_str(), at));
    item.insert(DUE_AT.to_owned(), AttributeValue::N(at.0.to_string()));
    item
}

/// The attributes that every write of the row sets.
fn written(id: &DeliveryId, state: &DeliveryState, now: UnixMillis) -> Result<Item, StoreError> {
    let mut item = Item::from([
        (RANK.to_owned(), AttributeValue::N(rank(state).to_string())),
        item::expiry(now),
    ]);
    // `state`, and `reason` where there is one.
    if let AttributeValue::M(state) = item::encode(&short(state))? {
        item.extend(state);
    }
    if let Some(after) = state.redriven_after() {
        item.extend(due(id, now + after));
    }
    Ok(item)
}

/// The state with its reason cut to the length of any detail.
fn short(state: &DeliveryState) -> DeliveryState {
    match state {
        DeliveryState::Failed { reason } => DeliveryState::Failed {
            reason: reason.chars().take(limits::DETAIL_CHARS).collect(),
        },
        other => other.clone(),
    }
}

fn read_state(row: &Item) -> Result<DeliveryState, StoreError> {
    let fields = STATE_FIELDS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone())));
    serde_dynamo::from_item(fields.collect::<Item>())
        .map_err(|error| item::unreadable(row, &format!("its state can't be read: {error}")))
}

pub(super) fn new_row(event: &Event, now: UnixMillis) -> Result<Item, StoreError> {
    let mut item = Key::Delivery(&event.delivery).item();
    item.extend(written(&event.delivery, &DeliveryState::Received, now)?);
    item.insert(EVENT.to_owned(), item::encode(event)?);
    Ok(item)
}

#[async_trait]
impl Inbox for DynamoStore {
    async fn record(&self, event: &Event) -> Result<DeliveryState, StoreError> {
        let row = new_row(event, self.now())?;
        item::check_size(&row)?;
        let written = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression(ABSENT)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match written {
            Ok(_) => return Ok(DeliveryState::Received),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => match &failed.item {
                Some(known) => read_state(known),
                None => self.state(&event.delivery).await,
            },
            _ => Err(store_error(&error)),
        }
    }

    async fn advance(&self, id: &DeliveryId, to: &DeliveryState) -> Result<(), StoreError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::Delivery(id).item()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut set = Vec::new();
        for (name, value) in written(id, to, self.now())? {
            set.push(format!("#{name} = :{name}"));
            update = update
                .expression_attribute_names(format!("#{name}"), &name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        set.sort();
        let mut expression = format!("SET {}", set.join(", "));
        if !is_open(to) {
            expression.push_str(" REMOVE #open_pk, #open_sk, #due_at");
            update = update
                .expression_attribute_names("#open_pk", OPEN_PK)
                .expression_attribute_names("#open_sk", OPEN_SK)
                .expression_attribute_names("#due_at", DUE_AT);
            if *to == DeliveryState::Planned {
                // Of an earlier failure.
                expression.push_str(", #reason");
                update = update.expression_attribute_names("#reason", STATE_FIELDS[1]);
            }
        }
        let updated = update
            .update_expression(expression)
            .condition_expression("attribute_exists(pk) AND #rank < :rank")
            .send()
            .await;
        let Err(error) = updated else { return Ok(()) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) if failed.item.is_some() => Ok(()),
            // Without the row in the answer: there is none, or the engine does not return it.
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => self.state(id).await.map(drop),
            _ => Err(store_error(&error)),
        }
    }
}

#[async_trait]
impl Deliveries for DynamoStore {
    async fn load(&self, id: &DeliveryId) -> Result<Option<(Event, DeliveryState)>, StoreError> {
        let row = self.get(Key::Delivery(id)).await?;
        row.map(|mut row| Ok((item::decode(&mut row, EVENT)?, read_state(&row)?)))
            .transpose()
    }

    async fn due(&self, at: UnixMillis, limit: usize) -> Result<Vec<(Event, DeliveryState)>, StoreError> {
        // The index's bound is exclusive.
        let rows = self.open_rows(Open::Delivery, at + Millis(1), limit).await?;
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            match read_open(row) {
                Ok(found) => due.extend(found.filter(|(since, ..)| *since <= at)),
                Err(error) => tracing::error!(%error, "a delivery's row can't be read and is passed over"),
            }
        }
        due.sort_by(|a, b| (a.0, &a.1.delivery).cmp(&(b.0, &b.1.delivery)));
        Ok(due.into_iter().map(|(_, event, state)| (event, state)).collect())
    }

    async fn defer(&self, id: &DeliveryId, until: UnixMillis) -> Result<(), StoreError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::Delivery(id).item()));
        let mut set = Vec::new();
        for (name, value) in due(id, until) {
            set.push(format!("#{name} = :{name}"));
            update = update
                .expression_attribute_names(format!("#{name}"), &name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        set.sort();
        let updated = update
            .update_expression(format!("SET {}", set.join(", ")))
            .condition_expression("attribute_exists(#open_pk) AND #due_at < :due_at")
            .send()
            .await;
        match updated.map_err(|error| store_error(&error)) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A row of the index with the time it has been due since; none where it was closed meanwhile.
fn read_open(mut row: Item) -> Result<Option<(UnixMillis, Event, DeliveryState)>, StoreError> {
    let state = read_state(&row)?;
    if !is_open(&state) {
        return Ok(None);
    }
    let since = UnixMillis(item::number(&row, DUE_AT)?);
    Ok(Some((since, item::decode(&mut row, EVENT)?, state)))
}

impl DynamoStore {
    /// The state of a delivery that must be there.
    async fn state(&self, id: &DeliveryId) -> Result<DeliveryState, StoreError> {
        let row = self.get(Key::Delivery(id)).await?;
        read_state(&row.ok_or_else(|| StoreError::Corrupt(format!("there is no row of delivery {id}")))?)
    }
}
