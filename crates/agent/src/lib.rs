//! What runs a job's steps on the compute, reports and streams the log.

pub mod actions;
pub mod annotations;
pub mod archive;
pub mod backend;
pub mod callback;
pub mod checkout;
pub mod cli;
pub mod clock;
pub mod command_files;
pub mod commands;
pub mod container;
pub mod env_file;
pub mod environment;
pub mod exec;
pub mod git;
pub mod hash_files;
pub mod inline;
pub mod job;
pub mod layout;
pub mod lifeline;
pub mod log;
pub mod mask;
pub mod processes;
pub mod report;
pub mod result;
pub mod script;
pub mod secrets;
pub mod settings;
pub mod step_output;
pub mod supervisor;
pub mod worker;

pub use cli::main_with_args;

#[cfg(test)]
mod testing;
