//! Jobs of Lightning AI, over its REST API: of an image, or in a Studio.
//!
//! Lightning knows no idempotency key. What makes a submit happen once is the job's name ([`name`]): it is looked for before a job
//! is made, and the service changes a name that is taken, so that the second of two submits at once sees that it is the second and
//! stops its own job, which has no machine yet. Nothing is shared with a job: it travels in its environment, and its log,
//! result and end are what its agent prints ([`crate::inline`]).
//!
//! This object has no state but what it has looked up, and the last few logs that it has read.

mod api;
mod body;
mod client;
mod command;
mod machines;
mod name;
mod reports;
mod settings;
mod state;
mod wire;

pub use machines::Machines;
pub use settings::{
    AgentInImage, Credentials, GENERAL_LABELS, JobSettings, LightningSettings, Mount, Now, Row, Secret,
    Teamspace,
};

use crate::port::{
    Backend, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission, SubmitKey,
};
use api::Place;
use async_trait::async_trait;
use checkmill_core::limits::LOG_CHUNK_BYTES;
use checkmill_core::{DeploymentId, MicroDollars, Millis};
use client::{Call, Client, Fault};
use name::{JobName, LightningId};
use reports::{Printed, Reports};
use reqwest::Method;
use state::Phase;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wire::Job;

/// How long a request may take where nothing else is said: a phase has a minute, and a submit needs three or four.
pub const REQUEST: Millis = Millis::from_secs(12);
/// How long the log of an ended job is waited for where nothing else is said.
pub const LOG_GRACE: Millis = Millis::from_secs(30);
/// For all pages of a log together.
const LOG: Duration = Duration::from_secs(45);
/// See the module.
#[derive(Clone)]
pub struct LightningBackend {
    inner: Arc<Inner>,
}

struct Inner {
    settings: LightningSettings,
    client: Client,
    place: Mutex<Place>,
    reports: Reports,
    /// Whose jobs we were handed: those of others in the teamspace are left to them.
    own: Mutex<BTreeSet<DeploymentId>>,
}

impl LightningBackend {
    /// # Errors
    /// No HTTP client can be had.
    pub fn new(settings: LightningSettings) -> Result<Self, BackendError> {
        let client = Client::new(&settings).map_err(|detail| Fault::Refused(detail).of_backend(&settings))?;
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                client,
                place: Mutex::default(),
                reports: Reports::default(),
                own: Mutex::default(),
            }),
        })
    }
}

impl Inner {
    fn error(&self, fault: Fault) -> BackendError {
        fault.of_backend(&self.settings)
    }

    /// The id of a job of ours.
    fn parsed(&self, id: &str) -> Option<LightningId> {
        let id: LightningId = id.parse().ok()?;
        self.adopt(&id.key);
        Some(id)
    }

    fn adopt(&self, key: &SubmitKey) {
        if let Ok(mut own) = self.own.lock() {
            own.insert(key.deployment.clone());
        }
    }

    fn is_own(&self, key: &SubmitKey) -> bool {
        self.own.lock().is_ok_and(|own| own.contains(&key.deployment))
    }

    async fn submit(&self, submission: &Submission) -> Result<String, Fault> {
        self.adopt(&submission.key);
        let project = self.project().await?;
        let name = JobName::new(&submission.key, submission.queue_timeout);
        let id = |job: &Job| {
            LightningId {
                job: job.id.clone(),
                key: submission.key.clone(),
            }
            .to_string()
        };
        if let Some(job) = self.find(&project, &name).await? {
            return Ok(id(&job));
        }
        let cluster = self.cluster(&project).await?;
        let body = body::of(&self.settings, submission, &name, &cluster).map_err(Fault::Refused)?;
        let call = Call {
            method: Method::POST,
            path: &["projects", &project, "jobs"],
            query: &[],
            body: Some(body),
            secrets: &submission.secrets,
        };
        let made: Job = match self.client.call(&self.settings, call).await {
            Ok(job) => job,
            Err(fault) => return Err(masked(fault, submission)),
        };
        if made.name == name.to_string() {
            return Ok(id(&made));
        }
        // The name was taken after we had looked, by a submit at the same time or one whose answer was lost.
        match self.find(&project, &name).await? {
            Some(first) if first.id != made.id => {
                tracing::warn!(backend = %self.settings.name, job = made.id, first = first.id, "a second job of one key is stopped");
                self.stop(&project, &made.id).await?;
                Ok(id(&first))
            }
            Some(_) => Ok(id(&made)),
            // Nobody would find it again by a name that is not its own, and the next submit would make another.
            None => {
                self.stop(&project, &made.id).await?;
                Err(Fault::Transient(format!(
                    "the name {name} is taken by a job that is not there; {} is stopped",
                    made.id
                )))
            }
        }
    }

    /// The jobs of some ids: one request for one, and one for each page of the list for several.
    async fn records(&self, project: &str, ids: &[&LightningId]) -> Result<BTreeMap<String, Job>, Fault> {
        let mut records = BTreeMap::new();
        if ids.len() > 1 {
            let jobs = self.jobs(project).await?.into_iter();
            records.extend(jobs.map(|job| (job.id.clone(), job)));
        } else if let [id] = ids {
            let job = self.job(project, id).await?;
            records.extend(job.map(|job| (job.id.clone(), job)));
        }
        Ok(records)
    }

    async fn state(&self, project: &str, id: &LightningId, job: Option<&Job>) -> Result<BackendState, Fault> {
        let Some(job) = job.filter(|job| is_of(job, id)) else {
            return Ok(BackendState::Unknown);
        };
        let phase = Phase::of(job);
        if !phase.is_final() && state::is_second_start(job) {
            self.stop(project, &job.id).await?;
            return Ok(state::second_start(job));
        }
        Ok(match phase {
            Phase::Gone => BackendState::Unknown,
            Phase::Pending if job.latest_start().is_some_and(|at| (self.settings.now)() >= at) => {
                self.stop(project, &job.id).await?;
                state::too_late(job)
            }
            Phase::Pending => BackendState::Pending,
            Phase::Running => BackendState::Running,
            Phase::Stopped => state::stopped(job),
            Phase::Finished => {
                let printed = self.printed(project, job).await?;
                // Its last words are on their way, also where its machine is gone: an end that was told stays.
                if printed.is_complete {
                    state::finished(job, &printed.report)
                } else {
                    BackendState::Running
                }
            }
        })
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, Fault> {
        let parsed: Vec<Option<LightningId>> = ids.iter().map(|id| self.parsed(id)).collect();
        let known: Vec<&LightningId> = parsed.iter().flatten().collect();
        if known.is_empty() {
            return Ok(vec![BackendState::Unknown; ids.len()]);
        }
        let project = self.project().await?;
        let records = self.records(&project, &known).await?;
        let mut states = Vec::new();
        for id in &parsed {
            states.push(match id {
                None => BackendState::Unknown,
                Some(id) => self.state(&project, id, records.get(&id.job)).await?,
            });
        }
        Ok(states)
    }

    async fn printed(&self, project: &str, job: &Job) -> Result<Arc<Printed>, Fault> {
        let read = self.reports.of(&self.client, &self.settings, project, job);
        let late = |_| Fault::Transient(format!("the log of {} could not be read in time", job.id));
        tokio::time::timeout(LOG, read).await.map_err(late)?
    }

    /// A job with what it has printed.
    async fn whole(&self, id: &str) -> Result<Option<(Job, Arc<Printed>)>, Fault> {
        let Ok(id) = id.parse::<LightningId>() else {
            return Ok(None);
        };
        if let Some(kept) = self.reports.kept(&id.job) {
            return Ok(Some((kept.job, kept.printed)));
        }
        let project = self.project().await?;
        let Some(job) = self.job(&project, &id).await? else {
            return Ok(None);
        };
        let printed = self.printed(&project, &job).await?;
        Ok(Some((job, printed)))
    }

    async fn cancel(&self, id: &str) -> Result<(), Fault> {
        let Some(id) = self.parsed(id) else {
            return Ok(());
        };
        let project = self.project().await?;
        match self.job(&project, &id).await? {
            Some(job) if !Phase::of(&job).is_final() => self.stop(&project, &job.id).await,
            _ => Ok(()),
        }
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, Fault> {
        let Some((_, printed)) = self.whole(id).await? else {
            return Ok(LogChunk {
                bytes: Vec::new(),
                next_offset: offset,
                complete: true,
            });
        };
        let log = printed.report.log();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(log.len());
        let to = log.len().min(from + LOG_CHUNK_BYTES);
        Ok(LogChunk {
            next_offset: offset + (to - from) as u64,
            bytes: log[from..to].to_vec(),
            complete: printed.is_complete && to == log.len(),
        })
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, Fault> {
        let whole = self.whole(id).await?;
        let counted = whole.filter(|(job, printed)| state::is_of_agent(job, &printed.report));
        Ok(counted.and_then(|(_, printed)| printed.report.result()))
    }

    /// Lightning knows more of it from look to look, and the last of it at the end.
    async fn cost(&self, id: &str) -> Result<Option<MicroDollars>, Fault> {
        let Ok(id) = id.parse::<LightningId>() else {
            return Ok(None);
        };
        if let Some(kept) = self.reports.kept(&id.job) {
            return Ok(kept.job.total_cost);
        }
        let project = self.project().await?;
        let job = self.job(&project, &id).await?;
        Ok(job.and_then(|job| job.total_cost))
    }

    async fn list(&self) -> Result<Vec<Owned>, Fault> {
        let project = self.project().await?;
        let mut by_key: BTreeMap<SubmitKey, Vec<(JobName, Job)>> = BTreeMap::new();
        for job in self.jobs(&project).await? {
            if let Some(name) = job.tag() {
                by_key.entry(name.key.clone()).or_default().push((name, job));
            }
        }
        let mut owned = Vec::new();
        for (key, mut jobs) in by_key {
            jobs.sort_by_key(|(name, job)| (!name.suffix.is_empty(), job.created_at, job.id.clone()));
            let mut jobs = jobs.into_iter().map(|(_, job)| job);
            let Some(first) = jobs.next() else { continue };
            for other in jobs.filter(|_| self.is_own(&key)) {
                // Of a submit whose answer was lost, and which came late: nobody else knows of it.
                tracing::warn!(backend = %self.settings.name, job = other.id, first = first.id, "a second job of one key is removed");
                if Phase::of(&other).is_final() {
                    self.delete(&project, &other.id).await?;
                } else {
                    self.stop(&project, &other.id).await?;
                }
            }
            owned.push(Owned {
                id: LightningId {
                    job: first.id.clone(),
                    key: key.clone(),
                }
                .to_string(),
                live: !Phase::of(&first).is_final(),
                key,
            });
        }
        Ok(owned)
    }

    async fn discard(&self, id: &str) -> Result<(), Fault> {
        let Some(parsed) = self.parsed(id) else {
            return Ok(());
        };
        let project = self.project().await?;
        if self.reports.kept(&parsed.job).is_none() {
            match self.job(&project, &parsed).await? {
                None => return Ok(()),
                Some(job) if !Phase::of(&job).is_final() => {
                    return Err(Fault::Refused(format!(
                        "{id} has not ended; cancel it before it is discarded"
                    )));
                }
                Some(_) => {}
            }
        }
        self.delete(&project, &parsed.job).await?;
        self.reports.forget(&parsed.job);
        Ok(())
    }
}

/// Whether a job of Lightning's is this one of ours.
fn is_of(job: &Job, id: &LightningId) -> bool {
    job.id == id.job && job.tag().is_some_and(|name| name.key == id.key)
}

/// The service's words may repeat what was sent.
fn masked(fault: Fault, submission: &Submission) -> Fault {
    let mask = |text: String| client::mask(text, &submission.secrets);
    match fault {
        Fault::Missing(text) => Fault::Missing(mask(text)),
        Fault::Transient(text) => Fault::Transient(mask(text)),
        Fault::Refused(text) => Fault::Refused(mask(text)),
    }
}

#[async_trait]
impl Backend for LightningBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            callback: self.inner.settings.callback,
            // A job's image is the job's container.
            containers: self.inner.settings.studio.is_none() || self.inner.settings.containers,
        }
    }

    async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
        let done = self.inner.submit(submission).await;
        done.map_err(|fault| self.inner.error(fault))
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
        let done = self.inner.poll(ids).await;
        done.map_err(|fault| self.inner.error(fault))
    }

    async fn cancel(&self, id: &str) -> Result<(), BackendError> {
        let done = self.inner.cancel(id).await;
        done.map_err(|fault| self.inner.error(fault))
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        let done = self.inner.log(id, offset).await;
        done.map_err(|fault| self.inner.error(fault))
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, BackendError> {
        let done = self.inner.result(id).await;
        done.map_err(|fault| self.inner.error(fault))
    }

    async fn cost(&self, id: &str) -> Result<Option<MicroDollars>, BackendError> {
        let done = self.inner.cost(id).await;
        done.map_err(|fault| self.inner.error(fault))
    }

    async fn list(&self) -> Result<Vec<Owned>, BackendError> {
        let done = self.inner.list().await;
        done.map_err(|fault| self.inner.error(fault))
    }

    async fn discard(&self, id: &str) -> Result<(), BackendError> {
        let done = self.inner.discard(id).await;
        done.map_err(|fault| self.inner.error(fault))
    }
}
