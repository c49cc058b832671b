//! The world: the phases over ports in memory, the real state machine, and time that jumps to whatever comes next.

use super::backend::{Script, SimBackend};
use super::faults::Faults;
use super::forge::MemForge;
use super::store::MemStore;
use async_trait::async_trait;
use checkmill_asl::{Command, Event as AslEvent, Execution, Moment, SplitMix64, Step, TaskError, job};
use checkmill_backends::registry::Backends;
use checkmill_core::execution::{ExecutionInput, ExecutionName};
use checkmill_core::{Event, Job, JobState, Millis, UnixMillis};
use checkmill_github::webhook::WebhookSecrets;
use checkmill_phases::PhaseError;
use checkmill_phases::callback::{Callback, CallbackRequest};
use checkmill_phases::outcome::WaitSettings;
use checkmill_phases::plan::Plan;
use checkmill_phases::poll::{AwaitCallback, Poll};
use checkmill_phases::ports::{Clock, DeliveryState, Engine, EngineError};
use checkmill_phases::receive::Receive;
use checkmill_phases::results::{CaughtError, Results};
use checkmill_phases::start::{Start, StartSettings};
use checkmill_phases::sweep::Sweep;
use checkmill_phases::token::{CallbackClaims, CallbackKeys};
use futures::executor::block_on;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Virtual time.
#[derive(Debug, Default)]
pub struct SimClock(AtomicU64);

impl Clock for SimClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::Relaxed))
    }
}

impl SimClock {
    fn set(&self, at: UnixMillis) {
        self.0.store(at.0, Ordering::Relaxed);
    }
}

/// Who loses what when a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// One invocation of one Lambda; the engine sees it fail.
    Aws,
    /// Everything in memory: executions and the queue. The next process recovers.
    OneMachine,
}

struct Running {
    execution: Execution,
    timer: Option<Moment>,
}

#[derive(Default)]
struct Executions {
    running: BTreeMap<String, Running>,
    /// Names that were ever used.
    names: std::collections::BTreeSet<String>,
    pending: VecDeque<(String, Command)>,
    transitions: u64,
}

pub struct SimEngine {
    inner: Mutex<Executions>,
    random: Mutex<SplitMix64>,
    machine: Arc<checkmill_asl::Machine>,
    faults: Arc<Faults>,
    clock: Arc<SimClock>,
}

impl SimEngine {
    fn inner(&self) -> MutexGuard<'_, Executions> {
        self.inner.lock().expect("no test panics while it holds this")
    }

    fn launch(&self, name: &str, input: Value) -> bool {
        let mut inner = self.inner();
        if !inner.names.insert(name.to_owned()) {
            return false;
        }
        let mut random = self.random.lock().expect("not poisoned");
        let mut step = Step {
            now: Moment(self.clock.now().0),
            random: &mut *random,
        };
        let id: Arc<str> = job::LOCAL_STATE_MACHINE.into();
        let (execution, commands) = Execution::start(self.machine.clone(), id, input, &mut step);
        inner.running.insert(
            name.to_owned(),
            Running {
                execution,
                timer: None,
            },
        );
        Self::queue(&mut inner, name, commands);
        true
    }

    fn queue(inner: &mut Executions, name: &str, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::SetTimer { at } => {
                    if let Some(running) = inner.running.get_mut(name) {
                        running.timer = Some(at);
                    }
                }
                Command::Finished => {
                    if let Some(done) = inner.running.remove(name) {
                        inner.transitions += done.execution.transitions();
                    }
                }
                command => inner.pending.push_back((name.to_owned(), command)),
            }
        }
    }

    fn feed(&self, name: &str, event: AslEvent) {
        let mut inner = self.inner();
        let Some(running) = inner.running.get_mut(name) else {
            return;
        };
        if event == AslEvent::TimerFired {
            running.timer = None;
        }
        let mut random = self.random.lock().expect("not poisoned");
        let mut step = Step {
            now: Moment(self.clock.now().0),
            random: &mut *random,
        };
        let commands = running.execution.step(event, &mut step);
        Self::queue(&mut inner, name, commands);
    }

    fn next_command(&self) -> Option<(String, Command)> {
        self.inner().pending.pop_front()
    }

    fn next_timer(&self) -> Option<(Moment, String)> {
        let inner = self.inner();
        inner
            .running
            .iter()
            .filter_map(|(name, running)| Some((running.timer?, name.clone())))
            .min()
    }

    fn forget_all(&self) {
        let mut inner = self.inner();
        inner.running.clear();
        inner.pending.clear();
    }

    #[must_use]
    pub fn transitions(&self) -> u64 {
        self.inner().transitions
    }
}

fn failed(text: &str) -> EngineError {
    EngineError::Transient(text.to_owned())
}

#[async_trait]
impl Engine for SimEngine {
    async fn start(&self, input: &ExecutionInput) -> Result<(), EngineError> {
        self.faults.call(failed, || {
            self.launch(
                &input.name().0,
                serde_json::to_value(input).expect("ids are JSON"),
            );
            Ok(())
        })
    }

    async fn is_running(&self, name: &ExecutionName) -> Result<bool, EngineError> {
        self.faults
            .call(failed, || Ok(self.inner().running.contains_key(&name.0)))
    }

    async fn stop(&self, name: &ExecutionName, cause: &str) -> Result<(), EngineError> {
        self.faults.call(failed, || {
            self.feed(
                &name.0,
                AslEvent::Stop {
                    cause: cause.to_owned(),
                },
            );
            Ok(())
        })
    }

    async fn wake(&self, task_token: &str) -> Result<(), EngineError> {
        self.faults.call(failed, || {
            let waiting = |(_, running): &(&String, &Running)| running.execution.token() == Some(task_token);
            let name = self
                .inner()
                .running
                .iter()
                .find(waiting)
                .map(|(name, _)| name.clone());
            if let Some(name) = name {
                self.feed(
                    &name,
                    AslEvent::TokenSucceeded {
                        token: task_token.to_owned(),
                        output: json!({}),
                    },
                );
            }
            Ok(())
        })
    }
}

/// Something that happens from outside at a time.
#[derive(Debug, Clone)]
pub enum Action {
    /// GitHub delivers this event (again, where it did before).
    Deliver(Box<Event>),
    /// The queue delivers a message that was delivered before.
    RepeatMessage(checkmill_core::DeliveryId),
    /// The agents of all attempts that have ended by themselves call back (again).
    AgentsCall,
    Sweep,
}

pub struct World {
    pub clock: Arc<SimClock>,
    pub faults: Arc<Faults>,
    pub store: Arc<MemStore>,
    pub forge: Arc<MemForge>,
    pub backend: Arc<SimBackend>,
    pub engine: Arc<SimEngine>,
    pub history: Vec<String>,
    backends: Backends,
    settings: StartSettings,
    host: Host,
    actions: Vec<(UnixMillis, Action)>,
}

const SWEEP_EVERY: Millis = Millis::from_minutes(5);
/// A world that has not come to rest by then never will.
const PATIENCE: Millis = Millis::from_minutes(60 * 24 * 30);
/// What the queue waits before it delivers a failed message again.
const REDELIVERY: Millis = Millis::from_secs(30);

fn secrets() -> WebhookSecrets {
    WebhookSecrets::new("secret".into(), None).expect("the secret is not empty")
}

impl World {
    #[must_use]
    pub fn new(
        host: Host,
        callback: bool,
        workflows: &[(&str, &str)],
        scripts: Vec<Script>,
        faults: Faults,
    ) -> Self {
        let clock = Arc::new(SimClock(AtomicU64::new(1_800_000_000_000)));
        let faults = Arc::new(faults);
        let backend = Arc::new(SimBackend::new(scripts, callback, faults.clone(), clock.clone()));
        let machine = job::machine(&job::Functions::LOCAL).expect("the definition is valid");
        let engine = SimEngine {
            inner: Mutex::default(),
            random: Mutex::new(SplitMix64(1)),
            machine: Arc::new(machine),
            faults: faults.clone(),
            clock: clock.clone(),
        };
        let settings = StartSettings {
            public_url: callback.then(|| "http://127.0.0.1:1".to_owned()),
            callback_keys: CallbackKeys::derive(&secrets()),
            wait: WaitSettings {
                callback,
                callback_patience: Millis::from_minutes(5),
            },
        };
        Self {
            store: Arc::new(MemStore::new(faults.clone(), clock.clone())),
            forge: Arc::new(MemForge::new(faults.clone(), workflows)),
            backends: Backends::single("sim", backend.clone()),
            engine: Arc::new(engine),
            history: Vec::new(),
            actions: Vec::new(),
            clock,
            faults,
            backend,
            settings,
            host,
        }
    }

    /// Lets something happen `after` the present.
    pub fn schedule(&mut self, after: Millis, action: Action) {
        self.actions.push((self.clock.now() + after, action));
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        let at = self.clock.now().0 - 1_800_000_000_000;
        self.history.push(format!("{at:>10} {}", line()));
    }

    /// Runs until nothing is left to happen.
    ///
    /// # Panics
    /// When the world does not come to rest; the history is printed.
    pub fn run(&mut self) {
        let started = self.clock.now();
        let mut next_sweep = started + SWEEP_EVERY;
        while !self.is_at_rest() {
            while self.busy() {}
            let timer = self.engine.next_timer();
            let action = self.actions.iter().map(|(at, _)| *at).min();
            let times = [
                timer.as_ref().map(|(at, _)| UnixMillis(at.0)),
                action,
                Some(next_sweep),
            ];
            let next = times.into_iter().flatten().min().unwrap_or(next_sweep);
            assert!(
                next.since(started) < PATIENCE,
                "the world never comes to rest:\n{}",
                self.history.join("\n")
            );
            self.clock.set(next.max(self.clock.now()));
            if next == next_sweep {
                next_sweep = next + SWEEP_EVERY;
                self.act(Action::Sweep);
            }
            while let Some(index) = self.actions.iter().position(|(at, _)| *at <= next) {
                let (_, action) = self.actions.remove(index);
                self.act(action);
            }
            if let Some((at, name)) = timer
                && at.0 <= next.0
            {
                self.engine.feed(&name, AslEvent::TimerFired);
            }
        }
    }

    fn is_at_rest(&self) -> bool {
        let inner = self.engine.inner();
        let planned =
            |state: &DeliveryState| matches!(state, DeliveryState::Planned | DeliveryState::Failed { .. });
        self.actions.is_empty()
            && inner.pending.is_empty()
            && inner.running.is_empty()
            && self.store.delivery_states().iter().all(planned)
            && self
                .store
                .all_jobs()
                .iter()
                .all(|job| matches!(job.state, JobState::Concluded { .. }))
            && self.backend.live().is_empty()
    }

    /// Does one thing that can be done now; whether there was one.
    fn busy(&mut self) -> bool {
        if let Some((name, command)) = self.engine.next_command() {
            self.obey(&name, command);
        } else if let Some(message) = self.store.take_message() {
            self.plan(&message.delivery);
        } else {
            return false;
        }
        true
    }

    fn plan(&mut self, delivery: &checkmill_core::DeliveryId) {
        let plan = Plan {
            deliveries: &*self.store,
            runs: &*self.store,
            jobs: &*self.store,
            blobs: &*self.store,
            forge: &*self.forge,
            engine: &*self.engine,
            backends: &self.backends,
            clock: &*self.clock,
            only_job: None,
        };
        let result = block_on(plan.run(delivery));
        self.note(|| format!("plan {delivery}: {result:?}"));
        if !self.mourn() && result.is_err() {
            self.schedule(REDELIVERY, Action::RepeatMessage(delivery.clone()));
        }
    }

    /// After each phase: did the process die in it? On one machine everything in memory is gone then.
    fn mourn(&mut self) -> bool {
        if !self.faults.take_death() {
            return false;
        }
        self.note(|| "the process dies".to_owned());
        if self.host == Host::OneMachine {
            self.engine.forget_all();
            self.store.lose_queue();
            self.actions
                .retain(|(_, action)| !matches!(action, Action::RepeatMessage(_)));
            loop {
                let result = block_on(self.sweep().recover());
                let died = self.faults.take_death();
                self.note(|| format!("recover: {result:?}"));
                if result.is_ok() && !died {
                    break;
                }
                // A process that can't recover ends and is started again.
                self.engine.forget_all();
                self.store.lose_queue();
            }
        }
        self.host == Host::OneMachine
    }

    fn sweep(&self) -> Sweep<'_> {
        Sweep {
            deliveries: &*self.store,
            jobs: &*self.store,
            queue: &*self.store,
            engine: &*self.engine,
            backends: &self.backends,
            clock: &*self.clock,
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Deliver(event) => {
                let secrets = secrets();
                let receive = Receive {
                    deliveries: &*self.store,
                    queue: &*self.store,
                    clock: &*self.clock,
                    secrets: &secrets,
                    app_id: None,
                };
                let result = block_on(receive.accept(&event));
                self.note(|| format!("deliver {} {}: {result:?}", event.name(), event.delivery));
                if result.is_err() {
                    // GitHub's list of failed deliveries, and whoever redelivers from it.
                    self.schedule(Millis::from_minutes(3), Action::Deliver(event));
                }
                self.mourn();
            }
            Action::RepeatMessage(delivery) => {
                self.store
                    .return_message(checkmill_phases::ports::PlanMessage { delivery });
            }
            Action::AgentsCall => self.agents_call(),
            Action::Sweep => {
                let result = block_on(self.sweep().run());
                self.note(|| format!("sweep: {result:?}"));
                self.mourn();
            }
        }
    }

    fn agents_call(&mut self) {
        for job in self.store.all_jobs() {
            let id = format!("{}-{}", job.id, job.attempt);
            let Some(result) = self.backend.result_of(&id) else {
                continue;
            };
            let body = serde_json::to_vec(&result).expect("a result is JSON");
            let expires_at = self.clock.now() + Millis::from_minutes(60);
            let claims = CallbackClaims {
                job: job.id.clone(),
                attempt: job.attempt,
                expires_at,
            };
            let token = self.settings.callback_keys.sign(&claims);
            let callback = Callback {
                jobs: &*self.store,
                blobs: &*self.store,
                engine: &*self.engine,
                clock: &*self.clock,
                keys: &self.settings.callback_keys,
            };
            let authorization = format!("Bearer {}", token.expose_secret());
            let result = block_on(callback.handle(&CallbackRequest {
                path: &format!("/jobs/{}/{}/end", job.id, job.attempt),
                query: None,
                authorization: Some(&authorization),
                body: &body,
            }));
            self.note(|| format!("agent {id}: {result:?}"));
            if self.mourn() {
                return;
            }
        }
    }

    fn obey(&mut self, name: &str, command: Command) {
        match command {
            Command::Invoke {
                ticket,
                function,
                input,
                token,
            } => {
                let result = self.invoke(&function, &input, token.as_deref());
                self.note(|| format!("{name} {function} -> {result:?}"));
                let died = self.faults.take_death();
                if died && self.host == Host::OneMachine {
                    // Say it again for the mourning.
                    self.faults.kill();
                    self.mourn();
                    return;
                }
                let event = match (died, result) {
                    (true, _) => {
                        let error = TaskError {
                            error: "Lambda.Unknown".to_owned(),
                            cause: "it died".to_owned(),
                        };
                        AslEvent::TaskFailed { ticket, error }
                    }
                    (false, Ok(output)) => AslEvent::TaskSucceeded { ticket, output },
                    (false, Err(error)) => {
                        let name = error.error_name().to_string();
                        let error = TaskError {
                            error: name,
                            cause: error.to_string(),
                        };
                        AslEvent::TaskFailed { ticket, error }
                    }
                };
                self.engine.feed(name, event);
            }
            Command::StartExecution {
                ticket,
                name: next,
                input,
                ..
            } => {
                let launched = self.engine.launch(&next, input);
                let event = if launched {
                    AslEvent::TaskSucceeded {
                        ticket,
                        output: json!({}),
                    }
                } else {
                    let error = TaskError {
                        error: "StepFunctions.ExecutionAlreadyExistsException".to_owned(),
                        cause: next,
                    };
                    AslEvent::TaskFailed { ticket, error }
                };
                self.engine.feed(name, event);
            }
            Command::SetTimer { .. } | Command::Finished => {}
        }
    }

    fn invoke(&self, function: &str, input: &Value, token: Option<&str>) -> Result<Value, PhaseError> {
        let parsed: ExecutionInput = serde_json::from_value(input.clone()).expect("the machine passes ids");
        let (store, clock, forge, engine) = (&*self.store, &*self.clock, &*self.forge, &*self.engine);
        let output = match (function.rsplit(':').next(), token) {
            (Some("start"), _) => {
                let start = Start {
                    runs: store,
                    jobs: store,
                    blobs: store,
                    forge,
                    backends: &self.backends,
                    clock,
                    settings: &self.settings,
                };
                block_on(start.run(&parsed))?
            }
            (Some("poll"), Some(token)) => {
                let awaiting = AwaitCallback {
                    jobs: store,
                    engine,
                    clock,
                };
                block_on(awaiting.run(&parsed, token))?;
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
                block_on(poll.run(&parsed, u32::try_from(turn).unwrap_or(u32::MAX)))?
            }
            (Some("results"), _) => {
                let results = Results {
                    runs: store,
                    jobs: store,
                    blobs: store,
                    history: store,
                    forge,
                    backends: &self.backends,
                    engine,
                    clock,
                };
                let caught: Option<CaughtError> = input
                    .get("error")
                    .and_then(|error| serde_json::from_value(error.clone()).ok());
                block_on(results.run(&parsed, caught.as_ref()))?
            }
            other => panic!("the machine calls {other:?}"),
        };
        Ok(serde_json::to_value(output).expect("an output is JSON"))
    }

    /// What must hold when the world has come to rest.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verdict(&self) -> Result<(), String> {
        let checks = self.forge.checks();
        let jobs: Vec<Job> = self.store.all_jobs();
        if jobs.is_empty() {
            return Err("no job came into being".to_owned());
        }
        for job in &jobs {
            let JobState::Concluded { end, .. } = &job.state else {
                return Err(format!("{} is {}", job.id, job.state.name()));
            };
            let own: Vec<_> = checks.values().filter(|check| check.job == job.id).collect();
            if own.len() != job.attempt.0 as usize {
                return Err(format!(
                    "{} has {} checks for {} attempts",
                    job.id,
                    own.len(),
                    job.attempt
                ));
            }
            for check in &own {
                let Some(first) = check.conclusions.first() else {
                    return Err(format!("a check of {} was left open", job.id));
                };
                if check.conclusions.iter().any(|conclusion| conclusion != first) {
                    return Err(format!("a check of {} said {:?}", job.id, check.conclusions));
                }
            }
            let last = own.last().and_then(|check| check.conclusions.last());
            if last != Some(&end.reason.conclusion()) {
                return Err(format!(
                    "{} ended {:?}, its check says {last:?}",
                    job.id, end.reason
                ));
            }
        }
        for run in self.store.all_runs() {
            if run.trust.may_run() && run.nodes.values().any(|node| node.expansion.is_none()) {
                return Err(format!("run {} was not expanded to its end", run.id));
            }
        }
        match self.backend.live().first() {
            Some(key) => Err(format!("{key} still runs on the backend")),
            None => Ok(()),
        }
    }
}
