//! Errors in GraphQL's shape, as GitHub words them. A GraphQL answer is HTTP 200 also where it is an error.

use graphql_parser::Pos;
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct QueryError(pub(super) Value);

impl QueryError {
    pub(super) fn plain(message: &str) -> Self {
        Self(json!({ "message": message }))
    }

    /// An error of the query itself, found before it runs.
    pub(super) fn invalid(
        message: &str,
        at: Pos,
        path: &[String],
        code: &str,
        mut extensions: Value,
    ) -> Self {
        extensions["code"] = code.into();
        Self(json!({
            "path": path,
            "extensions": extensions,
            "locations": [location(at)],
            "message": message,
        }))
    }

    /// An error of one field while the rest is answered.
    pub(super) fn of_field(kind: &str, message: &str, at: Pos, path: &[Value]) -> Self {
        Self(json!({
            "type": kind,
            "path": path,
            "locations": [location(at)],
            "message": message,
        }))
    }
}

fn location(at: Pos) -> Value {
    json!({ "line": at.line, "column": at.column })
}
