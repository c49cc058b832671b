//! Why a phase could not do its work, by what the state machine or the queue can do about it.

use crate::ports::{EngineError, QueueError, StoreError};
use checkmill_backends::port::BackendError;
use checkmill_core::ErrorName;
use checkmill_core::transition::IllegalTransition;
use checkmill_github::forge::ForgeError;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhaseError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Forge(#[from] ForgeError),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// Another phase is at work on the job; its claim runs out.
    #[error("another start phase holds the claim on this job")]
    Claimed,
    /// Something that must be there is not.
    #[error("there is no {0}")]
    Missing(String),
}

impl PhaseError {
    #[must_use]
    pub const fn error_name(&self) -> ErrorName {
        match self {
            Self::Store(error) => error.error_name(),
            Self::Engine(error) => error.error_name(),
            Self::Forge(error) => error.error_name(),
            Self::Backend(error) => error.error_name(),
            Self::Queue(_) => ErrorName::Transient,
            Self::Claimed => ErrorName::Conflict,
            Self::Illegal(_) | Self::Missing(_) => ErrorName::Permanent,
        }
    }

    /// GitHub knows neither the repository nor the check any more, or the App is not installed there: nobody can be told.
    #[must_use]
    pub const fn is_out_of_reach(&self) -> bool {
        matches!(
            self,
            Self::Forge(ForgeError::NotFound(_) | ForgeError::NotInstalled(_))
        )
    }

    /// GitHub refuses, and will refuse again unless somebody changes something there.
    #[must_use]
    pub const fn is_for_good(&self) -> bool {
        self.is_out_of_reach() || matches!(self, Self::Forge(ForgeError::Forbidden(_)))
    }

    /// What GitHub does not know now it may know soon: one of its servers may be behind. That the App is not installed is
    /// the word of the one that must know.
    #[must_use]
    pub const fn may_be_behind(&self) -> bool {
        matches!(self, Self::Forge(ForgeError::NotFound(_)))
    }
}
