//! The whole of Checkmill in one process: the adapters of one machine under the phases, and what drives them.

use super::blobs::FileBlobs;
use super::engine::{LocalEngine, PhaseTasks};
use super::queue::{LocalQueue, Queued, Receiver};
use super::retention::forget;
use super::secrets::FileSecrets;
use anyhow::Context as _;
use checkmill_asl::engine::{Engine as Interpreter, EngineSettings};
use checkmill_asl::job;
use checkmill_aws::clock::SystemClock;
use checkmill_aws::dynamodb::DynamoStore;
use checkmill_aws::embedded::Embedded;
use checkmill_backends::registry::Backends;
use checkmill_core::execution::{ExecutionInput, PhaseOutput};
use checkmill_core::{DeliveryId, DeploymentId, Event, Job, JobKey, Millis, Reason, Run};
use checkmill_github::forge::Forge;
use checkmill_github::webhook::WebhookSecrets;
use checkmill_model::Model;
use checkmill_phases::PhaseError;
use checkmill_phases::abandon::Abandon;
use checkmill_phases::callback::{Callback, CallbackAnswer, CallbackRequest};
use checkmill_phases::outcome::WaitSettings;
use checkmill_phases::plan::{Only, Plan, PlanOutcome};
use checkmill_phases::poll::{AwaitCallback, Poll};
use checkmill_phases::ports::Clock as _;
use checkmill_phases::receive::{Receive, WebhookAnswer, WebhookRequest, accept};
use checkmill_phases::redeliver::Looks;
use checkmill_phases::results::{CaughtError, Results};
use checkmill_phases::start::{Start, StartSettings};
use checkmill_phases::stop::Stop;
use checkmill_phases::sweep::{Sweep, Swept};
use checkmill_phases::token::CallbackKeys;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a running job's callback is awaited before a poll makes sure. Shorter than on AWS, where each poll costs.
const CALLBACK_PATIENCE: Millis = Millis::from_secs(15);
/// Between two sweeps. Nothing on one machine gets stuck for long, and a sweep of it costs little.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Between two looks for what is old enough to be forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);
/// Deliveries planned at once.
const PLANNERS: usize = 4;

/// What a system is made of.
pub(crate) struct Parts {
    /// Whose name the jobs carry.
    pub(crate) deployment: DeploymentId,
    pub(crate) embedded: Embedded,
    pub(crate) blobs: FileBlobs,
    pub(crate) forge: Arc<dyn Forge>,
    pub(crate) backends: Backends,
    pub(crate) app_id: u64,
    pub(crate) secrets: WebhookSecrets,
    /// What people keep for jobs.
    pub(crate) job_secrets: FileSecrets,
    /// Where jobs reach the callback's routes.
    pub(crate) public_url: String,
    /// Who translates steps that this machine can't run.
    pub(crate) model: Option<Arc<dyn Model>>,
    /// Plan only this workflow, by its path.
    pub(crate) only_workflow: Option<String>,
    /// Plan only this job of each workflow, and those it needs.
    pub(crate) only_job: Option<JobKey>,
}

pub(crate) struct System {
    store: DynamoStore,
    embedded: Embedded,
    blobs: FileBlobs,
    forge: Arc<dyn Forge>,
    backends: Backends,
    engine: LocalEngine,
    queue: LocalQueue,
    clock: SystemClock,
    app_id: u64,
    only_workflow: Option<String>,
    only_job: Option<JobKey>,
    secrets: WebhookSecrets,
    job_secrets: FileSecrets,
    start: StartSettings,
    model: Option<Arc<dyn Model>>,
    calls: AtomicU64,
    looks: Looks,
}

/// Task tokens are made of this.
pub(crate) fn unguessable() -> u64 {
    let mut bytes = [0; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system has randomness");
    u64::from_le_bytes(bytes)
}

impl System {
    /// Puts the parts together. Nothing moves before [`System::drive`] and [`System::recover`].
    ///
    /// # Errors
    /// A broken state machine.
    pub(crate) fn new(parts: Parts) -> anyhow::Result<(Arc<Self>, Receiver)> {
        let clock = SystemClock;
        let machine = job::machine(&job::Functions::LOCAL).context("The state machine's file is broken.")?;
        let tasks = Arc::new(PhaseTasks::default());
        let handler = tasks.clone();
        let interpreter = Interpreter::new(
            machine,
            EngineSettings::default(),
            Box::new(unguessable),
            tokio::runtime::Handle::current(),
            move |_| handler,
        );
        let (queue, receiver) = LocalQueue::new();
        let system = Arc::new(Self {
            store: parts.embedded.store(Arc::new(clock)),
            embedded: parts.embedded,
            blobs: parts.blobs,
            forge: parts.forge,
            backends: parts.backends,
            engine: LocalEngine(interpreter),
            queue,
            clock,
            app_id: parts.app_id,
            only_workflow: parts.only_workflow,
            only_job: parts.only_job,
            start: StartSettings {
                deployment: parts.deployment,
                public_url: Some(parts.public_url),
                callback_keys: CallbackKeys::derive(&parts.secrets),
                wait: WaitSettings {
                    callback: true,
                    callback_patience: CALLBACK_PATIENCE,
                },
                model: parts.model.as_ref().map(|model| model.id().clone()),
            },
            model: parts.model,
            job_secrets: parts.job_secrets,
            secrets: parts.secrets,
            calls: AtomicU64::new(0),
            looks: Looks::default(),
        });
        tasks.connect(&system);
        Ok((system, receiver))
    }

    /// Plans what the queue brings, a few deliveries at once, until the queue is gone.
    pub(crate) async fn drive(self: Arc<Self>, mut receiver: Receiver) {
        let places = Arc::new(tokio::sync::Semaphore::new(PLANNERS));
        while let Some(queued) = receiver.next().await {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let system = self.clone();
            tokio::spawn(async move {
                if let Err(error) = system.plan(&queued.message.delivery).await {
                    tracing::warn!(delivery = %queued.message.delivery, %error, "a delivery could not be planned");
                    system.queue.retry(queued, &error);
                }
                drop(place);
            });
        }
    }

    /// Sweeps for as long as it is polled, at once for the first time: what GitHub could not deliver while nobody was here is
    /// asked for now.
    pub(crate) async fn keep_sweeping(&self) {
        let mut ticks = tokio::time::interval(SWEEP_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.calls.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = self.sweeper().run().await {
                tracing::error!(%error, "a sweep failed");
            }
        }
    }

    /// Forgets what is old for as long as it is polled.
    pub(crate) async fn keep_forgetting(&self) {
        let mut ticks = tokio::time::interval(FORGET_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match forget(&self.embedded, &self.blobs, self.clock.now()).await {
                Ok(forgotten) => tracing::info!(?forgotten, "what is old was forgotten"),
                Err(error) => {
                    tracing::error!(%error, "what is old can't be forgotten; it is tried again in an hour")
                }
            }
        }
    }

    /// Goes on with everything that was under way when the process before this one ended. Only for the owner of the data
    /// directory, before anything else moves.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn recover(&self) -> Result<Swept, PhaseError> {
        self.sweeper().recover().await
    }

    pub(crate) async fn receive(&self, request: &WebhookRequest<'_>) -> WebhookAnswer {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let receive = Receive {
            deliveries: &self.store,
            queue: &self.queue,
            clock: &self.clock,
            secrets: &self.secrets,
            app_id: Some(self.app_id),
        };
        receive.handle(request).await
    }

    /// Takes in an event that no webhook tells of.
    ///
    /// # Errors
    /// The store's and the queue's.
    pub(crate) async fn accept(&self, event: &Event) -> Result<(), PhaseError> {
        accept(&self.store, &self.queue, event).await.map(drop)
    }

    pub(crate) async fn callback(&self, request: &CallbackRequest<'_>) -> Result<CallbackAnswer, PhaseError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let callback = Callback {
            runs: &self.store,
            jobs: &self.store,
            blobs: &self.blobs,
            engine: &self.engine,
            clock: &self.clock,
            keys: &self.start.callback_keys,
        };
        callback.handle(request).await
    }

    pub(crate) async fn plan(&self, delivery: &DeliveryId) -> Result<PlanOutcome, PhaseError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let plan = Plan {
            deliveries: &self.store,
            runs: &self.store,
            jobs: &self.store,
            schedules: &self.store,
            numbers: &self.store,
            blobs: &self.blobs,
            forge: &*self.forge,
            engine: &self.engine,
            backends: &self.backends,
            clock: &self.clock,
            refused_for: LocalQueue::REFUSED_FOR,
            only: Only {
                workflow: self.only_workflow.as_deref(),
                job: self.only_job.as_ref(),
            },
        };
        plan.run(delivery).await
    }

    pub(crate) async fn start(&self, input: &ExecutionInput) -> Result<PhaseOutput, PhaseError> {
        let start = Start {
            runs: &self.store,
            jobs: &self.store,
            groups: &self.store,
            blobs: &self.blobs,
            forge: &*self.forge,
            engine: &self.engine,
            backends: &self.backends,
            secrets: &self.job_secrets,
            clock: &self.clock,
            settings: &self.start,
        };
        start.run(input).await
    }

    pub(crate) async fn poll(&self, input: &ExecutionInput, turn: u32) -> Result<PhaseOutput, PhaseError> {
        let poll = Poll {
            runs: &self.store,
            jobs: &self.store,
            blobs: &self.blobs,
            history: &self.store,
            forge: &*self.forge,
            backends: &self.backends,
            clock: &self.clock,
            wait: &self.start.wait,
        };
        poll.run(input, turn).await
    }

    pub(crate) async fn await_callback(&self, input: &ExecutionInput, token: &str) -> Result<(), PhaseError> {
        AwaitCallback {
            jobs: &self.store,
            engine: &self.engine,
            clock: &self.clock,
        }
        .run(input, token)
        .await
    }

    pub(crate) async fn results(
        &self,
        input: &ExecutionInput,
        caught: Option<&CaughtError>,
    ) -> Result<PhaseOutput, PhaseError> {
        let results = Results {
            deliveries: &self.store,
            queue: &self.queue,
            schedules: &self.store,
            runs: &self.store,
            jobs: &self.store,
            groups: &self.store,
            blobs: &self.blobs,
            history: &self.store,
            forge: &*self.forge,
            backends: &self.backends,
            engine: &self.engine,
            clock: &self.clock,
            model: self.model.as_deref(),
        };
        results.run(input, caught).await
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn healthy(&self) -> Result<(), PhaseError> {
        checkmill_phases::ports::Jobs::due(&self.store, checkmill_core::UnixMillis(0), 1).await?;
        Ok(())
    }

    fn sweeper(&self) -> Sweep<'_> {
        Sweep {
            deployment: &self.start.deployment,
            deliveries: &self.store,
            schedules: &self.store,
            runs: &self.store,
            jobs: &self.store,
            groups: &self.store,
            queue: &self.queue,
            forge: &*self.forge,
            engine: &self.engine,
            backends: &self.backends,
            clock: &self.clock,
            looks: &self.looks,
        }
    }

    /// Queues a delivery again that could not be planned; whether there is another try.
    pub(crate) fn retry(&self, queued: Queued, error: &PhaseError) -> bool {
        self.queue.retry(queued, error)
    }

    /// Stops a job.
    ///
    /// # Errors
    /// The ports'.
    pub(crate) async fn stop(&self, job: &Job, reason: Reason, detail: &str) -> Result<(), PhaseError> {
        let stop = Stop {
            jobs: &self.store,
            engine: &self.engine,
            backends: &self.backends,
            clock: &self.clock,
        };
        stop.run(&job.id, job.attempt, reason, detail).await.map(|_| ())
    }

    /// Ends what a `checkmill run` before this one left behind of these runs; the names of its jobs.
    ///
    /// # Errors
    /// The ports'.
    pub(crate) async fn abandon(
        &self,
        which: impl Fn(&Run) -> bool + Send,
        reason: &Reason,
        detail: &str,
    ) -> Result<Vec<String>, PhaseError> {
        let abandon = Abandon {
            runs: &self.store,
            jobs: &self.store,
            backends: &self.backends,
            clock: &self.clock,
        };
        let left = abandon.run(which, reason, detail).await?;
        Ok(left.into_iter().map(|job| job.name).collect())
    }

    /// Stops what runs, as far as that can be done without writing anything down.
    pub(crate) async fn stop_compute(&self) {
        for (name, backend) in self.backends.all() {
            let Ok(all) = backend.list().await else { continue };
            for owned in all {
                if !owned.live || owned.key.deployment != self.start.deployment {
                    continue;
                }
                if let Err(error) = backend.cancel(&owned.id).await {
                    tracing::warn!(backend = name, job = %owned.key, %error, "a job could not be stopped");
                }
            }
        }
    }

    #[must_use]
    pub(crate) const fn store(&self) -> &DynamoStore {
        &self.store
    }

    #[must_use]
    pub(crate) const fn blobs(&self) -> &FileBlobs {
        &self.blobs
    }

    #[must_use]
    pub(crate) const fn engine(&self) -> &LocalEngine {
        &self.engine
    }

    /// What was used so far, in the units that AWS counts; GitHub's requests are the adapter's to count.
    #[must_use]
    pub(crate) fn usage(&self) -> crate::run::report::Usage {
        let engine = self.engine.0.usage();
        crate::run::report::Usage {
            state_transitions: engine.transitions,
            lambda_invocations: engine.calls + self.calls.load(Ordering::Relaxed),
            store_reads: self.embedded.usage.reads(),
            store_writes: self.embedded.usage.writes(),
            queue_messages: self.queue.sent(),
            forge_requests: 0,
            backend_requests: self.backends.requests(),
        }
    }
}
