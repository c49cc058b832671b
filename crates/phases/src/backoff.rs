//! When a delivery that could not be planned comes through the queue again: the one schedule of SQS and of the queue in one
//! process.

use crate::error::PhaseError;
use checkmill_core::Millis;
use checkmill_github::forge::ForgeError;

/// Tries of one message before it is a dead letter; `maxReceiveCount` of the Terraform module. The waits between them sum to
/// 255 s. The slowest thing that a request waits for in good health is a results phase that reports the end of the attempt
/// that is to run again: its own waits for a claim sum to 185 s (`statemachine/job.asl.json`, Results), which leaves 70 s for
/// its runs. A dead letter is not lost: the sweep queues its delivery again for a day.
pub const TRIES: u32 = 9;
/// How long a message of a delivery that can't be planned lives in SQS: each of its tries comes after the queue's visibility
/// timeout; `visibility_timeout_seconds` in `infra/`.
pub const LIFE: Millis = Millis::from_secs(TRIES as u64 * 720);
/// Before the second try, doubled before each one after it: somebody who pressed "Re-run" a moment too early waits a second or
/// three, and never longer than he has waited already.
const FIRST: Millis = Millis::from_secs(1);
/// GitHub's limits are renewed every hour.
const LONGEST: Millis = Millis::from_minutes(60);

/// How long to wait after the failure of try number `tries` (from 1); none where the failure is not one that passes soon.
#[must_use]
pub fn wait(error: &PhaseError, tries: u32) -> Option<Millis> {
    if !error.error_name().is_retryable() {
        return None;
    }
    let grown = Millis(FIRST.0 << tries.saturating_sub(1).min(TRIES - 2));
    Some(grown.max(asked(error).unwrap_or_default()))
}

/// How long GitHub asked to be left alone.
pub(crate) fn asked(error: &PhaseError) -> Option<Millis> {
    match error {
        PhaseError::Forge(ForgeError::RateLimited { retry_after, .. }) => Some((*retry_after).min(LONGEST)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::StoreError;

    #[test]
    fn the_waits_grow_and_outlast_a_results_phase() {
        let conflict = PhaseError::Store(StoreError::Conflict);
        let waits: Vec<u64> = (1..TRIES)
            .map(|tries| wait(&conflict, tries).unwrap().as_secs_ceil())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128]);
        // Results in `statemachine/job.asl.json`: 5 s, doubled up to 30 s, 8 times.
        assert!(waits.iter().sum::<u64>() > 5 + 10 + 20 + 5 * 30);
        // SQS counts approximately, and from a number that nobody can trust.
        assert_eq!(wait(&conflict, 0), Some(FIRST));
        assert_eq!(wait(&conflict, u32::MAX), Some(Millis::from_secs(128)));
    }

    #[test]
    fn a_rate_limit_is_waited_out_and_a_refusal_has_no_time() {
        let limited = |retry_after| {
            PhaseError::Forge(ForgeError::RateLimited {
                retry_after,
                message: String::new(),
            })
        };
        assert_eq!(wait(&limited(Millis(500)), 1), Some(FIRST));
        assert_eq!(
            wait(&limited(Millis::from_secs(90)), 1),
            Some(Millis::from_secs(90))
        );
        assert_eq!(wait(&limited(Millis::from_minutes(600)), 1), Some(LONGEST));
        assert_eq!(wait(&PhaseError::Claimed, 3), Some(Millis::from_secs(4)));
        assert_eq!(wait(&PhaseError::Missing("job".to_owned()), 1), None);
        let refused = PhaseError::Forge(ForgeError::Forbidden(String::new()));
        assert_eq!(wait(&refused, 1), None);
    }
}
