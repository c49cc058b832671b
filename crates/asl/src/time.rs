//! Time as the caller tells it.

use std::time::Duration;

/// An instant: milliseconds on the caller's clock. Only differences matter, so any origin will do; virtual time is simply
/// what the caller passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// This instant and `span` more, in whole milliseconds, rounded up so that a wait never ends before its time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let millis = span.as_nanos().div_ceil(1_000_000);
        Self(self.0.saturating_add(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}
