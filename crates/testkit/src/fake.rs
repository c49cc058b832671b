//! The fake GitHub as tests and the command hold it.

use crate::actions::pulls::{NewPullRequest, PullEdit};
use crate::actions::push::{NewCommit, Onto};
use crate::actions::setup::{NewApp, NewRepository};
use crate::clock::{FakeClock, TimeSource};
use crate::error::FakeError;
use crate::history::RequestRecord;
use crate::key::TEST_ONLY_APP_KEY_PEM;
use crate::server;
use crate::server::fault::{Fault, Selector};
use crate::server::route::Route;
use crate::shared::{Delivering, Shared};
use crate::state::check::CheckRun;
use crate::state::delivery::{Delivery, Outcome};
use crate::state::repository::{Comment, Role};
use crate::state::{Setup, State, Urls};
use crate::wait::{self, WaitExpired};
use checkmill_core::{CheckRunId, CommitSha, DeliveryId, InstallationId, RepositoryId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// The first App's number.
pub const APP_ID: u64 = 1;
/// The secret that webhooks are signed with unless told otherwise. It protects nothing.
pub const WEBHOOK_SECRET: &str = "fake-webhook-secret";

/// How a fake GitHub is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen: an address of this machine's loopback.
    pub listen: SocketAddr,
    pub time: TimeSource,
    pub webhook_secret: String,
    pub delivering: Delivering,
    pub app: NewApp,
    /// Root of the web addresses, in texts and payloads. Empty for the fake's own address, so that `{web}/api/v3` is its API
    /// as on an Enterprise Server.
    pub web_url: String,
    /// What tokens and delivery ids are derived from. Empty gives readable counters. Whoever keeps data between two fakes
    /// must give each its own seed, or the second one's deliveries look like the first one's.
    pub seed: String,
    /// Whether the App also hears of what only echoes its own doing or says nothing new: `check_run` created and
    /// completed, `check_suite` requested and completed, `create`, `delete`, and its own comments. GitHub sends them.
    pub echoes: bool,
    /// Whether the control API (`/_control/…`) is open. Off in process, where its caller has this crate's API.
    pub control: bool,
    /// The limit of each wait, in real time.
    pub wait_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            time: TimeSource::Fake(FakeClock::default()),
            webhook_secret: WEBHOOK_SECRET.to_owned(),
            delivering: Delivering::ByHand,
            app: NewApp::default(),
            web_url: "https://github.com".to_owned(),
            seed: String::new(),
            echoes: false,
            control: false,
            wait_limit: Duration::from_secs(30),
        }
    }
}

/// A running fake GitHub. It stops when this is dropped.
pub struct FakeGitHub {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<()>,
    time: TimeSource,
    webhook_secret: String,
    wait_limit: Duration,
}

impl Drop for FakeGitHub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeGitHub {
    /// Starts one. Errors are those of listening.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let mut state = State::new(Setup {
            urls: Urls {
                api: format!("http://{address}"),
                web: if options.web_url.is_empty() {
                    format!("http://{address}")
                } else {
                    options.web_url
                },
            },
            time: options.time.clone(),
            echoes: options.echoes,
            webhook_secret: options.webhook_secret.clone(),
            seed: options.seed,
        });
        state
            .add_app(Some(APP_ID), options.app)
            .map_err(std::io::Error::other)?;
        let shared = Shared::new(state, options.delivering, Handle::current(), options.control);
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Self {
            shared,
            address,
            server,
            time: options.time,
            webhook_secret: options.webhook_secret,
            wait_limit: options.wait_limit,
        })
    }

    /// The API's root as of api.github.com, without a trailing `/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The API's root as GitHub Enterprise Server has it; its GraphQL is at `/api/graphql`.
    #[must_use]
    pub fn enterprise_url(&self) -> String {
        format!("http://{}/api/v3", self.address)
    }

    #[must_use]
    pub fn app_id(&self) -> u64 {
        APP_ID
    }

    /// The first App's private key, unless `Options::app` brought another.
    #[must_use]
    pub fn app_private_key_pem() -> &'static str {
        TEST_ONLY_APP_KEY_PEM
    }

    #[must_use]
    pub fn webhook_secret(&self) -> &str {
        &self.webhook_secret
    }

    /// The clock it goes by; for one that goes by the machine's, none.
    #[must_use]
    pub fn clock(&self) -> Option<FakeClock> {
        match &self.time {
            TimeSource::Fake(clock) => Some(clock.clone()),
            TimeSource::System => None,
        }
    }

    /// Looks at the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.shared.read(look)
    }

    /// What happened so far, as text.
    #[must_use]
    pub fn history(&self) -> String {
        self.read(|state| state.history.to_string())
    }

    // --- The world ---

    pub fn add_app(&self, app: NewApp) -> Result<u64, FakeError> {
        self.shared.change(|state| state.add_app(None, app))
    }

    pub fn add_repository(&self, repository: NewRepository) -> Result<RepositoryId, FakeError> {
        self.shared.change(|state| state.add_repository(repository))
    }

    /// `by`'s fork, under the same name. The App is not installed on it.
    pub fn fork(&self, parent: &str, by: &str) -> Result<RepositoryId, FakeError> {
        self.shared.change(|state| state.fork(parent, by))
    }

    /// The App's installation on an account, made where there is none.
    pub fn installation(&self, app: u64, account: &str) -> Result<InstallationId, FakeError> {
        self.shared.change(|state| state.installation_of(app, account))
    }

    /// Gives an installation access, without a webhook.
    pub fn grant(&self, installation: InstallationId, repository: RepositoryId) -> Result<(), FakeError> {
        self.shared.change(|state| state.grant(installation, repository))
    }

    pub fn make_organization(&self, login: &str) -> Result<(), FakeError> {
        self.shared.change(|state| state.make_organization(login))
    }

    /// A personal access token (`ghp_…`).
    pub fn personal_token(&self, login: &str) -> Result<String, FakeError> {
        self.shared.change(|state| state.personal_token(login))
    }

    /// `None` takes the role away.
    pub fn set_role(&self, repo: &str, login: &str, role: Option<Role>) -> Result<(), FakeError> {
        self.shared.change(|state| state.set_role(repo, login, role))
    }

    pub fn revoke_token(&self, token: &str) {
        self.shared.change(|state| {
            if let Some(token) = state.tokens.get_mut(token) {
                token.revoked = true;
            }
        });
    }

    /// Requests an hour for each principal.
    pub fn set_rate_limit(&self, requests_per_hour: u32) {
        self.shared.change(|state| state.rate_limit = requests_per_hour);
    }

    // --- What people do; each makes the webhooks that GitHub would send ---

    /// A commit on top of the branch, which is made from the default branch where it is new.
    pub fn push(&self, repo: &str, branch: &str, commit: NewCommit) -> Result<CommitSha, FakeError> {
        self.push_commits(repo, branch, Onto::Head, vec![commit])
    }

    /// Several commits in one push, or a forced one; without commits the branch moves to the commit of `onto`.
    pub fn push_commits(
        &self,
        repo: &str,
        branch: &str,
        onto: Onto,
        commits: Vec<NewCommit>,
    ) -> Result<CommitSha, FakeError> {
        self.shared
            .change(|state| state.push(repo, branch, onto, commits))
    }

    /// Points a full ref (`refs/heads/…`, `refs/tags/…`) to a commit that exists, or deletes it.
    pub fn update_ref(
        &self,
        repo: &str,
        full_ref: &str,
        sha: Option<CommitSha>,
        by: &str,
    ) -> Result<(), FakeError> {
        self.shared
            .change(|state| state.update_ref(repo, full_ref, sha, by))
    }

    /// Tags in one push; GitHub makes no events for more than three.
    pub fn push_tags(&self, repo: &str, tags: &[&str], sha: &CommitSha, by: &str) -> Result<(), FakeError> {
        self.shared.change(|state| state.push_tags(repo, tags, sha, by))
    }

    /// Gives the pull request's number.
    pub fn open_pull_request(&self, new: NewPullRequest) -> Result<u64, FakeError> {
        self.shared.change(|state| state.open_pull_request(new))
    }

    pub fn edit_pull_request(
        &self,
        repo: &str,
        number: u64,
        edit: PullEdit,
        by: &str,
    ) -> Result<(), FakeError> {
        self.shared
            .change(|state| state.edit_pull_request(repo, number, edit, by))
    }

    /// Gives the merge commit.
    pub fn merge_pull_request(&self, repo: &str, number: u64, by: &str) -> Result<CommitSha, FakeError> {
        self.shared
            .change(|state| state.merge_pull_request(repo, number, by))
    }

    /// Gives the comment's id.
    pub fn comment(&self, repo: &str, number: u64, by: &str, body: &str) -> Result<u64, FakeError> {
        self.shared.change(|state| state.comment(repo, number, by, body))
    }

    /// Clicks a button of a check; an error where the check has none of this name.
    pub fn click_button(
        &self,
        check: CheckRunId,
        identifier: &str,
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.click_button(check, identifier, by))
    }

    /// "Re-run" of one check.
    pub fn rerequest_check(&self, check: CheckRunId, by: &str) -> Result<Option<DeliveryId>, FakeError> {
        self.shared.change(|state| state.rerequest_check(check, by))
    }

    /// "Re-run all checks" of a commit.
    pub fn rerequest_suite(
        &self,
        repo: &str,
        sha: &CommitSha,
        by: &str,
    ) -> Result<Vec<DeliveryId>, FakeError> {
        self.shared.change(|state| state.rerequest_suite(repo, sha, by))
    }

    /// "Run workflow" at a full ref or a branch's name.
    pub fn dispatch_workflow(
        &self,
        repo: &str,
        workflow: &str,
        git_ref: &str,
        inputs: &[(&str, &str)],
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.dispatch_workflow(repo, workflow, git_ref, inputs, by))
    }

    pub fn ping(&self) -> Result<Option<DeliveryId>, FakeError> {
        self.shared.change(|state| state.ping(APP_ID))
    }

    /// Sends `installation.created` for what was set up.
    pub fn announce_installation(
        &self,
        installation: InstallationId,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.announce_installation(installation))
    }

    pub fn uninstall(&self, installation: InstallationId) -> Result<Option<DeliveryId>, FakeError> {
        self.shared.change(|state| state.uninstall(installation))
    }

    pub fn set_suspended(
        &self,
        installation: InstallationId,
        suspended: bool,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.set_suspended(installation, suspended))
    }

    /// Gives or takes an installation's access to a repository, with the webhook.
    pub fn set_access(
        &self,
        installation: InstallationId,
        repo: &str,
        access: bool,
    ) -> Result<Option<DeliveryId>, FakeError> {
        self.shared
            .change(|state| state.set_access(installation, repo, access))
    }

    // --- Webhooks ---

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

    // --- Faults ---

    /// The next request of this route (or any) meets the fault. Several are met one after the other.
    pub fn fail_next(&self, requests: impl Into<Selector>, fault: Fault) {
        self.shared.add_fault(requests.into(), fault);
    }

    // --- What came of it ---

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

    // --- The end ---

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
