//! What a world went through: a property that holds because nothing happened proves nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// Something that a phase must live with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// A call failed before it took effect.
    Failed,
    /// A call took effect and its answer was lost.
    AnswerLost,
    /// A peer refused.
    Refused,
    /// A peer was away, or refused everything, for a while.
    Outage,
    /// A conditional write lost to one that was made up.
    Storm,
    /// A conditional write lost to another phase's.
    RaceLost,
    /// A process died between two effects.
    Died,
    /// A function was ended because it took too long.
    TimedOut,
    /// The state machine gave a phase up, which went on.
    Deserted,
    /// Somebody stopped all executions.
    ExecutionsStopped,
    /// A phase found a claim that another one holds.
    Claimed,
    /// A delivery came once more, or its message did.
    Duplicate,
    /// GitHub was asked to make a delivery again that had failed.
    Redelivered,
    /// What an agent said by itself was lost.
    AgentUnheard,
    /// An agent called after its attempt had ended, or again.
    AgentLate,
    /// A job was at a later attempt than its first in the end.
    RunAgain,
    /// A job was stopped, by a person or a time limit.
    Stopped,
    /// A job waited for a place in a concurrency group, and got it.
    Placed,
    /// A job was cancelled because another one took its place.
    Displaced,
}

impl Happening {
    pub const ALL: [Self; 19] = [
        Self::Failed,
        Self::AnswerLost,
        Self::Refused,
        Self::Outage,
        Self::Storm,
        Self::RaceLost,
        Self::Died,
        Self::TimedOut,
        Self::Deserted,
        Self::ExecutionsStopped,
        Self::Claimed,
        Self::Duplicate,
        Self::Redelivered,
        Self::AgentUnheard,
        Self::AgentLate,
        Self::RunAgain,
        Self::Stopped,
        Self::Placed,
        Self::Displaced,
    ];
}

/// How often each of them happened.
#[derive(Debug, Default)]
pub struct Tally([AtomicU64; Happening::ALL.len()]);

impl Tally {
    pub fn note(&self, happening: Happening) {
        self.0[happening as usize].fetch_add(1, Ordering::Relaxed);
    }

    #[must_use]
    pub fn of(&self, happening: Happening) -> u64 {
        self.0[happening as usize].load(Ordering::Relaxed)
    }

    /// Adds what happened elsewhere.
    pub fn add(&self, other: &Self) {
        for happening in Happening::ALL {
            self.0[happening as usize].fetch_add(other.of(happening), Ordering::Relaxed);
        }
    }
}
