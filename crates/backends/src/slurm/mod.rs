//! Jobs on a Slurm cluster, through slurmrestd.
//!
//! Slurm knows no idempotency key. What makes a submit happen once is the job's name, which is the key's, and an order: of all
//! jobs with one name the first counts ([`wire::Job::order`]). Whoever submits looks for the name before and after, so that
//! all of them say the same id; a job that is too many waits for the first (`singleton`), is cancelled where it is seen, and
//! does nothing if it starts all the same ([`script`]).
//!
//! This object has no state but tokens, and the jobs whose discard no other place remembers.

mod body;
mod client;
mod id;
mod report;
mod script;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod token;
mod wire;

pub use settings::{
    AgentOnNode, ApiVersion, Credentials, JobSettings, Now, Row, Secret, Server, SlurmSettings,
};

use crate::attempt::SubmitRecord;
use crate::port::{
    Backend, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission, SubmitKey,
};
use async_trait::async_trait;
use checkmill_core::Millis;
use checkmill_workflow::job::{JobDescription, is_secret_variable};
use client::{Client, Fault};
use id::SlurmId;
use report::Reports;
use reqwest::Method;
use script::Place;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wire::{Accounted, Job, Jobs, Pings, Submitted};

/// How long a request may take where nothing else is said: a phase has a minute, and a submit needs three.
pub const REQUEST: Millis = Millis::from_secs(15);

/// From the agent's start until it must have ended by itself, after the run's own limit. Slurm's limit is as long.
const BACKSTOP: Millis = Millis::from_secs(120);

/// See the module.
#[derive(Clone)]
pub struct SlurmBackend {
    inner: Arc<Inner>,
}

struct Inner {
    settings: SlurmSettings,
    client: Client,
    reports: Reports,
}

impl SlurmBackend {
    /// # Errors
    /// No HTTP client can be had.
    pub fn new(settings: SlurmSettings) -> Result<Self, BackendError> {
        let client = Client::new(&settings).map_err(|detail| Fault::Refused(detail).of_backend(&settings))?;
        let reports = Reports::new(settings.shared_directory.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                client,
                reports,
            }),
        })
    }
}

impl Inner {
    fn error(&self, fault: Fault) -> BackendError {
        fault.of_backend(&self.settings)
    }

    fn place(&self) -> Place<'_> {
        match &self.settings.shared_directory {
            Some(root) => Place::Shared(root),
            None if self.settings.callback => Place::Callback,
            None => Place::Comment,
        }
    }

    /// Everybody whose jobs ours may be, the one of the backend first.
    fn users(&self) -> Vec<&str> {
        let of_rows = self
            .settings
            .rows
            .iter()
            .filter_map(|row| row.job.user.as_deref());
        let mut users = vec![self.settings.user.as_str()];
        for user in of_rows {
            if !users.contains(&user) {
                users.push(user);
            }
        }
        users
    }

    /// Jobs of this user that carry a key, the first of each key first. Versions before 0.0.38 name no users.
    async fn jobs_of(&self, user: &str) -> Result<Vec<(SubmitKey, Job)>, Fault> {
        let answer: Jobs = self
            .client
            .call(&self.settings, user, Method::GET, ("slurm", "jobs"), None)
            .await?;
        let ours = answer
            .ours()?
            .into_iter()
            .filter(|job| job.user_name.is_empty() || job.user_name == user);
        let mut ours: Vec<_> = ours.filter_map(|job| Some((job.key()?, job))).collect();
        ours.sort_by_key(|(_, job)| job.order());
        Ok(ours)
    }

    async fn jobs_with(&self, user: &str, key: &SubmitKey) -> Result<Vec<Job>, Fault> {
        let jobs = self.jobs_of(user).await?.into_iter();
        Ok(jobs.filter(|(of, _)| of == key).map(|(_, job)| job).collect())
    }

    async fn delete(&self, user: &str, number: u32) -> Result<(), Fault> {
        let path = format!("job/{number}");
        let call =
            self.client
                .call::<IgnoredAny>(&self.settings, user, Method::DELETE, ("slurm", &path), None);
        match call.await {
            Ok(_) | Err(Fault::UnknownJob | Fault::Finished) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// The first of some jobs with one key. The others are too many.
    async fn first(&self, user: &str, jobs: &[Job]) -> Result<Option<u32>, Fault> {
        let Some((first, others)) = jobs.split_first() else {
            return Ok(None);
        };
        for other in others.iter().filter(|job| state::is_queued(job)) {
            tracing::warn!(backend = %self.settings.name, job = other.job_id, first = first.job_id, "a second job of one key is cancelled");
            self.delete(user, other.job_id).await?;
        }
        Ok(Some(first.job_id))
    }

    async fn submit(&self, submission: &Submission) -> Result<String, Fault> {
        let job = self.settings_of(submission)?;
        let user = job.user.clone().unwrap_or_else(|| self.settings.user.clone());
        let id = |number| {
            SlurmId {
                number,
                user: user.clone(),
                key: submission.key.clone(),
            }
            .to_string()
        };
        let found = self.jobs_with(&user, &submission.key).await?;
        if let Some(first) = self.first(&user, &found).await? {
            return Ok(id(first));
        }
        let record = SubmitRecord {
            key: submission.key.to_string(),
            name: submission.name.clone(),
            labels: submission.labels.clone(),
            submitted_ms: (self.settings.now)().0,
            backstop_ms: submission.run_timeout.0.saturating_add(BACKSTOP.0),
        };
        let script = script::text(submission, &record, &self.settings.agent, self.place());
        if script.len() > script::SCRIPT_BYTES {
            return Err(Fault::Refused(format!(
                "its script would have {} bytes, with the job's description and its secrets; Slurm takes {}",
                script.len(),
                script::SCRIPT_BYTES
            )));
        }
        let body = body::of(&self.settings, &job, submission, script);
        let call = self.client.call(
            &self.settings,
            &user,
            Method::POST,
            ("slurm", "job/submit"),
            Some(&body),
        );
        let answer: Submitted = call.await?;
        let Some(number) = answer.id() else {
            return Err(Fault::Transient(
                "slurmrestd's answer to job/submit names no job".to_owned(),
            ));
        };
        // Somebody may have submitted the same at the same time, or an answer before this was lost.
        let found = self.jobs_with(&user, &submission.key).await?;
        Ok(id(self.first(&user, &found).await?.unwrap_or(number)))
    }

    fn settings_of(&self, submission: &Submission) -> Result<JobSettings, Fault> {
        let description: JobDescription = serde_json::from_slice(&submission.description)
            .map_err(|error| Fault::Refused(format!("the job's description is none: {error}")))?;
        if let Some((name, _)) = submission
            .secrets
            .iter()
            .find(|(name, _)| !is_secret_variable(name))
        {
            return Err(Fault::Refused(format!("{name} is no variable for a secret")));
        }
        let repository = &description.checkout.repository;
        Ok(JobSettings::of(
            &self.settings.rows,
            &submission.labels,
            repository,
        ))
    }

    /// The records of some jobs, by id: one request for one job, and one for each user of several.
    async fn records(&self, ids: &[&SlurmId]) -> Result<BTreeMap<u32, Job>, Fault> {
        if let [id] = ids {
            return Ok(self
                .record(id)
                .await?
                .map(|job| (id.number, job))
                .into_iter()
                .collect());
        }
        let users: BTreeSet<&str> = ids.iter().map(|id| id.user.as_str()).collect();
        let mut records = BTreeMap::new();
        for user in users {
            let jobs = self.jobs_of(user).await?.into_iter();
            records.extend(jobs.map(|(_, job)| (job.job_id, job)));
        }
        Ok(records)
    }

    async fn record(&self, id: &SlurmId) -> Result<Option<Job>, Fault> {
        let path = format!("job/{}", id.number);
        let call = self
            .client
            .call::<Jobs>(&self.settings, &id.user, Method::GET, ("slurm", &path), None);
        match call.await {
            Ok(answer) => Ok(answer.ours()?.into_iter().find(|job| is_of(job, id))),
            Err(Fault::UnknownJob) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// What the accounting database knows of a job that slurmctld has forgotten.
    async fn accounted(&self, id: &SlurmId) -> Result<Option<Job>, Fault> {
        if !self.settings.accounting {
            return Ok(None);
        }
        let path = format!("job/{}", id.number);
        let call =
            self.client
                .call::<Accounted>(&self.settings, &id.user, Method::GET, ("slurmdb", &path), None);
        match call.await {
            Ok(answer) => Ok(answer.jobs.into_iter().map(Job::from).find(|job| is_of(job, id))),
            Err(Fault::UnknownJob) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn state(&self, id: &SlurmId, record: Option<&Job>) -> Result<BackendState, Fault> {
        if self.reports.is_discarded(&id.key).await {
            return Ok(BackendState::Unknown);
        }
        let accounted;
        let record = match record.filter(|job| is_of(job, id)) {
            Some(record) => record,
            None => match self.accounted(id).await? {
                Some(job) => {
                    accounted = job;
                    &accounted
                }
                // Anybody may have made the directory where several users share its parent, and Slurm no longer says.
                None if self.users().len() > 1 => return Ok(BackendState::Unknown),
                // The agent has written its end where we can read it, however long ago that is.
                None => {
                    return Ok(self
                        .reports
                        .end(&id.key)
                        .await
                        .map_or(BackendState::Unknown, BackendState::Ended));
                }
            },
        };
        let state = state::of(record);
        if record.restart_cnt > 0 && state::is_queued(record) {
            self.delete(&id.user, id.number).await?;
        }
        if !state::is_of_script(record) {
            return Ok(state);
        }
        Ok(match self.reports.end_of(&id.key, &record.comment).await {
            Some(end) => BackendState::Ended(end),
            None => state,
        })
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, Fault> {
        let parsed: Vec<Option<SlurmId>> = ids.iter().map(|id| id.parse().ok()).collect();
        let known: Vec<&SlurmId> = parsed.iter().flatten().collect();
        let records = if known.is_empty() {
            BTreeMap::new()
        } else {
            self.records(&known).await?
        };
        let mut states = Vec::new();
        for id in &parsed {
            states.push(match id {
                None => BackendState::Unknown,
                Some(id) => self.state(id, records.get(&id.number)).await?,
            });
        }
        Ok(states)
    }

    async fn cancel(&self, id: &str) -> Result<(), Fault> {
        let Ok(id) = id.parse::<SlurmId>() else {
            return Ok(());
        };
        // Also those of a submit whose answer was lost.
        for job in self.jobs_with(&id.user, &id.key).await? {
            if state::is_queued(&job) {
                self.delete(&id.user, job.job_id).await?;
            }
        }
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Owned>, Fault> {
        // Slurm takes any request for its own; `checkmill backends` says whether the controller behind it is up.
        let path = ("slurm", "ping");
        let answer: Pings = self
            .client
            .call(&self.settings, &self.settings.user, Method::GET, path, None)
            .await?;
        if !answer.pings.iter().any(wire::Ping::is_up) {
            return Err(Fault::Transient("slurmrestd reaches no slurmctld".to_owned()));
        }
        let mut owned = BTreeMap::new();
        for user in self.users() {
            for (key, job) in self.jobs_of(user).await? {
                let listed = Owned {
                    id: SlurmId {
                        number: job.job_id,
                        user: user.to_owned(),
                        key: key.clone(),
                    }
                    .to_string(),
                    live: state::is_live(&state::of(&job)) || state::is_queued(&job),
                    key,
                };
                // The first; of those that are too many, one that lives makes it live.
                owned
                    .entry(listed.key.clone())
                    .and_modify(|first: &mut Owned| first.live |= listed.live)
                    .or_insert(listed);
            }
        }
        let known: BTreeSet<SubmitKey> = owned.keys().cloned().collect();
        self.reports.forget_tombstones(&known).await;
        let mut listed = Vec::new();
        for (key, owned) in owned {
            if !self.reports.is_discarded(&key).await {
                listed.push(owned);
            }
        }
        Ok(listed)
    }

    /// An id of ours that is not discarded.
    async fn kept(&self, id: &str) -> Option<SlurmId> {
        let id: SlurmId = id.parse().ok()?;
        (!self.reports.is_discarded(&id.key).await).then_some(id)
    }

    /// A job's comment, which may hold its log.
    async fn comment(&self, id: &SlurmId) -> Result<(String, bool), Fault> {
        let record = self.record(id).await?;
        let ended = record.as_ref().is_none_or(|job| !state::is_live(&state::of(job)));
        Ok((record.map(|job| job.comment).unwrap_or_default(), ended))
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, Fault> {
        let nothing = LogChunk {
            bytes: Vec::new(),
            next_offset: offset,
            complete: true,
        };
        let Some(id) = self.kept(id).await else {
            return Ok(nothing);
        };
        // The state first: a log that is complete now can't grow between the two looks.
        let (comment, ended) = self.comment(&id).await?;
        let chunk = self.reports.log(&id.key, &comment, offset, ended).await;
        chunk.map_err(Fault::Transient)
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, Fault> {
        let Some(id) = self.kept(id).await else {
            return Ok(None);
        };
        // Slurm stops a job's steps at the same moment as its agent, which may take the death of a step for the step's own
        // fault. So where Slurm says that it was the one, what the agent says is none.
        let record = match self.record(&id).await? {
            Some(record) => Some(record),
            None => self.accounted(&id).await?,
        };
        let by_slurm = |job: &Job| !state::is_live(&state::of(job)) && !state::is_of_script(job);
        let is_not_told = record.is_none() && self.users().len() > 1;
        if is_not_told || record.as_ref().is_some_and(by_slurm) {
            return Ok(None);
        }
        self.reports.result(&id.key).await.map_err(Fault::Transient)
    }

    async fn discard(&self, id: &str) -> Result<(), Fault> {
        let Ok(parsed) = id.parse::<SlurmId>() else {
            return Ok(());
        };
        if self.reports.is_discarded(&parsed.key).await {
            return Ok(());
        }
        let record = self.record(&parsed).await?;
        if record.as_ref().is_some_and(|job| state::is_live(&state::of(job))) {
            return Err(Fault::Refused(format!(
                "{id} has not ended; cancel it before it is discarded"
            )));
        }
        self.reports
            .discard(&parsed.key, record.is_some())
            .await
            .map_err(Fault::Transient)
    }
}

/// Whether a number of Slurm's is still this job of ours.
fn is_of(job: &Job, id: &SlurmId) -> bool {
    job.job_id == id.number && job.key().is_some_and(|key| key == id.key)
}

#[async_trait]
impl Backend for SlurmBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            callback: self.inner.settings.callback,
            containers: self.inner.settings.containers,
        }
    }

    async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
        self.inner
            .submit(submission)
            .await
            .map_err(|fault| self.inner.error(fault))
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
        self.inner
            .poll(ids)
            .await
            .map_err(|fault| self.inner.error(fault))
    }

    async fn cancel(&self, id: &str) -> Result<(), BackendError> {
        self.inner
            .cancel(id)
            .await
            .map_err(|fault| self.inner.error(fault))
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        self.inner
            .log(id, offset)
            .await
            .map_err(|fault| self.inner.error(fault))
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.inner
            .result(id)
            .await
            .map_err(|fault| self.inner.error(fault))
    }

    async fn list(&self) -> Result<Vec<Owned>, BackendError> {
        self.inner.list().await.map_err(|fault| self.inner.error(fault))
    }

    async fn discard(&self, id: &str) -> Result<(), BackendError> {
        self.inner
            .discard(id)
            .await
            .map_err(|fault| self.inner.error(fault))
    }
}
