//! Values while an expression is computed, and GitHub's rules for turning one into another and comparing two.

use super::number;
use serde_json::{Map, Number, Value as Json};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A value. What comes from a context is borrowed: an expression that reads a field of a large event copies the field.
#[derive(Debug, Clone)]
pub(super) enum Value<'v> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'v, str>),
    #[expect(
        clippy::owned_cow,
        reason = "only the same vector equals itself; empty slices have no place of their own"
    )]
    Array(Cow<'v, Vec<Json>>),
    /// What `*` gives. A key or index after it goes into each element.
    Filtered(Vec<Self>),
    Object(Cow<'v, Map<String, Json>>),
}

impl<'v> From<&'v Json> for Value<'v> {
    fn from(json: &'v Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(value) => Self::Number(value.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(items) => Self::Array(Cow::Borrowed(items)),
            Json::Object(fields) => Self::Object(Cow::Borrowed(fields)),
        }
    }
}

impl From<Json> for Value<'_> {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(value) => Self::Number(value.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::Text(Cow::Owned(text)),
            Json::Array(items) => Self::Array(Cow::Owned(items)),
            Json::Object(fields) => Self::Object(Cow::Owned(fields)),
        }
    }
}

/// Integers up to here are exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Value<'_> {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// JSON has no `NaN` and no infinity: they become the texts that GitHub writes for them.
    pub(super) fn into_json(self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(value) if value.fract() == 0.0 && value.abs() <= EXACT => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a whole number that fits, by the guard"
                )]
                let whole = value as i64;
                Json::Number(whole.into())
            }
            Self::Number(value) => {
                Number::from_f64(value).map_or_else(|| Json::String(number::format(value)), Json::Number)
            }
            Self::Text(text) => Json::String(text.into_owned()),
            Self::Array(items) => Json::Array(items.into_owned()),
            Self::Filtered(items) => Json::Array(items.into_iter().map(Value::into_json).collect()),
            Self::Object(fields) => Json::Object(fields.into_owned()),
        }
    }

    /// GitHub: `false`, `0`, `-0`, `''` and `null` are false, and so is `NaN`. Empty arrays and objects are true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(value) => *value != 0.0 && !value.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Array(_) | Self::Filtered(_) | Self::Object(_) => true,
        }
    }

    /// Neither array nor object.
    pub(super) fn is_primitive(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Filtered(_) | Self::Object(_))
    }

    pub(super) fn to_number(&self) -> f64 {
        match self {
            Self::Null => 0.0,
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Number(value) => *value,
            Self::Text(text) => number::parse(text),
            Self::Array(_) | Self::Filtered(_) | Self::Object(_) => f64::NAN,
        }
    }

    /// As `format` and text around an expression show it; of an array or object there is only the kind to see.
    pub(super) fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Number(value) => Cow::Owned(number::format(*value)),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Array(_) | Self::Filtered(_) => Cow::Borrowed("Array"),
            Self::Object(_) => Cow::Borrowed("Object"),
        }
    }

    /// `==`: values of one kind as they are, otherwise as numbers; texts without regard to case; an array or object
    /// only equals itself.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(Cow::Borrowed(a)), Self::Array(Cow::Borrowed(b))) => std::ptr::eq(*a, *b),
            (Self::Object(Cow::Borrowed(a)), Self::Object(Cow::Borrowed(b))) => std::ptr::eq(*a, *b),
            (Self::Null, Self::Null) => true,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    /// What `<` and `>` answer from; nothing where neither holds: `NaN`, arrays, objects, two nulls.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, Self::Null) => None,
            (Self::Text(a), Self::Text(b)) => Some(compare_folded(a, b)),
            _ => self.to_number().partial_cmp(&other.to_number()),
        }
    }
}

/// A letter without its case, as .NET's `OrdinalIgnoreCase` has it: the upper-case letter where that is a single one.
/// The dotless `ı` and the long `ſ` stay what they are, so that no foreign letter equals an ASCII one.
fn fold(c: char) -> char {
    if matches!(c, 'ı' | 'ſ') {
        return c;
    }
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

/// A text without its case, for `contains`, `startsWith` and `endsWith`.
pub(super) fn folded(text: &str) -> String {
    text.chars().map(fold).collect()
}

/// .NET compares UTF-16 units.
fn compare_folded(a: &str, b: &str) -> Ordering {
    fn units(text: &str) -> impl Iterator<Item = u16> + '_ {
        text.chars().map(fold).flat_map(|c| {
            let mut buffer = [0; 2];
            let length = c.encode_utf16(&mut buffer).len();
            buffer.into_iter().take(length)
        })
    }
    units(a).cmp(units(b))
}

/// The field `name` of an object: exactly that key, else the first that differs in case only.
pub(super) fn field<'m>(fields: &'m Map<String, Json>, name: &str) -> Option<(&'m str, &'m Json)> {
    let exact = fields.get_key_value(name);
    let found = exact.or_else(|| fields.iter().find(|(key, _)| compare_folded(key, name).is_eq()));
    found.map(|(key, value)| (key.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn letters_without_case() {
        for (a, b, expected) in [
            ("Main", "mAIN", Ordering::Equal),
            ("É", "é", Ordering::Equal),
            ("ß", "SS", Ordering::Greater),
            ("ı", "I", Ordering::Greater),
            ("ſ", "S", Ordering::Greater),
            ("\u{212a}", "k", Ordering::Greater),
            ("a", "B", Ordering::Less),
            // By code point it would be the other way round.
            ("\u{10000}", "\u{ffff}", Ordering::Less),
        ] {
            assert_eq!(compare_folded(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn json_goes_in_and_out() {
        for json in [
            json!(null),
            json!(true),
            json!(1),
            json!(-2.5),
            json!("x"),
            json!([1, "a"]),
            json!({"a": {}}),
        ] {
            assert_eq!(Value::from(&json).into_json(), json);
            assert_eq!(Value::from(json.clone()).into_json(), json);
        }
        assert_eq!(Value::Number(f64::NAN).into_json(), json!("NaN"));
        assert_eq!(Value::Number(1e300).into_json(), json!(1e300));
    }

    #[test]
    fn a_key_is_found_exactly_before_it_is_found_without_case() {
        let fields = json!({"A": 1, "a": 2, "ß": 3});
        let fields = fields.as_object().expect("an object");
        assert_eq!(field(fields, "a").map(|(key, _)| key), Some("a"));
        assert_eq!(field(fields, "A").map(|(key, _)| key), Some("A"));
        assert_eq!(field(fields, "b"), None);
    }
}
