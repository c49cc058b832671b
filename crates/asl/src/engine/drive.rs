//! One execution's task: takes its events in order, keeps its timer, carries out its commands.

use super::{Inner, lock};
use crate::{Command, Event, Execution, Outcome, TaskError, Ticket};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

pub(super) struct Driver {
    pub(super) engine: Arc<Inner>,
    pub(super) name: Arc<str>,
    pub(super) execution: Arc<Mutex<Execution>>,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) inbox: mpsc::UnboundedReceiver<Event>,
}

impl Driver {
    pub(super) async fn run(mut self, mut commands: Vec<Command>) {
        let mut timer: Option<Instant> = None;
        loop {
            // Before anything is called: whoever gets the token may answer at once.
            let token = lock(&self.execution).token().map(str::to_owned);
            lock(&self.engine.registry).set_token(&self.name, token.as_deref());
            for command in commands {
                match command {
                    Command::SetTimer { at } => {
                        timer = Some(self.engine.origin + Duration::from_millis(at.0));
                    }
                    Command::Invoke {
                        ticket,
                        function,
                        input,
                        ..
                    } => {
                        self.engine.call(ticket, function, input, self.events.clone());
                    }
                    Command::StartExecution {
                        ticket,
                        state_machine,
                        name,
                        input,
                    } => {
                        let event = self.start_other(ticket, &state_machine, &name, input);
                        // The inbox is this driver's own and open.
                        let _sent = self.events.send(event);
                    }
                    Command::Finished => return self.finish(),
                }
            }
            let event = tokio::select! {
                biased;
                Some(event) = self.inbox.recv() => event,
                () = sleep_until(timer.unwrap_or(self.engine.origin)), if timer.is_some() => {
                    timer = None;
                    Event::TimerFired
                }
                else => return,
            };
            commands = self.step(event);
        }
    }

    fn step(&self, event: Event) -> Vec<Command> {
        let mut execution = lock(&self.execution);
        let before = execution.transitions();
        let commands = self.engine.with_step(|step| execution.step(event, step));
        self.engine
            .transitions
            .fetch_add(execution.transitions() - before, Ordering::Relaxed);
        commands
    }

    fn start_other(&self, ticket: Ticket, state_machine: &str, name: &str, input: Value) -> Event {
        if *state_machine != *self.engine.state_machine_arn {
            let cause = format!("there is no state machine {state_machine:?} here");
            let error = TaskError::new("StepFunctions.StateMachineDoesNotExistException", cause);
            return Event::TaskFailed { ticket, error };
        }
        match self.engine.start(name, input) {
            Ok(_) => Event::TaskSucceeded {
                ticket,
                output: json!({}),
            },
            Err(error) => Event::TaskFailed {
                ticket,
                error: error.into(),
            },
        }
    }

    fn finish(&self) {
        {
            let execution = lock(&self.execution);
            let state = execution.machine().name(execution.state());
            let transitions = execution.transitions();
            match execution.outcome() {
                Some(Outcome::Failed(TaskError { error, cause })) => {
                    tracing::error!(execution = %self.name, state, error, cause, transitions, "an execution failed");
                }
                Some(Outcome::TimedOut) => {
                    tracing::error!(execution = %self.name, state, transitions, "an execution ran out of time");
                }
                Some(Outcome::Aborted { cause }) => {
                    tracing::info!(execution = %self.name, state, cause, transitions, "an execution was stopped");
                }
                Some(Outcome::Succeeded { .. }) | None => {
                    tracing::debug!(execution = %self.name, transitions, "an execution ended");
                }
            }
        }
        let mut registry = lock(&self.engine.registry);
        registry.finish(&self.name);
        self.engine.running.send_replace(registry.running_count());
    }
}
