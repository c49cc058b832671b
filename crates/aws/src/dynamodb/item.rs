//! Values of the job model as DynamoDB attributes, and back.
//!
//! A row is its keys, the attributes that conditions and indexes need, and one map with the value as a whole. No attribute
//! is NULL: an absent option is an absent attribute.

use super::schema::{EXPIRES_AT, PK, SK};
use super::size;
use aws_sdk_dynamodb::types::AttributeValue;
use checkmill_core::{UnixMillis, limits};
use checkmill_phases::ports::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// A row's size. DynamoDB docs: 400 KB, names included.
pub(crate) const ROW_BYTES: usize = 400 * 1024;

/// A value as an attribute, without NULLs.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<AttributeValue, StoreError> {
    let attribute: AttributeValue = serde_dynamo::to_attribute_value(value)
        .map_err(|error| StoreError::Corrupt(format!("a value that DynamoDB can't hold: {error}")))?;
    Ok(without_nulls(attribute))
}

fn without_nulls(attribute: AttributeValue) -> AttributeValue {
    match attribute {
        AttributeValue::M(map) => AttributeValue::M(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        AttributeValue::L(list) => AttributeValue::L(list.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Takes a value out of a row.
pub(crate) fn decode<T: DeserializeOwned>(item: &mut Item, attribute: &str) -> Result<T, StoreError> {
    let value = item
        .remove(attribute)
        .ok_or_else(|| unreadable(item, &format!("it has no {attribute}")))?;
    serde_dynamo::from_attribute_value(value)
        .map_err(|error| unreadable(item, &format!("its {attribute} can't be read: {error}")))
}

pub(crate) fn number(item: &Item, attribute: &str) -> Result<u64, StoreError> {
    item.get(attribute)
        .and_then(|value| value.as_n().ok())
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| unreadable(item, &format!("it has no number {attribute}")))
}

pub(crate) fn text<'a>(item: &'a Item, attribute: &str) -> Result<&'a str, StoreError> {
    item.get(attribute)
        .and_then(|value| value.as_s().ok())
        .map(String::as_str)
        .ok_or_else(|| unreadable(item, &format!("it has no text {attribute}")))
}

/// An error that names the row.
pub(crate) fn unreadable(item: &Item, what: &str) -> StoreError {
    StoreError::Corrupt(format!("row {}: {what}", name(item)))
}

/// A row's keys, for people.
pub(crate) fn name(item: &Item) -> String {
    let part = |key| item.get(key).and_then(|value| value.as_s().ok());
    match (part(PK), part(SK)) {
        (Some(pk), Some(sk)) => format!("{pk} / {sk}"),
        _ => "without keys".to_owned(),
    }
}

/// When a row written now is forgotten: [`limits::ROW_RETENTION`] later, in seconds, as TTL wants it.
pub(crate) fn expiry(now: UnixMillis) -> (String, AttributeValue) {
    let seconds = (now + limits::ROW_RETENTION).0 / 1000;
    (EXPIRES_AT.to_owned(), AttributeValue::N(seconds.to_string()))
}

/// Refuses a row that DynamoDB would refuse, with a text that says which and by how much; gives its size in bytes.
pub(crate) fn check_size(item: &Item) -> Result<usize, StoreError> {
    let bytes = size::of(item);
    if bytes > ROW_BYTES {
        return Err(StoreError::TooLarge(format!(
            "row {} has {bytes} bytes, and DynamoDB takes {ROW_BYTES}",
            name(item)
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn absent_options_are_absent_attributes_at_any_depth() {
        let value = BTreeMap::from([
            ("a", vec![BTreeMap::from([("x", None), ("y", Some(1_u8))])]),
            ("b", vec![]),
        ]);
        let encoded = encode(&value).unwrap();
        let inner = AttributeValue::M(Item::from([("y".to_owned(), AttributeValue::N("1".to_owned()))]));
        assert_eq!(
            encoded,
            AttributeValue::M(Item::from([
                ("a".to_owned(), AttributeValue::L(vec![inner])),
                ("b".to_owned(), AttributeValue::L(vec![])),
            ]))
        );
    }

    #[test]
    fn errors_name_the_row_and_the_attribute() {
        let mut item = Item::from([
            (PK.to_owned(), AttributeValue::S("RUN#1".to_owned())),
            (SK.to_owned(), AttributeValue::S("RUN".to_owned())),
            ("run".to_owned(), AttributeValue::S("text".to_owned())),
        ]);
        insta::assert_snapshot!(number(&item, "version").unwrap_err(), @"the store holds or was given something unusable: row RUN#1 / RUN: it has no number version");
        insta::assert_snapshot!(decode::<u64>(&mut item, "run").unwrap_err(), @"the store holds or was given something unusable: row RUN#1 / RUN: its run can't be read: Expected num");
    }

    #[test]
    fn a_row_over_the_limit_is_refused_with_its_size() {
        let row = |bytes: usize| {
            Item::from([
                (PK.to_owned(), AttributeValue::S("RUN#1".to_owned())),
                (SK.to_owned(), AttributeValue::S("RUN".to_owned())),
                ("x".to_owned(), AttributeValue::S("a".repeat(bytes))),
            ])
        };
        // Names and values: pk 2 + 5, sk 2 + 3, x 1.
        let room = ROW_BYTES - 13;
        assert_eq!(check_size(&row(room)).unwrap(), ROW_BYTES);
        insta::assert_snapshot!(check_size(&row(room + 1)).unwrap_err(), @"the store can't keep a row of this size: row RUN#1 / RUN has 409601 bytes, and DynamoDB takes 409600");
    }
}
