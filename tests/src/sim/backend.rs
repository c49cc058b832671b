//! Compute in virtual time: each attempt is pending for a while, runs for a while, and ends with its code, unless it is
//! cancelled. Remembers how often anything was really started.

use super::faults::{Faults, Peer, Trouble};
use super::world::SimClock;
use async_trait::async_trait;
use checkmill_backends::port::{
    Backend, BackendEnd, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission, SubmitKey,
};
use checkmill_core::{Millis, UnixMillis};
use checkmill_phases::ports::Clock as _;
use checkmill_workflow::job::{JobResult, JobVerdict, ResultAnnotation, ResultLevel, StepResult, StepStatus};
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

/// What every attempt writes.
pub const LOG: &[u8] = b"log\n";

#[derive(Debug, Default)]
struct Inner {
    /// What the backend knows of.
    jobs: BTreeMap<String, Compute>,
    /// How often each key was really started.
    starts: BTreeMap<SubmitKey, u32>,
    /// How each was to end, remembered when the backend has forgotten it.
    endings: BTreeMap<SubmitKey, Ending>,
    /// What was laid down for one attempt.
    planned: BTreeMap<SubmitKey, Script>,
}

pub struct SimBackend {
    inner: Mutex<Inner>,
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
            inner: Mutex::default(),
            scripts,
            callback,
            faults,
            clock,
        }
    }

    /// Lays down how an attempt goes, whenever it is submitted. The others take the scripts in turn.
    pub fn plan(&self, attempt: SubmitKey, script: Script) {
        self.inner().planned.insert(attempt, script);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while it holds this")
    }

    fn failed(trouble: Trouble) -> BackendError {
        let (backend, detail) = ("sim".to_owned(), "injected".to_owned());
        match trouble {
            Trouble::Away | Trouble::Conflict => BackendError::Transient { backend, detail },
            Trouble::Refused(_) => BackendError::Refused { backend, detail },
        }
    }

    /// Keys of what uses compute now.
    #[must_use]
    pub fn live(&self) -> Vec<SubmitKey> {
        let now = self.clock.now();
        let live = |c: &&Compute| !matches!(c.state(now), BackendState::Ended(_));
        self.inner()
            .jobs
            .values()
            .filter(live)
            .map(|c| c.key.clone())
            .collect()
    }

    /// Keys that were started more than once.
    #[must_use]
    pub fn started_again(&self) -> Vec<SubmitKey> {
        let inner = self.inner();
        let again = inner.starts.iter().filter(|(_, starts)| **starts > 1);
        again.map(|(key, _)| key.clone()).collect()
    }

    /// The attempts of which their agents have something to say, each with when it began and, where it ends by itself, ends.
    #[must_use]
    pub fn spans(&self) -> Vec<(String, UnixMillis, Option<UnixMillis>)> {
        let inner = self.inner();
        let span = |(id, c): (&String, &Compute)| {
            let began = c.submitted + c.script.pending;
            let ended = began + c.script.running;
            let cancelled = |at: UnixMillis| c.cancelled.is_some_and(|cancelled| cancelled < at);
            let itself = matches!(c.script.ending, Ending::Success | Ending::Failure) && !cancelled(ended);
            (!cancelled(began)).then(|| (id.clone(), began, itself.then_some(ended)))
        };
        inner.jobs.iter().filter_map(span).collect()
    }

    /// How an attempt that was submitted was to end.
    #[must_use]
    pub fn ending_of(&self, attempt: &SubmitKey) -> Option<Ending> {
        self.inner().endings.get(attempt).copied()
    }

    /// What the agent of an attempt would report now, if it has ended by itself.
    #[must_use]
    pub fn result_of(&self, id: &str) -> Option<JobResult> {
        let compute = self.inner().jobs.get(id)?.clone();
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
            annotations: annotations(code),
            tests: checkmill_workflow::job::TestSummary::default(),
            summary: String::new(),
            wanted: Vec::new(),
            translated: Vec::new(),
            machine: String::new(),
            log_bytes: 4,
        })
    }
}

/// What a failure points at.
fn annotations(code: i32) -> Vec<ResultAnnotation> {
    let annotation = ResultAnnotation {
        level: ResultLevel::Error,
        message: "it does not compile".to_owned(),
        title: None,
        path: Some("src/lib.rs".to_owned()),
        start_line: Some(1),
        end_line: None,
        start_column: None,
        end_column: None,
    };
    if code == 0 { vec![] } else { vec![annotation] }
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
            containers: false,
        }
    }

    async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
        self.faults
            .call(Peer::Backend, Self::failed, || {
                let id = submission.key.to_string();
                let now = self.clock.now();
                let mut inner = self.inner();
                if inner.jobs.contains_key(&id) {
                    return Ok(id);
                }
                let key = submission.key.clone();
                let next = self.scripts[inner.starts.len() % self.scripts.len()];
                let script = inner.planned.get(&key).copied().unwrap_or(next);
                *inner.starts.entry(key.clone()).or_default() += 1;
                inner.endings.insert(key.clone(), script.ending);
                let compute = Compute {
                    key,
                    script,
                    submitted: now,
                    cancelled: None,
                };
                inner.jobs.insert(id.clone(), compute);
                Ok(id)
            })
            .await
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
        self.faults
            .call(Peer::Backend, Self::failed, || {
                let now = self.clock.now();
                let inner = self.inner();
                Ok(ids
                    .iter()
                    .map(|id| inner.jobs.get(id).map_or(BackendState::Unknown, |c| c.state(now)))
                    .collect())
            })
            .await
    }

    async fn cancel(&self, id: &str) -> Result<(), BackendError> {
        self.faults
            .call(Peer::Backend, Self::failed, || {
                let now = self.clock.now();
                if let Some(compute) = self.inner().jobs.get_mut(id) {
                    compute.cancelled.get_or_insert(now);
                }
                Ok(())
            })
            .await
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        self.faults
            .call(Peer::Backend, Self::failed, || {
                let log: &[u8] = if self.inner().jobs.contains_key(id) {
                    LOG
                } else {
                    b""
                };
                let bytes = log[(offset as usize).min(log.len())..].to_vec();
                Ok(LogChunk {
                    bytes,
                    next_offset: log.len() as u64,
                    complete: true,
                })
            })
            .await
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.faults
            .call(Peer::Backend, Self::failed, || {
                let result = self.result_of(id);
                Ok(result.map(|result| serde_json::to_vec(&result).expect("a result is JSON")))
            })
            .await
    }

    async fn list(&self) -> Result<Vec<Owned>, BackendError> {
        self.faults
            .call(Peer::Backend, Self::failed, || {
                let now = self.clock.now();
                let inner = self.inner();
                let owned = inner.jobs.iter().map(|(id, c)| Owned {
                    key: c.key.clone(),
                    id: id.clone(),
                    live: !matches!(c.state(now), BackendState::Ended(_)),
                });
                Ok(owned.collect())
            })
            .await
    }

    async fn discard(&self, id: &str) -> Result<(), BackendError> {
        self.faults
            .call(Peer::Backend, Self::failed, || {
                let now = self.clock.now();
                let mut inner = self.inner();
                let over = inner
                    .jobs
                    .get(id)
                    .is_some_and(|c| matches!(c.state(now), BackendState::Ended(_)));
                if over {
                    inner.jobs.remove(id);
                }
                Ok(())
            })
            .await
    }
}
