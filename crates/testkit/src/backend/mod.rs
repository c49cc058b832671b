//! A backend that runs nothing: each job does what its [`Plan`] says, or what the test makes of it.

mod plan;
mod table;

pub use plan::Plan;

use async_trait::async_trait;
use checkmill_backends::port::{
    Backend, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission, SubmitKey,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use table::Table;
use tokio::sync::watch;

/// A call of the port, to count and to make fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Submit,
    Poll,
    Cancel,
    Log,
    Result,
    List,
    Discard,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendFault {
    /// Nothing is done, and the call fails as transient.
    LostBeforeEffect,
    /// It is done, and the call fails as transient all the same.
    AnswerLostAfterEffect,
    /// The backend will not do it.
    Refused(String),
}

struct Inner {
    table: Table,
    faults: VecDeque<(Operation, BackendFault)>,
    calls: Vec<Operation>,
}

/// The backend and its remote control. Clones are the same backend.
#[derive(Clone)]
pub struct FakeBackend {
    inner: Arc<Mutex<Inner>>,
    changes: Arc<watch::Sender<u64>>,
    capabilities: Capabilities,
}

impl Default for FakeBackend {
    fn default() -> Self {
        Self::new(Capabilities {
            callback: false,
            containers: false,
        })
    }
}

impl FakeBackend {
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                table: Table::default(),
                faults: VecDeque::new(),
                calls: Vec::new(),
            })),
            changes: Arc::new(watch::channel(0).0),
            capabilities,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let result = change(&mut self.lock().table);
        self.changes.send_modify(|version| *version += 1);
        result
    }

    /// What jobs do that no other plan is for. At first: [`Plan::never_starts`].
    pub fn plan_all(&self, plan: Plan) {
        self.change(|table| table.default_plan = plan);
    }

    /// What the next job does that is not there yet. Several are used in turn.
    pub fn plan_next(&self, plan: Plan) {
        self.change(|table| table.next_plans.push_back(plan));
    }

    /// What each attempt of jobs whose name holds this text does.
    pub fn plan_for(&self, name_part: &str, plan: Plan) {
        self.change(|table| table.named_plans.push((name_part.to_owned(), plan)));
    }

    /// The next call of this kind fails. Several are met one after the other.
    pub fn fail_next(&self, operation: Operation, fault: BackendFault) {
        self.lock().faults.push_back((operation, fault));
    }

    /// Moves a job by hand; its plan is forgotten. Whether there is such a job.
    pub fn set_state(&self, key: &SubmitKey, state: BackendState) -> bool {
        self.change(|table| table.set_state(key, state))
    }

    /// Adds to a job's log. Whether there is such a job.
    pub fn append_log(&self, key: &SubmitKey, bytes: &[u8]) -> bool {
        self.change(|table| table.with(key, |job| job.plan.log.extend_from_slice(bytes)))
    }

    /// Gives a job its result file. Whether there is such a job.
    pub fn set_result(&self, key: &SubmitKey, json: impl Into<Vec<u8>>) -> bool {
        self.change(|table| table.with(key, |job| job.plan.result = Some(json.into())))
    }

    /// The backend loses all trace of a job, as after a crash of its own.
    pub fn forget(&self, key: &SubmitKey) {
        self.change(|table| table.jobs.retain(|_, job| job.submission.key != *key));
    }

    /// How often an operation was called, failed calls included.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> usize {
        self.lock()
            .calls
            .iter()
            .filter(|call| **call == operation)
            .count()
    }

    /// What was really started, in order. A key is there twice only if a job was forgotten and started again.
    #[must_use]
    pub fn started(&self) -> Vec<SubmitKey> {
        self.lock().table.started.clone()
    }

    /// A job as it was submitted, while the backend knows it.
    #[must_use]
    pub fn submission(&self, key: &SubmitKey) -> Option<Submission> {
        let inner = self.lock();
        inner.table.find(key).map(|job| job.submission.clone())
    }

    /// A job's state as the last poll saw it, without a poll.
    #[must_use]
    pub fn state(&self, key: &SubmitKey) -> BackendState {
        let inner = self.lock();
        inner
            .table
            .find(key)
            .map_or(BackendState::Unknown, |job| job.state.clone())
    }

    /// Jobs that use compute.
    #[must_use]
    pub fn live(&self) -> Vec<SubmitKey> {
        self.lock().table.live()
    }

    /// Waits for a change of the jobs after which `look` gives something. It has no limit of its own; tests put it beside
    /// the fake GitHub's waits.
    pub async fn wait_for<T>(&self, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(found) = look(self) {
                return found;
            }
            // The sender is in self, so it can't be gone.
            let _ = changes.changed().await;
        }
    }

    /// What a finished test should not leave: live jobs, jobs started twice, running jobs that were discarded, and faults
    /// that nothing met.
    #[must_use]
    pub fn leftovers(&self) -> Vec<String> {
        let inner = self.lock();
        let mut left = inner.table.leftovers();
        left.extend(
            inner
                .faults
                .iter()
                .map(|fault| format!("the backend's fault {fault:?} was never met")),
        );
        left
    }

    /// Counts the call and takes its fault.
    fn begin(&self, operation: Operation) -> Option<BackendFault> {
        let mut inner = self.lock();
        inner.calls.push(operation);
        let index = inner.faults.iter().position(|(o, _)| *o == operation)?;
        inner.faults.remove(index).map(|(_, fault)| fault)
    }

    fn run<T>(&self, operation: Operation, effect: impl FnOnce(&mut Table) -> T) -> Result<T, BackendError> {
        let lost = || BackendError::Transient {
            backend: "fake".to_owned(),
            detail: "injected".to_owned(),
        };
        match self.begin(operation) {
            None => Ok(self.change(effect)),
            Some(BackendFault::LostBeforeEffect) => Err(lost()),
            Some(BackendFault::AnswerLostAfterEffect) => {
                self.change(effect);
                Err(lost())
            }
            Some(BackendFault::Refused(detail)) => Err(BackendError::Refused {
                backend: "fake".to_owned(),
                detail,
            }),
        }
    }
}

#[async_trait]
impl Backend for FakeBackend {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
        self.run(Operation::Submit, |table| table.submit(submission))
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
        self.run(Operation::Poll, |table| {
            ids.iter().map(|id| table.poll(id)).collect()
        })
    }

    async fn cancel(&self, id: &str) -> Result<(), BackendError> {
        self.run(Operation::Cancel, |table| table.cancel(id))
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        self.run(Operation::Log, |table| table.log(id, offset))
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.run(Operation::Result, |table| {
            table.jobs.get(id).and_then(|job| job.plan.result.clone())
        })
    }

    async fn list(&self) -> Result<Vec<Owned>, BackendError> {
        self.run(Operation::List, |table| table.list())
    }

    async fn discard(&self, id: &str) -> Result<(), BackendError> {
        self.run(Operation::Discard, |table| table.discard(id))
    }
}

#[cfg(test)]
mod tests;
