//! Fields that an event can't do without, and how their absence is told.

use super::payload::PayloadError;
use std::fmt::Display;
use std::str::FromStr;

/// Takes fields out of a payload of one event, and names the event and the field in the error.
#[derive(Clone, Copy)]
pub(super) struct Need {
    pub(super) event: &'static str,
}

impl Need {
    pub(super) fn value<T>(self, value: Option<T>, field: &'static str) -> Result<T, PayloadError> {
        value.ok_or(PayloadError::Missing {
            event: self.event,
            field,
        })
    }

    /// A text that must not be empty either.
    pub(super) fn text(self, value: Option<String>, field: &'static str) -> Result<String, PayloadError> {
        self.value(value.filter(|text| !text.is_empty()), field)
    }

    /// A text that is an id of some kind.
    pub(super) fn id<T>(self, value: Option<String>, field: &'static str) -> Result<T, PayloadError>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.text(value, field)?
            .parse()
            .map_err(|error: T::Err| self.invalid(field, error.to_string()))
    }

    pub(super) fn invalid(self, field: &'static str, detail: String) -> PayloadError {
        PayloadError::Invalid {
            event: self.event,
            field,
            detail,
        }
    }
}
