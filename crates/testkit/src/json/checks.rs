//! Check runs and check suites.

use super::{node_id, time};
use crate::state::State;
use crate::state::check::{Annotation, CheckRun, CheckSuite, Conclusion, Status};
use crate::timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl State {
    /// A check run as the REST API gives it: of its suite only the id.
    pub(crate) fn check_run_json(&self, run: &CheckRun) -> Value {
        let repo = self.repo_by_id(run.repository);
        let url = format!("{}/check-runs/{}", self.repository_api_url(repo), run.id);
        let web = self.repository_web_url(repo);
        json!({
            "id": run.id.0,
            "node_id": node_id("CR", run.id.0),
            "head_sha": run.head_sha.as_str(),
            "external_id": run.external_id.as_deref().unwrap_or_default(),
            "url": url,
            "html_url": format!("{web}/runs/{}", run.id),
            // GitHub docs: without one of its own, the App's homepage.
            "details_url": run.details_url.clone().unwrap_or_else(|| self.app_home(run.app)),
            "status": run.status.as_str(),
            "conclusion": run.conclusion.map(Conclusion::as_str),
            "started_at": time(run.started_at),
            "completed_at": time(run.completed_at),
            "output": {
                "title": run.output.title,
                "summary": run.output.summary,
                "text": run.output.text,
                "annotations_count": run.annotations.len(),
                "annotations_url": format!("{url}/annotations"),
            },
            "name": run.name,
            "check_suite": { "id": run.suite },
            "app": self.app_json(run.app),
            "pull_requests": self.check_pulls(run.repository, &run.head_sha),
        })
    }

    /// A check run as webhooks carry it: with its suite.
    pub(crate) fn check_run_event_json(&self, run: &CheckRun) -> Value {
        let mut json = self.check_run_json(run);
        if let Some(suite) = self.suites.get(&run.suite) {
            json["check_suite"] = self.suite_core(suite);
        }
        json
    }

    fn app_home(&self, app: u64) -> String {
        self.app_json(app)["external_url"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn check_pulls(&self, repo: checkmill_core::RepositoryId, sha: &checkmill_core::CommitSha) -> Value {
        let repo = self.repo_by_id(repo);
        let pulls = self.pulls_of_commit(repo, sha);
        pulls
            .iter()
            .map(|pull| self.pull_stub(repo, pull))
            .collect::<Vec<_>>()
            .into()
    }

    fn suite_core(&self, suite: &CheckSuite) -> Value {
        let repo = self.repo_by_id(suite.repository);
        let (status, conclusion) = self.suite_state(suite);
        json!({
            "id": suite.id,
            "node_id": node_id("CS", suite.id),
            "head_branch": suite.head_branch,
            "head_sha": suite.head_sha.as_str(),
            "status": status.as_str(),
            "conclusion": conclusion.map(Conclusion::as_str),
            "url": format!("{}/check-suites/{}", self.repository_api_url(repo), suite.id),
            "before": suite.before.as_ref().map(checkmill_core::CommitSha::as_str),
            "after": suite.head_sha.as_str(),
            "pull_requests": self.check_pulls(suite.repository, &suite.head_sha),
            "app": self.app_json(suite.app),
            "created_at": timestamp::format(suite.created_at),
            "updated_at": timestamp::format(suite.updated_at),
        })
    }

    /// A check suite as webhooks carry it.
    pub(crate) fn suite_event_json(&self, suite: &CheckSuite) -> Value {
        let repo = self.repo_by_id(suite.repository);
        let mut json = self.suite_core(suite);
        json["latest_check_runs_count"] = self.latest_runs(suite).len().into();
        json["check_runs_url"] = format!("{}/check-runs", json["url"].as_str().unwrap_or_default()).into();
        let commit = self.objects_of(repo).commit(&suite.head_sha);
        json["head_commit"] = commit.map_or(Value::Null, |c| self.head_commit_json(repo, &c));
        json
    }

    /// A check suite as the REST API gives it.
    pub(crate) fn suite_json(&self, suite: &CheckSuite) -> Value {
        let repo = self.repo_by_id(suite.repository);
        let mut json = self.suite_event_json(suite);
        json["repository"] = self.repository_json(repo);
        json["rerequestable"] = true.into();
        json["runs_rerequestable"] = true.into();
        json
    }

    /// The newest check run of each name in a suite.
    pub(crate) fn latest_runs(&self, suite: &CheckSuite) -> Vec<&CheckRun> {
        let mut latest: BTreeMap<&str, &CheckRun> = BTreeMap::new();
        for run in self.check_runs.values().filter(|run| run.suite == suite.id) {
            latest.insert(&run.name, run);
        }
        latest.into_values().collect()
    }

    /// A suite's status and conclusion follow from its newest runs; the worst decides.
    #[must_use]
    pub fn suite_state(&self, suite: &CheckSuite) -> (Status, Option<Conclusion>) {
        let runs = self.latest_runs(suite);
        if runs.is_empty() || suite.reset {
            return (Status::Queued, None);
        }
        if runs.iter().any(|run| run.status != Status::Completed) {
            let started = runs.iter().any(|run| run.status != Status::Queued);
            let status = if started {
                Status::InProgress
            } else {
                Status::Queued
            };
            return (status, None);
        }
        let worst_first = [
            Conclusion::Failure,
            Conclusion::TimedOut,
            Conclusion::Cancelled,
            Conclusion::ActionRequired,
            Conclusion::Success,
            Conclusion::Neutral,
            Conclusion::Skipped,
        ];
        let has = |c: &Conclusion| runs.iter().any(|run| run.conclusion == Some(*c));
        (Status::Completed, worst_first.into_iter().find(has))
    }
}

/// A check run's annotation as the REST API gives it.
pub(crate) fn annotation_json(annotation: &Annotation) -> Value {
    json!({
        "path": annotation.path,
        "start_line": annotation.start_line,
        "end_line": annotation.end_line,
        "start_column": annotation.start_column,
        "end_column": annotation.end_column,
        "annotation_level": annotation.level,
        "title": annotation.title,
        "message": annotation.message,
        "raw_details": annotation.raw_details,
        "blob_href": "",
    })
}
