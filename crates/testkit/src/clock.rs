//! Where the fake world's time comes from: a clock that a test moves by hand, or the machine's.

use checkmill_core::{Millis, UnixMillis};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// 2026-01-01T00:00:00Z: where a [`FakeClock`] starts unless told otherwise.
pub const START: UnixMillis = UnixMillis(1_767_225_600_000);

/// A clock that moves only when it is told to. Clones show the same time.
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<AtomicU64>);

impl Default for FakeClock {
    fn default() -> Self {
        Self::starting_at(START)
    }
}

impl FakeClock {
    #[must_use]
    pub fn starting_at(start: UnixMillis) -> Self {
        Self(Arc::new(AtomicU64::new(start.0)))
    }

    #[must_use]
    pub fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }

    /// Moves the clock on and gives the new time.
    pub fn advance(&self, by: Millis) -> UnixMillis {
        UnixMillis(self.0.fetch_add(by.0, Ordering::SeqCst).saturating_add(by.0))
    }

    /// Moves the clock on to `at`; does nothing when it is already later, since time does not go back.
    pub fn advance_to(&self, at: UnixMillis) {
        self.0.fetch_max(at.0, Ordering::SeqCst);
    }
}

#[cfg(feature = "harness")]
impl checkmill_phases::ports::Clock for FakeClock {
    fn now(&self) -> UnixMillis {
        Self::now(self)
    }
}

/// The time that the fake GitHub goes by.
#[derive(Debug, Clone)]
pub enum TimeSource {
    Fake(FakeClock),
    /// The machine's clock, for the `fake-github` program and `checkmill run`.
    System,
}

impl TimeSource {
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        match self {
            Self::Fake(clock) => clock.now(),
            Self::System => system_now(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the adapter that reads the machine's clock"
)]
fn system_now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_time_and_it_never_goes_back() {
        let clock = FakeClock::starting_at(UnixMillis(1000));
        let other = clock.clone();
        assert_eq!(clock.advance(Millis(5)), UnixMillis(1005));
        other.advance_to(UnixMillis(2000));
        other.advance_to(UnixMillis(1500));
        assert_eq!(clock.now(), UnixMillis(2000));
    }
}
