//! What an execution went through.

use crate::machine::{StateId, Via};
use std::collections::VecDeque;

/// Events in one execution's history. AWS docs, "Step Functions service quotas": 25,000, hard; the execution fails there.
pub const HISTORY_EVENTS_MAX: u32 = 25_000;
/// States entered that are remembered; of more, the last ones. Enough for every test and for a look at what went wrong,
/// little enough for thousands of executions in memory.
pub const VISITS_KEPT: usize = 256;

/// A state that was entered, and by which way out of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    pub state: StateId,
    /// None for the first state.
    pub via: Option<Via>,
}

#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) events: u32,
    visits: VecDeque<Visit>,
}

impl Default for History {
    fn default() -> Self {
        // ExecutionStarted.
        Self {
            events: 1,
            visits: VecDeque::new(),
        }
    }
}

impl History {
    pub(super) fn visit(&mut self, visit: Visit) {
        if self.visits.len() == VISITS_KEPT {
            self.visits.pop_front();
        }
        self.visits.push_back(visit);
    }

    pub(super) fn last(&self) -> Option<Visit> {
        self.visits.back().copied()
    }

    pub(super) fn visits(&self) -> impl Iterator<Item = Visit> + '_ {
        self.visits.iter().copied()
    }

    /// Counts events, if they and the one that must end the execution have room; whether they have.
    pub(super) fn record(&mut self, events: u32) -> bool {
        let fit = self.events + events < HISTORY_EVENTS_MAX;
        self.events = if fit {
            self.events + events
        } else {
            HISTORY_EVENTS_MAX
        };
        fit
    }
}
