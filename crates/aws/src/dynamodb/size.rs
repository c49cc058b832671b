//! How DynamoDB measures a row. AWS docs, "Item sizes and formats": names and texts count their UTF-8 bytes; a number about
//! one byte for two significant digits and one more; a list or map 3 bytes and one for each entry.

use super::item::Item;
use aws_sdk_dynamodb::types::AttributeValue;

/// The row's size in bytes.
pub(crate) fn of(item: &Item) -> usize {
    item.iter()
        .map(|(name, value)| name.len() + of_value(value))
        .sum()
}

fn of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        // Rounded up: leading and trailing zeros, which DynamoDB cuts, count here.
        AttributeValue::N(number) => number.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + of_value(value)).sum::<usize>(),
        AttributeValue::M(map) => {
            3 + map
                .iter()
                .map(|(name, value)| 1 + name.len() + of_value(value))
                .sum::<usize>()
        }
        // Booleans and NULL; sets are never written.
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_documented_rules() {
        let s = |text: &str| AttributeValue::S(text.to_owned());
        for (value, bytes) in [
            (s(""), 0),
            (s("é"), 2),
            (AttributeValue::N("1700000000123".to_owned()), 8),
            (AttributeValue::Bool(true), 1),
            (AttributeValue::L(vec![]), 3),
            (AttributeValue::L(vec![s("ab"), s("c")]), 8),
            (AttributeValue::M(Item::from([("key".to_owned(), s("v"))])), 8),
        ] {
            assert_eq!(of_value(&value), bytes, "{value:?}");
        }
        assert_eq!(of(&Item::from([("pk".to_owned(), s("RUN#1"))])), 7);
    }
}
