//! Compute in virtual time: each attempt is pending for a while, runs for a while, and ends with its code, unless it is
//! cancelled. Remembers how often anything was really started.

use super::faults::Faults;
use super::world::SimClock;
use async_trait::async_trait;
use checkmill_backends::port::{
    Backend, BackendEnd, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission, SubmitKey,
};
use checkmill_core::{Millis, UnixMillis};
use checkmill_phases::ports::Clock as _;
use checkmill_workflow::job::{JobResult, JobVerdict, StepResult, StepStatus};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// How the attempts of this backend behave; chosen by the order in which they are submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    pub pending: Millis,
    pub running: Millis,
    pub ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Success,
    Failure,
    /// The node is lost.
    Lost,
    /// It never ends by itself.
    Hangs,
}

#[derive(Debug, Clone)]
struct Compute {
    key: SubmitKey,
    script: Script,
    submitted: UnixMillis,
    cancelled: Option<UnixMillis>,
}

pub struct SimBackend {
    jobs: Mutex<BTreeMap<String, Compute>>,
    scripts: Vec<Script>,
    pub callback: bool,
    faults: Arc<Faults>,
    clock: Arc<SimClock>,
}

impl Compute {
    fn state(&self, now: UnixMillis) -> BackendState {
        let started = self.submitted + self.script.pending;
        let ends = started + self.script.running;
        let ended = self.script.ending != Ending::Hangs && ends <= now;
        match self.cancelled {
            Some(at) if !(ended && ends <= at) => BackendState::Ended(BackendEnd::Cancelled),
            _ if ended => BackendState::Ended(match self.script.ending {
                Ending::Success => BackendEnd::Exited { code: 0 },
                Ending::Failure => BackendEnd::Exited { code: 1 },
                Ending::Lost | Ending::Hangs => BackendEnd::Lost {
                    detail: "node lost".to_owned(),
                },
            }),
            _ if started <= now => BackendState::Running,
            _ => BackendState::Pending,
        }
    }
}

impl SimBackend {
    #[must_use]
    pub fn new(scripts: Vec<Script>, callback: bool, faults: Arc<Faults>, clock: Arc<SimClock>) -> Self {
        Self {
            jobs: Mutex::default(),
            scripts,
            callback,
            faults,
            clock,
        }
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, Compute>> {
        self.jobs.lock().expect("no test panics while it holds this")
    }

    fn failed(text: &str) -> BackendError {
        BackendError::Transient {
            backend: "sim".to_owned(),
            detail: text.to_owned(),
        }
    }

    /// Keys of what uses compute now.
    #[must_use]
    pub fn live(&self) -> Vec<SubmitKey> {
        let now = self.clock.now();
        let live = |c: &&Compute| !matches!(c.state(now), BackendState::Ended(_));
        self.jobs().values().filter(live).map(|c| c.key.clone()).collect()
    }

    /// What the agent of an attempt would report now, if it has ended by itself.
    #[must_use]
    pub fn result_of(&self, id: &str) -> Option<JobResult> {
        let compute = self.jobs().get(id)?.clone();
        let state = compute.state(self.clock.now());
        let BackendState::Ended(BackendEnd::Exited { code }) = state else {
            return None;
        };
        Some(JobResult {
            conclusion: if code == 0 {
                JobVerdict::Success
            } else {
                JobVerdict::Failure
            },
            detail: format!("exit code {code}"),
            exit_code: Some(code),
            steps: vec![step(code, compute.script.running)],
            outputs: BTreeMap::new(),
            annotations: vec![],
            summary: String::new(),
            log_bytes: 4,
        })
    }
}

/// The one step of a job.
fn step(code: i32, ran: Millis) -> StepResult {
    let status = if code == 0 {
        StepStatus::Success
    } else {
        StepStatus::Failure
    };
    StepResult {
        name: "Run make".to_owned(),
        outcome: status,
        conclusion: status,
        exit_code: Some(code),
        duration_ms: ran.0,
        tail: vec![],
    }
}

#[async_trait]
impl Backend for SimBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            callback: self.callback,
            batched_poll: true,
            containers: false,
        }
    }

    async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
        self.faults.call(Self::failed, || {
            let id = submission.key.to_string();
            let now = self.clock.now();
            let mut jobs = self.jobs();
            let script = self.scripts[jobs.len() % self.scripts.len()];
            let key = submission.key.clone();
            jobs.entry(id.clone()).or_insert(Compute {
                key,
                script,
                submitted: now,
                cancelled: None,
            });
            Ok(id)
        })
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
        self.faults.call(Self::failed, || {
            let now = self.clock.now();
            let jobs = self.jobs();
            Ok(ids
                .iter()
                .map(|id| jobs.get(id).map_or(BackendState::Unknown, |c| c.state(now)))
                .collect())
        })
    }

    async fn cancel(&self, id: &str) -> Result<(), BackendError> {
        self.faults.call(Self::failed, || {
            let now = self.clock.now();
            if let Some(compute) = self.jobs().get_mut(id) {
                compute.cancelled.get_or_insert(now);
            }
            Ok(())
        })
    }

    async fn log(&self, _id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        self.faults.call(Self::failed, || {
            let bytes = b"log\n"[(offset as usize).min(4)..].to_vec();
            Ok(LogChunk {
                bytes,
                next_offset: 4,
                complete: true,
            })
        })
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.faults.call(Self::failed, || {
            let result = self.result_of(id);
            Ok(result.map(|result| serde_json::to_vec(&result).expect("a result is JSON")))
        })
    }

    async fn list(&self) -> Result<Vec<Owned>, BackendError> {
        self.faults.call(Self::failed, || {
            let now = self.clock.now();
            let jobs = self.jobs();
            let owned = jobs.iter().map(|(id, c)| Owned {
                key: c.key.clone(),
                id: id.clone(),
                live: !matches!(c.state(now), BackendState::Ended(_)),
            });
            Ok(owned.collect())
        })
    }

    async fn discard(&self, _id: &str) -> Result<(), BackendError> {
        // Kept, so that the test sees everything that was ever started.
        self.faults.call(Self::failed, || Ok(()))
    }
}
