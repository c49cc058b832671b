//! The phases over the world's ports, as futures of their own.

use super::backend::SimBackend;
use super::engine::SimEngine;
use super::forge::MemForge;
use super::store::MemStore;
use super::world::SimClock;
use checkmill_backends::port::SubmitKey;
use checkmill_backends::registry::Backends;
use checkmill_core::execution::ExecutionInput;
use checkmill_core::{DeliveryId, Event, Millis};
use checkmill_github::webhook::WebhookSecrets;
use checkmill_phases::PhaseError;
use checkmill_phases::callback::{Callback, CallbackAnswer, CallbackRequest};
use checkmill_phases::plan::{Only, Plan, PlanOutcome};
use checkmill_phases::poll::{AwaitCallback, Poll};
use checkmill_phases::ports::Clock as _;
use checkmill_phases::receive::Receive;
use checkmill_phases::redeliver::Looks;
use checkmill_phases::results::{CaughtError, Results};
use checkmill_phases::start::{Start, StartSettings};
use checkmill_phases::sweep::{Sweep, Swept};
use checkmill_phases::token::CallbackClaims;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) struct Ports {
    pub(super) clock: Arc<SimClock>,
    pub(super) store: Arc<MemStore>,
    pub(super) forge: Arc<MemForge>,
    pub(super) backend: Arc<SimBackend>,
    pub(super) engine: Arc<SimEngine>,
    pub(super) backends: Backends,
    pub(super) settings: StartSettings,
    pub(super) secrets: WebhookSecrets,
    pub(super) looks: Looks,
    pub(super) refused_for: Millis,
}

impl Ports {
    pub(super) async fn receive(&self, event: &Event) -> Result<&'static str, PhaseError> {
        let receive = Receive {
            deliveries: &*self.store,
            queue: &*self.store,
            clock: &*self.clock,
            secrets: &self.secrets,
            app_id: None,
        };
        receive.accept(event).await
    }

    pub(super) async fn plan(&self, delivery: &DeliveryId) -> Result<PlanOutcome, PhaseError> {
        let plan = Plan {
            deliveries: &*self.store,
            runs: &*self.store,
            jobs: &*self.store,
            schedules: &*self.store,
            numbers: &*self.store,
            blobs: &*self.store,
            forge: &*self.forge,
            engine: &*self.engine,
            backends: &self.backends,
            clock: &*self.clock,
            refused_for: self.refused_for,
            only: Only::default(),
        };
        plan.run(delivery).await
    }

    fn sweeper(&self) -> Sweep<'_> {
        Sweep {
            deployment: &self.settings.deployment,
            deliveries: &*self.store,
            schedules: &*self.store,
            runs: &*self.store,
            jobs: &*self.store,
            groups: &*self.store,
            queue: &*self.store,
            forge: &*self.forge,
            engine: &*self.engine,
            backends: &self.backends,
            clock: &*self.clock,
            looks: &self.looks,
        }
    }

    pub(super) async fn sweep(&self) -> Result<Swept, PhaseError> {
        self.sweeper().run().await
    }

    pub(super) async fn recover(&self) -> Result<Swept, PhaseError> {
        self.sweeper().recover().await
    }

    /// What an agent of this attempt (a submit key) has to say: its end where it has ended by itself, else that it runs.
    pub(super) async fn agent(&self, attempt: &str) -> Result<CallbackAnswer, PhaseError> {
        let key: SubmitKey = attempt.parse().expect("a submit key");
        let claims = CallbackClaims {
            job: key.job.clone(),
            attempt: key.attempt,
            expires_at: self.clock.now() + Millis::from_minutes(60),
        };
        let token = self.settings.callback_keys.sign(&claims);
        let callback = Callback {
            runs: &*self.store,
            jobs: &*self.store,
            blobs: &*self.store,
            engine: &*self.engine,
            clock: &*self.clock,
            keys: &self.settings.callback_keys,
        };
        let result = self.backend.result_of(attempt);
        let body = result.map(|result| serde_json::to_vec(&result).expect("a result is JSON"));
        let verb = if body.is_some() { "end" } else { "running" };
        let request = CallbackRequest {
            path: &format!("/jobs/{}/{}/{verb}", key.job, key.attempt),
            query: None,
            authorization: Some(&format!("Bearer {}", token.expose_secret())),
            body: &body.unwrap_or_default(),
        };
        callback.handle(&request).await
    }

    /// One call of the state machine.
    pub(super) async fn invoke(
        &self,
        function: &str,
        input: &Value,
        token: Option<&str>,
    ) -> Result<Value, PhaseError> {
        let parsed: ExecutionInput = serde_json::from_value(input.clone()).expect("the machine passes ids");
        let (store, clock, forge, engine) = (&*self.store, &*self.clock, &*self.forge, &*self.engine);
        let output = match (function.rsplit(':').next(), token) {
            (Some("start"), _) => {
                let start = Start {
                    runs: store,
                    jobs: store,
                    groups: store,
                    blobs: store,
                    forge,
                    engine,
                    backends: &self.backends,
                    secrets: &NoSecrets,
                    clock,
                    settings: &self.settings,
                };
                start.run(&parsed).await?
            }
            (Some("poll"), Some(token)) => {
                let awaiting = AwaitCallback {
                    jobs: store,
                    engine,
                    clock,
                };
                awaiting.run(&parsed, token).await?;
                return Ok(json!({}));
            }
            (Some("poll"), None) => {
                let poll = Poll {
                    runs: store,
                    jobs: store,
                    blobs: store,
                    history: store,
                    forge,
                    backends: &self.backends,
                    clock,
                    wait: &self.settings.wait,
                };
                let turn = input.get("turn").and_then(Value::as_u64).unwrap_or(0);
                poll.run(&parsed, u32::try_from(turn).unwrap_or(u32::MAX)).await?
            }
            (Some("results"), _) => {
                let results = Results {
                    deliveries: store,
                    queue: store,
                    schedules: store,
                    runs: store,
                    jobs: store,
                    groups: store,
                    blobs: store,
                    history: store,
                    forge,
                    backends: &self.backends,
                    engine,
                    clock,
                    model: None,
                };
                let caught: Option<CaughtError> = input
                    .get("error")
                    .and_then(|error| serde_json::from_value(error.clone()).ok());
                results.run(&parsed, caught.as_ref()).await?
            }
            other => panic!("the machine calls {other:?}"),
        };
        Ok(serde_json::to_value(output).expect("an output is JSON"))
    }
}

/// Nobody keeps any.
struct NoSecrets;

#[async_trait::async_trait]
impl checkmill_phases::ports::Secrets for NoSecrets {
    async fn of(
        &self,
        _repo: &checkmill_core::RepoName,
    ) -> Result<checkmill_phases::ports::SecretFiles, checkmill_phases::ports::StoreError> {
        Ok(checkmill_phases::ports::SecretFiles::default())
    }
}
