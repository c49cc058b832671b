//! A small interpreter of the Amazon States Language (<https://states-language.net/spec.html>): exactly what
//! `statemachine/job.asl.json` uses, and Pass, Succeed, Fail. Anything else is refused when a definition is loaded.
//!
//! - [`Machine`] is a definition that was read and checked ([`Machine::parse`]).
//! - [`Execution`] is one run of it, pure: an [`Event`] and a time go in, [`Command`]s come out.
//! - [`engine`] (feature `engine`, on by default) drives many executions at once on tokio.
//! - [`job`] is Checkmill's own machine, [`paths`] the table of every way through it.
//!
//! Where the specification and AWS differ, AWS decides, because that is where the same file runs.

mod document;
#[cfg(feature = "engine")]
pub mod engine;
mod execution;
mod failure;
pub mod job;
mod load;
mod machine;
mod path;
pub mod paths;
mod placeholder;
mod random;
mod retry;
mod size;
mod template;
mod time;

pub use execution::{
    Command, Event, Execution, HISTORY_EVENTS_MAX, Outcome, Step, Ticket, VISITS_KEPT, Visit,
};
pub use failure::{ErrorPattern, TaskError};
pub use load::LoadError;
pub use machine::{Catcher, Edge, Machine, Resource, StateId, StateType, Via};
pub use placeholder::{PlaceholderError, substitute};
pub use random::{Random, SplitMix64};
pub use retry::{Jitter, Retrier};
pub use size::{DATA_LIMIT_BYTES, json_bytes};
pub use time::Moment;
