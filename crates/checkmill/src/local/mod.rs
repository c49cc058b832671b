//! The embedded parts: what stands in for AWS on one machine.

pub(crate) mod blobs;
pub(crate) mod data_dir;
pub(crate) mod engine;
pub(crate) mod http;
pub(crate) mod listen;
pub(crate) mod queue;
mod retention;
pub(crate) mod secrets;
pub(crate) mod system;
