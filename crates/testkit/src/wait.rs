//! Bounded waits. They end when the state changes, never by sleeping; the limit is real time and prints the history.

use crate::shared::Shared;
use crate::state::State;
use std::fmt;
use std::time::Duration;

/// A wait that came to its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitExpired {
    pub what: String,
    pub limit: Duration,
    pub history: String,
}

impl fmt::Display for WaitExpired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "waited {} s in vain for {}. What happened until then:\n{}",
            self.limit.as_secs(),
            self.what,
            self.history
        )
    }
}

impl std::error::Error for WaitExpired {}

/// Looks at the state now and after every change until `look` gives something.
pub(crate) async fn until<T>(
    shared: &Shared,
    what: &str,
    limit: Duration,
    mut look: impl FnMut(&State) -> Option<T>,
) -> Result<T, WaitExpired> {
    let mut changes = shared.watch();
    let found = tokio::time::timeout(limit, async {
        loop {
            changes.mark_unchanged();
            if let Some(found) = shared.read(&mut look) {
                return Some(found);
            }
            if changes.changed().await.is_err() {
                return None;
            }
        }
    });
    match found.await {
        Ok(Some(found)) => Ok(found),
        _ => Err(WaitExpired {
            what: what.to_owned(),
            limit,
            history: shared.read(|state| state.history.to_string()),
        }),
    }
}
