//! The schedules of repositories: kept as the workflow files of the default branch have them, and left alone where the
//! repository can't be had. The sweep makes events of what is due.

use crate::dirs;
use crate::error::PhaseError;
use crate::ports::{Clock, Schedules, StoreError};
use checkmill_core::limits::{FOLLOWED_WORKFLOWS, SCHEDULES, STORE_CONFLICT_RETRIES};
use checkmill_core::policy::Policy;
use checkmill_core::schedule::{Schedule, Waits};
use checkmill_core::{CommitSha, Event, EventKind, RepositoryId};
use checkmill_github::forge::{Forge, PlanningFiles, RepoRef, SourceContent};
use std::collections::BTreeSet;

pub(crate) struct Timetables<'a> {
    pub(crate) schedules: &'a dyn Schedules,
    pub(crate) forge: &'a dyn Forge,
    pub(crate) clock: &'a dyn Clock,
}

/// What the workflow files that count wait for; what is broken waits for nothing.
pub(crate) struct Awaited {
    pub(crate) waits: Waits,
    /// Schedules past [`SCHEDULES`].
    pub(crate) schedules_left_out: usize,
    /// Names of workflows past [`FOLLOWED_WORKFLOWS`].
    pub(crate) followed_left_out: usize,
}

impl Awaited {
    /// None where the event says nothing about the default branch's files.
    pub(crate) fn of(event: &Event, files: &PlanningFiles, policy: &Policy) -> Option<Self> {
        if !event.moves_default_branch() && !matches!(event.kind, EventKind::Schedule(_)) {
            return None;
        }
        let mut awaited = Self {
            waits: Waits::default(),
            schedules_left_out: 0,
            followed_left_out: 0,
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
            let Waits {
                timings,
                followed,
                events,
            } = &mut awaited.waits;
            awaited.schedules_left_out += fill(timings, workflow.schedule(), SCHEDULES);
            events.extend(workflow.repository_events().filter(|name| name.comes_in_masses()));
            awaited.followed_left_out += fill(followed, workflow.follows(), FOLLOWED_WORKFLOWS);
        }
        Some(awaited)
    }
}

/// Takes them in up to the limit; how many were not.
fn fill<T: Ord + Clone>(set: &mut BTreeSet<T>, new: &[T], limit: usize) -> usize {
    let mut left_out = 0;
    for one in new {
        if set.len() < limit || set.contains(one) {
            set.insert(one.clone());
        } else {
            left_out += 1;
        }
    }
    left_out
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
        waits: &Waits,
    ) -> Result<(), PhaseError> {
        for _ in 0..STORE_CONFLICT_RETRIES {
            let stored = self.schedules.load(repo.id).await?;
            let next = Schedule::replanned(stored.as_ref(), event, waits, self.clock.now());
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
