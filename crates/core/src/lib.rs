//! The job model of Checkmill: ids, events, runs, jobs, the transition table and the limits.
//!
//! Everything here is pure. Time and randomness come in as arguments; AWS, HTTP, files and GitHub's JSON live elsewhere.

pub mod conclusion;
pub mod concurrency;
pub mod error_name;
pub mod event;
pub mod execution;
pub mod graph;
pub mod group;
pub mod history;
pub mod ids;
pub mod job;
pub mod limits;
pub mod money;
pub mod numbering;
pub mod policy;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod time;
pub mod transition;

pub use conclusion::{Conclusion, End, Reason};
pub use concurrency::Concurrency;
pub use error_name::ErrorName;
pub use event::{Event, EventKind};
pub use group::Group;
pub use ids::{
    AccountId, AttemptNumber, CallKey, CheckRunId, CommitSha, DeliveryId, DeploymentId, GroupId, HistoryId,
    InstallationId, JobId, JobKey, Login, RepoName, RepositoryId, RunId, WorkflowId,
};
pub use job::{Job, JobState};
pub use money::MicroDollars;
pub use numbering::RunNumbers;
pub use run::Run;
pub use schedule::Schedule;
pub use time::{Millis, UnixMillis};
