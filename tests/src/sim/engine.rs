//! The state machine's engine: the real definition, interpreted in virtual time. What it wants done comes out as commands.

use super::faults::{Faults, Peer, Trouble};
use super::world::SimClock;
use async_trait::async_trait;
use checkmill_asl::{Command, Event as AslEvent, Execution, Machine, Moment, SplitMix64, Step, job};
use checkmill_core::execution::{ExecutionInput, ExecutionName};
use checkmill_phases::ports::{Clock as _, Engine, EngineError};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

struct Running {
    execution: Execution,
    timer: Option<Moment>,
}

#[derive(Default)]
struct Executions {
    running: BTreeMap<String, Running>,
    /// Names that were ever used.
    names: BTreeSet<String>,
    pending: VecDeque<(String, Command)>,
    transitions: u64,
}

pub struct SimEngine {
    inner: Mutex<Executions>,
    random: Mutex<SplitMix64>,
    machine: Arc<Machine>,
    faults: Arc<Faults>,
    clock: Arc<SimClock>,
}

impl SimEngine {
    pub(super) fn new(faults: Arc<Faults>, clock: Arc<SimClock>) -> Self {
        // Read once: a case has no other definition than the others.
        static MACHINE: LazyLock<Arc<Machine>> = LazyLock::new(|| {
            Arc::new(job::machine(&job::Functions::LOCAL).expect("the definition is valid"))
        });
        Self {
            inner: Mutex::default(),
            random: Mutex::new(SplitMix64(1)),
            machine: MACHINE.clone(),
            faults,
            clock,
        }
    }

    /// Whether no execution runs.
    pub(super) fn is_idle(&self) -> bool {
        let inner = self.inner();
        inner.pending.is_empty() && inner.running.is_empty()
    }

    fn inner(&self) -> MutexGuard<'_, Executions> {
        self.inner.lock().expect("no test panics while it holds this")
    }

    pub(super) fn launch(&self, name: &str, input: Value) -> bool {
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

    pub(super) fn feed(&self, name: &str, event: AslEvent) {
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

    pub(super) fn next_command(&self) -> Option<(String, Command)> {
        self.inner().pending.pop_front()
    }

    pub(super) fn next_timer(&self) -> Option<(Moment, String)> {
        let inner = self.inner();
        inner
            .running
            .iter()
            .filter_map(|(name, running)| Some((running.timer?, name.clone())))
            .min()
    }

    pub(super) fn forget_all(&self) {
        let mut inner = self.inner();
        inner.running.clear();
        inner.pending.clear();
    }

    #[must_use]
    pub fn transitions(&self) -> u64 {
        self.inner().transitions
    }
}

fn failed(trouble: Trouble) -> EngineError {
    match trouble {
        Trouble::Away | Trouble::Conflict => EngineError::Transient("injected".to_owned()),
        Trouble::Refused(_) => EngineError::Refused("injected".to_owned()),
    }
}

#[async_trait]
impl Engine for SimEngine {
    async fn start(&self, input: &ExecutionInput) -> Result<(), EngineError> {
        self.faults
            .call(Peer::Engine, failed, || {
                self.launch(
                    &input.name().0,
                    serde_json::to_value(input).expect("ids are JSON"),
                );
                Ok(())
            })
            .await
    }

    async fn is_running(&self, name: &ExecutionName) -> Result<bool, EngineError> {
        self.faults
            .call(Peer::Engine, failed, || {
                Ok(self.inner().running.contains_key(&name.0))
            })
            .await
    }

    async fn stop(&self, name: &ExecutionName, cause: &str) -> Result<(), EngineError> {
        self.faults
            .call(Peer::Engine, failed, || {
                self.feed(
                    &name.0,
                    AslEvent::Stop {
                        cause: cause.to_owned(),
                    },
                );
                Ok(())
            })
            .await
    }

    async fn wake(&self, task_token: &str) -> Result<(), EngineError> {
        self.faults
            .call(Peer::Engine, failed, || {
                let waiting =
                    |(_, running): &(&String, &Running)| running.execution.token() == Some(task_token);
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
            .await
    }
}
