//! The fake GitHub as tests and the command hold it.

mod outcome;
mod people;
mod setup;

use crate::actions::setup::NewApp;
use crate::clock::{FakeClock, TimeSource};
use crate::key::TEST_ONLY_APP_KEY_PEM;
use crate::server;
use crate::shared::{Delivering, Shared};
use crate::state::{Setup, State, Urls};
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
    /// completed, `check_suite` requested and completed, and its own comments. GitHub sends them.
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
}
