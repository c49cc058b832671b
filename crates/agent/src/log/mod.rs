//! The log of a job.

pub mod lines;
pub mod spill;
pub mod writer;
