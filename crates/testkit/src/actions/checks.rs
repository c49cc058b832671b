//! What people do with checks, and the suites that hold them.

use super::{login, repo_name};
use crate::error::FakeError;
use crate::state::State;
use crate::state::check::{CheckRun, CheckSuite};
use crate::webhook::Webhook;
use checkmill_core::{CheckRunId, CommitSha, DeliveryId, RepositoryId};
use serde_json::json;

impl State {
    /// The suite of an App for a commit, made where there is none. A later push of the same commit to another branch gets
    /// no second suite.
    pub(crate) fn suite_for(
        &mut self,
        app: u64,
        repository: RepositoryId,
        sha: &CommitSha,
        branch: Option<&str>,
        before: Option<&CommitSha>,
    ) -> u64 {
        let known = self
            .suites
            .values()
            .find(|s| s.app == app && s.repository == repository && s.head_sha == *sha);
        if let Some(known) = known {
            return known.id;
        }
        let repo = self.repo_by_id(repository);
        let branch_at = repo
            .refs
            .iter()
            .find(|(_, at)| *at == sha)
            .and_then(|(name, _)| name.strip_prefix("refs/heads/"));
        let head_branch = branch.or(branch_at).map(str::to_owned);
        let now = self.now();
        let id = self.next_id("suite", 4000);
        let suite = CheckSuite {
            id,
            app,
            repository,
            head_branch,
            head_sha: sha.clone(),
            before: before.cloned(),
            reset: false,
            created_at: now,
            updated_at: now,
        };
        self.suites.insert(id, suite);
        id
    }

    fn check(&self, id: CheckRunId) -> Result<CheckRun, FakeError> {
        self.check_runs
            .get(&id)
            .cloned()
            .ok_or(FakeError::NoCheckRun(id.0))
    }

    /// Clicks a button of a check run.
    pub(crate) fn click_button(
        &mut self,
        id: CheckRunId,
        identifier: &str,
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        let run = self.check(id)?;
        if !run.actions.iter().any(|action| action.identifier == identifier) {
            let present: Vec<&str> = run.actions.iter().map(|a| a.identifier.as_str()).collect();
            return Err(FakeError::NoButton {
                check: run.name,
                identifier: identifier.to_owned(),
                present: if present.is_empty() {
                    "none".to_owned()
                } else {
                    present.join(", ")
                },
            });
        }
        let by = login(by)?;
        self.user(&by);
        self.note(format!("{by} clicked {identifier:?} of {:?}", run.name));
        let mut payload = self.check_run_payload(&run, "requested_action", &by);
        payload["requested_action"] = json!({ "identifier": identifier });
        let webhook = Webhook {
            event: "check_run",
            action: Some("requested_action"),
            payload,
            echo: false,
        };
        Ok(self
            .emit(run.repository, Some(run.app), &webhook)
            .into_iter()
            .next())
    }

    /// "Re-run" of one check. GitHub resets the suite, not the check run itself.
    pub(crate) fn rerequest_check(
        &mut self,
        id: CheckRunId,
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        let run = self.check(id)?;
        let by = login(by)?;
        self.user(&by);
        self.note(format!("{by} asked to re-run {:?}", run.name));
        self.reset_suite(run.suite);
        let webhook = Webhook {
            event: "check_run",
            action: Some("rerequested"),
            payload: self.check_run_payload(&run, "rerequested", &by),
            echo: false,
        };
        Ok(self
            .emit(run.repository, Some(run.app), &webhook)
            .into_iter()
            .next())
    }

    /// "Re-run all checks" of a commit, for every App that has a suite there.
    pub(crate) fn rerequest_suite(
        &mut self,
        repo: &str,
        sha: &CommitSha,
        by: &str,
    ) -> Result<Vec<DeliveryId>, FakeError> {
        let id = self.repo(&repo_name(repo)?)?.id;
        let by = login(by)?;
        self.user(&by);
        let suites: Vec<u64> = self
            .suites
            .values()
            .filter(|s| s.repository == id && s.head_sha == *sha)
            .map(|s| s.id)
            .collect();
        if suites.is_empty() {
            return Err(FakeError::NoCheckSuite(sha.to_string()));
        }
        self.note(format!("{by} asked to re-run all checks of {}", sha.short()));
        let mut guids = Vec::new();
        for suite in suites {
            self.reset_suite(suite);
            let Some(suite) = self.suites.get(&suite).cloned() else {
                continue;
            };
            let webhook = Webhook {
                event: "check_suite",
                action: Some("rerequested"),
                payload: self.suite_payload(&suite, "rerequested", &by),
                echo: false,
            };
            guids.extend(self.emit(id, Some(suite.app), &webhook));
        }
        Ok(guids)
    }

    fn reset_suite(&mut self, id: u64) {
        let now = self.now();
        if let Some(suite) = self.suites.get_mut(&id) {
            suite.reset = true;
            suite.updated_at = now;
        }
    }

    /// Tells Apps of what one of them reported: `created`, then `completed`, of run and suite.
    pub(crate) fn echo_check(&mut self, run: &CheckRun, action: &'static str) {
        let Some(bot) = self.apps.get(&run.app).map(|app| app.bot_login()) else {
            return;
        };
        let webhook = Webhook {
            event: "check_run",
            action: Some(action),
            payload: self.check_run_payload(run, action, &bot),
            echo: true,
        };
        self.emit(run.repository, None, &webhook);
        let Some(suite) = self.suites.get(&run.suite).cloned() else {
            return;
        };
        if action == "completed" && self.suite_state(&suite).1.is_some() {
            let webhook = Webhook {
                event: "check_suite",
                action: Some("completed"),
                payload: self.suite_payload(&suite, "completed", &bot),
                echo: true,
            };
            self.emit(run.repository, None, &webhook);
        }
    }
}
