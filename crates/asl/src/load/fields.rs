//! Reads the fields of one JSON object and then complains about those that nobody asked for.

use super::suggest;
use crate::retry::SECONDS_MAX;
use serde_json::{Map, Value};

/// Fields of the States Language that this interpreter leaves out, for a better message than "unknown".
const LEFT_OUT: [&str; 25] = [
    "Parameters",
    "InputPath",
    "OutputPath",
    "ResultSelector",
    "Assign",
    "Arguments",
    "Output",
    "Credentials",
    "HeartbeatSecondsPath",
    "Timestamp",
    "TimestampPath",
    "Branches",
    "Iterator",
    "ItemProcessor",
    "And",
    "Or",
    "Not",
    "Condition",
    "IsPresent",
    "IsNull",
    "BooleanEquals",
    "NumericEquals",
    "StringMatches",
    "StringEqualsPath",
    "QueryLanguage",
];

pub(super) struct Fields<'v> {
    object: &'v Map<String, Value>,
    asked: Vec<&'static str>,
}

impl<'v> Fields<'v> {
    pub(super) fn of(value: &'v Value) -> Result<Self, String> {
        let object = value.as_object().ok_or("must be an object")?;
        Ok(Self {
            object,
            asked: Vec::new(),
        })
    }

    pub(super) fn get(&mut self, name: &'static str) -> Option<&'v Value> {
        self.asked.push(name);
        self.object.get(name)
    }

    pub(super) fn string(&mut self, name: &'static str) -> Result<Option<&'v str>, String> {
        let text = |value: &'v Value| {
            value
                .as_str()
                .ok_or_else(|| format!("{name}: must be a string, not {value}"))
        };
        self.get(name).map(text).transpose()
    }

    pub(super) fn required_string(&mut self, name: &'static str) -> Result<&'v str, String> {
        match self.string(name)? {
            Some(text) => Ok(text),
            None => {
                let written = suggest::nearest(name, self.object.keys().map(String::as_str));
                let hint = written.map(|written| format!("; is {written:?} meant to be it?"));
                Err(format!("{name} is missing{}", hint.unwrap_or_default()))
            }
        }
    }

    pub(super) fn one_of(
        &mut self,
        name: &'static str,
        allowed: &[&'static str],
    ) -> Result<Option<&'v str>, String> {
        match self.string(name)? {
            Some(value) if !allowed.contains(&value) => Err(format!(
                "{name}: {value:?} is not supported, only {}",
                allowed.join(", ")
            )),
            other => Ok(other),
        }
    }

    /// A whole number from `least` to AWS's largest, 99,999,999.
    pub(super) fn seconds(&mut self, name: &'static str, least: u64) -> Result<Option<u64>, String> {
        let number = |value: &Value| {
            let valid = value
                .as_u64()
                .filter(|number| (least..=SECONDS_MAX).contains(number));
            valid.ok_or_else(|| {
                format!("{name}: must be a whole number from {least} to {SECONDS_MAX}, not {value}")
            })
        };
        self.get(name).map(number).transpose()
    }

    pub(super) fn array(&mut self, name: &'static str) -> Result<&'v [Value], String> {
        match self.get(name) {
            None => Ok(&[]),
            Some(value) => value
                .as_array()
                .map(Vec::as_slice)
                .ok_or_else(|| format!("{name}: must be an array, not {value}")),
        }
    }

    /// Refuses what was not asked for.
    pub(super) fn finish(self) -> Result<(), String> {
        let Some(unknown) = self
            .object
            .keys()
            .find(|name| !self.asked.contains(&name.as_str()))
        else {
            return Ok(());
        };
        if LEFT_OUT.contains(&unknown.as_str()) {
            return Err(format!(
                "{unknown} is States Language that this interpreter does not support here"
            ));
        }
        let hint = suggest::nearest(unknown, self.asked.iter().copied());
        Err(format!("unknown field {unknown}{}", suggest::did_you_mean(hint)))
    }
}
