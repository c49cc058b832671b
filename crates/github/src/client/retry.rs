//! The one retry layer towards GitHub: what is tried again, when, and how often. octocrab's own is switched off.

use super::failure::Failure;
use checkmill_core::Millis;

/// Tries of one request, the first included, as far as its operation's time goes
/// ([`checkmill_core::limits::FORGE_CALL`]). The state machine and the queue retry above this, over minutes.
pub(super) const TRIES: u32 = 3;
/// Before the second try; doubled for each further one.
const BACKOFF: Millis = Millis(250);
/// A rate limit that ends within this is waited for here; a longer one is the state machine's to wait for, since a Lambda
/// pays for its sleep.
const PATIENCE: Millis = Millis::from_secs(5);

/// Whether a request may be carried out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Doing it again changes nothing.
    Safe,
    /// A lost answer must not be followed by a second request: it would make a second thing.
    Once,
}

/// How long to wait before the next try, or none for no further try. `tries` have been made; `jitter` gives a random span
/// below the one it is given.
pub(super) fn wait(
    failure: &Failure,
    repeat: Repeat,
    tries: u32,
    jitter: impl Fn(Millis) -> Millis,
) -> Option<Millis> {
    if tries >= TRIES {
        return None;
    }
    match failure {
        Failure::Lost(_) | Failure::Failed { .. } if repeat == Repeat::Safe => {
            let full = Millis(BACKOFF.0 << tries.min(8));
            // Half fixed, half random: never at once, and never all at the same time.
            Some(Millis(full.0 / 2 + jitter(Millis(full.0 / 2)).0))
        }
        Failure::RateLimited { wait, .. } if *wait <= PATIENCE => Some(Millis(wait.0 + jitter(BACKOFF).0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_again() {
        let most = |span: Millis| Millis(span.0.saturating_sub(1));
        let none = |_| Millis(0);
        let lost = Failure::Lost("x".to_owned());
        let failed = Failure::Failed {
            status: 502,
            message: String::new(),
        };
        let limited = |secs| Failure::RateLimited {
            wait: Millis::from_secs(secs),
            message: String::new(),
        };
        let refused = Failure::Refused {
            status: 422,
            message: String::new(),
        };
        assert_eq!(wait(&lost, Repeat::Safe, 1, none), Some(Millis(250)));
        assert_eq!(wait(&lost, Repeat::Safe, 1, most), Some(Millis(499)));
        assert_eq!(wait(&failed, Repeat::Safe, 2, none), Some(Millis(500)));
        assert_eq!(wait(&failed, Repeat::Safe, TRIES, none), None);
        assert_eq!(wait(&lost, Repeat::Once, 1, none), None);
        assert_eq!(wait(&failed, Repeat::Once, 1, none), None);
        assert_eq!(wait(&limited(5), Repeat::Once, 1, none), Some(Millis(5000)));
        assert_eq!(wait(&limited(6), Repeat::Safe, 1, none), None);
        assert_eq!(wait(&refused, Repeat::Safe, 1, none), None);
        assert_eq!(
            wait(&Failure::Unauthorized(String::new()), Repeat::Safe, 1, none),
            None
        );
    }
}
