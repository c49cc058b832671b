//! Answers, and refusals in GitHub's shape.

use bytes::Bytes;
use serde_json::{Value, json};

const DOCS: &str = "https://docs.github.com/rest";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// GitHub's message, for the history.
    pub(crate) message: Option<String>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json; charset=utf-8".to_owned())],
            body: Bytes::from(body.to_string()),
            message: None,
        }
    }

    pub(crate) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            message: None,
        }
    }

    pub(crate) fn bytes(content_type: &str, body: Bytes) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", content_type.to_owned())],
            body,
            message: None,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A request that GitHub would not carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The `errors` array of a 422.
    pub(crate) errors: Vec<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// What is not there, or can't be seen.
    pub(crate) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(401, message)
    }

    /// The token lacks a permission or the repository is out of its reach.
    pub(crate) fn not_accessible() -> Self {
        Self::new(403, "Resource not accessible by integration")
    }

    /// A value that GitHub's schema of the request refuses.
    pub(crate) fn invalid(detail: &str) -> Self {
        Self::new(422, format!("Invalid request.\n\n{detail}"))
    }

    /// A value that is well-formed but wrong, with the field that it is in.
    pub(crate) fn failed_validation(resource: &str, field: &str, code: &str, detail: &str) -> Self {
        let mut refusal = Self::new(422, "Validation Failed");
        refusal.errors =
            vec![json!({ "resource": resource, "field": field, "code": code, "message": detail })];
        refusal
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn into_reply(self) -> Reply {
        let mut body = json!({
            "message": self.message,
            "documentation_url": DOCS,
            "status": self.status.to_string(),
        });
        if !self.errors.is_empty() {
            body["errors"] = self.errors.into();
        }
        let mut reply = Reply::json(self.status, &body);
        reply.headers.extend(self.headers);
        reply.message = Some(self.message);
        reply
    }
}
