//! Scalars as this language takes them.
//!
//! Borda/GH-app-bot reads YAML 1.1, in which `no` is false and `3.10` is 3.1. Here a text is what is written; only where it
//! matters whether a value counts as nothing, YAML 1.1's words for false do too.

use crate::read::Reader;
use crate::text::Text;
use crate::yaml::{Node, Value};

/// A scalar as it is written in the file: `3.10` is no number, `true` stays in its case.
pub(super) fn written(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Text> {
    let plain = match node.value {
        Value::Bool(_) | Value::Number(_) => plain(reader, node),
        _ => None,
    };
    match plain {
        Some(value) => Some(Text {
            value: value.to_owned(),
            span: node.span,
        }),
        None => reader.text(node, what),
    }
}

/// As [`written`], with something in it.
pub(super) fn nonempty(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Text> {
    let text = written(reader, node, what)?;
    if text.value.trim().is_empty() {
        reader.report(text.span, format!("{what} must not be empty"));
        return None;
    }
    Some(text)
}

/// A parameter's value as text: a list or a mapping as JSON, nothing as an empty text.
pub(super) fn parameter(reader: &mut Reader<'_>, node: &Node) -> String {
    match &node.value {
        Value::Null => String::new(),
        Value::List(_) | Value::Map(_) => node.to_json().to_string(),
        _ => written(reader, node, "a parameter").map_or_else(String::new, |text| text.value),
    }
}

/// Whether a value counts as nothing: as a parameter it is shown as `n/a` and replaces nothing.
pub(super) fn is_falsy(reader: &Reader<'_>, node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => *value == 0.0,
        Value::Text(text) => {
            let is_word = matches!(text.as_str(), "no" | "No" | "NO" | "off" | "Off" | "OFF");
            text.is_empty() || (is_word && plain(reader, node) == Some(text))
        }
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    }
}

/// A boolean, 0 or 1, or one of the words that stand for one, in any case.
pub(super) fn boolean(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<bool> {
    let word = match &node.value {
        Value::Bool(value) => return Some(*value),
        Value::Number(value) => value.to_string(),
        Value::Text(text) => text.trim().to_ascii_lowercase(),
        _ => String::new(),
    };
    match word.as_str() {
        "true" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "no" | "n" | "off" | "0" => Some(false),
        _ => {
            reader.wrong_type(node, what, "`true` or `false` (or yes, no, on, off, 1, 0)");
            None
        }
    }
}

/// The file's text of a scalar without quotes.
fn plain<'s>(reader: &Reader<'s>, node: &Node) -> Option<&'s str> {
    let text = reader.source.slice(node.span).trim();
    (!text.is_empty() && !text.starts_with(['\'', '"'])).then_some(text)
}
