//! The Forge port over GitHub's API.
//!
//! octocrab's HTTP stack sends the requests ([`http`]); tokens, retries and rate limits are ours, one layer of each
//! ([`api`]), because octocrab's retry on top of a state machine's would multiply, and its token cache forgets to renew.

mod api;
mod app;
mod changes;
mod checks;
mod comments;
mod deliveries;
mod failure;
mod files;
mod http;
mod job_token;
mod jwt;
mod keys;
mod path;
mod refs;
mod retry;
mod timestamp;
mod tokens;
mod trees;

pub use app::AppFault;

use crate::forge::{
    AttemptId, Beside, ChangeSet, ChangedFiles, CheckState, DeliveryLog, FileAtRef, Forge, ForgeError,
    FoundFile, JobToken, NewCheck, PlanningFiles, RepoRef,
};
use crate::settings::{ApiUrl, AppId, SettingsError};
use api::Client;
use async_trait::async_trait;
use checkmill_core::event::GitRef;
use checkmill_core::limits::{FORGE_CALL, FORGE_PLANNING_CALL};
use checkmill_core::policy::TokenPermissions;
use checkmill_core::{CheckRunId, CommitSha, JobId, Login, Millis, UnixMillis};
use checks::SentStates;
use futures::future::BoxFuture;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The time now.
pub type Clock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;
/// Waits that long.
pub type Sleep = Arc<dyn Fn(Millis) -> BoxFuture<'static, ()> + Send + Sync>;
/// A random span from zero up to, and without, the given one.
pub type Jitter = Arc<dyn Fn(Millis) -> Millis + Send + Sync>;

/// Reads the App's private key again; none where it can't be read now.
pub type KeySource = Arc<dyn Fn() -> BoxFuture<'static, Option<SecretString>> + Send + Sync>;

/// What the adapter needs to know.
#[derive(Clone)]
pub struct GitHubSettings {
    pub api_url: ApiUrl,
    pub app_id: AppId,
    /// PEM, PKCS#1 or PKCS#8, with newlines or with the two characters `\n`.
    pub private_key: SecretString,
    /// Where to look for another key when GitHub refuses this one; without, a new process does.
    pub key_source: Option<KeySource>,
    pub clock: Clock,
    /// tokio's timer unless a test brings another.
    pub sleep: Sleep,
    /// The system's randomness unless a test brings another.
    pub jitter: Jitter,
}

impl GitHubSettings {
    #[must_use]
    pub fn new(api_url: ApiUrl, app_id: AppId, private_key: SecretString, clock: Clock) -> Self {
        Self {
            api_url,
            app_id,
            private_key,
            key_source: None,
            clock,
            sleep: Arc::new(|span| Box::pin(tokio::time::sleep(Duration::from_millis(span.0)))),
            jitter: Arc::new(random_below),
        }
    }
}

impl fmt::Debug for GitHubSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHubSettings")
            .field("api_url", &self.api_url)
            .field("app_id", &self.app_id)
            .finish_non_exhaustive()
    }
}

fn random_below(span: Millis) -> Millis {
    let mut bytes = [0; 8];
    // Without randomness all wait alike, which is no reason to fail.
    if span.0 == 0 || SystemRandom::new().fill(&mut bytes).is_err() {
        return Millis(0);
    }
    Millis(u64::from_le_bytes(bytes) % span.0)
}

/// GitHub, as one App sees it.
pub struct GitHub {
    client: Client,
    /// The server answers no GraphQL: an emulator.
    no_graphql: AtomicBool,
    sent_states: SentStates,
    /// What the App is called, once it was asked for.
    own_login: OnceLock<Login>,
    requests: Arc<AtomicU64>,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub")
            .field("api_url", &self.client.url)
            .field("app", &self.client.app)
            .finish_non_exhaustive()
    }
}

impl GitHub {
    /// Makes no request. Must be called inside a tokio runtime, and used in that one.
    ///
    /// # Errors
    /// A key that is none, or no runtime.
    pub fn new(settings: GitHubSettings) -> Result<Self, SettingsError> {
        if settings.api_url.is_exposed() {
            tracing::warn!(api_url = %settings.api_url, "GitHub is spoken to without encryption: tokens can be read on the way");
        }
        let requests = Arc::new(AtomicU64::new(0));
        Ok(Self {
            client: Client {
                http: http::Http::new(&settings.api_url, Arc::clone(&requests))?,
                url: settings.api_url,
                app: settings.app_id,
                keys: keys::Keys::new(settings.private_key, settings.key_source)?,
                tokens: tokens::TokenCache::default(),
                clock: settings.clock,
                sleep: settings.sleep,
                jitter: settings.jitter,
            },
            no_graphql: AtomicBool::new(false),
            sent_states: SentStates::default(),
            own_login: OnceLock::new(),
            requests,
        })
    }

    /// Asks GitHub whether it takes the App's credentials: one request.
    ///
    /// # Errors
    /// [`AppFault::Refused`] where it does not, which no second try mends.
    pub async fn check_app(&self) -> Result<(), AppFault> {
        app::check(&self.client.within(FORGE_CALL)).await
    }

    /// Counts the requests made so far, redirects and retries included.
    #[must_use]
    pub fn requests(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.requests)
    }
}

#[async_trait]
impl Forge for GitHub {
    async fn planning_files(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        dirs: &[&str],
        policy: &str,
        beside: Beside,
    ) -> Result<PlanningFiles, ForgeError> {
        let wanted = files::Wanted {
            repo,
            sha,
            dirs,
            policy,
            beside,
        };
        let api = self.client.within(FORGE_PLANNING_CALL);
        if !self.no_graphql.load(Ordering::Relaxed) {
            match files::by_graphql(&api, &wanted).await? {
                files::ByGraphql::Files(files) => return Ok(files),
                files::ByGraphql::TooMuch => {}
                files::ByGraphql::NoGraphql => {
                    tracing::warn!(api_url = %self.client.url, "GitHub answers no GraphQL; reading files one by one");
                    self.no_graphql.store(true, Ordering::Relaxed);
                }
            }
        }
        files::by_rest(&api, &wanted).await
    }

    async fn files_at(&self, repo: &RepoRef, wanted: &[FileAtRef]) -> Result<Vec<FoundFile>, ForgeError> {
        let api = self.client.within(FORGE_CALL);
        if !self.no_graphql.load(Ordering::Relaxed)
            && let Some(files) = files::files_by_graphql(&api, repo, wanted).await?
        {
            return Ok(files);
        }
        files::files_by_rest(&api, repo, wanted).await
    }

    async fn changed_files(&self, repo: &RepoRef, of: &ChangeSet) -> Result<ChangedFiles, ForgeError> {
        changes::changed_files(&self.client.within(FORGE_PLANNING_CALL), repo, of).await
    }

    async fn resolve_ref(&self, repo: &RepoRef, git_ref: &GitRef) -> Result<Option<CommitSha>, ForgeError> {
        refs::resolve(&self.client.within(FORGE_CALL), repo, git_ref).await
    }

    async fn may_write(&self, repo: &RepoRef, login: &Login) -> Result<bool, ForgeError> {
        refs::may_write(&self.client.within(FORGE_CALL), repo, login).await
    }

    async fn own_login(&self) -> Result<Login, ForgeError> {
        if let Some(known) = self.own_login.get() {
            return Ok(known.clone());
        }
        let login = app::login(&self.client.within(FORGE_CALL)).await?;
        Ok(self.own_login.get_or_init(|| login).clone())
    }

    async fn create_check(&self, repo: &RepoRef, check: &NewCheck) -> Result<CheckRunId, ForgeError> {
        checks::create(&self.client.within(FORGE_CALL), &self.sent_states, repo, check).await
    }

    async fn find_check(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        name: &str,
        job: &JobId,
        after: Option<CheckRunId>,
    ) -> Result<Option<CheckRunId>, ForgeError> {
        checks::find(&self.client.within(FORGE_CALL), repo, sha, name, job, after).await
    }

    async fn update_check(
        &self,
        repo: &RepoRef,
        id: CheckRunId,
        state: &CheckState,
    ) -> Result<(), ForgeError> {
        checks::update(
            &self.client.within(FORGE_CALL),
            &self.sent_states,
            repo,
            id,
            state,
        )
        .await
    }

    async fn write_comment(
        &self,
        repo: &RepoRef,
        pull_request: u64,
        known: Option<u64>,
        marker: &str,
        body: &str,
    ) -> Result<u64, ForgeError> {
        let comment = comments::Comment {
            pull_request,
            known,
            marker,
            body,
        };
        comments::write(&self.client.within(FORGE_CALL), repo, &comment).await
    }

    async fn job_token(
        &self,
        repo: &RepoRef,
        permissions: &TokenPermissions,
    ) -> Result<JobToken, ForgeError> {
        job_token::mint(&self.client.within(FORGE_CALL), repo, permissions).await
    }

    async fn deliveries(&self, since: UnixMillis, limit: usize) -> Result<DeliveryLog, ForgeError> {
        deliveries::list(&self.client.within(FORGE_PLANNING_CALL), since, limit).await
    }

    async fn redeliver(&self, attempt: AttemptId) -> Result<(), ForgeError> {
        deliveries::redeliver(&self.client.within(FORGE_CALL), attempt).await
    }
}
