//! The schema of request bodies, checked as GitHub does before it looks at what they mean. Sources: GitHub's OpenAPI
//! description (required fields, enums, `maxLength`, `maxItems`) and the REST documentation's texts.

use super::reply::Refusal;
use crate::timestamp;
use serde_json::{Map, Value};

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// At most this many characters.
    Text(usize),
    /// At most this many bytes.
    TextBytes(usize),
    OneOf(&'static [&'static str]),
    /// ISO 8601.
    Time,
    /// An http or https address.
    Url,
    /// At least this.
    Integer(u64),
    List {
        max: usize,
        of: &'static Self,
    },
    Object(&'static [Field]),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    required: bool,
    shape: Shape,
}

pub(crate) const fn required(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        required: true,
        shape,
    }
}

pub(crate) const fn optional(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        required: false,
        shape,
    }
}

/// Texts without a documented limit.
pub(crate) const UNLIMITED: usize = usize::MAX;

/// Checks a body against the fields it may have.
pub(crate) fn check(body: &Value, fields: &'static [Field]) -> Result<(), Refusal> {
    Shape::Object(fields)
        .check(body, "")
        .map_err(|detail| Refusal::invalid(&detail))
}

impl Shape {
    fn check(self, value: &Value, at: &str) -> Result<(), String> {
        match (self, value) {
            (Self::Text(max), Value::String(text)) => within(text.chars().count(), max, "characters", at),
            (Self::TextBytes(max), Value::String(text)) => within(text.len(), max, "bytes", at),
            (Self::OneOf(names), Value::String(text)) if names.contains(&text.as_str()) => Ok(()),
            (Self::OneOf(names), _) => Err(format!(
                "For '{at}', {value} is not a possible value. Must be one of the following: {}.",
                names.join(", ")
            )),
            (Self::Time, Value::String(text)) if timestamp::parse(text).is_some() => Ok(()),
            (Self::Time, _) => Err(format!("For '{at}', {value} is not a valid date-time.")),
            (Self::Url, Value::String(text)) if is_url(text) => Ok(()),
            (Self::Url, _) => Err(format!("For '{at}', {value} must use the http or https scheme.")),
            (Self::Integer(min), _) => match value.as_u64() {
                Some(number) if number >= min => Ok(()),
                _ => Err(format!(
                    "For '{at}', {value} is not an integer of at least {min}."
                )),
            },
            (Self::List { max, of }, Value::Array(items)) => {
                if items.len() > max {
                    return Err(format!(
                        "For '{at}', no more than {max} items are allowed; {} were supplied.",
                        items.len()
                    ));
                }
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(index, item)| of.check(item, &format!("{at}/{index}")))
            }
            (Self::Object(fields), Value::Object(map)) => check_fields(map, fields, at),
            (Self::Text(_) | Self::TextBytes(_), _) => Err(not_a(value, at, "a string")),
            (Self::List { .. }, _) => Err(not_a(value, at, "an array")),
            (Self::Object(_), _) => Err(not_a(value, at, "an object")),
        }
    }
}

fn check_fields(map: &Map<String, Value>, fields: &'static [Field], at: &str) -> Result<(), String> {
    for field in fields {
        let path = if at.is_empty() {
            field.name.to_owned()
        } else {
            format!("{at}/{}", field.name)
        };
        match map.get(field.name) {
            Some(value) => field.shape.check(value, &path)?,
            None if field.required => return Err(format!("{:?} wasn't supplied.", path)),
            None => {}
        }
    }
    match map.keys().find(|key| !fields.iter().any(|f| f.name == *key)) {
        Some(unknown) => Err(format!("{unknown:?} is not a permitted key.")),
        None => Ok(()),
    }
}

fn within(len: usize, max: usize, unit: &str, at: &str) -> Result<(), String> {
    if len <= max {
        return Ok(());
    }
    Err(format!(
        "For '{at}', only {max} {unit} are allowed; {len} were supplied."
    ))
}

fn not_a(value: &Value, at: &str, what: &str) -> String {
    let shown = if value.is_null() {
        "nil".to_owned()
    } else {
        value.to_string().chars().take(80).collect()
    };
    format!("For '{at}', {shown} is not {what}.")
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}
