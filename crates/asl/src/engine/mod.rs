//! Drives many executions of one machine at once, on tokio. What is true of an execution is in [`crate::Execution`]; here
//! are only its surroundings: a timer and a task for each, the calls of functions, names, tokens and counts.
//!
//! Nothing is kept on disk: when the process ends, its executions are gone, and whoever started them starts them again.
//! The clock is tokio's, so that a test with a paused clock runs in virtual time.

mod call;
mod drive;
mod error;
mod registry;

pub use call::TaskHandler;
pub use error::{StartError, Started, StopError, TokenError};
pub use registry::Ended;

use crate::size::{DATA_LIMIT_BYTES, json_bytes};
use crate::{Event, Execution, Machine, Moment, Random, Step, TaskError, job};
use registry::Registry;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;

/// Characters of an execution's name. AWS API reference, `StartExecution`: 1 to 80.
const NAME_CHARS: usize = 80;

/// How the engine behaves.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// What `$$.StateMachine.Id` is, and the only `StateMachineArn` that an execution may start.
    pub state_machine_arn: String,
    /// How long one call of a function may take before it is ended as `Sandbox.Timedout`, as Lambda does.
    pub function_timeout: Duration,
    /// Calls under way at once; more wait for their turn, and their task's `TimeoutSeconds` runs meanwhile.
    pub concurrent_calls: usize,
    /// How many ended executions are remembered, the latest ones: as long as one is, its name is refused and its outcome
    /// can be asked for. AWS refuses a name for 90 days. As many used task tokens are remembered.
    pub remembered: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            state_machine_arn: job::LOCAL_STATE_MACHINE.to_owned(),
            function_timeout: Duration::from_secs(60),
            concurrent_calls: 64,
            remembered: 10_000,
        }
    }
}

/// What was used since the engine was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub executions: u64,
    /// As AWS bills them; see [`Execution::transitions`].
    pub transitions: u64,
    /// Calls of functions.
    pub calls: u64,
}

/// The engine. Cheap to clone; all clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// An [`Engine`] to be held by its own [`TaskHandler`], without keeping it alive.
#[derive(Clone)]
pub struct WeakEngine(Weak<Inner>);

impl WeakEngine {
    /// The engine, unless it is gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Engine> {
        self.0.upgrade().map(Engine)
    }
}

struct Inner {
    settings: EngineSettings,
    state_machine_arn: Arc<str>,
    machine: Arc<Machine>,
    handler: Arc<dyn TaskHandler>,
    runtime: Handle,
    origin: Instant,
    random: Mutex<Box<dyn Random>>,
    registry: Mutex<Registry>,
    calls: Arc<Semaphore>,
    running: watch::Sender<usize>,
    executions: AtomicU64,
    transitions: AtomicU64,
    called: AtomicU64,
}

/// A lock that outlives a panic: what it guards is changed in one go or not at all.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// An engine whose handler knows it: `handler` gets what it can keep to answer tokens or start executions.
    pub fn new(
        machine: Machine,
        settings: EngineSettings,
        random: Box<dyn Random>,
        runtime: Handle,
        handler: impl FnOnce(WeakEngine) -> Arc<dyn TaskHandler>,
    ) -> Self {
        let state_machine_arn = Arc::from(settings.state_machine_arn.as_str());
        Self(Arc::new_cyclic(|weak| Inner {
            handler: handler(WeakEngine(weak.clone())),
            machine: Arc::new(machine),
            state_machine_arn,
            runtime,
            origin: Instant::now(),
            random: Mutex::new(random),
            registry: Mutex::new(Registry::new(settings.remembered)),
            calls: Arc::new(Semaphore::new(
                settings.concurrent_calls.clamp(1, Semaphore::MAX_PERMITS),
            )),
            running: watch::Sender::new(0),
            executions: AtomicU64::new(0),
            transitions: AtomicU64::new(0),
            called: AtomicU64::new(0),
            settings,
        }))
    }

    /// Starts an execution.
    ///
    /// As on AWS, the same name with the same input while that execution runs is a success
    /// ([`Started::AlreadyRunning`]).
    ///
    /// # Errors
    /// The name is taken by an execution with another input or by an ended one that is still remembered, the name is none,
    /// or the input is over 256 KiB.
    pub fn start(&self, name: &str, input: Value) -> Result<Started, StartError> {
        self.0.start(name, input)
    }

    /// Ends a running execution as aborted. What its function does at the moment goes on, and its answer is not looked at.
    ///
    /// # Errors
    /// No execution of that name runs.
    pub fn stop(&self, name: &str, cause: &str) -> Result<(), StopError> {
        let sent = lock(&self.0.registry).send(
            name,
            Event::Stop {
                cause: cause.to_owned(),
            },
        );
        if sent {
            Ok(())
        } else {
            Err(StopError::NotRunning(name.to_owned()))
        }
    }

    #[must_use]
    pub fn is_running(&self, name: &str) -> bool {
        lock(&self.0.registry).is_running(name)
    }

    /// The names of all that run, sorted.
    #[must_use]
    pub fn running(&self) -> Vec<String> {
        lock(&self.0.registry).running_names()
    }

    /// How an execution ended, as long as it is remembered.
    #[must_use]
    pub fn ended(&self, name: &str) -> Option<Arc<Ended>> {
        lock(&self.0.registry).ended(name)
    }

    /// The states an execution has entered, oldest first, the last [`crate::VISITS_KEPT`] of them. Also of an ended one, as
    /// long as it is remembered.
    #[must_use]
    pub fn visited(&self, name: &str) -> Option<Vec<String>> {
        let visits = lock(&self.0.registry).visits(name)?;
        Some(
            visits
                .iter()
                .map(|visit| self.0.machine.name(visit.state).to_owned())
                .collect(),
        )
    }

    /// Answers a task token.
    ///
    /// # Errors
    /// The token was never handed out or was used, or its task is over.
    pub fn task_success(&self, token: &str, output: Value) -> Result<(), TokenError> {
        let event = Event::TokenSucceeded {
            token: token.to_owned(),
            output,
        };
        lock(&self.0.registry).answer(token, event)
    }

    /// Fails the task of a token.
    ///
    /// # Errors
    /// As [`Self::task_success`].
    pub fn task_failure(&self, token: &str, error: TaskError) -> Result<(), TokenError> {
        let event = Event::TokenFailed {
            token: token.to_owned(),
            error,
        };
        lock(&self.0.registry).answer(token, event)
    }

    /// Says that whoever holds the token is alive.
    ///
    /// # Errors
    /// As [`Self::task_success`].
    pub fn task_heartbeat(&self, token: &str) -> Result<(), TokenError> {
        lock(&self.0.registry).heartbeat(token)
    }

    /// Waits until an execution has ended; none when no such execution runs or is remembered.
    pub async fn wait(&self, name: &str) -> Option<Arc<Ended>> {
        let watched = lock(&self.0.registry).watch(name);
        if let Some(mut end) = watched {
            // The sender goes with the registry's entry: the error is the news.
            let _gone = end.changed().await;
        }
        self.ended(name)
    }

    /// Waits until nothing runs.
    pub async fn idle(&self) {
        let mut running = self.0.running.subscribe();
        // The sender lives as long as this engine.
        let _zero = running.wait_for(|running| *running == 0).await;
    }

    /// How many run, for who wants to follow it.
    #[must_use]
    pub fn watch_running(&self) -> watch::Receiver<usize> {
        self.0.running.subscribe()
    }

    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            executions: self.0.executions.load(Ordering::Relaxed),
            transitions: self.0.transitions.load(Ordering::Relaxed),
            calls: self.0.called.load(Ordering::Relaxed),
        }
    }
}

impl Inner {
    fn now(&self) -> Moment {
        let millis = self.origin.elapsed().as_millis();
        Moment(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    fn with_step<T>(&self, work: impl FnOnce(&mut Step<'_>) -> T) -> T {
        let mut random = lock(&self.random);
        work(&mut Step {
            now: self.now(),
            random: &mut **random,
        })
    }

    fn start(self: &Arc<Self>, name: &str, input: Value) -> Result<Started, StartError> {
        if !is_name(name) {
            return Err(StartError::InvalidName(name.chars().take(NAME_CHARS).collect()));
        }
        let bytes = json_bytes(&input);
        if bytes > DATA_LIMIT_BYTES {
            return Err(StartError::InputTooLarge { bytes });
        }
        let name: Arc<str> = Arc::from(name);
        let (events, inbox) = mpsc::unbounded_channel();
        let mut registry = lock(&self.registry);
        if let Some(known) = registry.known(&name, &input)? {
            return Ok(known);
        }
        let (execution, commands) = self.with_step(|step| {
            Execution::start(
                Arc::clone(&self.machine),
                Arc::clone(&self.state_machine_arn),
                input.clone(),
                step,
            )
        });
        self.executions.fetch_add(1, Ordering::Relaxed);
        self.transitions
            .fetch_add(execution.transitions(), Ordering::Relaxed);
        let execution = Arc::new(Mutex::new(execution));
        registry.insert(&name, input, events.clone(), Arc::clone(&execution));
        self.running.send_replace(registry.running_count());
        drop(registry);
        let driver = drive::Driver {
            engine: Arc::clone(self),
            name,
            execution,
            events,
            inbox,
        };
        self.runtime.spawn(driver.run(commands));
        Ok(Started::New)
    }
}

/// AWS API reference, `StartExecution`: 1 to 80 characters; no white space, brackets, wildcards, control or certain other
/// special characters. Of what is left, only ASCII is taken here.
fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_graphic() && !"<>{}[]?*\"#%\\^|~`$&,;:/".contains(c);
    (1..=NAME_CHARS).contains(&name.len()) && name.chars().all(allowed)
}
