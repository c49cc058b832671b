//! What every function does beside its phase: logs, settings, adapters, and errors by the names that the state machine knows.

#[cfg(feature = "sqs")]
mod batch;
mod deployment;
#[cfg(feature = "entry")]
mod entry;
mod failure;
mod logs;
#[cfg(feature = "model-id")]
mod model;
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

#[cfg(test)]
mod tests {
    use checkmill_core::Millis;
    use checkmill_core::limits::{CLAIM, FORGE_CALL, FORGE_PLANNING_CALL, MODEL_TIME};
    use checkmill_phases::redeliver::LOOK_MAX;

    /// The longest that each phase may be with GitHub, against its function's time: a slow GitHub ends the phase first, and a
    /// few seconds are left for the rest.
    #[test]
    fn a_function_outlasts_what_its_phase_asks_of_github() {
        let module = include_str!("../../../../infra/modules/checkmill/functions.tf");
        let timeout = |name: &str| {
            let line = module.lines().map(str::trim).find(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.trim_start().starts_with("= { timeout"))
            });
            let seconds = line.and_then(|line| line.split("timeout = ").nth(1)?.split(',').next());
            Millis::from_secs(seconds.unwrap().parse().unwrap())
        };
        let (call, planning) = (FORGE_CALL.0, FORGE_PLANNING_CALL.0);
        for (name, github) in [
            // Look for the check, create it, make the job's token.
            ("start", 3 * call),
            // Mark the check as in progress.
            ("poll", call),
            // Look for the check and complete it, both again without what GitHub refused, comment.
            ("results", 5 * call),
            // Look up the ref, read the files, read the changes.
            ("plan", call + 2 * planning),
            // The list, which a look's own limit covers, and the request that passes it.
            ("sweep", LOOK_MAX.0.max(planning) + call),
        ] {
            assert!(github + 10_000 <= timeout(name).0, "{name}");
        }
    }

    /// With a language model: the same and all that it may take, before another may claim the job and before the state machine
    /// gives the function up.
    #[test]
    fn results_outlasts_its_model_and_not_its_claim() {
        let module = include_str!("../../../../infra/modules/checkmill/functions.tf");
        let line = module.lines().find(|line| line.contains("model_seconds = "));
        let more = line.and_then(|line| line.rsplit(' ').next()).unwrap();
        let with_model = Millis::from_secs(60 + more.parse::<u64>().unwrap());
        assert!(5 * FORGE_CALL.0 + MODEL_TIME.0 < with_model.0);
        assert!(with_model < CLAIM && CLAIM < Millis::from_secs(150));
        let machine = include_str!("../../../../statemachine/job.asl.json");
        let results = machine.split_once("\"Results\": {").unwrap().1;
        assert!(results[..results.find("Retry").unwrap()].contains("\"TimeoutSeconds\": 150"));
    }
}
