//! What Checkmill and a program that is a backend say to each other: one JSON object each way, a call for each verb.
//! docs/exec-backend.md is its description for those who write such a program.

use crate::port::{BackendEnd, BackendState, Owned};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// Of this protocol. A program refuses one that it does not know.
pub const VERSION: u32 = 1;

/// The one line on the program's standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub version: u32,
    #[serde(flatten)]
    pub call: Call,
}

/// The port's calls. Each is safe to repeat, and is repeated where an answer was lost.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Call {
    Submit(Box<SubmitCall>),
    Poll {
        ids: Vec<String>,
    },
    Cancel {
        id: String,
    },
    Log {
        id: String,
        offset: u64,
        /// At most so many bytes.
        limit: usize,
    },
    Result {
        id: String,
    },
    List {},
    Discard {
        id: String,
    },
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitCall {
    /// The idempotency key: job id, `-`, attempt. The same key never starts a second job.
    pub key: String,
    pub name: String,
    pub labels: Vec<String>,
    pub queue_timeout_ms: u64,
    pub run_timeout_ms: u64,
    /// What the agent runs; the program hands it on as it is.
    pub description: Value,
    /// By environment variable of the agent.
    pub secrets: BTreeMap<String, String>,
}

impl Call {
    /// As the program's first argument has it, too.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Submit(_) => "submit",
            Self::Poll { .. } => "poll",
            Self::Cancel { .. } => "cancel",
            Self::Log { .. } => "log",
            Self::Result { .. } => "result",
            Self::List {} => "list",
            Self::Discard { .. } => "discard",
        }
    }
}

/// A submit holds secrets: of a call only the verb is ever shown.
impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.verb())
    }
}

/// The answer to a submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    pub id: String,
}

/// The answer to a poll, in the order of the ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Polled {
    pub states: Vec<State>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    Pending,
    Running,
    Unknown,
    Exited {
        code: i32,
    },
    Signalled {
        signal: i32,
    },
    Cancelled,
    TimedOut,
    /// Node lost, never started, out of resources.
    Lost {
        #[serde(default)]
        detail: String,
    },
}

impl From<State> for BackendState {
    fn from(state: State) -> Self {
        Self::Ended(match state {
            State::Pending => return Self::Pending,
            State::Running => return Self::Running,
            State::Unknown => return Self::Unknown,
            State::Exited { code } => BackendEnd::Exited { code },
            State::Signalled { signal } => BackendEnd::Signalled { signal },
            State::Cancelled => BackendEnd::Cancelled,
            State::TimedOut => BackendEnd::TimedOut,
            State::Lost { detail } => BackendEnd::Lost { detail },
        })
    }
}

impl From<BackendState> for State {
    fn from(state: BackendState) -> Self {
        match state {
            BackendState::Pending => Self::Pending,
            BackendState::Running => Self::Running,
            BackendState::Unknown => Self::Unknown,
            BackendState::Ended(BackendEnd::Exited { code }) => Self::Exited { code },
            BackendState::Ended(BackendEnd::Signalled { signal }) => Self::Signalled { signal },
            BackendState::Ended(BackendEnd::Cancelled) => Self::Cancelled,
            BackendState::Ended(BackendEnd::TimedOut) => Self::TimedOut,
            BackendState::Ended(BackendEnd::Lost { detail }) => Self::Lost { detail },
        }
    }
}

/// The answer to a log: bytes from the offset that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPart {
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub base64: Vec<u8>,
    /// Nothing will follow.
    pub complete: bool,
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    // `base64` breaks its lines unless it is told not to.
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(D::Error::custom)
}

/// The answer to a result: what the agent wrote, or null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFile {
    pub result: Option<Value>,
}

/// The answer to a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub jobs: Vec<ListedJob>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedJob {
    pub id: String,
    pub key: String,
    /// Whether it uses compute: pending or running.
    pub live: bool,
}

impl From<Owned> for ListedJob {
    fn from(owned: Owned) -> Self {
        Self {
            id: owned.id,
            key: owned.key.to_string(),
            live: owned.live,
        }
    }
}

/// The answer to a cancel and a discard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

/// Printed instead, with any exit code but 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    pub error: String,
    /// Whether the same call may succeed later.
    #[serde(default)]
    pub retry: bool,
}
