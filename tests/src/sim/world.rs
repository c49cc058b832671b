//! The world: the phases in flight over ports in memory, the real state machine, and time that jumps to whatever comes next.

use super::backend::{Script, SimBackend};
use super::engine::SimEngine;
use super::faults::{Fault, Faults, Outage};
use super::flight::{Answer, Invocation, Kind};
use super::forge::MemForge;
use super::ports::Ports;
use super::schedule::{Moved, Schedule};
use super::store::MemStore;
use checkmill_asl::{Command, Event as AslEvent, TaskError};
use checkmill_backends::registry::Backends;
use checkmill_core::{DeliveryId, Event, JobState, Millis, UnixMillis};
use checkmill_github::webhook::WebhookSecrets;
use checkmill_phases::PhaseError;
use checkmill_phases::outcome::WaitSettings;
use checkmill_phases::ports::{Clock, DeliveryState, PlanMessage};
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
    fn set(&self, at: UnixMillis) {
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
    Sweep,
}

pub struct World {
    clock: Arc<SimClock>,
    faults: Arc<Faults>,
    ports: Arc<Ports>,
    schedule: Schedule<Kind, Answer>,
    host: Host,
    callback: bool,
    actions: Vec<(UnixMillis, Action)>,
    deserted: BTreeMap<u64, Millis>,
    invocations: u64,
    /// Failed tries of each message, as a queue counts them.
    tries: BTreeMap<DeliveryId, u32>,
    /// What agents have said by themselves.
    said: BTreeSet<(String, bool)>,
    /// What was ever delivered, to be delivered again.
    events: BTreeMap<DeliveryId, Box<Event>>,
    next_sweep: UnixMillis,
    history: Option<Vec<String>>,
}

/// When the world begins.
pub const START: UnixMillis = UnixMillis(1_800_000_000_000);
const SWEEP_EVERY: Millis = Millis::from_minutes(5);
/// A world that has not come to rest by then never will.
const PATIENCE: Millis = Millis::from_minutes(60 * 24 * 4);
/// What the queue waits before it delivers a failed message again.
const REDELIVERY: Millis = Millis::from_secs(30);
/// Tries of a message before it is put with the dead letters, where the sweep finds its delivery.
const TRIES: u32 = 5;
/// How long a function may take; `infra/` gives some of them less, none whose claim matters more.
const FUNCTION_TIMEOUT: Millis = Millis::from_secs(60);

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
            public_url: callback.then(|| "http://127.0.0.1:1".to_owned()),
            callback_keys: CallbackKeys::derive(&secrets()),
            wait: WaitSettings {
                callback,
                callback_patience: Millis::from_minutes(5),
            },
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

    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Lets something happen `after` the present.
    pub fn schedule(&mut self, after: Millis, action: Action) {
        self.actions.push((self.clock.now() + after, action));
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
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

    fn launch(&mut self, kind: Kind, future: impl Future<Output = Answer> + Send + 'static) {
        self.note(|| format!("begins: {kind}"));
        self.schedule.launch(kind, self.clock.now(), Box::pin(future));
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

    fn over(&mut self, kind: Kind, answer: Answer) {
        self.note(|| format!("ends:   {kind} -> {answer}"));
        match (kind, answer) {
            (Kind::Invoke(invocation), Answer::Output(result)) => {
                let error =
                    |error: PhaseError| TaskError::new(error.error_name().to_string(), error.to_string());
                self.answer(&invocation, result.map_err(error));
            }
            (Kind::Plan(delivery), Answer::Text(Err(_))) => self.return_message(delivery),
            (Kind::Deliver(event), Answer::Text(result)) => {
                self.forge().delivered(&event, self.clock.now(), result.is_ok());
            }
            _ => {}
        }
    }

    fn answer(&mut self, invocation: &Invocation, result: Result<Value, TaskError>) {
        let ticket = invocation.ticket;
        let event = match result {
            Ok(output) => AslEvent::TaskSucceeded { ticket, output },
            Err(error) => AslEvent::TaskFailed { ticket, error },
        };
        self.ports.engine.feed(&invocation.execution, event);
    }

    /// As SQS does it: a few more tries, then the dead letters.
    fn return_message(&mut self, delivery: DeliveryId) {
        let tries = self.tries.entry(delivery.clone()).or_default();
        *tries += 1;
        if *tries < TRIES {
            self.schedule(REDELIVERY, Action::RepeatMessage(delivery));
        } else {
            *tries = 0;
        }
    }

    /// A phase died at a call. On one machine everything in memory is gone then.
    fn died(&mut self, kind: Kind) {
        self.note(|| format!("dies:   {kind}"));
        match self.host {
            Host::Aws => self.mourn(kind),
            Host::OneMachine => {
                self.mourn_process(kind);
                self.recover();
            }
        }
    }

    /// What the others see of a function that died.
    fn mourn(&mut self, kind: Kind) {
        match kind {
            Kind::Invoke(invocation) => {
                let error = TaskError::new("Lambda.Unknown", "it died");
                self.answer(&invocation, Err(error));
            }
            Kind::Plan(delivery) => self.return_message(delivery),
            Kind::Deliver(event) => self.forge().delivered(&event, self.clock.now(), false),
            Kind::Agent(_) | Kind::Sweep => {}
        }
    }

    fn mourn_process(&mut self, kind: Kind) {
        let mut gone = self.schedule.kill(|_| true);
        gone.push(kind);
        self.ports.engine.forget_all();
        self.store().lose_queue();
        self.actions
            .retain(|(_, action)| !matches!(action, Action::RepeatMessage(_)));
        for kind in gone {
            // GitHub sees the connection break.
            if let Kind::Deliver(event) = kind {
                self.forge().delivered(&event, self.clock.now(), false);
            }
        }
    }

    /// The next process, before anything else moves; one that can't recover ends and is started again.
    fn recover(&mut self) {
        loop {
            let ports = self.ports.clone();
            self.launch(Kind::Sweep, async move {
                Answer::Text(ports.recover().await.map(|swept| format!("recovered {swept:?}")))
            });
            let recovered = loop {
                let faults = self.faults.clone();
                let wakes = self.schedule.next_wake().unwrap_or(self.clock.now());
                self.clock.set(wakes.max(self.clock.now()));
                match self.schedule.step(self.clock.now(), || faults.take_death()) {
                    Ok(Moved::On) => {}
                    Ok(Moved::Over(kind, answer)) => {
                        let recovered = matches!(answer, Answer::Text(Ok(_)));
                        self.over(kind, answer);
                        break recovered;
                    }
                    Err(_) => break false,
                }
            };
            if recovered {
                return;
            }
            self.ports.engine.forget_all();
            self.store().lose_queue();
            // Whoever starts it again waits a little.
            self.clock.set(self.clock.now() + Millis::from_secs(10));
        }
    }

    /// The next time at which anything happens by itself.
    fn next_moment(&self) -> UnixMillis {
        let timer = self.ports.engine.next_timer().map(|(at, _)| UnixMillis(at.0));
        let action = self.actions.iter().map(|(at, _)| *at).min();
        let flights = self
            .schedule
            .flights()
            .iter()
            .flat_map(|flight| match &flight.kind {
                Kind::Invoke(invocation) => [Some(flight.born + FUNCTION_TIMEOUT), invocation.deserted_at],
                _ => [None, None],
            });
        let agent = self.silent_agents().map(|(_, at, _)| at).min();
        [
            timer,
            action,
            self.schedule.next_wake(),
            agent,
            Some(self.next_sweep),
        ]
        .into_iter()
        .chain(flights)
        .flatten()
        .min()
        .unwrap_or(self.next_sweep)
    }

    /// What agents are still going to say, with when.
    fn silent_agents(&self) -> impl Iterator<Item = (String, UnixMillis, bool)> {
        let spans = if self.callback {
            self.backend().spans()
        } else {
            Vec::new()
        };
        let words = spans.into_iter().flat_map(|(id, began, ended)| {
            let end = ended.map(|ended| (id.clone(), ended, true));
            [Some((id, began, false)), end]
        });
        words
            .flatten()
            .filter(|(id, _, end)| !self.said.contains(&(id.clone(), *end)))
    }

    /// Everything that happens by itself at or before `now`.
    fn happen(&mut self, now: UnixMillis) {
        self.time_out(now);
        if self.next_sweep <= now {
            self.next_sweep = now + SWEEP_EVERY;
            self.act(Action::Sweep);
        }
        while let Some(index) = self.actions.iter().position(|(at, _)| *at <= now) {
            let (_, action) = self.actions.remove(index);
            self.act(action);
        }
        let words: Vec<_> = self.silent_agents().filter(|(_, at, _)| *at <= now).collect();
        for (id, _, end) in words {
            self.said.insert((id.clone(), end));
            // One in four is lost on its way.
            if self.schedule.below(4) > 0 {
                self.agent_calls(id);
            }
        }
        if let Some((at, name)) = self.ports.engine.next_timer()
            && at.0 <= now.0
        {
            self.ports.engine.feed(&name, AslEvent::TimerFired);
        }
    }

    /// Functions that take too long are ended; a state machine whose call was cut off hears of a failure.
    fn time_out(&mut self, now: UnixMillis) {
        let overdue = self
            .schedule
            .kill(|flight| matches!(flight.kind, Kind::Invoke(_)) && flight.born + FUNCTION_TIMEOUT <= now);
        for kind in overdue {
            self.note(|| format!("takes too long: {kind}"));
            if let Kind::Invoke(invocation) = kind {
                self.answer(
                    &invocation,
                    Err(TaskError::new("Sandbox.Timedout", "it took too long")),
                );
            }
        }
        let mut deserted = Vec::new();
        for flight in self.schedule.flights_mut() {
            if let Kind::Invoke(invocation) = &mut flight.kind
                && invocation.deserted_at.is_some_and(|at| at <= now)
            {
                invocation.deserted_at = None;
                deserted.push(invocation.clone());
            }
        }
        for invocation in deserted {
            self.note(|| {
                format!(
                    "answer lost, it goes on: {} {}",
                    invocation.execution, invocation.function
                )
            });
            let error = TaskError::new("Lambda.SdkClientException", "the connection broke");
            self.answer(&invocation, Err(error));
        }
    }

    fn act(&mut self, action: Action) {
        let ports = self.ports.clone();
        match action {
            Action::Deliver(event) => {
                self.events.insert(event.delivery.clone(), event.clone());
                let kind = Kind::Deliver(event.clone());
                self.launch(kind, async move {
                    Answer::Text(ports.receive(&event).await.map(str::to_owned))
                });
            }
            Action::RepeatMessage(delivery) => self.store().return_message(PlanMessage { delivery }),
            Action::AgentsCall => {
                for (id, began, _) in self.backend().spans() {
                    if began <= self.clock.now() {
                        self.agent_calls(id);
                    }
                }
            }
            Action::Sweep => self.launch(Kind::Sweep, async move {
                Answer::Text(ports.sweep().await.map(|swept| format!("{swept:?}")))
            }),
        }
    }

    fn agent_calls(&mut self, id: String) {
        let ports = self.ports.clone();
        self.launch(Kind::Agent(id.clone()), async move {
            let answer = ports.agent(&id).await;
            Answer::Text(answer.map(|answer| format!("{} {:?}", answer.status, answer.content)))
        });
    }
}
