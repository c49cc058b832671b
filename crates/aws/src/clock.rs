//! The machine's clock behind the Clock port.

use checkmill_core::UnixMillis;
use checkmill_phases::ports::Clock;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the adapter that the ban points to"
    )]
    fn now(&self) -> UnixMillis {
        // A clock before 1970 reads as 1970: everything is overdue then, which is noticed, and nothing panics.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
