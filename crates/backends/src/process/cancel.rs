//! Stopping an attempt, from whichever process.

use super::{Inner, transient};
use crate::attempt::{AttemptDir, AttemptEnd, CancelRecord, Claim, LockState};
use crate::port::BackendError;
use checkmill_core::Millis;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// After the first cancel, how long the agent may take before it is killed. Longer than its own graces together, so this
/// ends only one that hangs; it takes effect at the next cancel, which the sweep repeats.
const FORCE_AFTER: Millis = Millis::from_secs(90);

impl Inner {
    pub(super) fn cancel(&self, attempt: &AttemptDir) -> Result<(), BackendError> {
        if attempt.exit().is_ok_and(|exit| exit.is_some()) {
            return Ok(());
        }
        let now = (self.settings.now)();
        let before_start = Claim::Backend {
            end: AttemptEnd::Cancelled,
            at_ms: now.0,
        };
        if attempt.try_claim(&before_start)? {
            return Ok(());
        }
        let Ok(Some(Claim::Agent { pid, .. })) = attempt.claim() else {
            return Ok(());
        };
        attempt.note_cancel(&CancelRecord { at_ms: now.0 })?;
        let first = attempt.cancel_record()?.map_or(now.0, |record| record.at_ms);
        let force = now.0.saturating_sub(first) >= FORCE_AFTER.0;
        let signal = if force { Signal::KILL } else { Signal::TERM };
        match signal_holder(attempt, pid, signal)? {
            // The kill itself is over in a moment; what the agent leaves behind is the next poll's work.
            Reached::Yes => Ok(()),
            Reached::Gone => self.bury(attempt).map(|_| ()),
        }
    }
}

enum Reached {
    Yes,
    /// The agent is dead.
    Gone,
}

/// Signals the process that holds the lock. The descriptor is opened before the lock is looked at: while the lock is held
/// its holder lives, so the descriptor can't be another process that got the number later.
fn signal_holder(attempt: &AttemptDir, pid: i32, signal: Signal) -> Result<Reached, BackendError> {
    let descriptor = Pid::from_raw(pid).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
    if attempt.lock_state()? == LockState::Free {
        return Ok(Reached::Gone);
    }
    let unreachable = |why: &dyn std::fmt::Display| {
        transient(format!(
            "the agent with process id {pid} lives and could not be signalled: {why}"
        ))
    };
    match descriptor {
        Some(Ok(descriptor)) => match pidfd_send_signal(&descriptor, signal) {
            Ok(()) => Ok(Reached::Yes),
            Err(Errno::SRCH) => Ok(Reached::Gone),
            Err(error) => Err(unreachable(&error)),
        },
        // It died between the two looks.
        Some(Err(Errno::SRCH)) => Ok(Reached::Gone),
        Some(Err(error)) => Err(unreachable(&error)),
        None => Err(unreachable(&"its claim is damaged")),
    }
}
