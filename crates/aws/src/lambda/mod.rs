//! What every function does beside its phase: logs, settings, adapters, and errors by the names that the state machine knows.

#[cfg(feature = "sqs")]
mod batch;
mod deployment;
#[cfg(feature = "entry")]
mod entry;
mod failure;
mod logs;
#[cfg(feature = "backends")]
mod no_backend;
#[cfg(feature = "ssm")]
mod secrets;
mod task;

#[cfg(feature = "sqs")]
pub use batch::serve_batches;
pub use deployment::{Deployment, StartError};
#[cfg(feature = "entry")]
pub use entry::{HttpAnswer, HttpCall, serve_http};
pub use failure::Failure;
pub use task::serve_tasks;

use checkmill_core::limits::CALLBACK_WAIT_MAX;
use checkmill_phases::outcome::WaitSettings;
use std::fmt::Display;
use std::future::Future;
use std::process::ExitCode;

/// On AWS a job can always reach the api function, so its callback is awaited. A wait that runs out costs four transitions,
/// so it is as long as it may be.
pub const WAIT: WaitSettings = WaitSettings {
    callback: true,
    callback_patience: CALLBACK_WAIT_MAX,
};

/// Runs a function until Lambda ends it: sets up the logs, and says why where it can't start.
pub async fn run<E: Display>(function: impl Future<Output = Result<(), E>>) -> ExitCode {
    logs::init();
    match function.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function can't start");
            ExitCode::FAILURE
        }
    }
}
