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
use checkmill_core::{DeliveryId, Event, UnixMillis, limits};
use checkmill_phases::ports::{Deliveries, DeliveryState, Inbox, StoreError};

const EVENT: &str = "event";
/// The fields of [`DeliveryState`] as serde writes them.
const STATE_FIELDS: [&str; 2] = ["state", "reason"];
const RANK: &str = "rank";
const STAMPED_AT: &str = "stamped_at";

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
    matches!(state, DeliveryState::Received | DeliveryState::Enqueued)
}

/// The attributes that every write of the row sets.
fn stamped(id: &DeliveryId, state: &DeliveryState, now: UnixMillis) -> Result<Item, StoreError> {
    let mut item = Item::from([
        (RANK.to_owned(), AttributeValue::N(rank(state).to_string())),
        (STAMPED_AT.to_owned(), AttributeValue::N(now.0.to_string())),
        item::expiry(now),
    ]);
    // `state`, and `reason` where there is one.
    if let AttributeValue::M(state) = item::encode(&short(state))? {
        item.extend(state);
    }
    if is_open(state) {
        item.extend(Open::Delivery.attributes(id.as_str(), now));
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
    item.extend(stamped(&event.delivery, &DeliveryState::Received, now)?);
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
        for (name, value) in stamped(id, to, self.now())? {
            set.push(format!("#{name} = :{name}"));
            update = update
                .expression_attribute_names(format!("#{name}"), &name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        set.sort();
        let mut expression = format!("SET {}", set.join(", "));
        let allowed = if is_open(to) { "<=" } else { "<" };
        if !is_open(to) {
            expression.push_str(" REMOVE #open_pk, #open_sk");
            update = update
                .expression_attribute_names("#open_pk", OPEN_PK)
                .expression_attribute_names("#open_sk", OPEN_SK);
            if *to == DeliveryState::Planned {
                // Of an earlier failure.
                expression.push_str(", #reason");
                update = update.expression_attribute_names("#reason", STATE_FIELDS[1]);
            }
        }
        let updated = update
            .update_expression(expression)
            .condition_expression(format!("attribute_exists(pk) AND #rank {allowed} :rank"))
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

    async fn stuck(
        &self,
        before: UnixMillis,
        limit: usize,
    ) -> Result<Vec<(Event, DeliveryState)>, StoreError> {
        let mut found = Vec::new();
        for mut row in self.open_rows(Open::Delivery, before, limit).await? {
            let state = read_state(&row)?;
            let stamp = item::number(&row, STAMPED_AT)?;
            if is_open(&state) && stamp < before.0 {
                let event: Event = item::decode(&mut row, EVENT)?;
                found.push((stamp, event, state));
            }
        }
        found.sort_by(|a, b| (a.0, &a.1.delivery).cmp(&(b.0, &b.1.delivery)));
        Ok(found
            .into_iter()
            .map(|(_, event, state)| (event, state))
            .collect())
    }
}

impl DynamoStore {
    /// The state of a delivery that must be there.
    async fn state(&self, id: &DeliveryId) -> Result<DeliveryState, StoreError> {
        let row = self.get(Key::Delivery(id)).await?;
        read_state(&row.ok_or_else(|| StoreError::Corrupt(format!("there is no row of delivery {id}")))?)
    }
}
