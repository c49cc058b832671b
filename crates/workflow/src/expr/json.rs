//! `toJSON` and `fromJSON`.
//!
//! Objects list their keys in byte order, at every depth: `serde_json` keeps them sorted in this workspace. GitHub keeps
//! the order of the source; its documentation promises none.

use super::limits;
use super::number;
use super::output::{Budget, Fault, Output};
use super::value::Value;
use serde_json::Value as Json;

/// GitHub's pretty form: two spaces, `": "`, empty collections as `[]` and `{}`, numbers as in text.
pub(super) fn to_json(value: &Value<'_>, budget: &Budget) -> Result<String, Fault> {
    let mut writer = Writer {
        output: Output::new(budget),
        depth: 0,
    };
    writer.value(value)?;
    Ok(writer.output.finish())
}

struct Writer<'b> {
    output: Output<'b>,
    depth: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value<'_>) -> Result<(), Fault> {
        match value {
            Value::Null => self.output.push("null"),
            Value::Bool(_) | Value::Number(_) => self.output.push(&value.to_text()),
            Value::Text(text) => self.string(text),
            Value::Array(items) => self.collection(['[', ']'], items.iter(), Self::json),
            Value::Filtered(items) => self.collection(['[', ']'], items.iter(), Self::value),
            Value::Object(fields) => self.collection(['{', '}'], fields.iter(), Self::field),
        }
    }

    fn json(&mut self, json: &Json) -> Result<(), Fault> {
        match json {
            Json::Null => self.output.push("null"),
            Json::Bool(value) => self.output.push(if *value { "true" } else { "false" }),
            Json::Number(value) => self
                .output
                .push(&number::format(value.as_f64().unwrap_or(f64::NAN))),
            Json::String(text) => self.string(text),
            Json::Array(items) => self.collection(['[', ']'], items.iter(), Self::json),
            Json::Object(fields) => self.collection(['{', '}'], fields.iter(), Self::field),
        }
    }

    fn field(&mut self, (key, value): (&String, &Json)) -> Result<(), Fault> {
        self.string(key)?;
        self.output.push(": ")?;
        self.json(value)
    }

    fn collection<T>(
        &mut self,
        [open, close]: [char; 2],
        items: impl ExactSizeIterator<Item = T>,
        write: fn(&mut Self, T) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.output.push(open.encode_utf8(&mut [0; 4]))?;
        let empty = items.len() == 0;
        if self.depth == limits::JSON_DEPTH {
            return Err(Fault::new(format!(
                "the value nests deeper than {} levels",
                limits::JSON_DEPTH
            )));
        }
        self.depth += 1;
        for (index, item) in items.enumerate() {
            self.output.push(if index == 0 { "\n" } else { ",\n" })?;
            self.indent()?;
            write(self, item)?;
        }
        self.depth -= 1;
        if !empty {
            self.output.push("\n")?;
            self.indent()?;
        }
        self.output.push(close.encode_utf8(&mut [0; 4]))
    }

    fn indent(&mut self) -> Result<(), Fault> {
        (0..self.depth).try_for_each(|_| self.output.push("  "))
    }

    /// Escapes what JSON demands, and the line ends that JavaScript would stumble over, as the runner's writer does.
    fn string(&mut self, text: &str) -> Result<(), Fault> {
        self.output.push("\"")?;
        let mut plain = 0;
        for (offset, c) in text.char_indices() {
            let escape = match c {
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                '\n' => "\\n".to_owned(),
                '\r' => "\\r".to_owned(),
                '\t' => "\\t".to_owned(),
                '\u{8}' => "\\b".to_owned(),
                '\u{c}' => "\\f".to_owned(),
                '\0'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => format!("\\u{:04x}", u32::from(c)),
                _ => continue,
            };
            self.output.push(&text[plain..offset])?;
            self.output.push(&escape)?;
            plain = offset + c.len_utf8();
        }
        self.output.push(&text[plain..])?;
        self.output.push("\"")
    }
}

/// Reads any JSON value. The message names the place in the JSON, never its text.
pub(super) fn from_json(text: &str, budget: &Budget) -> Result<Value<'static>, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::new("`fromJSON` was given an empty text")
            .hint("an output that was never set and a name that doesn't exist are empty"));
    }
    budget.take(text.len())?;
    match serde_json::from_str::<Json>(text) {
        Ok(json) => Ok(json.into()),
        Err(error) => {
            let place = format!("line {}, column {} of it", error.line(), error.column());
            Err(Fault::new(format!(
                "`fromJSON` was given a text that isn't JSON ({place})"
            )))
        }
    }
}
