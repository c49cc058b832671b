//! GitHub in memory, at the Forge port: remembers every check run and what became of it, and refuses what GitHub refuses.

use super::faults::{Faults, Peer, Trouble};
use async_trait::async_trait;
use checkmill_core::event::{EventKind, GitRef};
use checkmill_core::policy::TokenPermissions;
use checkmill_core::{
    CheckRunId, CommitSha, Conclusion, DeliveryId, Event, JobId, Login, Millis, UnixMillis,
};
use checkmill_github::changed_lines::ChangedLines;
use checkmill_github::forge::{
    AttemptId, Beside, ChangeSet, ChangedFiles, CheckState, CheckStatus, DeliveryAttempt, DeliveryLog,
    FileAtRef, Forge, ForgeError, FoundFile, JobToken, NewCheck, PlanningFiles, RepoRef, SourceContent,
    SourceFile,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Debug, Clone)]
pub struct SimCheck {
    pub name: String,
    pub job: JobId,
    pub state: CheckState,
    /// Every conclusion it ever had, in order.
    pub conclusions: Vec<Conclusion>,
    /// Annotations that it shows: GitHub adds up what it is sent.
    pub annotations: usize,
    /// The most that one state of it had. A later one may have none: the verdict alone, where GitHub finds the whole invalid.
    pub most_annotations: usize,
}

#[derive(Debug, Default)]
struct Inner {
    checks: BTreeMap<CheckRunId, SimCheck>,
    comments: BTreeMap<u64, String>,
    next: u64,
    /// Attempts to deliver webhooks, oldest first.
    deliveries: Vec<DeliveryAttempt>,
    /// Deliveries that it was asked to make again.
    asked: Vec<DeliveryId>,
    /// What every ref points to.
    head: Option<CommitSha>,
}

pub struct MemForge {
    inner: Mutex<Inner>,
    workflows: Vec<(String, String)>,
    faults: Arc<Faults>,
}

fn failed(trouble: Trouble) -> ForgeError {
    let text = "injected".to_owned();
    match trouble {
        Trouble::Away | Trouble::Conflict => ForgeError::Transient(text),
        Trouble::Refused(how) => match how % 6 {
            0 => ForgeError::Forbidden(text),
            1 => ForgeError::Invalid(text),
            2 => ForgeError::NotFound(text),
            3 => ForgeError::NotInstalled(text),
            4 => ForgeError::RateLimited {
                retry_after: Millis::from_secs(60),
                message: text,
            },
            _ => ForgeError::RateLimited {
                retry_after: Millis::from_minutes(50),
                message: text,
            },
        },
    }
}

impl MemForge {
    #[must_use]
    pub fn new(faults: Arc<Faults>, workflows: &[(&str, &str)]) -> Self {
        let workflows = workflows
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        Self {
            inner: Mutex::default(),
            workflows,
            faults,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while it holds this")
    }

    #[must_use]
    pub fn checks(&self) -> BTreeMap<CheckRunId, SimCheck> {
        self.inner().checks.clone()
    }

    /// Lets every ref point to this commit from now on.
    pub fn set_head(&self, sha: &CommitSha) {
        self.inner().head = Some(sha.clone());
    }

    /// Remembers an attempt to deliver an event.
    pub fn delivered(&self, event: &Event, at: UnixMillis, succeeded: bool) {
        let mut inner = self.inner();
        let first = inner
            .deliveries
            .iter()
            .all(|known| known.delivery != event.delivery);
        let action = match event.kind {
            EventKind::RequestedAction { .. } => Some("requested_action"),
            EventKind::CheckRunRerequested(_) | EventKind::CheckSuiteRerequested { .. } => {
                Some("rerequested")
            }
            _ => None,
        };
        let attempt = DeliveryAttempt {
            id: AttemptId(inner.deliveries.len() as u64),
            delivery: event.delivery.clone(),
            at,
            first,
            succeeded,
            event: event.name().to_owned(),
            action: action.map(str::to_owned),
        };
        inner.deliveries.push(attempt);
    }

    /// Makes a check look as if it had never been completed: for tests of the verdict.
    pub fn forget_conclusions(&self, id: CheckRunId) {
        if let Some(check) = self.inner().checks.get_mut(&id) {
            check.conclusions.clear();
        }
    }

    /// Deliveries that were never made.
    #[must_use]
    pub fn undelivered(&self) -> BTreeSet<DeliveryId> {
        let inner = self.inner();
        let of = |succeeded| {
            let some = inner.deliveries.iter().filter(move |d| d.succeeded == succeeded);
            some.map(|d| d.delivery.clone()).collect::<BTreeSet<_>>()
        };
        &of(false) - &of(true)
    }

    /// Deliveries that it was asked to make again since the last time this was asked.
    pub fn take_asked(&self) -> Vec<DeliveryId> {
        std::mem::take(&mut self.inner().asked)
    }

    #[must_use]
    pub fn comments(&self) -> usize {
        self.inner().comments.len()
    }
}

fn conclusion(state: &CheckState) -> Option<Conclusion> {
    match state.status {
        CheckStatus::Completed { conclusion, .. } => Some(conclusion),
        CheckStatus::Queued | CheckStatus::InProgress { .. } => None,
    }
}

impl MemForge {
    /// The adapter, too, asks what is there before it sends the rest.
    async fn annotations(&self, id: CheckRunId) -> Result<usize, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                let inner = self.inner();
                let check = inner.checks.get(&id);
                Ok(check.map_or(0, |check| check.annotations))
            })
            .await
    }
}

#[async_trait]
impl Forge for MemForge {
    async fn planning_files(
        &self,
        _repo: &RepoRef,
        _sha: &CommitSha,
        _dirs: &[&str],
        _policy: &str,
        _beside: Beside,
    ) -> Result<PlanningFiles, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                let file = |(path, text): &(String, String)| SourceFile {
                    path: path.clone(),
                    content: SourceContent::Text(text.clone()),
                };
                let workflows = self.workflows.iter().map(file).collect();
                Ok(PlanningFiles {
                    policy: None,
                    workflows,
                    left_out: Vec::new(),
                    message: "Change".to_owned(),
                    archived: false,
                    default_branch: None,
                })
            })
            .await
    }

    async fn files_at(&self, _repo: &RepoRef, wanted: &[FileAtRef]) -> Result<Vec<FoundFile>, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                Ok(wanted.iter().map(|_| FoundFile::NoRepository).collect())
            })
            .await
    }

    async fn changed_files(&self, _repo: &RepoRef, _of: &ChangeSet) -> Result<ChangedFiles, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                Ok(ChangedFiles::Known {
                    paths: vec!["src/lib.rs".to_owned()],
                    lines: ChangedLines::default(),
                    truncated: false,
                })
            })
            .await
    }

    async fn resolve_ref(&self, _repo: &RepoRef, _git_ref: &GitRef) -> Result<Option<CommitSha>, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || Ok(self.inner().head.clone()))
            .await
    }

    async fn may_write(&self, _repo: &RepoRef, login: &Login) -> Result<bool, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || Ok(login.as_str() != "stranger"))
            .await
    }

    async fn own_login(&self) -> Result<Login, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                Ok("checkmill[bot]".parse().expect("the constant is a login"))
            })
            .await
    }

    async fn create_check(&self, _repo: &RepoRef, check: &NewCheck) -> Result<CheckRunId, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                let mut inner = self.inner();
                inner.next += 1;
                let id = CheckRunId(inner.next);
                let sim = SimCheck {
                    name: check.name.clone(),
                    job: check.job.clone(),
                    state: check.state.clone(),
                    conclusions: conclusion(&check.state).into_iter().collect(),
                    annotations: check.state.annotations.len(),
                    most_annotations: check.state.annotations.len(),
                };
                inner.checks.insert(id, sim);
                Ok(id)
            })
            .await
    }

    async fn find_check(
        &self,
        _repo: &RepoRef,
        _sha: &CommitSha,
        name: &str,
        job: &JobId,
        after: Option<CheckRunId>,
    ) -> Result<Option<CheckRunId>, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                let inner = self.inner();
                let found = inner.checks.iter().rev().find(|(id, check)| {
                    check.name == name && check.job == *job && after.is_none_or(|after| **id > after)
                });
                Ok(found.map(|(id, _)| *id))
            })
            .await
    }

    async fn update_check(
        &self,
        _repo: &RepoRef,
        id: CheckRunId,
        state: &CheckState,
    ) -> Result<(), ForgeError> {
        let there = if state.annotations.is_empty() {
            0
        } else {
            self.annotations(id).await?
        };
        self.faults
            .call(Peer::Forge, failed, || {
                let mut inner = self.inner();
                let check = inner
                    .checks
                    .get_mut(&id)
                    .ok_or_else(|| ForgeError::NotFound(format!("check {id}")))?;
                check.annotations += state.annotations.len().saturating_sub(there);
                check.most_annotations = check.most_annotations.max(state.annotations.len());
                check.conclusions.extend(conclusion(state));
                check.state = state.clone();
                Ok(())
            })
            .await
    }

    async fn write_comment(
        &self,
        _repo: &RepoRef,
        _pull_request: u64,
        known: Option<u64>,
        marker: &str,
        body: &str,
    ) -> Result<u64, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                let mut inner = self.inner();
                let found = inner
                    .comments
                    .iter()
                    .find(|(_, text)| text.contains(marker))
                    .map(|(id, _)| *id);
                let id = known.or(found).unwrap_or_else(|| {
                    inner.next += 1;
                    inner.next
                });
                inner.comments.insert(id, body.to_owned());
                Ok(id)
            })
            .await
    }

    async fn job_token(
        &self,
        _repo: &RepoRef,
        _permissions: &TokenPermissions,
    ) -> Result<JobToken, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                Ok(JobToken {
                    token: "ghs_simulated".into(),
                    expires_at: UnixMillis(u64::MAX),
                })
            })
            .await
    }

    async fn deliveries(&self, since: UnixMillis, _limit: usize) -> Result<DeliveryLog, ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                let inner = self.inner();
                let newest_first = inner.deliveries.iter().rev();
                Ok(DeliveryLog {
                    attempts: newest_first
                        .take_while(|attempt| attempt.at >= since)
                        .cloned()
                        .collect(),
                    complete: true,
                })
            })
            .await
    }

    async fn redeliver(&self, attempt: AttemptId) -> Result<(), ForgeError> {
        self.faults
            .call(Peer::Forge, failed, || {
                let mut inner = self.inner();
                let known = inner.deliveries.iter().find(|known| known.id == attempt);
                let missing = || ForgeError::NotFound(format!("delivery {attempt}"));
                let delivery = known.ok_or_else(missing)?.delivery.clone();
                inner.asked.push(delivery);
                Ok(())
            })
            .await
    }
}
