//! Cleaning up after an agent that died without a word: ending its processes, then writing down how the attempt ended.

use super::SupervisorFault;
use crate::clock::SharedClock;
use crate::container::clean;
use crate::log::writer::finish_after;
use crate::processes;
use crate::settings::Settings;
use checkmill_backends::attempt::{
    AttemptDir, AttemptEnd, Claim, ExitRecord, LOG_FILE, LockState, REAP_LOCK_FILE,
};
use std::time::Duration;

/// For killing what the job has left.
const CLEAN_UP: Duration = Duration::from_secs(10);

/// Does nothing for an attempt whose agent lives, that has ended, or that somebody else is cleaning up.
///
/// # Errors
/// What the file system says; processes that can't be killed.
pub async fn reap(
    attempt: &AttemptDir,
    settings: &Settings,
    clock: &SharedClock,
) -> Result<(), SupervisorFault> {
    let Some(_lock) = attempt.try_lock(REAP_LOCK_FILE)? else {
        return Ok(());
    };
    let was_taken = matches!(attempt.claim()?, Some(Claim::Agent { .. }));
    if !was_taken || attempt.lock_state()? == LockState::Held || attempt.exit()?.is_some() {
        return Ok(());
    }
    if !processes::end_all(|| processes::marked(attempt.path()), CLEAN_UP).await {
        let source = std::io::Error::other("some are still there");
        return Err(SupervisorFault::System {
            action: "end the processes of the dead agent's job",
            source,
        });
    }
    // Tried again with the next poll: nobody else knows of them.
    if let Err(problem) = clean::after(attempt, &settings.environment).await {
        let source = std::io::Error::other(problem);
        return Err(SupervisorFault::System {
            action: "remove the containers of the dead agent's job",
            source,
        });
    }
    if let Err(error) = finish_after(attempt.path(), LOG_FILE, clock) {
        crate::cli::complain(&format!("the log could not be completed: {error}"));
    }
    let end = match attempt.cancel_record()? {
        Some(_) => AttemptEnd::Cancelled,
        None => AttemptEnd::Lost {
            detail: "its agent was killed or the machine went down before the job's end was written"
                .to_owned(),
        },
    };
    Ok(attempt.write_exit(&ExitRecord {
        end,
        ended_ms: clock.now().0,
    })?)
}
