//! The world: the phases in flight over ports in memory, the real state machine, and time that jumps to whatever comes next.

use super::backend::{Script, SimBackend};
use super::engine::SimEngine;
use super::faults::{Fault, Faults, Outage};
use super::flight::{Answer, Invocation, Kind};
use super::forge::MemForge;
use super::ports::Ports;
use super::schedule::{Moved, Schedule};
use super::store::MemStore;
use super::tally::Happening;
use checkmill_asl::{Command, Event as AslEvent, TaskError};
use checkmill_backends::port::SubmitKey;
use checkmill_backends::registry::Backends;
use checkmill_core::{AttemptNumber, DeliveryId, DeploymentId, Event, JobId, JobState, Millis, UnixMillis};
use checkmill_github::webhook::WebhookSecrets;
use checkmill_phases::PhaseError;
use checkmill_phases::backoff;
use checkmill_phases::outcome::WaitSettings;
use checkmill_phases::ports::{Clock, DeliveryState};
use checkmill_phases::redeliver::Looks;
use checkmill_phases::start::StartSettings;
use checkmill_phases::token::CallbackKeys;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Virtual time.
#[derive(Debug)]
pub struct SimClock(AtomicU64);

impl Clock for SimClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::Relaxed))
    }
}

impl SimClock {
    pub(super) fn set(&self, at: UnixMillis) {
        self.0.store(at.0, Ordering::Relaxed);
    }
}

/// Who loses what when a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// One invocation of one Lambda; the engine sees it fail.
    Aws,
    /// Everything in memory: executions, the queue and all phases in flight. The next process recovers.
    OneMachine,
}

/// What goes wrong, and in which order things happen.
#[derive(Debug, Clone, Default)]
pub struct Trouble {
    /// Of the scheduler: which phase goes on at each call.
    pub seed: u64,
    /// How many of 1,000 calls are slow.
    pub slow_per_mille: u64,
    /// By the number of the call.
    pub faults: Vec<(u64, Fault)>,
    pub outages: Vec<Outage>,
    /// By the number of the invocation: the state machine hears after this long that it failed, while it goes on.
    pub deserted: Vec<(u64, Millis)>,
}

/// Something that happens from outside at a time.
#[derive(Debug, Clone)]
pub enum Action {
    /// GitHub delivers this event (again, where it did before).
    Deliver(Box<Event>),
    /// The queue delivers a message that was delivered before.
    RepeatMessage(DeliveryId),
    /// The agents of all attempts call back (again).
    AgentsCall,
    /// An operator stops every execution of the state machine; what they had called goes on.
    StopExecutions,
    Sweep,
}

pub struct World {
    pub(super) clock: Arc<SimClock>,
    pub(super) faults: Arc<Faults>,
    pub(super) ports: Arc<Ports>,
    pub(super) schedule: Schedule<Kind, Answer>,
    pub(super) host: Host,
    pub(super) callback: bool,
    pub(super) actions: Vec<(UnixMillis, Action)>,
    pub(super) deserted: BTreeMap<u64, Millis>,
    pub(super) invocations: u64,
    /// Failed tries of each message, as a queue counts them.
    pub(super) tries: BTreeMap<DeliveryId, u32>,
    /// What agents have said by themselves.
    pub(super) said: BTreeSet<(String, bool)>,
    /// What was ever delivered, to be delivered again.
    pub(super) events: BTreeMap<DeliveryId, Box<Event>>,
    pub(super) next_sweep: UnixMillis,
    pub(super) history: Option<Vec<String>>,
}

/// When the world begins.
pub const START: UnixMillis = UnixMillis(1_800_000_000_000);
pub(super) const SWEEP_EVERY: Millis = Millis::from_minutes(5);
/// A world that has not come to rest by then never will.
const PATIENCE: Millis = Millis::from_minutes(60 * 24 * 4);
/// When SQS delivers a message again of which it has heard nothing; `visibility_timeout_seconds` in `infra/`.
const VISIBILITY: Millis = Millis::from_secs(720);

fn deployment() -> DeploymentId {
    DeploymentId::derive("sim")
}

/// The key under which this world submits an attempt.
#[must_use]
pub fn attempt(job: JobId, number: u32) -> SubmitKey {
    SubmitKey {
        deployment: deployment(),
        job,
        attempt: AttemptNumber(number),
    }
}

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
        trouble: Trouble,
    ) -> Self {
        let clock = Arc::new(SimClock(AtomicU64::new(START.0)));
        let faults = Arc::new(Faults::new(trouble.faults, trouble.outages, clock.clone()));
        let backend = Arc::new(SimBackend::new(scripts, callback, faults.clone(), clock.clone()));
        let settings = StartSettings {
            deployment: deployment(),
            public_url: callback.then(|| "http://127.0.0.1:1".to_owned()),
            callback_keys: CallbackKeys::derive(&secrets()),
            wait: WaitSettings {
                callback,
                callback_patience: Millis::from_minutes(5),
            },
            model: None,
        };
        let ports = Ports {
            store: Arc::new(MemStore::new(faults.clone(), clock.clone())),
            forge: Arc::new(MemForge::new(faults.clone(), workflows)),
            engine: Arc::new(SimEngine::new(faults.clone(), clock.clone())),
            backends: Backends::single("sim", backend.clone()),
            backend,
            clock: clock.clone(),
            settings,
            secrets: secrets(),
            looks: Looks::default(),
            refused_for: match host {
                Host::Aws => backoff::LIFE,
                Host::OneMachine => Millis(0),
            },
        };
        Self {
            ports: Arc::new(ports),
            schedule: Schedule::new(trouble.seed, trouble.slow_per_mille),
            actions: Vec::new(),
            deserted: trouble.deserted.into_iter().collect(),
            invocations: 0,
            tries: BTreeMap::new(),
            said: BTreeSet::new(),
            events: BTreeMap::new(),
            next_sweep: clock.now() + SWEEP_EVERY,
            history: None,
            clock,
            faults,
            host,
            callback,
        }
    }

    /// Remembers what happens, line by line. Off by default: it takes more time than the phases.
    #[must_use]
    pub fn with_history(mut self) -> Self {
        self.history = Some(Vec::new());
        self
    }

    /// What happened, where it was to be remembered.
    #[must_use]
    pub fn history(&self) -> String {
        self.history.as_deref().unwrap_or_default().join("\n")
    }

    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    #[must_use]
    pub fn store(&self) -> &MemStore {
        &self.ports.store
    }

    #[must_use]
    pub fn forge(&self) -> &MemForge {
        &self.ports.forge
    }

    #[must_use]
    pub fn backend(&self) -> &SimBackend {
        &self.ports.backend
    }

    /// State transitions of all executions.
    #[must_use]
    pub fn transitions(&self) -> u64 {
        self.ports.engine.transitions()
    }

    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Lets something happen `after` the present.
    pub fn schedule(&mut self, after: Millis, action: Action) {
        self.actions.push((self.clock.now() + after, action));
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let at = self.clock.now().0 - START.0;
        if let Some(history) = &mut self.history {
            history.push(format!("{at:>10} {}", line()));
        }
    }

    /// Runs until nothing is left to happen.
    ///
    /// # Errors
    /// When the world does not come to rest.
    pub fn run(&mut self) -> Result<(), String> {
        let started = self.clock.now();
        while !self.is_at_rest() {
            self.take_up();
            if self.schedule.is_busy(self.clock.now()) {
                self.step();
                continue;
            }
            let next = self.next_moment();
            if next.since(started) >= PATIENCE {
                return Err("the world never comes to rest".to_owned());
            }
            self.clock.set(next.max(self.clock.now()));
            self.happen(next);
        }
        Ok(())
    }

    fn is_at_rest(&self) -> bool {
        let planned =
            |state: &DeliveryState| matches!(state, DeliveryState::Planned | DeliveryState::Failed { .. });
        let concluded = |job: &checkmill_core::Job| matches!(job.state, JobState::Concluded { .. });
        self.schedule.is_empty()
            && self.actions.is_empty()
            && self.ports.engine.is_idle()
            && self.store().has_deliveries(&self.forge().undelivered())
            && self.store().delivery_states().iter().all(planned)
            && self.store().all_jobs().iter().all(concluded)
            && self.backend().live().is_empty()
    }

    /// Launches what the engine and the queue have for us.
    fn take_up(&mut self) {
        for delivery in self.forge().take_asked() {
            if let Some(event) = self.events.get(&delivery) {
                self.faults.tally().note(Happening::Redelivered);
                self.schedule(Millis(0), Action::Deliver(event.clone()));
            }
        }
        while let Some((name, command)) = self.ports.engine.next_command() {
            self.obey(name, command);
        }
        while let Some(message) = self.store().take_message() {
            let ports = self.ports.clone();
            let delivery = message.delivery.clone();
            self.launch(Kind::Plan(message.delivery), async move {
                Answer::Text(ports.plan(&delivery).await.map(|outcome| format!("{outcome:?}")))
            });
        }
    }

    pub(super) fn launch(&mut self, kind: Kind, future: impl Future<Output = Answer> + Send + 'static) {
        self.note(|| format!("begins: {kind}"));
        let slow = matches!(&kind, Kind::Invoke(invocation) if invocation.deserted_at.is_some());
        self.schedule
            .launch(kind, self.clock.now(), slow, Box::pin(future));
    }

    fn obey(&mut self, execution: String, command: Command) {
        match command {
            Command::Invoke {
                ticket,
                function,
                input,
                token,
            } => {
                self.invocations += 1;
                let deserted = self.deserted.remove(&self.invocations);
                let kind = Kind::Invoke(Invocation {
                    execution,
                    ticket,
                    function: function.rsplit(':').next().unwrap_or_default().to_owned(),
                    deserted_at: deserted.map(|after| self.clock.now() + after),
                });
                let ports = self.ports.clone();
                self.launch(kind, async move {
                    Answer::Output(ports.invoke(&function, &input, token.as_deref()).await)
                });
            }
            Command::StartExecution {
                ticket,
                name: next,
                input,
                ..
            } => {
                let event = if self.ports.engine.launch(&next, input) {
                    AslEvent::TaskSucceeded {
                        ticket,
                        output: json!({}),
                    }
                } else {
                    let error = TaskError::new("StepFunctions.ExecutionAlreadyExistsException", next);
                    AslEvent::TaskFailed { ticket, error }
                };
                self.ports.engine.feed(&execution, event);
            }
            Command::SetTimer { .. } | Command::Finished => {}
        }
    }

    /// One phase goes on up to its next call.
    fn step(&mut self) {
        let faults = self.faults.clone();
        match self.schedule.step(self.clock.now(), || faults.take_death()) {
            Ok(Moved::On) => {}
            Ok(Moved::Over(kind, answer)) => self.over(kind, answer),
            Err(kind) => self.died(kind),
        }
    }

    pub(super) fn over(&mut self, kind: Kind, answer: Answer) {
        self.note(|| format!("ends:   {kind} -> {answer}"));
        self.count(&answer);
        match (kind, answer) {
            (Kind::Invoke(invocation), Answer::Output(result)) => {
                let error =
                    |error: PhaseError| TaskError::new(error.error_name().to_string(), error.to_string());
                self.answer(&invocation, result.map_err(error));
            }
            (Kind::Plan(delivery), Answer::Text(Err(error))) => self.return_message(delivery, Some(&error)),
            (Kind::Deliver(event), Answer::Text(result)) => {
                self.forge().delivered(&event, self.clock.now(), result.is_ok());
            }
            _ => {}
        }
    }

    fn count(&self, answer: &Answer) {
        let tally = self.faults.tally();
        match answer {
            Answer::Output(Err(PhaseError::Claimed)) => tally.note(Happening::Claimed),
            Answer::Agent(Ok(answer)) if answer.status == 409 || answer.status == 410 => {
                tally.note(Happening::AgentLate);
            }
            _ => {}
        }
    }

    pub(super) fn answer(&mut self, invocation: &Invocation, result: Result<Value, TaskError>) {
        let ticket = invocation.ticket;
        let event = match result {
            Ok(output) => AslEvent::TaskSucceeded { ticket, output },
            Err(error) => AslEvent::TaskFailed { ticket, error },
        };
        self.ports.engine.feed(&invocation.execution, event);
    }

    /// A message that could not be planned comes again, until it has had its tries: then the sweep finds its delivery. Of a
    /// function that died SQS hears nothing; the queue of one process is gone with it.
    pub(super) fn return_message(&mut self, delivery: DeliveryId, error: Option<&PhaseError>) {
        let tries = self.tries.entry(delivery.clone()).or_default();
        *tries += 1;
        let wait = match (error.and_then(|error| backoff::wait(error, *tries)), self.host) {
            (None, Host::OneMachine) => None,
            (wait, _) => Some(wait.unwrap_or(VISIBILITY)),
        };
        match wait.filter(|_| *tries < backoff::TRIES) {
            Some(wait) => self.schedule(wait, Action::RepeatMessage(delivery)),
            None => *tries = 0,
        }
    }
}
