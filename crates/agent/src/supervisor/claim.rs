//! Taking an attempt: of all agents that are started for it, one.

use crate::clock::SharedClock;
use checkmill_backends::attempt::{AttemptDir, Claim, DirError, LOCK_FILE};
use std::fs::File;
use std::time::Duration;

/// Whoever looks whether the attempt's agent lives holds the lock for a moment; then we try again,
const RETRY: Duration = Duration::from_millis(5);
/// but not for ever.
const RETRIES: u32 = 2000;

/// An attempt that is ours. The lock goes with the process.
#[derive(Debug)]
pub(super) struct Held {
    _lock: File,
}

/// Takes the attempt; none when another has it, or had it, or it was given up before it began.
///
/// # Errors
/// What the file system says.
pub(super) async fn take(attempt: &AttemptDir, clock: &SharedClock) -> Result<Option<Held>, DirError> {
    for _ in 0..RETRIES {
        if attempt.claim()?.is_some() {
            return Ok(None);
        }
        let Some(lock) = attempt.try_lock(LOCK_FILE)? else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        attempt.reserve_exit()?;
        let pid = i32::try_from(std::process::id()).unwrap_or(0);
        let claim = Claim::Agent {
            pid,
            started_ms: clock.now().0,
        };
        return Ok(attempt.try_claim(&claim)?.then_some(Held { _lock: lock }));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::clock_at;
    use checkmill_backends::attempt::{AttemptEnd, LockState};

    #[tokio::test]
    async fn an_attempt_is_taken_once_and_held() {
        let temp = tempfile::tempdir().unwrap();
        let attempt = AttemptDir::new(temp.path());
        let clock = clock_at(5);
        let (a, b) = tokio::join!(take(&attempt, &clock), take(&attempt, &clock));
        let (a, b) = (a.unwrap(), b.unwrap());
        assert!(a.is_some() != b.is_some());
        assert_eq!(attempt.lock_state().unwrap(), LockState::Held);
        drop((a, b));
        assert_eq!(attempt.lock_state().unwrap(), LockState::Free);
        assert!(
            take(&attempt, &clock).await.unwrap().is_none(),
            "not even when its agent is gone"
        );
    }

    #[tokio::test]
    async fn one_that_was_given_up_before_is_not_taken() {
        let temp = tempfile::tempdir().unwrap();
        let attempt = AttemptDir::new(temp.path());
        attempt
            .try_claim(&Claim::Backend {
                end: AttemptEnd::Cancelled,
                at_ms: 0,
            })
            .unwrap();
        assert!(take(&attempt, &clock_at(0)).await.unwrap().is_none());
        assert!(!attempt.file(LOCK_FILE).exists());
    }

    #[tokio::test]
    async fn somebody_who_only_looks_does_not_keep_the_agent_out() {
        let temp = tempfile::tempdir().unwrap();
        let attempt = AttemptDir::new(temp.path());
        drop(attempt.try_lock(LOCK_FILE).unwrap());
        let looking = File::open(attempt.file(LOCK_FILE)).unwrap();
        looking.lock_shared().unwrap();
        let clock = clock_at(0);
        let (taken, ()) = tokio::join!(take(&attempt, &clock), async {
            tokio::task::yield_now().await;
            drop(looking);
        });
        assert!(taken.unwrap().is_some());
    }
}
