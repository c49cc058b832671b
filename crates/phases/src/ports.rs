//! The ports that are neither GitHub nor compute: store, queue, engine, blobs, clock. A phase names only those it uses.

use async_trait::async_trait;
use checkmill_core::execution::{ExecutionInput, ExecutionName};
use checkmill_core::history::JobHistory;
use checkmill_core::limits::{DELIVERY_REDRIVE, DELIVERY_REDRIVE_ENQUEUED};
use checkmill_core::schedule::Schedule;
use checkmill_core::{
    CommitSha, DeliveryId, ErrorName, Event, Group, GroupId, HistoryId, Job, JobId, Millis, RepoName,
    RepositoryId, Run, RunId, RunNumbers, UnixMillis, WorkflowId,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub trait Clock: Send + Sync {
    fn now(&self) -> UnixMillis;
}

/// Where deliveries are taken in: one row for each, so that none is lost and none is planned twice. All that the webhook needs
/// of them; its function may not read more, and links no more.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Writes the row as [`DeliveryState::Received`] unless there is one; gives the state of the row that is there then.
    async fn record(&self, event: &Event) -> Result<DeliveryState, StoreError>;

    /// Moves the row on, and counts [`DeliveryState::redriven_after`] from now. Moving to the present state or to an earlier
    /// one does nothing: the one who took the delivery in may be slower than the one who plans it.
    async fn advance(&self, id: &DeliveryId, to: &DeliveryState) -> Result<(), StoreError>;
}

/// The inbox with what is in it.
#[async_trait]
pub trait Deliveries: Inbox {
    async fn load(&self, id: &DeliveryId) -> Result<Option<(Event, DeliveryState)>, StoreError>;

    /// Deliveries that should have moved on by `at`, the longest due first, at most `limit`. A row that can't be read is
    /// logged and left out.
    async fn due(&self, at: UnixMillis, limit: usize) -> Result<Vec<(Event, DeliveryState)>, StoreError>;

    /// Makes an open delivery due at `until`, because a message of it is known to wait; one that is due later stays so. Does
    /// nothing to one that has ended.
    async fn defer(&self, id: &DeliveryId, until: UnixMillis) -> Result<(), StoreError>;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeliveryState {
    /// Known to us, perhaps not queued.
    Received,
    /// In the queue.
    Enqueued,
    /// Planned: every run, job and execution that follows from it exists.
    Planned,
    /// Given up on, with the reason.
    Failed { reason: String },
}

impl DeliveryState {
    /// How long it may stay so before the sweep queues it again; none for an end.
    #[must_use]
    pub const fn redriven_after(&self) -> Option<Millis> {
        match self {
            Self::Received => Some(DELIVERY_REDRIVE),
            Self::Enqueued => Some(DELIVERY_REDRIVE_ENQUEUED),
            Self::Planned | Self::Failed { .. } => None,
        }
    }
}

/// Runs and their jobs. Every write is conditional: on absence, or on the version that was read (the row to be written
/// carries the next one).
#[async_trait]
pub trait Runs: Send + Sync {
    /// Writes the run unless it is there; whether it was written.
    async fn create(&self, run: &Run) -> Result<bool, StoreError>;

    async fn load(&self, id: &RunId) -> Result<Option<Run>, StoreError>;

    /// The run and all its jobs, in one consistent query where they fit a page.
    async fn load_with_jobs(&self, id: &RunId) -> Result<Option<(Run, Vec<Job>)>, StoreError>;

    /// `run.version` is one more than the stored row's, else [`StoreError::Conflict`].
    async fn update(&self, run: &Run) -> Result<(), StoreError>;

    /// Writes those of the jobs that have no row yet, and the run, as [`Runs::update`] does, last: the run never names a
    /// job without a row. In one transaction where the jobs fit one.
    async fn expand(&self, run: &Run, jobs: &[Job]) -> Result<(), StoreError>;

    /// The runs of a commit, oldest first.
    async fn of_commit(&self, repository: RepositoryId, sha: &CommitSha) -> Result<Vec<RunId>, StoreError>;
}

#[async_trait]
pub trait Jobs: Send + Sync {
    async fn load(&self, id: &JobId) -> Result<Option<Job>, StoreError>;

    /// `job.version` is one more than the stored row's, else [`StoreError::Conflict`].
    async fn update(&self, job: &Job) -> Result<(), StoreError>;

    /// Jobs whose [`Job::due_at`] is at or before `at`, most overdue first, at most `limit`.
    async fn due(&self, at: UnixMillis, limit: usize) -> Result<Vec<Job>, StoreError>;

    /// Makes the job due at `until`, because its execution is known to be at work. Does nothing to a row that has been written
    /// since this one was read.
    async fn defer(&self, job: &Job, until: UnixMillis) -> Result<(), StoreError>;
}

/// What was learned of jobs from their attempts. Results reads and writes one row for each attempt that had compute; poll reads
/// one more where the backend can't call back.
#[async_trait]
pub trait History: Send + Sync {
    async fn load(&self, repository: RepositoryId, id: &HistoryId) -> Result<Option<JobHistory>, StoreError>;

    /// `history.version` is one more than the stored row's, or 1 where there is none; else [`StoreError::Conflict`].
    async fn save(&self, history: &JobHistory) -> Result<(), StoreError>;
}

/// The schedules of repositories, one row for each.
#[async_trait]
pub trait Schedules: Send + Sync {
    async fn load(&self, repository: RepositoryId) -> Result<Option<Schedule>, StoreError>;

    /// `schedule.version` is one more than the stored row's, or 1 where there is none; else [`StoreError::Conflict`].
    async fn save(&self, schedule: &Schedule) -> Result<(), StoreError>;

    /// Those of which a timer is due at or before `at`, the longest due first, at most `limit`. A row that can't be read is
    /// logged and left out.
    async fn due(&self, at: UnixMillis, limit: usize) -> Result<Vec<Schedule>, StoreError>;
}

/// The concurrency groups of repositories, one row for each.
#[async_trait]
pub trait Groups: Send + Sync {
    async fn load(&self, repository: RepositoryId, id: &GroupId) -> Result<Option<Group>, StoreError>;

    /// `group.version` is one more than the stored row's, or 1 where there is none; else [`StoreError::Conflict`].
    async fn save(&self, group: &Group) -> Result<(), StoreError>;
}

/// The numbers of workflow files' runs, one row for each file. Planning reads the row once and writes it once for each run.
#[async_trait]
pub trait Numbers: Send + Sync {
    async fn load(&self, repository: RepositoryId, id: &WorkflowId)
    -> Result<Option<RunNumbers>, StoreError>;

    /// `numbers.version` is one more than the stored row's, or 1 where there is none; else [`StoreError::Conflict`].
    async fn save(&self, numbers: &RunNumbers) -> Result<(), StoreError>;
}

/// What travels through the queue: an id; the event is in its row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanMessage {
    pub delivery: DeliveryId,
}

#[async_trait]
pub trait Queue: Send + Sync {
    async fn send(&self, message: &PlanMessage) -> Result<(), QueueError>;
}

/// Step Functions, or the embedded interpreter.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Starts the execution named by the input. One of that name already there, running or ended, is a success.
    async fn start(&self, input: &ExecutionInput) -> Result<(), EngineError>;

    async fn is_running(&self, name: &ExecutionName) -> Result<bool, EngineError>;

    async fn stop(&self, name: &ExecutionName, cause: &str) -> Result<(), EngineError>;

    /// Answers a task token with an empty object. A token that is used up or unknown is a success: the poll will see.
    async fn wake(&self, task_token: &str) -> Result<(), EngineError>;
}

/// Workflow sources, job logs and results, artifacts and caches: what is too large for a row.
#[async_trait]
pub trait Blobs: Send + Sync {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError>;

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keys that begin with `prefix`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError>;

    /// Writes a blob unless there is one of that key; whether it was written.
    async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<bool, StoreError>;

    /// Removes a blob; one that is not there is a success.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// The blobs whose keys begin with `prefix`, sorted by key.
    async fn describe(&self, prefix: &str) -> Result<Vec<BlobInfo>, StoreError>;
}

/// What people keep secret for the jobs of a repository. Their form is that of [`crate::secrets`].
#[async_trait]
pub trait Secrets: Send + Sync {
    async fn of(&self, repo: &RepoName) -> Result<SecretFiles, StoreError>;
}

/// The owner's secrets and the repository's own; none where nobody has put any there.
#[derive(Debug, Default)]
pub struct SecretFiles {
    pub owner: Option<SecretString>,
    pub repository: Option<SecretString>,
}

/// What is known of a blob without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    pub key: String,
    pub bytes: u64,
    /// By the store's clock.
    pub modified: UnixMillis,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody wrote in between: load again.
    #[error("the row was changed by somebody else")]
    Conflict,
    #[error("the store could not be reached or failed: {0}")]
    Transient(String),
    /// A row or blob that can't be read or written as it is.
    #[error("the store holds or was given something unusable: {0}")]
    Corrupt(String),
    /// A row of more bytes than the store takes.
    #[error("the store can't keep a row of this size: {0}")]
    TooLarge(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the queue did not take the message: {0}")]
pub struct QueueError(pub String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    #[error("the state machine's engine could not be reached or failed: {0}")]
    Transient(String),
    #[error("the state machine's engine refuses: {0}")]
    Refused(String),
}

impl StoreError {
    #[must_use]
    pub const fn error_name(&self) -> ErrorName {
        match self {
            Self::Conflict => ErrorName::Conflict,
            Self::Transient(_) => ErrorName::Transient,
            Self::Corrupt(_) | Self::TooLarge(_) => ErrorName::Permanent,
        }
    }
}

impl EngineError {
    #[must_use]
    pub const fn error_name(&self) -> ErrorName {
        match self {
            Self::Transient(_) => ErrorName::Transient,
            Self::Refused(_) => ErrorName::Permanent,
        }
    }
}
