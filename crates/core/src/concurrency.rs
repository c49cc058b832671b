//! `concurrency` of a workflow or a job, evaluated.

use crate::ids::GroupId;
use serde::{Deserialize, Serialize};

/// The group that a run, a call or a job takes a place in before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    /// As it is written; its case tells no two groups apart.
    pub group: String,
    /// Stops who has the place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_in_progress: bool,
    #[serde(default, skip_serializing_if = "Queueing::is_single")]
    pub queue: Queueing,
}

impl Concurrency {
    #[must_use]
    pub fn id(&self) -> GroupId {
        GroupId::derive(&self.group)
    }
}

/// `queue`: who else may wait. GitHub docs, "Using concurrency in different scenarios".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queueing {
    /// Nobody: who waited before is cancelled.
    #[default]
    Single,
    /// All that waited before, up to [`crate::limits::GROUP_PENDING`]; past it the newest is cancelled.
    Max,
}

impl Queueing {
    const fn is_single(&self) -> bool {
        matches!(self, Self::Single)
    }
}
