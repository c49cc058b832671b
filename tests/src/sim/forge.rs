//! GitHub in memory, at the Forge port: remembers every check run and what became of it, and refuses what GitHub refuses.

use super::faults::Faults;
use async_trait::async_trait;
use checkmill_core::event::GitRef;
use checkmill_core::policy::TokenPermissions;
use checkmill_core::{CheckRunId, CommitSha, Conclusion, JobId, Login, UnixMillis};
use checkmill_github::forge::{
    ChangeSet, ChangedFiles, CheckState, CheckStatus, Forge, ForgeError, JobToken, NewCheck, PlanningFiles,
    RepoRef, SourceContent, SourceFile,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Debug, Clone)]
pub struct SimCheck {
    pub name: String,
    pub job: JobId,
    pub state: CheckState,
    /// Every conclusion it ever had, in order.
    pub conclusions: Vec<Conclusion>,
}

#[derive(Debug, Default)]
struct Inner {
    checks: BTreeMap<CheckRunId, SimCheck>,
    comments: BTreeMap<u64, String>,
    next: u64,
}

pub struct MemForge {
    inner: Mutex<Inner>,
    workflows: Vec<(String, String)>,
    faults: Arc<Faults>,
}

fn failed(text: &str) -> ForgeError {
    ForgeError::Transient(text.to_owned())
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

#[async_trait]
impl Forge for MemForge {
    async fn planning_files(
        &self,
        _repo: &RepoRef,
        _sha: &CommitSha,
        _dirs: &[&str],
        _policy: &str,
    ) -> Result<PlanningFiles, ForgeError> {
        self.faults.call(failed, || {
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
            })
        })
    }

    async fn changed_files(&self, _repo: &RepoRef, _of: &ChangeSet) -> Result<ChangedFiles, ForgeError> {
        self.faults.call(failed, || {
            Ok(ChangedFiles {
                paths: vec!["src/lib.rs".to_owned()],
                truncated: false,
            })
        })
    }

    async fn resolve_ref(&self, _repo: &RepoRef, _git_ref: &GitRef) -> Result<Option<CommitSha>, ForgeError> {
        self.faults.call(failed, || Ok(None))
    }

    async fn may_write(&self, _repo: &RepoRef, login: &Login) -> Result<bool, ForgeError> {
        self.faults.call(failed, || Ok(login.as_str() != "stranger"))
    }

    async fn create_check(&self, _repo: &RepoRef, check: &NewCheck) -> Result<CheckRunId, ForgeError> {
        self.faults.call(failed, || {
            let mut inner = self.inner();
            inner.next += 1;
            let id = CheckRunId(inner.next);
            let sim = SimCheck {
                name: check.name.clone(),
                job: check.job.clone(),
                state: check.state.clone(),
                conclusions: conclusion(&check.state).into_iter().collect(),
            };
            inner.checks.insert(id, sim);
            Ok(id)
        })
    }

    async fn find_check(
        &self,
        _repo: &RepoRef,
        _sha: &CommitSha,
        name: &str,
        job: &JobId,
        after: Option<CheckRunId>,
    ) -> Result<Option<CheckRunId>, ForgeError> {
        self.faults.call(failed, || {
            let inner = self.inner();
            let found = inner.checks.iter().rev().find(|(id, check)| {
                check.name == name && check.job == *job && after.is_none_or(|after| **id > after)
            });
            Ok(found.map(|(id, _)| *id))
        })
    }

    async fn update_check(
        &self,
        _repo: &RepoRef,
        id: CheckRunId,
        state: &CheckState,
    ) -> Result<(), ForgeError> {
        self.faults.call(failed, || {
            let mut inner = self.inner();
            let check = inner
                .checks
                .get_mut(&id)
                .ok_or_else(|| ForgeError::NotFound(format!("check {id}")))?;
            check.conclusions.extend(conclusion(state));
            check.state = state.clone();
            Ok(())
        })
    }

    async fn write_comment(
        &self,
        _repo: &RepoRef,
        _pull_request: u64,
        known: Option<u64>,
        marker: &str,
        body: &str,
    ) -> Result<u64, ForgeError> {
        self.faults.call(failed, || {
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
    }

    async fn job_token(
        &self,
        _repo: &RepoRef,
        _permissions: &TokenPermissions,
    ) -> Result<JobToken, ForgeError> {
        self.faults.call(failed, || {
            Ok(JobToken {
                token: "ghs_simulated".into(),
                expires_at: UnixMillis(u64::MAX),
            })
        })
    }
}
