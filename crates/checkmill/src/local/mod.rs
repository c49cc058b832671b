//! The embedded parts: what stands in for AWS on one machine.

pub mod blobs;
pub mod data_dir;
pub mod engine;
pub mod http;
pub mod queue;
pub mod system;
