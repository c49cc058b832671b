//! The use cases: receive, plan, start, poll, results, sweep, and what people and jobs ask for in between. Each is a struct of
//! the ports that it uses and a function; a Lambda and the local command call the same one.

pub mod abandon;
mod admit;
pub mod advance;
mod archives;
pub mod backoff;
pub mod callback;
mod called;
mod comment;
mod decide;
pub mod dirs;
mod effects;
pub mod error;
mod evaluate;
mod follow;
mod groups;
pub mod keys;
mod learn;
mod log;
mod mask;
mod numbering;
pub mod outcome;
pub mod plan;
mod planned;
pub mod poll;
pub mod ports;
pub mod preview;
pub mod receive;
pub mod redeliver;
mod report;
pub mod rerun;
pub mod results;
pub mod secrets;
pub mod start;
mod step;
pub mod steps;
pub mod stop;
pub mod sweep;
pub mod times;
mod timetable;
pub mod token;
mod translate;
mod verdict;
mod view;

pub use error::PhaseError;
