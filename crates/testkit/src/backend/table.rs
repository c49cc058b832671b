//! The fake backend's jobs.

use super::plan::Plan;
use checkmill_backends::port::{BackendEnd, BackendState, LogChunk, Owned, Submission, SubmitKey};
use checkmill_core::limits::LOG_CHUNK_BYTES;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(super) struct FakeJob {
    pub(super) submission: Submission,
    pub(super) state: BackendState,
    pub(super) plan: Plan,
    /// States of the plan that were not seen yet.
    upcoming: VecDeque<BackendState>,
}

pub(super) struct Table {
    /// By the backend's own id.
    pub(super) jobs: BTreeMap<String, FakeJob>,
    pub(super) default_plan: Plan,
    pub(super) next_plans: VecDeque<Plan>,
    pub(super) named_plans: Vec<(String, Plan)>,
    pub(super) started: Vec<SubmitKey>,
    discarded_live: Vec<SubmitKey>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            jobs: BTreeMap::new(),
            default_plan: Plan::never_starts(),
            next_plans: VecDeque::new(),
            named_plans: Vec::new(),
            started: Vec::new(),
            discarded_live: Vec::new(),
        }
    }
}

const fn live(state: &BackendState) -> bool {
    matches!(state, BackendState::Pending | BackendState::Running)
}

impl Table {
    pub(super) fn find(&self, key: &SubmitKey) -> Option<&FakeJob> {
        self.jobs.values().find(|job| job.submission.key == *key)
    }

    pub(super) fn with(&mut self, key: &SubmitKey, change: impl FnOnce(&mut FakeJob)) -> bool {
        let found = self.jobs.values_mut().find(|job| job.submission.key == *key);
        found.map(change).is_some()
    }

    pub(super) fn set_state(&mut self, key: &SubmitKey, state: BackendState) -> bool {
        self.with(key, |job| {
            job.state = state;
            job.upcoming.clear();
        })
    }

    /// The backend's id: `fake-` and a number, as no caller should read anything out of it.
    pub(super) fn submit(&mut self, submission: &Submission) -> String {
        let known = self
            .jobs
            .iter()
            .find(|(_, job)| job.submission.key == submission.key);
        if let Some((id, _)) = known {
            return id.clone();
        }
        let named = self
            .named_plans
            .iter()
            .find(|(part, _)| submission.name.contains(part));
        let plan = match named {
            Some((_, plan)) => plan.clone(),
            None => self
                .next_plans
                .pop_front()
                .unwrap_or_else(|| self.default_plan.clone()),
        };
        self.started.push(submission.key.clone());
        let id = format!("fake-{}", self.started.len());
        let job = FakeJob {
            submission: submission.clone(),
            state: BackendState::Pending,
            upcoming: plan.states.iter().cloned().collect(),
            plan,
        };
        self.jobs.insert(id.clone(), job);
        id
    }

    pub(super) fn poll(&mut self, id: &str) -> BackendState {
        let Some(job) = self.jobs.get_mut(id) else {
            return BackendState::Unknown;
        };
        if let Some(next) = job.upcoming.pop_front() {
            job.state = next;
        }
        job.state.clone()
    }

    pub(super) fn cancel(&mut self, id: &str) {
        if let Some(job) = self.jobs.get_mut(id)
            && live(&job.state)
        {
            job.state = BackendState::Ended(BackendEnd::Cancelled);
            job.upcoming.clear();
        }
    }

    pub(super) fn log(&self, id: &str, offset: u64) -> LogChunk {
        let job = self.jobs.get(id);
        let log = job.map(|job| job.plan.log.as_slice()).unwrap_or_default();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(log.len());
        let end = (start + LOG_CHUNK_BYTES).min(log.len());
        LogChunk {
            bytes: log[start..end].to_vec(),
            next_offset: end as u64,
            complete: end == log.len() && job.is_none_or(|job| !live(&job.state)),
        }
    }

    pub(super) fn list(&self) -> Vec<Owned> {
        let owned = |(id, job): (&String, &FakeJob)| Owned {
            key: job.submission.key.clone(),
            id: id.clone(),
            live: live(&job.state),
        };
        self.jobs.iter().map(owned).collect()
    }

    pub(super) fn live(&self) -> Vec<SubmitKey> {
        let live = self.jobs.values().filter(|job| live(&job.state));
        live.map(|job| job.submission.key.clone()).collect()
    }

    pub(super) fn discard(&mut self, id: &str) {
        if let Some(job) = self.jobs.remove(id)
            && live(&job.state)
        {
            self.discarded_live.push(job.submission.key);
        }
    }

    pub(super) fn leftovers(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let twice = self.started.iter().filter(|key| !seen.insert(*key));
        let twice: Vec<String> = twice.map(|key| format!("{key} was started twice")).collect();
        let live = self
            .live()
            .into_iter()
            .map(|key| format!("{key} is still live on the backend"));
        let discarded = self
            .discarded_live
            .iter()
            .map(|key| format!("{key} was discarded while it was live"));
        live.chain(twice).chain(discarded).collect()
    }
}
