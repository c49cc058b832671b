//! Webhooks, faults, what came of it all, and the end.

use super::FakeGitHub;
use crate::error::FakeError;
use crate::history::RequestRecord;
use crate::server::fault::{Fault, Selector};
use crate::server::route::Route;
use crate::shared::Delivering;
use crate::state::State;
use crate::state::check::CheckRun;
use crate::state::delivery::{Delivery, Outcome};
use crate::state::repository::Comment;
use crate::wait::{self, WaitExpired};
use checkmill_core::{CheckRunId, DeliveryId};

impl FakeGitHub {
    /// Takes the webhooks that wait, in the order they were made. Only where they are delivered by hand.
    #[must_use]
    pub fn take_webhooks(&self) -> Vec<Delivery> {
        self.shared.change(|state| {
            let waiting = state
                .deliveries
                .iter_mut()
                .filter(|d| d.outcome == Outcome::Pending);
            waiting
                .map(|delivery| {
                    delivery.outcome = Outcome::Handed;
                    delivery.clone()
                })
                .collect()
        })
    }

    /// Tells how a webhook taken by hand was answered; the deliveries API then shows it.
    pub fn record_answer(&self, delivery: &Delivery, status: u16, body: &str) {
        let body = body.to_owned();
        self.shared
            .record_outcome(delivery, Outcome::Answered { status, body });
    }

    /// Where webhooks go from now on; those that wait are sent at once.
    pub fn set_delivering(&self, delivering: Delivering) {
        self.shared.set_delivering(delivering);
    }

    /// Delivers the newest attempt with this id once more, as "Redeliver" on GitHub does: the same id and body.
    pub fn redeliver(&self, guid: &DeliveryId) -> Result<(), FakeError> {
        self.shared.change(|state| {
            let newest = state.deliveries.iter().rev().find(|d| d.guid == *guid);
            let id = newest.map(|d| d.id);
            let id = id.ok_or_else(|| FakeError::NoDelivery(guid.to_string()))?;
            state.redeliver_attempt(id).map(|_| ())
        })
    }

    /// The next request of this route (or any) meets the fault. Several are met one after the other.
    pub fn fail_next(&self, requests: impl Into<Selector>, fault: Fault) {
        self.shared.add_fault(requests.into(), fault);
    }

    /// Requests of a route so far, faults included.
    #[must_use]
    pub fn requests(&self, route: Route) -> usize {
        self.read(|state| {
            state
                .history
                .requests()
                .filter(|r| r.route == Some(route))
                .count()
        })
    }

    /// All check runs of a repository, oldest first.
    pub fn check_runs(&self, repo: &str) -> Result<Vec<CheckRun>, FakeError> {
        self.read(|state| {
            let id = state.repo(&crate::actions::repo_name(repo)?)?.id;
            let of_repo = state.check_runs.values().filter(|run| run.repository == id);
            Ok(of_repo.cloned().collect())
        })
    }

    /// One check run as it is now.
    pub fn check_run(&self, id: CheckRunId) -> Result<CheckRun, FakeError> {
        self.read(|state| {
            state
                .check_runs
                .get(&id)
                .cloned()
                .ok_or(FakeError::NoCheckRun(id.0))
        })
    }

    /// [`CheckRun::line`] of all check runs of a repository, oldest first, one to a line.
    pub fn checks_text(&self, repo: &str) -> Result<String, FakeError> {
        let lines: Vec<String> = self.check_runs(repo)?.iter().map(CheckRun::line).collect();
        Ok(lines.join("\n"))
    }

    pub fn comments(&self, repo: &str, number: u64) -> Result<Vec<Comment>, FakeError> {
        self.read(|state| {
            let id = state.repo(&crate::actions::repo_name(repo)?)?.id;
            Ok(state.comments_of(id, number).cloned().collect())
        })
    }

    /// Tells of every change of the state: for a view that follows it.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared.watch()
    }

    /// Waits for something in the state; the limit is `Options::wait_limit`.
    pub async fn try_wait_for<T>(
        &self,
        what: &str,
        look: impl FnMut(&State) -> Option<T>,
    ) -> Result<T, WaitExpired> {
        wait::until(&self.shared, what, self.wait_limit, look).await
    }

    /// Like [`Self::try_wait_for`], for tests.
    ///
    /// # Panics
    /// With the history, when the limit is reached.
    pub async fn wait_for<T>(&self, what: &str, look: impl FnMut(&State) -> Option<T>) -> T {
        match self.try_wait_for(what, look).await {
            Ok(found) => found,
            Err(expired) => panic!("{expired}"),
        }
    }

    /// Waits until every check run of the repository is completed, and there are at least `count`; gives them all.
    pub async fn wait_for_checks(&self, repo: &str, count: usize) -> Vec<CheckRun> {
        let name = repo.to_owned();
        self.wait_for(&format!("{count} completed checks of {repo}"), |state| {
            let repo = state.repository(&name.parse().ok()?)?;
            let runs: Vec<CheckRun> = state
                .check_runs
                .values()
                .filter(|run| run.repository == repo.id)
                .cloned()
                .collect();
            let done = runs.iter().all(|run| run.conclusion.is_some());
            (done && runs.len() >= count).then_some(runs)
        })
        .await
    }

    /// Waits until no webhook is waiting or under way. Only where they are sent to an address.
    pub async fn wait_for_deliveries(&self) {
        self.wait_for("all webhooks to be answered", |state| {
            let busy = state
                .deliveries
                .iter()
                .any(|d| matches!(d.outcome, Outcome::Pending | Outcome::Sending));
            (!busy).then_some(())
        })
        .await;
    }

    /// Takes the refusals so far: requests that the fake found wrong. A test that provokes one takes it.
    #[must_use]
    pub fn take_refused(&self) -> Vec<RequestRecord> {
        self.shared.change(|state| state.history.take_refused())
    }

    /// What a finished test should not leave: open checks, webhooks nobody took, refused requests nobody expected, faults
    /// that nothing met.
    #[must_use]
    pub fn leftovers(&self) -> Vec<String> {
        self.shared.leftovers()
    }

    /// Ends a test.
    ///
    /// # Panics
    /// With the history, when there are [`Self::leftovers`].
    pub fn finish(self) {
        let left = self.leftovers();
        assert!(
            left.is_empty(),
            "left over at the end:\n{}\nWhat happened:\n{}",
            left.join("\n"),
            self.history()
        );
    }
}
