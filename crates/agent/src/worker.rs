//! The process that runs the steps.

use crate::callback::client::Client;
use crate::callback::{Pace, Uploader};
use crate::clock::SharedClock;
use crate::exec::GRACES;
use crate::git::calls::RETRY_DELAYS;
use crate::job::control::{Controller, StopReason, control};
use crate::job::{self, Surroundings};
use crate::layout::Layout;
use crate::lifeline::Lifeline;
use crate::log::spill::LOG_LIMITS;
use crate::log::writer::LogWriter;
use crate::processes;
use crate::settings::Settings;
use checkmill_backends::attempt::{AttemptDir, DirError, JOB_FILE, LOG_FILE, RESULT_FILE};
use checkmill_workflow::job::{JobDescription, JobResult, JobVerdict};
use rustix::process::{DumpableBehavior, getpid, set_dumpable_behavior};
use std::io;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// After a job was cancelled or its time was over, for the steps that run always or when cancelled. GitHub gives five
/// minutes; here the poll gives an attempt up a minute after it was told to stop.
pub const STOP_GRACE: Duration = Duration::from_secs(30);
/// For killing what the job has left, when the supervisor is gone.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// Why there is no job to run, or no result of it.
#[derive(Debug, thiserror::Error)]
pub enum WorkerFault {
    #[error(transparent)]
    Directory(#[from] DirError),
    #[error("could not {action}: {source}")]
    System { action: &'static str, source: io::Error },
    #[error("the job's description can't be understood: {0}")]
    Description(String),
    #[error("the supervisor is gone")]
    Orphaned,
}

fn system(action: &'static str) -> impl FnOnce(io::Error) -> WorkerFault {
    move |source| WorkerFault::System { action, source }
}

/// Runs the job of this directory and writes its result; the exit code for this process.
///
/// # Errors
/// Where there is nothing to run or nowhere to write to.
pub async fn work(attempt: &AttemptDir, settings: Settings, clock: SharedClock) -> Result<u8, WorkerFault> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| system("hide its environment")(error.into()))?;
    let mut supervisor = Lifeline::of_stdin().map_err(system("watch its supervisor"))?;
    tokio::select! {
        () = supervisor.cut() => {
            // Nobody else can find all of our descendants now.
            processes::end_all(|| family(attempt), CLEAN_UP).await;
            Err(WorkerFault::Orphaned)
        }
        code = run(attempt, settings, clock) => code,
    }
}

fn family(attempt: &AttemptDir) -> std::collections::BTreeSet<processes::Process> {
    let mut family = processes::marked(attempt.path());
    family.extend(processes::descendants(getpid().as_raw_nonzero().get()));
    family
}

async fn run(attempt: &AttemptDir, settings: Settings, clock: SharedClock) -> Result<u8, WorkerFault> {
    let (controller, control) = control();
    let bytes = attempt
        .read(JOB_FILE)?
        .ok_or_else(|| WorkerFault::Description("there is none".to_owned()))?;
    let description: JobDescription =
        serde_json::from_slice(&bytes).map_err(|error| WorkerFault::Description(error.to_string()))?;
    let masks = settings.secrets.masks();
    let mut log = LogWriter::create(attempt.path(), LOG_FILE, clock.clone(), LOG_LIMITS, masks)
        .map_err(system("open the log"))?;
    let uploader = uploader(attempt, &settings, &description, &mut log);
    let surroundings = Surroundings {
        layout: Layout::new(attempt.path(), &description.checkout.repository),
        secrets: settings.secrets,
        environment: settings.environment,
        clock,
        control,
        graces: GRACES,
        retry_delays: RETRY_DELAYS.into(),
    };
    let limit = Duration::from_millis(description.timeout_ms);
    let mut result = tokio::select! {
        result = job::run(&description, &surroundings, &mut log) => result,
        never = stops(&controller, limit) => match never? {},
    };
    match log.finish() {
        Ok(length) => result.log_bytes = length,
        Err(error) => log_lost(&mut result, &error),
    }
    let bytes = serde_json::to_vec(&result).map_err(|error| system("write the result")(error.into()))?;
    attempt.replace(RESULT_FILE, &bytes)?;
    if let Some(uploader) = uploader {
        uploader.finish().await;
    }
    Ok(crate::result::exit_code(&result))
}

fn uploader(
    attempt: &AttemptDir,
    settings: &Settings,
    description: &JobDescription,
    log: &mut LogWriter,
) -> Option<Uploader> {
    let token = settings.secrets.callback_token();
    let (callback, token) = description.callback.as_ref().zip(token)?;
    match Client::new(callback, token) {
        Ok(client) => Some(Uploader::start(
            client,
            attempt.file(LOG_FILE),
            log.length(),
            Pace::default(),
        )),
        Err(problem) => {
            log.text(&format!(
                "##[warning]The job does not report while it runs: {problem}."
            ));
            None
        }
    }
}

/// Stops the job when we are told to, when its time is over, and for good when it does not come to its end after that.
async fn stops(controller: &Controller, limit: Duration) -> Result<std::convert::Infallible, WorkerFault> {
    let mut terminate = signal(SignalKind::terminate()).map_err(system("listen to signals"))?;
    let reason = tokio::select! {
        _ = terminate.recv() => StopReason::Cancelled,
        () = tokio::time::sleep(limit) => StopReason::TimedOut,
    };
    controller.stop(reason);
    tokio::time::sleep(STOP_GRACE).await;
    controller.force();
    std::future::pending().await
}

/// The end of the log is missing: the verdict may rest on what nobody can read.
fn log_lost(result: &mut JobResult, error: &io::Error) {
    result.conclusion = JobVerdict::Infrastructure;
    result.detail = format!("The log could not be completed: {error}");
    result.exit_code = None;
}
