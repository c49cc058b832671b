//! What an attempt's directory says of it.

use super::{Inner, spawn};
use crate::attempt::{AttemptDir, AttemptEnd, Claim, ExitRecord, LockState, SubmitRecord};
use crate::port::{BackendError, BackendState};
use checkmill_core::UnixMillis;
use std::io::ErrorKind;
use std::time::UNIX_EPOCH;

/// An agent that is gone without a word: killed together with its supervisor, or its machine went down.
const VANISHED: &str = "its agent was killed or the machine went down before the job's end was written";

impl Inner {
    pub(super) fn state(&self, attempt: &AttemptDir) -> Result<BackendState, BackendError> {
        if let Some(end) = known_end(attempt)? {
            return Ok(end);
        }
        match claim(attempt)? {
            None => self.unclaimed(attempt),
            Some(Claim::Backend { end, .. }) => Ok(ended(end)),
            Some(Claim::Agent { .. }) if attempt.lock_state()? == LockState::Held => {
                Ok(BackendState::Running)
            }
            Some(Claim::Agent { .. }) => self.bury(attempt),
        }
    }

    /// Nobody has it yet. Past the start deadline nobody ever will: the claim that says so keeps a late agent out.
    fn unclaimed(&self, attempt: &AttemptDir) -> Result<BackendState, BackendError> {
        let now = (self.settings.now)();
        let record = attempt.submit_record()?;
        let Some(since) = record.as_ref().map(submitted_at).or_else(|| made_at(attempt)) else {
            return Ok(BackendState::Unknown);
        };
        if now.since(since) < self.settings.start_deadline {
            return Ok(BackendState::Pending);
        }
        let seconds = self.settings.start_deadline.as_secs_ceil();
        let detail = match record {
            Some(_) => format!("its agent never started: nothing took the job within {seconds} s"),
            None => {
                format!("it was never started: its submit was cut off and not repeated within {seconds} s")
            }
        };
        self.void(attempt, AttemptEnd::Lost { detail })
    }

    /// Ends an attempt that no agent has; one that took it meanwhile wins.
    pub(super) fn void(&self, attempt: &AttemptDir, end: AttemptEnd) -> Result<BackendState, BackendError> {
        let at_ms = (self.settings.now)().0;
        if attempt.try_claim(&Claim::Backend {
            end: end.clone(),
            at_ms,
        })? {
            return Ok(ended(end));
        }
        match claim(attempt)? {
            Some(Claim::Backend { end, .. }) => Ok(ended(end)),
            _ => Ok(BackendState::Running),
        }
    }

    /// The agent is dead and did not say how it ended, or said it just now. Its processes may live on, so they are ended
    /// before anybody is told that the attempt has.
    pub(super) fn bury(&self, attempt: &AttemptDir) -> Result<BackendState, BackendError> {
        if let Some(end) = known_end(attempt)? {
            return Ok(end);
        }
        if let Err(error) = spawn::reap(&self.settings, attempt) {
            tracing::warn!(attempt = %attempt.path().display(), %error, "could not clean up after a dead agent");
        }
        if let Some(end) = known_end(attempt)? {
            return Ok(end);
        }
        if attempt.lock_state()? == LockState::Held {
            return Ok(BackendState::Running);
        }
        let end = match attempt.cancel_record()? {
            Some(_) => AttemptEnd::Cancelled,
            None => AttemptEnd::Lost {
                detail: VANISHED.to_owned(),
            },
        };
        attempt.write_exit(&ExitRecord {
            end: end.clone(),
            ended_ms: (self.settings.now)().0,
        })?;
        Ok(ended(end))
    }
}

/// The end that is written down. A file that a crash of the machine has emptied says as much: it ended, nobody knows how.
fn known_end(attempt: &AttemptDir) -> Result<Option<BackendState>, BackendError> {
    match attempt.exit() {
        Ok(record) => Ok(record.map(|record| ended(record.end))),
        Err(error) if is_damage(error.source.kind()) => Ok(Some(ended(AttemptEnd::Lost {
            detail: error.to_string(),
        }))),
        Err(error) => Err(error.into()),
    }
}

/// The claim; one that can't be read was made by an agent that the machine took down, or its job has broken it.
fn claim(attempt: &AttemptDir) -> Result<Option<Claim>, BackendError> {
    match attempt.claim() {
        Err(error) if is_damage(error.source.kind()) => {
            tracing::warn!(%error, "an attempt's claim is damaged");
            Ok(Some(Claim::Agent {
                pid: 0,
                started_ms: 0,
            }))
        }
        result => Ok(result?),
    }
}

/// What no further look would mend: a file that is no record, or no file, or not for us to read.
const fn is_damage(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidData | ErrorKind::IsADirectory | ErrorKind::PermissionDenied
    )
}

fn submitted_at(record: &SubmitRecord) -> UnixMillis {
    UnixMillis(record.submitted_ms)
}

/// When a directory was made without a submit record: its submit is under way or was cut off.
fn made_at(attempt: &AttemptDir) -> Option<UnixMillis> {
    let modified = std::fs::metadata(attempt.path()).ok()?.modified().ok()?;
    let age = modified.duration_since(UNIX_EPOCH).ok()?;
    Some(UnixMillis(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
}

fn ended(end: AttemptEnd) -> BackendState {
    BackendState::Ended(end.into())
}
