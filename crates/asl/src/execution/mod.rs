//! One run of a machine, as a value: events and the time go in, commands come out. Total: an event that no longer fits is
//! ignored, nothing panics.
//!
//! | phase | what ends it |
//! |---|---|
//! | waiting (Wait) | the timer |
//! | trying (Task) | the task's answer, the token's answer, the timeout, a missed heartbeat |
//! | backing off (Task, before a retry) | the timer |
//! | ended | nothing |
//!
//! The machine's own timeout and [`Event::Stop`] end any of them.

mod enter;
mod history;
mod task;

pub use history::{HISTORY_EVENTS_MAX, VISITS_KEPT, Visit};

use crate::failure::{Failure, TaskError};
use crate::machine::{Machine, StateId, Via};
use crate::random::Random;
use crate::time::Moment;
use history::History;
use serde_json::Value;
use std::sync::Arc;
use task::{Attempt, TaskVisit};

/// A run of a machine.
#[derive(Debug, Clone)]
pub struct Execution {
    machine: Arc<Machine>,
    state_machine_id: Arc<str>,
    phase: Phase,
    /// When the machine's own timeout ends it.
    deadline: Option<Moment>,
    /// What the caller was last told by [`Command::SetTimer`], until it fires.
    timer: Option<Moment>,
    tickets: u64,
    transitions: u64,
    history: History,
}

#[derive(Debug, Clone)]
enum Phase {
    Waiting {
        state: StateId,
        input: Value,
        until: Moment,
    },
    Trying {
        task: TaskVisit,
        attempt: Attempt,
    },
    BackingOff {
        task: TaskVisit,
        until: Moment,
    },
    Ended(Outcome),
}

/// One try of one task. An answer to an older ticket changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The call of [`Command::Invoke`] or [`Command::StartExecution`] came back. For a task with a token it means only that
    /// the token was handed over.
    TaskSucceeded {
        ticket: Ticket,
        output: Value,
    },
    TaskFailed {
        ticket: Ticket,
        error: TaskError,
    },
    /// The time of the last [`Command::SetTimer`] has come.
    TimerFired,
    TokenSucceeded {
        token: String,
        output: Value,
    },
    TokenFailed {
        token: String,
        error: TaskError,
    },
    /// Somebody who holds the token is alive.
    Heartbeat {
        token: String,
    },
    /// Somebody wants the execution to end.
    Stop {
        cause: String,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Call a function, and answer with its ticket. `token` is there when the result comes by token.
    Invoke {
        ticket: Ticket,
        function: String,
        input: Value,
        token: Option<String>,
    },
    /// Start another execution, and answer with the ticket.
    StartExecution {
        ticket: Ticket,
        state_machine: String,
        name: String,
        input: Value,
    },
    /// Fire at this time, and at none that was asked for before: an execution has one timer.
    SetTimer { at: Moment },
    /// Over; see [`Execution::outcome`].
    Finished,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Succeeded {
        output: Value,
    },
    Failed(TaskError),
    /// The machine's own `TimeoutSeconds` ran out; no Catch sees it.
    TimedOut,
    /// Stopped from outside.
    Aborted {
        cause: String,
    },
}

impl Outcome {
    /// The status as AWS calls it.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "SUCCEEDED",
            Self::Failed(_) => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted { .. } => "ABORTED",
        }
    }
}

/// What surrounds one step.
pub struct Step<'a> {
    pub now: Moment,
    pub random: &'a mut dyn Random,
}

/// Where an execution goes.
enum Move {
    Stay,
    Go { to: StateId, via: Via, input: Value },
    End(Outcome),
}

impl Move {
    fn fail(failure: Failure) -> Self {
        Self::End(Outcome::Failed(failure.error))
    }
}

impl Execution {
    /// Enters the first state. `state_machine_id` is what `$$.StateMachine.Id` gives: the ARN.
    #[must_use]
    pub fn start(
        machine: Arc<Machine>,
        state_machine_id: Arc<str>,
        input: Value,
        step: &mut Step<'_>,
    ) -> (Self, Vec<Command>) {
        let mut execution = Self {
            state_machine_id,
            deadline: machine.timeout.map(|timeout| step.now.plus(timeout)),
            // Replaced before anybody sees it.
            phase: Phase::Ended(Outcome::TimedOut),
            timer: None,
            tickets: 0,
            transitions: 0,
            history: History::default(),
            machine,
        };
        let mut commands = Vec::new();
        let first = execution.enter(execution.machine.start, None, input, step, &mut commands);
        execution.follow(first, step, &mut commands);
        execution.set_timer(&mut commands);
        (execution, commands)
    }

    /// Takes one event. What comes too late (an old ticket, a used token, anything after the end) gives no command.
    pub fn step(&mut self, event: Event, step: &mut Step<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        if self.outcome().is_some() {
            return commands;
        }
        let next = match event {
            Event::Stop { cause } => Move::End(Outcome::Aborted { cause }),
            Event::TimerFired => self.timer_fired(step, &mut commands),
            Event::TaskSucceeded { ticket, output } => self.answered(ticket, Ok(output), step),
            Event::TaskFailed { ticket, error } => self.answered(ticket, Err(error), step),
            Event::TokenSucceeded { token, output } => self.token_answered(&token, Ok(output), step),
            Event::TokenFailed { token, error } => self.token_answered(&token, Err(error), step),
            Event::Heartbeat { token } => self.heartbeat(&token, step.now),
        };
        self.follow(next, step, &mut commands);
        self.set_timer(&mut commands);
        commands
    }

    /// Goes on until something has to be waited for. The history's limit ends a loop that never waits.
    fn follow(&mut self, mut next: Move, step: &mut Step<'_>, commands: &mut Vec<Command>) {
        loop {
            next = match next {
                Move::Stay => return,
                Move::Go { to, via, input } => self.enter(to, Some(via), input, step, commands),
                Move::End(outcome) => {
                    self.phase = Phase::Ended(outcome);
                    commands.push(Command::Finished);
                    return;
                }
            }
        }
    }

    fn timer_fired(&mut self, step: &mut Step<'_>, commands: &mut Vec<Command>) -> Move {
        self.timer = None;
        let due = |at: Option<Moment>| at.filter(|at| *at <= step.now);
        match (due(self.deadline), due(self.phase_ends())) {
            (None, None) => return Move::Stay,
            // What was due first, also when the timer comes late.
            (Some(deadline), phase) if phase.is_none_or(|phase| deadline <= phase) => {
                return Move::End(Outcome::TimedOut);
            }
            _ => {}
        }
        match self.take_phase() {
            Phase::Waiting { state, input, .. } => self.leave(state, input),
            Phase::Trying { task, attempt } => {
                let failure = attempt.overdue();
                self.failed(task, failure, step)
            }
            Phase::BackingOff { task, .. } => self.retry(task, step, commands),
            ended @ Phase::Ended(_) => {
                self.phase = ended;
                Move::Stay
            }
        }
    }

    /// The phase, to be taken apart. Whoever takes it puts a phase back or ends the execution.
    fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Ended(Outcome::TimedOut))
    }

    fn phase_ends(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Waiting { until, .. } | Phase::BackingOff { until, .. } => Some(*until),
            Phase::Trying { attempt, .. } => Some(attempt.ends()),
            Phase::Ended(_) => None,
        }
    }

    fn set_timer(&mut self, commands: &mut Vec<Command>) {
        let Some(phase) = self.phase_ends() else { return };
        let at = self.deadline.map_or(phase, |deadline| deadline.min(phase));
        if self.timer != Some(at) {
            self.timer = Some(at);
            commands.push(Command::SetTimer { at });
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The token that would be taken now.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        match &self.phase {
            Phase::Trying { attempt, .. } => attempt.token.as_deref(),
            _ => None,
        }
    }

    /// The state it is in; after the end, the last one.
    #[must_use]
    pub fn state(&self) -> StateId {
        self.history
            .last()
            .map_or(self.machine.start, |visit| visit.state)
    }

    /// State transitions so far, as AWS bills them: one for each state entered and one for each retry.
    ///
    /// AWS Step Functions pricing: a transition is counted each time a step of the workflow is executed, and each retry is
    /// charged as one more. AWS docs, "Retrying after an error": retries are treated as state transitions.
    #[must_use]
    pub const fn transitions(&self) -> u64 {
        self.transitions
    }

    /// Events in the history so far, as Step Functions would write them.
    #[must_use]
    pub const fn history_events(&self) -> u32 {
        self.history.events
    }

    /// The last [`VISITS_KEPT`] states entered, oldest first. A retry is no new visit.
    pub fn visits(&self) -> impl Iterator<Item = Visit> + '_ {
        self.history.visits()
    }

    #[must_use]
    pub fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }
}
