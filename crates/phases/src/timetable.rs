//! The schedules of repositories: kept as the workflow files of the default branch have them, and left alone where the
//! repository can't be had. The sweep makes events of what is due.

use crate::dirs;
use crate::error::PhaseError;
use crate::ports::{Clock, Schedules, StoreError};
use checkmill_core::limits::{SCHEDULES, STORE_CONFLICT_RETRIES};
use checkmill_core::policy::Policy;
use checkmill_core::schedule::{Schedule, Timing};
use checkmill_core::{CommitSha, Event, EventKind, RepositoryId};
use checkmill_github::forge::{Forge, PlanningFiles, RepoRef, SourceContent};
use std::collections::BTreeSet;

pub(crate) struct Timetables<'a> {
    pub(crate) schedules: &'a dyn Schedules,
    pub(crate) forge: &'a dyn Forge,
    pub(crate) clock: &'a dyn Clock,
}

/// The schedules of the workflow files that count; what is broken has none. Past [`SCHEDULES`] they are left out.
pub(crate) struct Timings {
    pub(crate) kept: BTreeSet<Timing>,
    pub(crate) left_out: usize,
}

impl Timings {
    /// None where the event says nothing about the default branch's files.
    pub(crate) fn of(event: &Event, files: &PlanningFiles, policy: &Policy) -> Option<Self> {
        if !event.moves_default_branch() && !matches!(event.kind, EventKind::Schedule(_)) {
            return None;
        }
        let mut timings = Self {
            kept: BTreeSet::new(),
            left_out: 0,
        };
        let counted = files
            .workflows
            .iter()
            .filter(|file| dirs::counts(&file.path, policy));
        for file in counted {
            let SourceContent::Text(text) = &file.content else {
                continue;
            };
            let Ok(workflow) = checkmill_workflow::parse(&file.path, text) else {
                continue;
            };
            for timing in workflow.schedule() {
                if timings.kept.len() < SCHEDULES || timings.kept.contains(timing) {
                    timings.kept.insert(timing.clone());
                } else {
                    timings.left_out += 1;
                }
            }
        }
        Some(timings)
    }
}

impl Timetables<'_> {
    /// Keeps the schedules of the default branch at this commit, unless the branch has moved on meanwhile: pushes are
    /// delivered in any order.
    ///
    /// # Errors
    /// The ports'.
    pub(crate) async fn keep(
        &self,
        event: &Event,
        repo: &RepoRef,
        sha: &CommitSha,
        timings: &BTreeSet<Timing>,
    ) -> Result<(), PhaseError> {
        for _ in 0..STORE_CONFLICT_RETRIES {
            let stored = self.schedules.load(repo.id).await?;
            let next = Schedule::replanned(stored.as_ref(), event, timings, self.clock.now());
            let Some(next) = next else { return Ok(()) };
            let head = self.forge.resolve_ref(repo, &event.default_branch()).await?;
            if head.as_ref() != Some(sha) {
                return Ok(());
            }
            match self.schedules.save(&next).await {
                Ok(()) => {
                    tracing::info!(repository = %repo.name, timers = next.timers.len(), "the schedules of a repository changed");
                    return Ok(());
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Leaves the schedules of a repository alone for a while that could not be had, however many of them met with it.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn rest(&self, repository: RepositoryId, why: &PhaseError) -> Result<(), PhaseError> {
        for _ in 0..STORE_CONFLICT_RETRIES {
            let now = self.clock.now();
            let stored = self.schedules.load(repository).await?;
            let Some(rested) = stored.and_then(|stored| stored.rested(now)) else {
                return Ok(());
            };
            match self.schedules.save(&rested).await {
                Ok(()) => {
                    tracing::warn!(repository = %rested.repository.name, rests = rested.rests, timers = rested.timers.len(),
                        error = %why, "a repository with schedules can't be had; they rest");
                    return Ok(());
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}
