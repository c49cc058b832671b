//! A phase in flight, as the world knows it: who waits for its answer, and what it answers.

use checkmill_asl::Ticket;
use checkmill_core::{DeliveryId, Event, UnixMillis};
use checkmill_phases::PhaseError;
use checkmill_phases::callback::CallbackAnswer;
use serde_json::Value;
use std::fmt;

/// Who waits for the answer of a phase.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Invoke(Invocation),
    Plan(DeliveryId),
    Deliver(Box<Event>),
    /// `{job}-{attempt}`.
    Agent(String),
    Sweep,
}

#[derive(Debug, Clone)]
pub(super) struct Invocation {
    pub(super) execution: String,
    pub(super) function: String,
    pub(super) ticket: Ticket,
    /// When the state machine is told that it failed, whatever becomes of it.
    pub(super) deserted_at: Option<UnixMillis>,
}

/// What a phase answers; texts are for the history.
pub(super) enum Answer {
    Output(Result<Value, PhaseError>),
    Agent(Result<CallbackAnswer, PhaseError>),
    Text(Result<String, PhaseError>),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoke(Invocation {
                execution, function, ..
            }) => write!(f, "{execution} {function}"),
            Self::Plan(delivery) => write!(f, "plan {delivery}"),
            Self::Deliver(event) => write!(f, "deliver {} {}", event.name(), event.delivery),
            Self::Agent(attempt) => write!(f, "agent {attempt}"),
            Self::Sweep => f.write_str("sweep"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(Ok(output)) => write!(f, "{output}"),
            Self::Agent(Ok(answer)) => write!(f, "{} {:?}", answer.status, answer.content),
            Self::Text(Ok(text)) => f.write_str(text),
            Self::Output(Err(error)) | Self::Agent(Err(error)) | Self::Text(Err(error)) => {
                write!(f, "{}: {error}", error.error_name())
            }
        }
    }
}
