//! Jobs in Firecracker microVMs, one for each, through the service fcctl-web.
//!
//! The service makes VMs, runs code in them and removes them; it knows neither idempotency keys nor logs. What makes a submit
//! happen once is the VM's name, which is the key's, and an order: of all VMs with one name the first counts. In the VM the
//! agent is a backend of its own ([`crate::exec`], `checkmill-agent backend`): each call of ours is one `execute` that hands it
//! the call and prints its answer. So the job runs on whether or not anybody waits, and what is true of it is in the VM, which
//! therefore stays until the job is discarded. Then it is deleted, always.
//!
//! This object has no state but since when it could not reach a VM.

mod client;
mod guest;
mod id;
mod launch;
mod settings;
mod wire;

pub use settings::{AgentInVm, Download, FirecrackerSettings, Row, Secret};

use crate::exec::protocol::{Call, Done, LogPart, Polled, ResultFile, State};
use crate::port::{
    Backend, BackendEnd, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission, SubmitKey,
};
use async_trait::async_trait;
use checkmill_core::Millis;
use client::{Client, Fault};
use guest::{Code, Guest, NoAnswer, answer};
use id::{JobVm, VmId, key_of};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use wire::{Listed, Stage, Vm};

/// How long a request may take where nothing else is said.
pub const REQUEST: Millis = Millis::from_secs(15);
/// How long one submit waits for its VM: a phase has a minute, and the calls before and after want some of it.
pub const WAIT: Millis = Millis::from_secs(25);
/// A VM boots in seconds, and its sshd comes some seconds later.
pub const BOOT: Millis = Millis::from_minutes(3);

/// Of a log in one request: the service has the text in memory, and nobody says how much it takes.
const LOG_PIECE_BYTES: usize = 256 * 1024;
/// Calls into VMs at the same time.
const AT_A_TIME: usize = 8;
/// A cancel that can't reach the guest tries so often before the VM itself is deleted.
const CANCEL_TRIES: usize = 3;
const CANCEL_PAUSE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Clone)]
pub struct FirecrackerBackend {
    inner: Arc<Inner>,
}

struct Inner {
    settings: FirecrackerSettings,
    client: Client,
    /// When a VM was first seen that can't be reached, and since then could not.
    waited_for: Mutex<BTreeMap<VmId, Instant>>,
}

impl FirecrackerBackend {
    /// # Errors
    /// No HTTP client can be had.
    pub fn new(settings: FirecrackerSettings) -> Result<Self, BackendError> {
        let client = Client::new().map_err(|detail| Fault::Refused(detail).of_backend(&settings))?;
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                client,
                waited_for: Mutex::default(),
            }),
        })
    }
}

/// What a VM says of its job.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
    Job(BackendState),
    /// It runs, and its agent has no such job, or there is no agent.
    Empty,
    Gone,
    Dead(String),
    Unreachable(String),
}

impl Inner {
    fn guest(&self) -> Guest<'_> {
        Guest {
            agent: &self.settings.agent,
            directory: &self.settings.directory,
        }
    }

    async fn list_vms(&self) -> Result<(Listed, Vec<(SubmitKey, Vm)>), Fault> {
        let listed = self.client.list(&self.settings).await?;
        let mut vms: Vec<_> = listed
            .vms()
            .into_iter()
            .filter(|vm| vm.stage() != Stage::Gone)
            .filter_map(|vm| Some((key_of(&vm.name)?, vm)))
            .collect();
        vms.sort_by_key(|(_, vm)| vm.order());
        Ok((listed, vms))
    }

    /// All VMs of a job, the first first.
    async fn vms_of(&self, key: &SubmitKey) -> Result<Vec<Vm>, Fault> {
        let (_, vms) = self.list_vms().await?;
        Ok(of(key, vms))
    }

    /// For how long it has been known that a VM can't be reached.
    fn waited_for(&self, vm: &VmId) -> Duration {
        let now = Instant::now();
        let since = match self.waited_for.lock() {
            Ok(mut waited_for) => *waited_for.entry(vm.clone()).or_insert(now),
            Err(_) => now,
        };
        now.duration_since(since)
    }

    fn is_given_up(&self, vm: &VmId) -> bool {
        self.waited_for(vm) >= Duration::from_millis(self.settings.boot.0)
    }

    fn no_longer_waited_for(&self, vm: &VmId) {
        if let Ok(mut waited_for) = self.waited_for.lock() {
            waited_for.remove(vm);
        }
    }

    async fn delete(&self, id: &VmId) -> Result<(), Fault> {
        self.client.delete(&self.settings, id).await?;
        self.no_longer_waited_for(id);
        Ok(())
    }

    /// Runs the pieces and then the call; the agent's answer.
    async fn run<T: DeserializeOwned>(&self, vm: &VmId, key: &SubmitKey, code: &Code) -> Result<T, Fault> {
        for piece in &code.before {
            self.client.execute(&self.settings, vm, key, piece).await?;
        }
        let printed = self.client.execute(&self.settings, vm, key, &code.call).await?;
        self.no_longer_waited_for(vm);
        answer(&printed, &self.settings.agent).map_err(Fault::Guest)
    }

    async fn ask<T: DeserializeOwned>(&self, vm: &VmId, key: &SubmitKey, call: Call) -> Result<T, Fault> {
        let code = self.guest().call(call).map_err(Fault::Refused)?;
        self.run(vm, key, &code).await
    }

    async fn look(&self, vm: &VmId, key: &SubmitKey) -> Result<Look, Fault> {
        let call = Call::Poll {
            ids: vec![key.to_string()],
        };
        match self.ask::<Polled>(vm, key, call).await {
            Ok(Polled { states }) => Ok(match states.into_iter().next() {
                None | Some(State::Unknown) => Look::Empty,
                Some(state) => Look::Job(state.into()),
            }),
            Err(Fault::Guest(NoAnswer::NoAgent(_))) => Ok(Look::Empty),
            Err(Fault::Gone) => Ok(Look::Gone),
            Err(Fault::Dead(detail)) => Ok(Look::Dead(detail)),
            Err(Fault::Unreachable(detail)) => Ok(Look::Unreachable(detail)),
            Err(fault) => Err(fault),
        }
    }

    /// What [`Self::look`] says of each, in order, several at a time.
    async fn looks(self: &Arc<Self>, jobs: Vec<JobVm>) -> Vec<Result<Look, Fault>> {
        let mut looks: Vec<_> = std::iter::repeat_with(|| None).take(jobs.len()).collect();
        let mut jobs = jobs.into_iter().enumerate();
        let mut set = JoinSet::new();
        loop {
            while set.len() < AT_A_TIME
                && let Some((index, job)) = jobs.next()
            {
                let inner = Arc::clone(self);
                set.spawn(async move { (index, inner.look(&job.vm, &job.key).await) });
            }
            match set.join_next().await {
                None => break,
                Some(Ok((index, look))) => looks[index] = Some(look),
                Some(Err(error)) => tracing::warn!(%error, "a look into a VM was interrupted"),
            }
        }
        let interrupted = || Err(Fault::Transient("it was interrupted".to_owned()));
        looks
            .into_iter()
            .map(|look| look.unwrap_or_else(interrupted))
            .collect()
    }

    async fn poll(self: &Arc<Self>, ids: &[String]) -> Result<Vec<BackendState>, Fault> {
        let jobs: Vec<Option<JobVm>> = ids.iter().map(|id| id.parse().ok()).collect();
        let known = jobs.iter().flatten().cloned().collect();
        let mut looks = self.looks(known).await.into_iter();
        let mut states = Vec::new();
        for job in jobs {
            let Some(JobVm { vm, .. }) = job else {
                states.push(BackendState::Unknown);
                continue;
            };
            let Some(look) = looks.next().transpose()? else {
                continue;
            };
            states.push(match look {
                Look::Job(state) => state,
                Look::Empty | Look::Gone => BackendState::Unknown,
                Look::Dead(detail) => BackendState::Ended(BackendEnd::Lost { detail }),
                // The service may never notice that a guest hangs.
                Look::Unreachable(detail) if self.is_given_up(&vm) => {
                    BackendState::Ended(BackendEnd::Lost { detail })
                }
                Look::Unreachable(detail) => return Err(Fault::Unreachable(detail)),
            });
        }
        Ok(states)
    }

    async fn cancel(&self, id: &str) -> Result<(), Fault> {
        let Ok(job) = id.parse::<JobVm>() else {
            return Ok(());
        };
        // Also those of a submit whose answer was lost.
        for vm in self.vms_of(&job.key).await? {
            match vm.stage() {
                Stage::Running => self.stop(&vm.id, &job.key).await?,
                // Nothing has begun in it.
                Stage::Coming => self.delete(&vm.id).await?,
                Stage::Dead | Stage::Gone => {}
            }
        }
        Ok(())
    }

    /// Has the agent stop its job. A VM without one, and one that can't be reached or answers nonsense, are deleted: nothing else
    /// stops them. Only a fault of the service is passed on.
    async fn stop(&self, vm: &VmId, key: &SubmitKey) -> Result<(), Fault> {
        for attempt in 1..=CANCEL_TRIES {
            match self.look(vm, key).await {
                Ok(Look::Job(state)) if !is_live(&state) => return Ok(()),
                Ok(Look::Gone | Look::Dead(_)) => return Ok(()),
                Ok(Look::Empty) => return self.delete(vm).await,
                Ok(Look::Job(_)) => {
                    let call = Call::Cancel { id: key.to_string() };
                    match self.ask::<Done>(vm, key, call).await {
                        Ok(Done {}) | Err(Fault::Gone | Fault::Dead(_)) => return Ok(()),
                        Err(Fault::Unreachable(_) | Fault::Guest(_)) => {}
                        Err(fault) => return Err(fault),
                    }
                }
                Ok(Look::Unreachable(_)) | Err(Fault::Guest(_)) => {}
                Err(fault) => return Err(fault),
            }
            if attempt < CANCEL_TRIES {
                tokio::time::sleep(CANCEL_PAUSE).await;
            }
        }
        tracing::warn!(backend = %self.settings.name, %vm, "a VM to cancel does not answer and is deleted");
        self.delete(vm).await
    }

    /// Whether a VM that is to be deleted says that its job has not ended. One whose agent gives no answer in so many tries as a
    /// cancel has does not keep its VM.
    async fn is_busy(&self, vm: &VmId, key: &SubmitKey) -> Result<bool, Fault> {
        for attempt in 1..=CANCEL_TRIES {
            match self.look(vm, key).await {
                Ok(Look::Job(state)) => return Ok(is_live(&state)),
                Ok(_) => return Ok(false),
                Err(Fault::Guest(_)) => {}
                Err(fault) => return Err(fault),
            }
            if attempt < CANCEL_TRIES {
                tokio::time::sleep(CANCEL_PAUSE).await;
            }
        }
        Ok(false)
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, Fault> {
        let nothing = LogChunk {
            bytes: Vec::new(),
            next_offset: offset,
            complete: true,
        };
        let Ok(job) = id.parse::<JobVm>() else {
            return Ok(nothing);
        };
        let call = Call::Log {
            id: job.key.to_string(),
            offset,
            limit: LOG_PIECE_BYTES,
        };
        match self.ask::<LogPart>(&job.vm, &job.key, call).await {
            Ok(part) => Ok(LogChunk {
                next_offset: offset + part.base64.len() as u64,
                bytes: part.base64,
                complete: part.complete,
            }),
            Err(Fault::Gone | Fault::Dead(_) | Fault::Guest(NoAnswer::NoAgent(_))) => Ok(nothing),
            Err(Fault::Unreachable(_)) if self.is_given_up(&job.vm) => Ok(nothing),
            Err(fault) => Err(fault),
        }
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, Fault> {
        let Ok(job) = id.parse::<JobVm>() else {
            return Ok(None);
        };
        let call = Call::Result {
            id: job.key.to_string(),
        };
        match self.ask::<ResultFile>(&job.vm, &job.key, call).await {
            Ok(file) => Ok(file.result.map(|result| result.to_string().into_bytes())),
            Err(Fault::Gone | Fault::Dead(_) | Fault::Guest(NoAnswer::NoAgent(_))) => Ok(None),
            Err(Fault::Unreachable(_)) if self.is_given_up(&job.vm) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn list(self: &Arc<Self>) -> Result<Vec<Owned>, Fault> {
        let (_, vms) = self.list_vms().await?;
        let running: Vec<JobVm> = vms
            .iter()
            .filter(|(_, vm)| vm.stage() == Stage::Running)
            .map(|(key, vm)| JobVm {
                vm: vm.id.clone(),
                key: key.clone(),
            })
            .collect();
        let mut looks = self.looks(running).await.into_iter();
        let mut owned: BTreeMap<SubmitKey, Owned> = BTreeMap::new();
        for (key, vm) in vms {
            let live = match vm.stage() {
                // It uses compute, whatever is in it, but for a job that has ended: that VM waits to be discarded.
                Stage::Running => match looks.next() {
                    Some(Ok(Look::Gone)) => continue,
                    Some(Ok(Look::Job(state))) => is_live(&state),
                    Some(Ok(Look::Dead(_))) => false,
                    _ => true,
                },
                Stage::Coming => true,
                Stage::Dead | Stage::Gone => false,
            };
            let id = JobVm {
                vm: vm.id,
                key: key.clone(),
            };
            let listed = Owned {
                id: id.to_string(),
                live,
                key: key.clone(),
            };
            owned
                .entry(key)
                .and_modify(|first| first.live |= live)
                .or_insert(listed);
        }
        Ok(owned.into_values().collect())
    }

    async fn discard(&self, id: &str) -> Result<(), Fault> {
        let Ok(job) = id.parse::<JobVm>() else {
            return Ok(());
        };
        let vms = self.vms_of(&job.key).await?;
        for vm in vms.iter().filter(|vm| vm.stage() == Stage::Running) {
            if self.is_busy(&vm.id, &job.key).await? {
                return Err(Fault::Refused(format!(
                    "{id} has not ended; cancel it before it is discarded"
                )));
            }
        }
        for vm in vms {
            self.delete(&vm.id).await?;
        }
        Ok(())
    }
}

fn of(key: &SubmitKey, vms: Vec<(SubmitKey, Vm)>) -> Vec<Vm> {
    vms.into_iter()
        .filter(|(of, _)| of == key)
        .map(|(_, vm)| vm)
        .collect()
}

const fn is_live(state: &BackendState) -> bool {
    matches!(state, BackendState::Pending | BackendState::Running)
}

#[async_trait]
impl Backend for FirecrackerBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            callback: self.inner.settings.callback,
            containers: self.inner.settings.containers,
        }
    }

    async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
        let submitted = self.inner.submit(submission).await;
        submitted.map_err(|fault| fault.of_backend(&self.inner.settings))
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
        let states = self.inner.poll(ids).await;
        states.map_err(|fault| fault.of_backend(&self.inner.settings))
    }

    async fn cancel(&self, id: &str) -> Result<(), BackendError> {
        let cancelled = self.inner.cancel(id).await;
        cancelled.map_err(|fault| fault.of_backend(&self.inner.settings))
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        let chunk = self.inner.log(id, offset).await;
        chunk.map_err(|fault| fault.of_backend(&self.inner.settings))
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, BackendError> {
        let result = self.inner.result(id).await;
        result.map_err(|fault| fault.of_backend(&self.inner.settings))
    }

    async fn list(&self) -> Result<Vec<Owned>, BackendError> {
        let owned = self.inner.list().await;
        owned.map_err(|fault| fault.of_backend(&self.inner.settings))
    }

    async fn discard(&self, id: &str) -> Result<(), BackendError> {
        let discarded = self.inner.discard(id).await;
        discarded.map_err(|fault| fault.of_backend(&self.inner.settings))
    }
}
