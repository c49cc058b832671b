//! What happened, in order: printed when a wait expires, counted and asserted on by tests.

use crate::server::route::Route;
use crate::timestamp;
use checkmill_core::UnixMillis;
use std::collections::VecDeque;
use std::fmt;

/// [`RequestRecord::principal`] of a request whose sender is not known.
pub(crate) const NOBODY: &str = "nobody";

/// Entries kept; the oldest go first. Enough for any test; a bound for the program that runs for days.
const ENTRIES: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: UnixMillis,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Request(RequestRecord),
    /// A webhook was made, sent, handed over or answered.
    Webhook {
        kind: String,
        guid: String,
        what: String,
    },
    /// Somebody did something, or a fault was injected.
    Note(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// None for a path the fake does not know.
    pub route: Option<Route>,
    pub method: String,
    /// With the query.
    pub path: String,
    /// Who asked: `app 1`, `installation 3001`, `user ann`, or `nobody`.
    pub principal: String,
    /// Zero where the connection was dropped without an answer.
    pub status: u16,
    /// GitHub's message, for errors.
    pub message: Option<String>,
    /// Whether the answer was an injected fault.
    pub injected: bool,
}

impl RequestRecord {
    /// Whether the fake refused it as wrong. A GET by somebody known that finds nothing (404) is a question answered, not a
    /// refusal.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let well_asked = self.method == "GET" && self.route.is_some() && self.principal != NOBODY;
        let question_answered = self.status == 404 && well_asked;
        self.status >= 400 && !self.injected && !question_answered
    }
}

#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
    /// Refusals that no test has taken yet.
    refused: Vec<RequestRecord>,
}

impl History {
    pub(crate) fn push(&mut self, at: UnixMillis, what: What) {
        if let What::Request(record) = &what
            && record.is_refusal()
        {
            tracing::warn!(
                method = record.method,
                path = record.path,
                status = record.status,
                reason = record.message,
                "refused a request"
            );
            if self.refused.len() < ENTRIES {
                self.refused.push(record.clone());
            }
        }
        if self.entries.len() == ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { at, what });
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub fn requests(&self) -> impl Iterator<Item = &RequestRecord> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Request(record) => Some(record),
            _ => None,
        })
    }

    #[must_use]
    pub fn refused(&self) -> &[RequestRecord] {
        &self.refused
    }

    pub(crate) fn take_refused(&mut self) -> Vec<RequestRecord> {
        std::mem::take(&mut self.refused)
    }
}

impl fmt::Display for RequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} by {} -> ", self.method, self.path, self.principal)?;
        match self.status {
            0 => f.write_str("connection dropped")?,
            status => write!(f, "{status}")?,
        }
        if self.injected {
            f.write_str(" (injected)")?;
        }
        match &self.message {
            Some(message) => write!(f, " {message:?}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = timestamp::format(self.at);
        match &self.what {
            What::Request(record) => write!(f, "{time} {record}"),
            What::Webhook { kind, guid, what } => write!(f, "{time} webhook {kind} {guid}: {what}"),
            What::Note(text) => write!(f, "{time} {text}"),
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.entries.is_empty() {
            return f.write_str("(nothing happened)");
        }
        for entry in &self.entries {
            writeln!(f, "{entry}")?;
        }
        Ok(())
    }
}
