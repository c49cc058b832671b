//! What runs a job's steps on the compute, reports and streams the log.

pub mod annotations;
pub mod checkout;
pub mod clock;
pub mod command_files;
pub mod commands;
pub mod env_file;
pub mod environment;
pub mod exec;
pub mod hash_files;
pub mod job;
pub mod layout;
pub mod log;
pub mod mask;
pub mod processes;
pub mod script;
pub mod secrets;
pub mod step_output;

#[cfg(test)]
mod testing;
