//! Reusable workflows: a job with `uses` calls another file, whose jobs then belong to the same run.
//!
//! [`Linker`] puts the files together once they are read; what callers pass and callees declare is compared there. [`At`] finds
//! a called job again, with everything that its expressions can see.

mod at;
mod link;
mod matching;
mod outputs;
mod passed;
mod reference;
mod unknown;

pub use link::{Called, Linker};
pub use reference::{RemoteWorkflow, WorkflowReference};

pub(crate) use at::{At, check_call};
pub(crate) use passed::check_literal;
