//! The Backend port: what Checkmill asks of the compute that runs jobs. Every backend passes the same contract test
//! (`crate::contract`, behind the feature `contract`).

use async_trait::async_trait;
use checkmill_core::{AttemptNumber, DeploymentId, ErrorName, JobId, MicroDollars, Millis};
use secrecy::SecretString;
use std::fmt;
use std::str::FromStr;

#[async_trait]
pub trait Backend: Send + Sync {
    fn capabilities(&self) -> Capabilities;

    /// Starts the job, once for each key however often it is called: a second call gives the first one's id.
    async fn submit(&self, submission: &Submission) -> Result<String, BackendError>;

    /// The state of each id, in the same order, in as few requests as the backend has.
    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError>;

    /// Stops the job and all its processes. Fine when it has ended, was cancelled before or is unknown.
    async fn cancel(&self, id: &str) -> Result<(), BackendError>;

    /// Bytes of the log from `offset`, at most [`checkmill_core::limits::LOG_CHUNK_BYTES`]. A chunk may end inside a
    /// multi-byte character. Unknown jobs have an empty log.
    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, BackendError>;

    /// The agent's result file (JSON of `checkmill_workflow::job::JobResult`), where the backend can reach it.
    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, BackendError>;

    /// What an ended job has cost, where the backend knows. Asked before it is discarded.
    async fn cost(&self, _id: &str) -> Result<Option<MicroDollars>, BackendError> {
        Ok(None)
    }

    /// Every job of a Checkmill that the backend still knows, found by its tag: also those of other deployments.
    async fn list(&self) -> Result<Vec<Owned>, BackendError>;

    /// Forgets an ended job and its files, after its log is safe. Fine when there is none.
    async fn discard(&self, id: &str) -> Result<(), BackendError>;
}

/// The idempotency key of a submit, and the tag that a job carries on its backend: deployment, job and attempt. In the text
/// `0a1b2c3d-0123456789abcdef-01234567-1`, which names it everywhere, there are no other characters than these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubmitKey {
    /// Whose job it is: others may use the same backend.
    pub deployment: DeploymentId,
    pub job: JobId,
    pub attempt: AttemptNumber,
}

impl fmt::Display for SubmitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.deployment, self.job, self.attempt)
    }
}

impl FromStr for SubmitKey {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (deployment, text) = text.split_once('-').ok_or(())?;
        let (job, attempt) = text.rsplit_once('-').ok_or(())?;
        Ok(Self {
            deployment: deployment.parse().map_err(|_| ())?,
            job: job.parse().map_err(|_| ())?,
            attempt: AttemptNumber(attempt.parse().map_err(|_| ())?),
        })
    }
}

#[derive(Debug, Clone)]
pub struct Submission {
    pub key: SubmitKey,
    /// Shown to people by the backend.
    pub name: String,
    /// JSON of `checkmill_workflow::job::JobDescription`. It holds no secret.
    pub description: Vec<u8>,
    /// Secrets of the job (its token, the callback's token), by environment variable; given to the agent out of band.
    pub secrets: Vec<(String, SecretString)>,
    /// Labels of `runs-on`.
    pub labels: Vec<String>,
    pub queue_timeout: Millis,
    pub run_timeout: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The agent can reach our callback; the state machine may wait for it.
    pub callback: bool,
    pub containers: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendState {
    /// Accepted, not running.
    Pending,
    Running,
    Ended(BackendEnd),
    /// The backend does not know this id, or has forgotten it.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendEnd {
    Exited {
        code: i32,
    },
    /// Killed by a signal that was not ours.
    Signalled {
        signal: i32,
    },
    Cancelled,
    /// The backend's own time limit.
    TimedOut,
    /// Node lost, never started, out of resources.
    Lost {
        detail: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    pub bytes: Vec<u8>,
    /// Where to go on.
    pub next_offset: u64,
    /// Nothing will follow.
    pub complete: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    pub key: SubmitKey,
    pub id: String,
    /// Whether it uses compute (pending or running).
    pub live: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// The answer was lost or the service failed: the same call is safe to repeat.
    #[error("the backend {backend} could not be reached or failed: {detail}")]
    Transient { backend: String, detail: String },
    /// The backend will not take this job as it is.
    #[error("the backend {backend} refuses the job: {detail}")]
    Refused { backend: String, detail: String },
}

impl BackendError {
    #[must_use]
    pub const fn error_name(&self) -> ErrorName {
        match self {
            Self::Transient { .. } => ErrorName::Transient,
            Self::Refused { .. } => ErrorName::Permanent,
        }
    }
}
