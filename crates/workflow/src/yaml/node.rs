//! The tree, and the visitor that builds it.

use super::scalar::{self, Plain};
use crate::source::Span;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Options, Spanned};
use std::fmt;

/// A value of the file and its place: where it is written, for what came through an alias.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; keys are unique.
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key_span: Span,
    pub(crate) key: String,
    pub(crate) value: Node,
}

impl Node {
    /// What it is, for "expected …, found …".
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Whether one of the texts in it is so; keys of mappings are none of them.
    pub(crate) fn any_text(&self, is_so: &impl Fn(&str) -> bool) -> bool {
        match &self.value {
            Value::Text(text) => is_so(text),
            Value::List(items) => items.iter().any(|item| item.any_text(is_so)),
            Value::Map(entries) => entries.iter().any(|entry| entry.value.any_text(is_so)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Shows each text in it; keys of mappings are none of them.
    pub(crate) fn each_text(&self, show: &mut impl FnMut(&str)) {
        match &self.value {
            Value::Text(text) => show(text),
            Value::List(items) => items.iter().for_each(|item| item.each_text(show)),
            Value::Map(entries) => entries.iter().for_each(|entry| entry.value.each_text(show)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub(crate) fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether it has the same value, wherever it stands; the keys of mappings in any order.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::List(own), Value::List(others)) => {
                own.len() == others.len() && own.iter().zip(others).all(|(own, other)| own.is_same(other))
            }
            (Value::Map(own), Value::Map(others)) => {
                own.len() == others.len()
                    && own.iter().all(|entry| {
                        other
                            .get(&entry.key)
                            .is_some_and(|other| entry.value.is_same(other))
                    })
            }
            (own, other) => own == other,
        }
    }

    /// The value of a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.value)
    }
}

/// As the library gives it: scalars resolved by its own rules.
enum Raw {
    Null,
    /// A boolean or number in its opinion.
    Typed(Typed),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<Self>, Spanned<Self>)>),
}

#[derive(Clone, Copy)]
enum Typed {
    Bool(bool),
    Number(f64),
}

pub(super) fn read(text: &str, options: Options) -> Result<Node, serde_saphyr::Error> {
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options)?;
    Ok(Reader { text }.node(raw))
}

struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn node(&self, raw: Spanned<Raw>) -> Node {
        let span = self.span(&raw);
        let value = match raw.value {
            Raw::Null => self.scalar(span, Value::Null),
            Raw::Typed(Typed::Bool(value)) => self.scalar(span, Value::Bool(value)),
            Raw::Typed(Typed::Number(value)) => self.scalar(span, Value::Number(value)),
            Raw::Text(text) => Value::Text(text),
            Raw::List(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            Raw::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        key_span: self.span(&key),
                        key: self.key(key),
                        value: self.node(value),
                    })
                    .collect(),
            ),
        };
        Node { span, value }
    }

    fn span<T>(&self, spanned: &Spanned<T>) -> Span {
        let span = spanned.defined.span();
        let bytes = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let start = bytes(span.byte_offset()).min(self.text.len());
        Span::new(
            start,
            start.saturating_add(bytes(span.byte_len())).min(self.text.len()),
        )
    }

    /// The library is generous with what is a number (`1_000`, `0b11`) and a boolean (`tRuE`); GitHub is not.
    fn scalar(&self, span: Span, theirs: Value) -> Value {
        let written = self.text.get(span.start..span.end).unwrap_or("");
        if written.starts_with(['\'', '"']) {
            // Made one by a tag, such as `!!int "3"`.
            return theirs;
        }
        match scalar::resolve(written) {
            Plain::Null => Value::Null,
            Plain::Bool(value) => Value::Bool(value),
            Plain::Number(value) => Value::Number(value),
            Plain::Text => Value::Text(written.to_owned()),
        }
    }

    /// A key is the text that is written: `12:`, `true:` and `on:` are keys like others.
    fn key(&self, key: Spanned<Raw>) -> String {
        let span = self.span(&key);
        match key.value {
            Raw::Text(text) => text,
            _ => self.text.get(span.start..span.end).unwrap_or("").to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Typed(Typed::Bool(value)))
    }

    #[expect(clippy::cast_precision_loss, reason = "GitHub's numbers are doubles")]
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Typed(Typed::Number(value as f64)))
    }

    #[expect(clippy::cast_precision_loss, reason = "GitHub's numbers are doubles")]
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Typed(Typed::Number(value as f64)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Typed(Typed::Number(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<Raw>, Spanned<Raw>>()? {
            if matches!(key.value, Raw::List(_) | Raw::Map(_)) {
                return Err(A::Error::custom("a key must be a text, not a list or a mapping"));
            }
            map.push((key, value));
        }
        Ok(Raw::Map(map))
    }
}
