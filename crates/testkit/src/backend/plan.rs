//! What a job of the fake backend will do.

use checkmill_backends::port::{BackendEnd, BackendState};

/// A job's states, one for each poll, the last one staying; and what it leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub(super) states: Vec<BackendState>,
    pub(super) log: Vec<u8>,
    pub(super) result: Option<Vec<u8>>,
}

impl Plan {
    /// The polls see these states, one after the other; with none the job stays pending.
    #[must_use]
    pub fn states(states: impl IntoIterator<Item = BackendState>) -> Self {
        Self {
            states: states.into_iter().collect(),
            log: Vec::new(),
            result: None,
        }
    }

    /// Waits, runs, and exits with this code.
    #[must_use]
    pub fn exits(code: i32) -> Self {
        Self::ends(BackendEnd::Exited { code })
    }

    /// Waits, runs, and ends like this.
    #[must_use]
    pub fn ends(end: BackendEnd) -> Self {
        Self::states([
            BackendState::Pending,
            BackendState::Running,
            BackendState::Ended(end),
        ])
    }

    /// Runs until it is stopped.
    #[must_use]
    pub fn hangs() -> Self {
        Self::states([BackendState::Running])
    }

    /// Waits for compute until it is stopped.
    #[must_use]
    pub fn never_starts() -> Self {
        Self::states([])
    }

    #[must_use]
    pub fn log(mut self, log: impl Into<Vec<u8>>) -> Self {
        self.log = log.into();
        self
    }

    /// The agent's result file, as JSON.
    #[must_use]
    pub fn result(mut self, json: impl Into<Vec<u8>>) -> Self {
        self.result = Some(json.into());
        self
    }
}
