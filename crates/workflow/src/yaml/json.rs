//! Trees from JSON and to JSON.

use super::{Entry, Node, Value};
use crate::source::Span;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};
use std::fmt;

/// Whole numbers up to here are exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Node {
    /// A tree whose nodes all have the place of the expression that gave the value.
    pub(crate) fn from_json(json: Json, span: Span) -> Self {
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(value) => Value::Number(value.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Value::Text(text),
            Json::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| Self::from_json(item, span))
                    .collect(),
            ),
            Json::Object(fields) => {
                let entry = |(key, value)| Entry {
                    key_span: span,
                    key,
                    value: Self::from_json(value, span),
                };
                Value::Map(fields.into_iter().map(entry).collect())
            }
        };
        Self { span, value }
    }

    /// The same from text, keys in their order; of a key that is there twice the last value counts, as in JavaScript. None
    /// for what is not JSON.
    pub(crate) fn parse_json(text: &str, span: Span) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let node = Seed { span }.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        Some(node)
    }

    /// Not a number and infinity, which JSON has not, become the texts that GitHub writes for them.
    pub(crate) fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(value) => number(*value),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(entries) => {
                let fields = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()));
                Json::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}

fn number(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a whole number that fits, by the guard"
        )]
        let whole = value as i64;
        return Json::Number(whole.into());
    }
    Number::from_f64(value).map_or_else(|| Json::String(crate::text::number_text(value)), Json::Number)
}

#[derive(Clone, Copy)]
struct Seed {
    span: Span,
}

impl Seed {
    const fn node(self, value: Value) -> Node {
        Node {
            span: self.span,
            value,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(self.node(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(self.node(Value::Bool(value)))
    }

    #[expect(clippy::cast_precision_loss, reason = "GitHub's numbers are doubles")]
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(self.node(Value::Number(value as f64)))
    }

    #[expect(clippy::cast_precision_loss, reason = "GitHub's numbers are doubles")]
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(self.node(Value::Number(value as f64)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(self.node(Value::Number(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(self.node(Value::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(self.node(Value::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut places = std::collections::HashMap::<String, usize>::new();
        while let Some(key) = fields.next_key::<String>()? {
            let entry = Entry {
                key_span: self.span,
                key: key.clone(),
                value: fields.next_value_seed(self)?,
            };
            match places.get(&key) {
                Some(place) => entries[*place] = entry,
                None => {
                    places.insert(key, entries.len());
                    entries.push(entry);
                }
            }
        }
        Ok(self.node(Value::Map(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_goes_in_and_out() {
        for json in [
            json!(null),
            json!(true),
            json!(-3),
            json!(1.5),
            json!("x"),
            json!([1, ["a"]]),
            json!({"a": {}}),
        ] {
            assert_eq!(Node::from_json(json.clone(), Span::default()).to_json(), json);
            let parsed = Node::parse_json(&json.to_string(), Span::default()).unwrap();
            assert_eq!(parsed, Node::from_json(json, Span::default()));
        }
        assert_eq!(Node::from_json(json!(2.0), Span::default()).to_json(), json!(2));
        let infinite = Node {
            span: Span::default(),
            value: Value::Number(f64::INFINITY),
        };
        assert_eq!(infinite.to_json(), json!("Infinity"));
    }

    #[test]
    fn keys_keep_their_order_and_the_last_value() {
        let node = Node::parse_json(r#"{"z": 1, "a": 2, "z": 3}"#, Span::default()).unwrap();
        let keys: Vec<(&str, Json)> = node
            .entries()
            .unwrap()
            .iter()
            .map(|entry| (entry.key.as_str(), entry.value.to_json()))
            .collect();
        assert_eq!(keys, [("z", json!(3)), ("a", json!(2))]);
        assert_eq!(Node::parse_json("{} x", Span::default()), None);
    }
}
