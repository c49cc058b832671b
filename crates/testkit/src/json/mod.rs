//! The state as GitHub's JSON, for answers and webhooks alike.

pub(crate) mod accounts;
pub(crate) mod checks;
pub(crate) mod commits;
pub(crate) mod pulls;
pub(crate) mod repositories;

use crate::timestamp;
use checkmill_core::UnixMillis;
use serde_json::Value;

/// A time, or `null`.
pub(crate) fn time(at: Option<UnixMillis>) -> Value {
    at.map_or(Value::Null, |at| timestamp::format(at).into())
}

/// An opaque node id. GitHub's are opaque too; only their presence matters.
pub(crate) fn node_id(kind: &str, id: u64) -> Value {
    format!("{kind}_fake{id}").into()
}

/// Adds `key: root + suffix` for each pair.
pub(crate) fn add_urls(object: &mut Value, root: &str, suffixes: &[(&str, &str)]) {
    for (key, suffix) in suffixes {
        object[*key] = format!("{root}{suffix}").into();
    }
}
